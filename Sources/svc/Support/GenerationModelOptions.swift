import ArgumentParser
import Checkpoints
import Engine
import Foundation
import ModelHub
import Tokenizers

/// The model of the commands that generate text, and how it gets into this process.
struct GenerationModelOptions: ParsableArguments {
    @OptionGroup var compute: ComputeOptions

    @Option(help: "Whether a model that is not here is downloaded: on or off. (SVC_DOWNLOADS)")
    var downloads: String?

    @Argument(help: "The model: a name of `svc list`, or the path of a .gguf file or of a checkpoint's directory.")
    var model: String

    /// Where the file is, if the model is named by its path: as in any list of models, and besides by its ending alone.
    private var path: String? {
        if ModelDescriptor.isPath(model) { return model }
        return model.hasSuffix(".gguf") ? "./" + model : nil
    }

    /// Gets the model into memory, with a bar where a person watches.
    ///
    /// - Throws: `EngineError`, `CheckpointError` or `GGUFMetadataError` for a damaged file, `ModelHubError`,
    ///   `CommandFailure`.
    func open(_ settings: Settings, json: Bool) async throws -> OpenGenerationModel {
        let downloads = try settings.value(
            downloads, "SVC_DOWNLOADS", "downloads", default: true, "on or off", parse: Settings.boolean)
        let name = try path.map { try Self.descriptor($0).name } ?? model
        let engine = try compute.engine(settings, paths: path.map { [$0] } ?? [], downloads: downloads)
        // Before anything is downloaded.
        let descriptor = try await engine.status(name).descriptor
        guard descriptor.task == .generation else {
            throw EngineError.wrongTask(
                model: name, task: descriptor.task.rawValue, wanted: ModelDescriptor.Task.generation.rawValue)
        }
        let status = try await Self.load(name, engine, ProgressBar(json: json))
        if let failure = status.failure { throw EngineError.failed(model: name, failure) }
        return OpenGenerationModel(
            engine: engine, info: try await engine.generationInfo(model: name), loadSeconds: status.loadSeconds ?? 0,
            file: try file(of: descriptor))
    }

    /// What lies at the path.
    ///
    /// - Throws: the file's own error where a GGUF file is damaged or unreadable, which says more than that it cannot be
    ///   used; else `EngineError.unusablePath`.
    private static func descriptor(_ path: String) throws -> ModelDescriptor {
        do {
            return try ModelDescriptor(path: path)
        } catch let error as EngineError {
            let expanded = NSString(string: path).expandingTildeInPath
            if expanded.hasSuffix(".gguf"), FileManager.default.fileExists(atPath: expanded) {
                _ = try GGUFCheckpoint(path: expanded).metadata.string("general.architecture")
            }
            throw error
        }
    }

    private static func load(_ name: String, _ engine: Engine, _ bar: ProgressBar) async throws -> ModelStatus {
        let drawing = Task {
            while !Task.isCancelled {
                let status = try await engine.status(name)
                let detail = status.progress.map { progress in
                    megabytes(progress.completedBytes) + (progress.totalBytes.map { " of \(megabytes($0))" } ?? "")
                }
                if status.state.isUnderWay {
                    bar.draw("\(name) \(status.state.rawValue)", status.progress?.fraction, detail ?? "")
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        let status = await Result { try await engine.load(name, waitSeconds: 3600) }
        drawing.cancel()
        _ = await drawing.result
        bar.clear()
        return try status.get()
    }

    private func file(of descriptor: ModelDescriptor) throws -> String? {
        switch descriptor.origin {
        case .local(_, let files): files["model"]
        case .catalog(let entry): try compute.store.hub().installed(entry)?.files["model"]
        }
    }
}

/// A model in this process that generates text.
struct OpenGenerationModel: Sendable {
    var engine: Engine
    var info: GenerationModelInfo
    /// How long it took to load, downloads and verification aside.
    var loadSeconds: Double
    /// The path of the GGUF file, or of its first part.
    var file: String?

    /// How the model's vocabulary spells an id, control tokens included.
    func spelling(of id: Int32) -> String? {
        if let tokenizer = info.tokenizer as? HuggingFaceTokenizer { return tokenizer.token(id) }
        guard let file, let checkpoint = try? GGUFCheckpoint(path: file),
            let tokens = try? checkpoint.metadata.strings("tokenizer.ggml.tokens"), id >= 0, Int(id) < tokens.count
        else { return nil }
        return tokens.text(at: Int(id))
    }
}

extension Result where Failure == any Error {
    /// What an asynchronous body gives or throws.
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
