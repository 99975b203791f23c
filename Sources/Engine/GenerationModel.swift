internal import Architectures
internal import Checkpoints
internal import Compute
package import Generation
internal import Tokenizers

/// A chat or completion model in memory: the batcher that runs it, its tokenizer and its chat template.
package struct GenerationModel: Sendable {
    let name: String
    /// Runs the model.
    package let batcher: ContinuousBatcher
    /// The chat template; nil if the model has none, a failure if it cannot be read.
    let template: Result<ChatTemplate, ChatTemplateError>?
    let templateSource: String?
    /// `bos_token` and `eos_token`, which templates may use.
    private let templateVariables: TemplateDictionary

    var tokenizer: any TextTokenizer { batcher.tokenizer }

    /// Maps a GGUF file and binds its tensors.
    ///
    /// - Throws: `CheckpointError`, `GGUFMetadataError`, `TokenVocabularyError`, `ChatTemplateError`, `ModelFailure`.
    static func load(
        _ descriptor: ModelDescriptor, path: String, _ resources: ModelLoader.Resources
    ) throws -> ModelLoader.Result {
        let checkpoint = try GGUFCheckpoint(path: path)
        let model = try CausalModelFamily.model(
            checkpoint, interleaver: { $0.interleaved(on: resources.backend, resources.compute) })
        let tokenizer = try GGUFTokenizer.tokenizer(checkpoint.metadata)
        guard tokenizer.vocabularySize <= model.vocabularySize else {
            throw ModelFailure(
                stage: .loading,
                reason: "\(path): the tokenizer has \(tokenizer.vocabularySize) tokens, the model "
                    + "\(model.vocabularySize)",
                action: "The file is damaged or was converted wrongly; get it again.")
        }
        return make(
            name: descriptor.name, model, tokenizer,
            template: try checkpoint.metadata.stringIfPresent("tokenizer.chat_template"),
            variables: try variables(checkpoint.metadata), resources)
    }

    /// A model that begins to take requests.
    ///
    /// - Parameters:
    ///   - template: the chat template's source; nil if the model has none.
    ///   - variables: what the template may use besides the conversation.
    static func make(
        name: String, _ model: any CausalLanguageModel, _ tokenizer: any TextTokenizer, template: String?,
        variables: TemplateDictionary, _ resources: ModelLoader.Resources
    ) -> ModelLoader.Result {
        let limits = limits(model, resources)
        let batcher = ContinuousBatcher(
            model: model, tokenizer: tokenizer, backend: resources.backend, pool: resources.compute, limits: limits)
        let result = GenerationModel(
            name: name, batcher: batcher,
            template: template.map { source in
                Result { () throws(ChatTemplateError) in try ChatTemplate(source) }
            },
            templateSource: template, templateVariables: variables)
        return ModelLoader.Result(model: .generation(result), memoryBytes: model.sizeBytes + limits.cacheBytes)
    }

    /// The share of the memory budget that the keys and values of one model may take: an eighth.
    static func cacheShare(ofBudget bytes: Int) -> Int { max(64 << 20, bytes / 8) }

    /// Keys and values for four whole contexts within the share; a context that takes more than half of it is cut.
    private static func limits(
        _ model: any CausalLanguageModel, _ resources: ModelLoader.Resources
    ) -> ContinuousBatcher.Limits {
        var limits = ContinuousBatcher.Limits()
        let share = cacheShare(ofBudget: resources.memoryBudgetBytes)
        var context = model.configuration.contextTokens
        func bytes() -> Int { model.cacheLayout.bytes(tokens: context, chunk: limits.stepTokens) }
        while context > CachePage.tokens, bytes() > share / 2 { context /= 2 }
        limits.contextTokens = context
        limits.cacheBytes = min(share, 4 * bytes())
        return limits
    }

    private static func variables(_ metadata: GGUFMetadata) throws -> TemplateDictionary {
        var variables = TemplateDictionary()
        let tokens = try metadata.strings("tokenizer.ggml.tokens")
        for (name, key) in [("bos_token", "bos"), ("eos_token", "eos")] {
            guard let id = try metadata.integerIfPresent("tokenizer.ggml.\(key)_token_id"), id < tokens.count,
                let text = tokens.text(at: id)
            else { continue }
            variables[name] = .string(text)
        }
        return variables
    }

    /// The ids of what is to be continued, with the begin token where the model wants one. Takes time in proportion to
    /// the text.
    ///
    /// - Throws: `EngineError.noChatTemplate`, `.unusableChatTemplate`, `ChatTemplateError`.
    package func prompt(_ input: GenerationInput) throws -> [Int32] {
        switch input {
        case .tokens(let ids): return ids
        case .text(let text): return withBegin(tokenizer.encode(text, allowSpecial: false))
        case .chat(let chat):
            let text = try render(ChatPromptGuard.marked(chat, tokenizer))
            return withBegin(ChatPromptGuard.parts(of: text).flatMap { tokenizer.encode($0, allowSpecial: true) })
        }
    }

    /// A conversation as the text that the model was trained to continue.
    ///
    /// - Throws: `EngineError.noChatTemplate`, `.unusableChatTemplate`, `ChatTemplateError`.
    package func render(_ chat: ChatPrompt) throws -> String {
        guard let template else { throw EngineError.noChatTemplate(model: name) }
        let readable: ChatTemplate
        switch template {
        case .success(let template): readable = template
        case .failure(let error): throw EngineError.unusableChatTemplate(model: name, reason: "\(error)")
        }
        var variables = templateVariables
        for case (.string(let key), let value) in chat.variables { variables[key] = value }
        return try readable.render(messages: chat.messages, tools: chat.tools, variables: variables)
    }

    private func withBegin(_ ids: [Int32]) -> [Int32] {
        guard tokenizer.addsBeginOfSequence, let begin = tokenizer.beginOfSequence, ids.first != begin else {
            return ids
        }
        return [begin] + ids
    }
}
