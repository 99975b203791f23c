package import Architectures
internal import Compute
internal import Foundation
internal import Generation
internal import ModelHub

/// Measures the network of a translation model by itself, on random tokens: what it takes without text, and what a
/// checkpoint without a vocabulary can be measured with. One thread uses it.
package final class SequenceBenchmark {
    /// What is translated together.
    package struct Load: Sendable {
        /// Sentences.
        package var batch: Int
        /// Hypotheses of each.
        package var beam: Int
        /// Tokens of a source, without its end.
        package var sourceTokens: Int
        /// Tokens of a translation, exactly.
        package var targetTokens: Int

        package init(batch: Int, beam: Int, sourceTokens: Int, targetTokens: Int) {
            (self.batch, self.beam) = (batch, beam)
            (self.sourceTokens, self.targetTokens) = (sourceTokens, targetTokens)
        }
    }

    /// How long the model took to load.
    package let loadSeconds: Double
    /// Bytes of the weights.
    package let weightBytes: Int
    /// Where quantised weights came from; nil without.
    package let origin: PackedWeights.Outcome.Origin?
    private let model: any SequenceToSequenceModel
    private let workers: WorkerPool
    private let compute: ThreadPool
    private let workspace = Workspace()
    private var random: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// Loads the network of a checkpoint's directory.
    ///
    /// - Throws: `EngineError.unusablePath`, `CheckpointError`.
    package init(path text: String, _ configuration: EngineConfiguration) throws {
        let path = NSString(string: text).expandingTildeInPath
        let directory = try HuggingFaceDirectory(path: path)
        let found = try HuggingFaceModel(directory)
        guard case .translation = found.family else {
            throw EngineError.unusablePath(path: text, reason: "\(found.familyName) is no translation model")
        }
        compute = ThreadPool(threads: configuration.threads)
        workers = WorkerPool(threads: 1, beside: compute)
        let started = ContinuousClock.now
        let descriptor = ModelDescriptor(
            path: URL(fileURLWithPath: path), task: .translation, family: found.familyName, format: try found.format,
            files: directory.files)
        let loader = try HuggingFaceLoader(
            descriptor, files: directory.files,
            ModelLoader.Resources(
                backend: configuration.backend, workers: workers, compute: compute,
                memoryBudgetBytes: configuration.memoryBudgetBytes, quantization: configuration.quantization,
                packedDirectory: configuration.packedDirectory))
        model = try loader.sequenceToSequence()
        origin = loader.finish()?.origin
        loadSeconds = (.now - started) / .seconds(1)
        weightBytes = model.sizeBytes
    }

    deinit {
        workers.stop()
        compute.stop()
    }

    /// Translates a batch of random sentences. Returns the seconds it took.
    package func run(_ load: Load) -> Double {
        // Marks and control tokens lie at the ends of the vocabularies.
        let (lowest, span) = (UInt64(16), UInt64(max(1, model.sourceVocabularySize - 512)))
        let requests = (0..<load.batch).map { _ in
            var source = (0..<load.sourceTokens).map { _ in
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int32(min(lowest + (random >> 33) % span, UInt64(model.sourceVocabularySize - 1)))
            }
            source.append(model.endOfSequence)
            var options = SearchOptions(beamSize: load.beam)
            options.style = .pooled
            options.maximumLengthFactor = .infinity
            options.minimumTokens = load.targetTokens
            options.maximumTokens = load.targetTokens
            return SearchRequest(source: source, candidates: nil, options: options)
        }
        let started = ContinuousClock.now
        _ = BatchSearch.run(requests, model: model, workspace: workspace)
        return (.now - started) / .seconds(1)
    }
}
