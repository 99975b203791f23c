internal import Architectures
internal import Checkpoints
internal import Compute
package import Generation
package import LanguageID
internal import Tokenizers

/// A model in memory.
package enum LoadedModel: Sendable {
    /// Translates.
    case translation(TranslationBatcher)
    /// Tells languages apart.
    case languageIdentification(LanguageIdentifier)
    /// Continues text.
    case generation(GenerationModel)
    /// Turns texts into vectors.
    case embedding(EmbeddingModel)

    /// Requests that it is busy with.
    var openRequests: Int {
        switch self {
        case .translation(let batcher): batcher.openRequests
        case .languageIdentification, .embedding: 0
        case .generation(let model): model.batcher.openRequests
        }
    }

    /// Sentences that wait for a worker, or answers that wait for a place.
    var waitingSentences: Int {
        switch self {
        case .translation(let batcher): batcher.waitingSentences
        case .languageIdentification, .embedding: 0
        case .generation(let model): model.batcher.waitingSequences
        }
    }

    func close() {
        switch self {
        case .translation(let batcher): batcher.close()
        case .languageIdentification, .embedding: break
        case .generation(let model): model.batcher.close()
        }
    }
}

/// From files to a model in memory. Blocking: runs on a thread of its own.
enum ModelLoader {
    /// A model and the bytes it takes.
    struct Result: Sendable {
        var model: LoadedModel
        var memoryBytes: Int
        /// What the operator should know.
        var notes: [String] = []
    }

    /// Loads a model from its files, by role.
    ///
    /// - Throws: `CheckpointError` and the tokenizers' errors, naming the file and what is wrong in it.
    static func load(
        _ descriptor: ModelDescriptor, files: [String: String], resources: Resources
    ) throws -> Result {
        if HuggingFaceDirectory.isOne(files.keys) {
            return try HuggingFaceLoader(descriptor, files: files, resources).load(descriptor)
        }
        if CausalModelFamily(ggufArchitecture: descriptor.family) != nil {
            return try GenerationModel.load(descriptor, path: path("model", files, of: descriptor.name), resources)
        }
        switch descriptor.family {
        case "bergamot": return try loadBergamot(descriptor, files, resources.backend, resources.workers)
        case "fasttext": return try loadFastText(descriptor, files)
        default:
            let families = ["bergamot", "fasttext"] + CausalModelFamily.ggufArchitectures + HuggingFaceModel.knownTypes
            throw ModelFailure(
                stage: .loading, reason: "the family \(descriptor.family) is not one that this version runs",
                action: "Families: \(families.joined(separator: ", ")).")
        }
    }

    /// What a model computes with.
    struct Resources: Sendable {
        var backend: ComputeBackend
        /// The threads that run whole batches of small models.
        var workers: WorkerPool
        /// The threads that share the operations of large models.
        var compute: ThreadPool
        /// Bytes that all models may take together.
        var memoryBudgetBytes: Int
        /// What becomes of float weights; nil to compute with them as they are stored.
        var quantization: PackedWeights.Quantization?
        /// Where quantised weights are kept; nil to keep none.
        var packedDirectory: String?
    }

    private static func path(_ role: String, _ files: [String: String], of name: String) throws -> String {
        if let path = files[role] { return path }
        // A repository's files have their paths for roles; of a file in parts, the first part leads to the others.
        if role == "model", let first = files.keys.filter({ $0.hasSuffix(".gguf") }).min(), let path = files[first] {
            return path
        }
        throw ModelFailure(
            stage: .loading, reason: "the catalogue names no file for the role \(role)",
            action: "Correct the catalogue's entry for \(name).")
    }

    private static func region(_ role: String, _ files: [String: String], of name: String) throws -> ByteRegion {
        try ByteRegion(mapping: path(role, files, of: name))
    }

    private static func loadBergamot(
        _ descriptor: ModelDescriptor, _ files: [String: String], _ backend: ComputeBackend, _ pool: WorkerPool
    ) throws -> Result {
        func vocabulary(_ role: String) throws -> UnigramTokenizer {
            try UnigramTokenizer(SentencePieceModel(try region(role, files, of: descriptor.name)))
        }
        let weights = try region("model", files, of: descriptor.name)
        let model = try BergamotModel(MarianCheckpoint(weights), backend: backend)
        let shared = files["vocabulary"] != nil
        let source = try vocabulary(shared ? "vocabulary" : "source-vocabulary")
        let target = shared ? source : try vocabulary("target-vocabulary")
        for (tokenizer, size, side) in [
            (source, model.sourceVocabularySize, "source"), (target, model.targetVocabularySize, "target"),
        ] where tokenizer.vocabularySize != size {
            throw ModelFailure(
                stage: .loading,
                reason:
                    "\(files["\(side)-vocabulary"] ?? files["vocabulary"] ?? ""): the vocabulary has \(tokenizer.vocabularySize) pieces, the model \(size)",
                action: "The files do not belong together; run `svc pull \(descriptor.name) --repair`.")
        }
        var shortlist: Shortlist?
        var shortlistBytes = 0
        if files["shortlist"] != nil {
            let lists = try region("shortlist", files, of: descriptor.name)
            shortlist = try Shortlist(
                lists, sourceVocabularySize: model.sourceVocabularySize,
                targetVocabularySize: model.targetVocabularySize, sharedVocabulary: shared)
            shortlistBytes = lists.count
            lists.releasePages()
        }
        // What was packed is not read again; the embedding's pages come back as sentences use them.
        weights.releasePages()
        let batcher = TranslationBatcher(
            model: model,
            pipeline: TranslationPipeline(
                tokenizer: try BergamotTranslationTokenizer(source: source, target: target),
                sourceLanguage: descriptor.sourceLanguages.first,
                targetLanguage: descriptor.targetLanguages.first),
            shortlist: shortlist, pool: pool)
        return Result(
            model: .translation(batcher), memoryBytes: model.sizeBytes + model.embeddingBytes + shortlistBytes)
    }

    private static func loadFastText(_ descriptor: ModelDescriptor, _ files: [String: String]) throws -> Result {
        let region = try region("model", files, of: descriptor.name)
        let model = try FastTextModel(region)
        return Result(model: .languageIdentification(LanguageIdentifier(model: model)), memoryBytes: region.count)
    }
}
