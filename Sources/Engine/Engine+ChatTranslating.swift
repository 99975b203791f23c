internal import Foundation
internal import Generation
internal import Tokenizers

/// Translation by a chat model: the document in passages, each asked for by the prompt of the model's catalogue entry.
extension Engine {
    /// The share of the context that the passage may take; question, template and answer need the rest.
    private static let passageShare = 4
    /// Longer passages gain nothing, and models begin to leave things out.
    private static let maximumPassageTokens = 384
    /// Passages of one document in the queue at once.
    private static let concurrentPassages = 8
    /// Tokens that an answer may have for each of its passage's, and besides: scripts take more tokens than Latin.
    private static let answerTokens = (factor: 4, more: 64)

    /// Translates a text with a chat model.
    ///
    /// - Parameter onSentence: told each passage as soon as it and all before it are there.
    /// - Throws: what `generate` throws.
    nonisolated func translateByChat(
        _ text: String, with handle: GenerationHandle, prompt: TranslationPrompt, from source: LanguageTag?,
        to target: LanguageTag, onSentence: (@Sendable (String) -> Void)?
    ) async throws -> TranslationResult {
        let info = handle.info
        let tokenizer = info.tokenizer
        let budget = max(16, min(Self.maximumPassageTokens, info.contextTokens / Self.passageShare))
        let language = source?.description
        let cut = try await pool.run { _ in
            DocumentCutter(language: language, budget: budget) { tokenizer.encode($0, allowSpecial: false).count }
                .cut(text)
        }
        let passages = cut.parts.filter(\.isTranslated).map(\.text)
        let names = (source.map { LanguageNames.english($0.description) }, LanguageNames.english(target.description))
        var answers = [ChatTranslation?](repeating: nil, count: passages.count)
        /// Parts that were told, and the passages among them.
        var told = (parts: 0, passages: 0)
        func tell() {
            while told.parts < cut.parts.count {
                let part = cut.parts[told.parts]
                var text = part.text
                if part.isTranslated {
                    guard let answer = answers[told.passages] else { return }
                    text = answer.text
                    told.passages += 1
                }
                told.parts += 1
                onSentence?(part.gap + text + (told.parts == cut.parts.count ? cut.trailing : ""))
            }
        }
        try await withThrowingTaskGroup(of: (Int, ChatTranslation).self) { group in
            for (index, passage) in passages.enumerated() {
                if index >= Self.concurrentPassages, let (done, answer) = try await group.next() {
                    answers[done] = answer
                    tell()
                }
                group.addTask {
                    (index, try await self.ask(handle, prompt, passage, names, tokenizer, info.contextTokens))
                }
            }
            for try await (done, answer) in group {
                answers[done] = answer
                tell()
            }
        }
        tell()
        if cut.parts.isEmpty, !cut.trailing.isEmpty { onSentence?(cut.trailing) }
        let all = answers.compactMap { $0 }
        return TranslationResult(
            text: cut.joined(all.map(\.text)), alternatives: [],
            warnings: all.contains(where: \.wasCut)
                ? [TranslationWarning(kind: .runaway, message: "the model did not come to an end in a passage")] : [],
            sourceTokens: all.reduce(0) { $0 + $1.usage.promptTokens },
            targetTokens: all.reduce(0) { $0 + $1.usage.completionTokens },
            queueSeconds: all.map(\.usage.queueSeconds).max() ?? 0,
            inferenceSeconds: all.reduce(0) { $0 + $1.usage.prefillSeconds + $1.usage.decodeSeconds })
    }

    private struct ChatTranslation: Sendable {
        var text: String
        var usage: GenerationUsage
        var wasCut: Bool
    }

    private nonisolated func ask(
        _ handle: GenerationHandle, _ prompt: TranslationPrompt, _ passage: String,
        _ languages: (source: String?, target: String),
        _ tokenizer: any TextTokenizer, _ contextTokens: Int
    ) async throws -> ChatTranslation {
        let question = prompt.question(passage, from: languages.source, to: languages.target)
        var request = GenerationRequest(prompt: [])
        request.sampling = .greedy
        let passageTokens = tokenizer.encode(passage, allowSpecial: false).count
        request.maxTokens = min(
            passageTokens * Self.answerTokens.factor + Self.answerTokens.more, max(1, contextTokens / 2))
        let stream = try await generate(
            with: handle, input: .chat(ChatPrompt(messages: [ChatMessage(role: "user", content: .string(question))])),
            request: request, isCounted: false)
        var answer = ""
        var translation = ChatTranslation(text: "", usage: GenerationUsage(), wasCut: false)
        for try await event in stream {
            switch event {
            case .prompt: break
            case .piece(let piece):
                answer += piece.text
                if piece.finish == .length { translation.wasCut = true }
            case .ended(let usage): translation.usage = usage
            }
        }
        translation.text = TranslatedAnswer.translation(in: answer, of: passage, target: languages.target)
        return translation
    }
}
