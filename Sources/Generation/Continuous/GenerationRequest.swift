/// A prompt to continue, and how.
package struct GenerationRequest: Sendable {
    /// The prompt's ids, with all special tokens.
    package var prompt: [Int32]
    /// How tokens are chosen.
    package var sampling = SamplingOptions()
    /// The most tokens of each answer; nil up to the end of the context.
    package var maxTokens: Int?
    /// End tokens and stop strings count only after so many tokens.
    package var minTokens = 0
    /// Whether end tokens are tokens like any other.
    package var ignoresEndOfGeneration = false
    /// Strings that end an answer; they are never part of it.
    package var stop: [String] = []
    /// How many answers.
    package var choices = 1
    /// For each token of the answer its log-probability and those of so many most probable ones; nil for none.
    package var topLogprobs: Int?
    /// Whether the same is wanted of the prompt's tokens.
    package var wantsPromptLogprobs = false
    /// What the answer must look like.
    package var grammar: Grammar?

    /// A prompt with the defaults.
    package init(prompt: [Int32]) { self.prompt = prompt }
}

/// A token that was chosen, or stands in the prompt, with its probability.
package struct TokenLogprob: Sendable, Equatable {
    /// The id.
    package var id: Int32
    /// What it adds to the text; not always whole characters.
    package var bytes: [UInt8]
    /// The natural logarithm of its probability by the model, before temperature, penalties and filters.
    package var logprob: Float
    /// The most probable tokens at its place, best first.
    package var top: [Alternative]

    /// A token that could have stood at the place.
    package struct Alternative: Sendable, Equatable {
        /// The id.
        package var id: Int32
        /// What it adds to the text.
        package var bytes: [UInt8]
        /// The natural logarithm of its probability by the model.
        package var logprob: Float

        package init(id: Int32, bytes: [UInt8], logprob: Float) {
            (self.id, self.bytes, self.logprob) = (id, bytes, logprob)
        }
    }

    package init(id: Int32, bytes: [UInt8], logprob: Float, top: [Alternative]) {
        (self.id, self.bytes, self.logprob, self.top) = (id, bytes, logprob, top)
    }
}

/// Why an answer ended.
package enum FinishReason: Sendable, Equatable {
    /// The model had nothing more to say: the end token.
    case endOfGeneration(Int32)
    /// A stop string.
    case stopString(String)
    /// What was asked for is complete and the grammar allows nothing more.
    case grammarComplete
    /// `maxTokens`, or the context is full.
    case length
}

/// Part of an answer, in order.
package struct GenerationPiece: Sendable {
    /// Which of the answers, from 0.
    package var choice: Int
    /// What became visible. Whole characters; text that could yet be a stop string is held back. May be empty.
    package var text: String
    /// The ids that were chosen since the last piece.
    package var ids: [Int32]
    /// Their probabilities, if asked for: one for each id.
    package var logprobs: [TokenLogprob]
    /// The last piece of this answer says why it ended.
    package var finish: FinishReason?

    package init(
        choice: Int, text: String, ids: [Int32] = [], logprobs: [TokenLogprob] = [], finish: FinishReason? = nil
    ) {
        (self.choice, self.text, self.ids, self.logprobs, self.finish) = (choice, text, ids, logprobs, finish)
    }
}

/// What a request took.
package struct GenerationUsage: Sendable, Equatable {
    /// Tokens of the prompt.
    package var promptTokens = 0
    /// Of those, taken from the prefix cache.
    package var cachedTokens = 0
    /// Tokens of all answers, end tokens counted.
    package var completionTokens = 0
    /// From the request to the start of its prefill, in seconds.
    package var queueSeconds = 0.0
    /// From then to the first token.
    package var prefillSeconds = 0.0
    /// From the first token to the end.
    package var decodeSeconds = 0.0

    package init() {}
}

/// What a request gives, in order: `prompt` once, pieces, `ended` once.
package enum GenerationEvent: Sendable {
    /// The prompt is read. Its tokens' probabilities, if asked for; the first token has none (its `logprob` is 0 and
    /// `top` empty).
    case prompt([TokenLogprob])
    /// Part of an answer.
    case piece(GenerationPiece)
    /// All answers have ended.
    case ended(GenerationUsage)
}

/// Why a request was not accepted. The messages are shown to clients as they are.
package enum GenerationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is nothing to continue.
    case emptyPrompt
    /// An id of the prompt or of the logit bias is not one of the vocabulary's.
    case idOutsideVocabulary(id: Int32, count: Int)
    /// The prompt leaves no room for an answer.
    case contextOverflow(promptTokens: Int, contextTokens: Int)
    /// The prompt and the tokens asked for do not fit together.
    case answerOverflow(promptTokens: Int, maxTokens: Int, contextTokens: Int)

    package var description: String {
        switch self {
        case .emptyPrompt: "the prompt is empty: there is nothing to continue"
        case .idOutsideVocabulary(let id, let count): "the token id \(id) is outside the vocabulary of \(count)"
        case .contextOverflow(let prompt, let context):
            "the prompt has \(prompt) tokens, and the context of the model \(context), of which at least one is for "
                + "the answer; shorten the prompt"
        case .answerOverflow(let prompt, let maxTokens, let context):
            "the prompt has \(prompt) tokens and \(maxTokens) are asked for, and the context of the model has "
                + "\(context); shorten the prompt or ask for fewer tokens"
        }
    }
}
