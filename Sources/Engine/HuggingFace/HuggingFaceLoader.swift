internal import Architectures
internal import Checkpoints
internal import Compute
internal import Foundation
internal import Generation
internal import ModelHub
internal import Tokenizers

/// From a checkpoint in the layout of Hugging Face to a model in memory. Blocking: runs on a thread of its own.
struct HuggingFaceLoader {
    let name: String
    let model: HuggingFaceModel
    let resources: ModelLoader.Resources
    private let packed: PackedWeights?
    private var directory: HuggingFaceDirectory { model.directory }

    /// - Parameter descriptor: of the model, whose files are `files`, by name.
    /// - Throws: `CheckpointError` if the configuration cannot be read, or names a family that is not computed here.
    init(
        _ descriptor: ModelDescriptor, files: [String: String], _ resources: ModelLoader.Resources
    ) throws {
        name = descriptor.name
        model = try HuggingFaceModel(HuggingFaceDirectory(name: descriptor.name, files: files))
        self.resources = resources
        guard let quantization = resources.quantization else {
            packed = nil
            return
        }
        let activations: PackedWeights.Activations = model.family.task == .translation ? .rounded : .float
        packed = PackedWeights(
            directory: resources.packedDirectory.map { "\($0)/\(descriptor.name)" },
            key: try CheckpointIdentity.key(of: model.checkpoint().files), quantization: quantization,
            activations: activations, pool: resources.compute, backend: resources.backend)
    }

    /// Loads the model.
    ///
    /// - Throws: `CheckpointError` and the tokenizers' errors, naming the file and what is wrong in it.
    func load(_ descriptor: ModelDescriptor) throws -> ModelLoader.Result {
        var result: ModelLoader.Result
        switch model.family {
        case .translation: result = try translation(descriptor)
        case .generation: result = try generation()
        case .embedding: result = try embedding()
        }
        if let outcome = finish() { result.notes = outcome.notes }
        return result
    }

    private func binder() throws -> WeightBinder {
        WeightBinder(try model.checkpoint(), quantizer: packed?.matrix, interleaver: interleaved)
    }

    private func interleaved(_ matrix: WeightMatrix) -> WeightMatrix? {
        matrix.interleaved(on: resources.backend, resources.compute)
    }

    // MARK: Translation

    /// Sentences are what translation models are trained on; longer ones are cut into parts of so many pieces.
    private static let maximumPieces = 250
    /// Places for the marks that models want around a sentence.
    private static let marks = 4

    private func translation(_ descriptor: ModelDescriptor) throws -> ModelLoader.Result {
        let tokenizer = try model.translationTokenizer()
        let network = try sequenceToSequence()
        var limits = TranslationBatcher.Limits()
        // The compute pool's threads share each operation of such a model, and large batches read its weights seldom.
        limits.concurrentBatches = 1
        limits.batchSentences = 128
        limits.batchRows = 128
        limits.batchTokens = 4096
        let batcher = TranslationBatcher(
            model: network,
            pipeline: TranslationPipeline(
                tokenizer: tokenizer, sourceLanguage: descriptor.sourceLanguages.first,
                targetLanguage: descriptor.targetLanguages.first,
                maximumPieces: max(1, min(Self.maximumPieces, network.maximumSourceLength - Self.marks))),
            shortlist: nil, pool: resources.workers, limits: limits, rules: try searchRules())
        return ModelLoader.Result(model: .translation(batcher), memoryBytes: network.sizeBytes)
    }

    /// What `generation_config.json`, or of an older checkpoint `config.json`, says of the search.
    ///
    /// - Throws: `CheckpointError` for a value that means nothing.
    private func searchRules() throws -> TranslationBatcher.SearchRules {
        var rules = TranslationBatcher.SearchRules()
        for file in [model.configuration, try directory.configurationIfPresent("generation_config.json")].compactMap(
            \.self)
        {
            rules.lengthPenalty = Float(
                try file.number("length_penalty", -10...10, default: Double(rules.lengthPenalty)))
            rules.noRepeatNgramSize = try file.integer(
                "no_repeat_ngram_size", 0...64, default: rules.noRepeatNgramSize)
            rules.repetitionPenalty = Float(
                try file.number("repetition_penalty", 0.01...100, default: Double(rules.repetitionPenalty)))
            rules.renormalizes = try file.boolean("renormalize_logits", default: rules.renormalizes)
            switch file["early_stopping"] {
            case nil: break
            case .boolean(let stops): rules.earlyStopping = stops ? .whenFull : .atPresentLength
            case .string("never"): rules.earlyStopping = .never
            default: throw file.mismatch("early_stopping", expected: "true, false or \"never\"")
            }
        }
        return rules
    }

    /// The network of a translation model.
    ///
    /// - Throws: `CheckpointError`.
    func sequenceToSequence() throws -> any SequenceToSequenceModel {
        try SequenceToSequenceFamily.model(
            binder(), configuration: model.configuration,
            generation: directory.configurationIfPresent("generation_config.json"), backend: resources.backend,
            pool: resources.compute)
    }

    /// Puts quantised weights in their place. To be called when the model is bound.
    func finish() -> PackedWeights.Outcome? { packed?.finish() }

    // MARK: Generation

    private func generation() throws -> ModelLoader.Result {
        let checkpoint = try model.checkpoint()
        let network = try CausalModelFamily.model(
            model.configuration, checkpoint, quantizer: packed?.matrix, interleaver: interleaved)
        let generation = try directory.configurationIfPresent("generation_config.json")
        // What the newer file says wins, and a chat's end of turn is often only there.
        let ends = try generation?.tokens("eos_token_id") ?? []
        let tokenizer = try model.tokenizer(
            endOfGeneration: Set(ends.isEmpty ? model.configuration.tokens("eos_token_id") : ends))
        guard tokenizer.vocabularySize <= network.vocabularySize else {
            throw ModelFailure(
                stage: .loading,
                reason: "\(directory.name): the tokenizer has \(tokenizer.vocabularySize) tokens, the model "
                    + "\(network.vocabularySize)",
                action: "The files do not belong together; get the checkpoint again.")
        }
        let template = try directory.chatTemplate()
        var variables = TemplateDictionary()
        if let configuration = try directory.configurationIfPresent("tokenizer_config.json") {
            for key in ["bos_token", "eos_token", "pad_token", "unk_token"] {
                if let text = Self.tokenText(configuration[key]) { variables[key] = .string(text) }
            }
        }
        return GenerationModel.make(
            name: name, network, tokenizer, template: template, variables: variables, resources)
    }

    /// A special token as `tokenizer_config.json` writes it: a text, or an object with one.
    private static func tokenText(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text): return text
        case .object(let members):
            guard case .string(let text) = members["content"] else { return nil }
            return text
        default: return nil
        }
    }

    // MARK: Embedding

    private func embedding() throws -> ModelLoader.Result {
        let folder = URL(fileURLWithPath: model.configuration.file).deletingLastPathComponent().path
        let encoder = try TextEncoder(
            TextEncoderConfiguration(model.configuration), model.checkpoint(),
            pooling: SentencePooling(directory: folder), quantizer: packed?.matrix, interleaver: interleaved)
        let tokenizer = try model.tokenizer()
        guard tokenizer.vocabularySize <= encoder.configuration.vocabularySize else {
            throw ModelFailure(
                stage: .loading,
                reason: "\(directory.name): the tokenizer has \(tokenizer.vocabularySize) tokens, the model "
                    + "\(encoder.configuration.vocabularySize)",
                action: "The files do not belong together; get the checkpoint again.")
        }
        let embedding = EmbeddingModel(
            name: name, encoder: encoder, tokenizer: tokenizer, maximumTokens: encoder.maximumTokens,
            backend: resources.backend, pool: resources.compute)
        return ModelLoader.Result(model: .embedding(embedding), memoryBytes: encoder.sizeBytes)
    }
}

extension HuggingFaceModel {
    /// The tokenizer, from `tokenizer.json` or an older layout.
    ///
    /// - Parameter endOfGeneration: ids that end what the model generates.
    /// - Throws: `CheckpointError` naming what was looked for.
    func tokenizer(endOfGeneration: Set<Int32> = []) throws -> HuggingFaceTokenizer {
        let configuration = try directory.configurationIfPresent("tokenizer_config.json")
        func region(_ name: String) throws -> ByteRegion? {
            try directory.files[name].map { try ByteRegion(mapping: $0) }
        }
        if let json = try region("tokenizer.json") {
            return try HuggingFaceTokenizer(
                tokenizerJSON: json, configuration: configuration, endOfGeneration: endOfGeneration)
        }
        if let vocabulary = try region("vocab.txt") {
            return try HuggingFaceTokenizer(
                wordPieceVocabulary: vocabulary, configuration: configuration, endOfGeneration: endOfGeneration)
        }
        if let vocabulary = try region("vocab.json"), let merges = try region("merges.txt") {
            return try HuggingFaceTokenizer(
                vocabulary: vocabulary, merges: merges, configuration: configuration, endOfGeneration: endOfGeneration)
        }
        throw CheckpointError.unsupported(
            file: directory.name, offset: 0,
            reason: "it has no tokenizer.json, no vocab.txt, and no vocab.json with merges.txt")
    }

    /// The tokenizer of a translation model.
    ///
    /// - Throws: `TranslationTokenizerError`, `CheckpointError`.
    func translationTokenizer() throws -> any TranslationTokenizer {
        let pieces = directory.files["tokenizer.json"] == nil ? nil : HuggingFacePieceTokenizer(try tokenizer())
        return try TranslationTokenizers.load(
            family: familyName, directory: directory.files, configuration: configuration,
            tokenizerConfiguration: directory.configurationIfPresent("tokenizer_config.json"), pieceTokenizer: pieces)
    }
}
