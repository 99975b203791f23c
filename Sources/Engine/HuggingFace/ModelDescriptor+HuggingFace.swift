internal import Architectures
internal import Checkpoints
internal import Foundation
internal import ModelHub
internal import Tokenizers

extension ModelDescriptor {
    /// A directory with a checkpoint in the layout of Hugging Face. What it is, is told from its configuration, the headers
    /// of its weights, and of a translation model from its vocabulary, which knows the languages.
    ///
    /// - Throws: `EngineError.unusablePath` with what is wrong or not computed here.
    static func huggingFace(directory url: URL, text: String) throws -> ModelDescriptor {
        do {
            let directory = try HuggingFaceDirectory(path: url.path)
            let model = try HuggingFaceModel(directory)
            let estimate = MemoryEstimate(try model.checkpoint())
            var descriptor = ModelDescriptor(
                path: url, task: model.family.task, family: model.familyName, format: try model.format,
                files: directory.files)
            descriptor.parameters = estimate.parameters
            descriptor.memoryBytes = estimate.storedBytes
            if case .translation = model.family {
                let languages = try model.translationTokenizer().languages
                descriptor.sourceLanguages = Self.unique(languages.filter(\.isSource).map(\.tag))
                descriptor.targetLanguages = Self.unique(languages.filter(\.isTarget).map(\.tag))
                guard !descriptor.sourceLanguages.isEmpty, !descriptor.targetLanguages.isEmpty else {
                    throw EngineError.unusablePath(
                        path: text,
                        reason: "its files do not say which languages it translates; tokenizer_config.json may name "
                            + "source_lang and target_lang")
                }
            }
            return descriptor
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError.unusablePath(path: text, reason: "\(error)")
        }
    }

    /// What lies at a path, also a checkpoint that cannot be run: its files, and what its configuration calls it.
    ///
    /// - Throws: `EngineError.unusablePath` if there is nothing of the kind.
    package init(anyPath text: String) throws {
        do {
            try self.init(path: text)
        } catch let error as EngineError {
            let path = NSString(string: text).expandingTildeInPath
            guard FileManager.default.fileExists(atPath: "\(path)/config.json") else { throw error }
            let directory = try HuggingFaceDirectory(path: path)
            let (family, task) = Self.claims(directory)
            self.init(
                path: URL(fileURLWithPath: path), task: task, family: family, format: "unknown", files: directory.files)
        }
    }

    /// What a configuration calls its model. One that cannot be read claims nothing; what is wrong with it, the inspection
    /// says.
    private static func claims(_ directory: HuggingFaceDirectory) -> (family: String, task: Task) {
        do {
            let configuration = try directory.configuration()
            var task = Task.embedding
            if case .array(let names) = configuration["architectures"] {
                for case .string(let name) in names {
                    if name.hasSuffix("ForCausalLM") { task = .generation }
                    if name.hasSuffix("ForConditionalGeneration") || name.hasSuffix("MTModel") { task = .translation }
                }
            }
            return (try configuration.string("model_type"), task)
        } catch {
            return ("unknown", .generation)
        }
    }

    private static func unique(_ tags: [String]) -> [String] {
        var seen: Set<String> = []
        return tags.filter { seen.insert($0).inserted }
    }
}
