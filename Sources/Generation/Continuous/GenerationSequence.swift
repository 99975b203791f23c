internal import Architectures
internal import Compute
internal import Tokenizers

/// A request on its way through the batcher: its answers, and who reads them.
///
/// Not thread-safe: after it was handed over, the thread that runs the model owns it.
final class ActiveRequest {
    let request: GenerationRequest
    let channel: GenerationChannel
    let created = ContinuousClock.now
    var started: ContinuousClock.Instant?
    var firstToken: ContinuousClock.Instant?
    /// Answers that have begun. The others wait until the first has read the prompt, whose pages they share.
    var begun = 0
    var isPromptRead = false
    /// Answers that have not begun.
    var unstarted: Int { request.choices - begun }
    /// Answers that have not ended.
    var open: Int
    var usage = GenerationUsage()
    /// The prompt's probabilities so far, if asked for.
    var promptLogprobs: [TokenLogprob] = []

    init(_ request: GenerationRequest, _ channel: GenerationChannel) {
        self.request = request
        self.channel = channel
        open = request.choices
        usage.promptTokens = request.prompt.count
    }

    /// Tells the reader that all answers have ended.
    func finish() {
        let now = ContinuousClock.now
        usage.queueSeconds = ((started ?? now) - created) / .seconds(1)
        usage.prefillSeconds = ((firstToken ?? now) - (started ?? now)) / .seconds(1)
        usage.decodeSeconds = (now - (firstToken ?? now)) / .seconds(1)
        channel.send(.ended(usage))
        channel.finish()
    }
}

/// One answer: its tokens, its cache, and how its tokens are chosen and shown.
final class GenerationSequence {
    let owner: ActiveRequest
    let choice: Int
    let cache: KVCache
    /// The prompt and what was generated. `cache.length` of them are computed.
    private(set) var tokens: [Int32]
    private(set) var generated = 0
    /// Where the cache of prefixes has come to.
    var node: PrefixCache.Node?
    private var sampler: Sampler
    private var detokenizer: StreamingDetokenizer
    private var stops: StopMatcher
    private var grammar: GrammarMatcher?
    private var mask: TokenMask?
    private let tokenizer: any TextTokenizer
    private let endTokens: [Int32]
    private let contextTokens: Int

    init(
        _ owner: ActiveRequest, choice: Int, cache: KVCache, tokenizer: any TextTokenizer, trie: TokenTrie?,
        contextTokens: Int
    ) {
        let request = owner.request
        let vocabularySize = tokenizer.vocabularySize
        self.owner = owner
        self.choice = choice
        self.cache = cache
        self.tokenizer = tokenizer
        self.contextTokens = contextTokens
        tokens = request.prompt
        sampler = Sampler(request.sampling, prompt: request.prompt, choice: choice, vocabularySize: vocabularySize)
        detokenizer = StreamingDetokenizer(tokenizer, continuesText: true)
        stops = StopMatcher(request.stop)
        endTokens = tokenizer.endOfGeneration.sorted()
        if let trie, let grammar = request.grammar {
            self.grammar = grammar.matcher(for: trie)
            mask = TokenMask(count: vocabularySize)
        }
    }

    /// Tokens that are not computed yet.
    var uncomputed: ArraySlice<Int32> { tokens[cache.length...] }

    /// Whether what is left to compute is what was generated last, and nothing else.
    var isDecoding: Bool { generated > 0 && tokens.count - cache.length == 1 }

    /// Whether the probabilities of the prompt's tokens are wanted and not all there.
    var wantsPromptLogits: Bool {
        owner.request.wantsPromptLogprobs && choice == 0 && owner.promptLogprobs.count < owner.request.prompt.count
    }

    /// The logits among which the next token is, if nobody asks for the others; nil for all.
    var decidingLogits: LargestValues? {
        guard mask == nil, forbidden.isEmpty, owner.request.topLogprobs == nil else { return nil }
        return sampler.decidingLogits
    }

    /// Tokens that may not come next.
    private var forbidden: [Int32] {
        generated < owner.request.minTokens && !owner.request.ignoresEndOfGeneration ? endTokens : []
    }

    /// Chooses the next token from its logits. Returns the piece to send; its `finish` says whether that was the last.
    func choose(_ logits: UnsafeMutablePointer<Float>, count: Int, on backend: ComputeBackend) -> GenerationPiece {
        let request = owner.request
        let mayEnd = generated >= request.minTokens && !request.ignoresEndOfGeneration
        if mask != nil { updateMask(mayEnd: mayEnd) }
        let chosen = sampler.next(
            logits: logits, count: count, allowed: mask, forbidden: mask == nil ? forbidden : [],
            topLogprobs: request.topLogprobs, on: backend)
        tokens.append(chosen.id)
        generated += 1
        let logprobs = request.topLogprobs == nil ? [] : [described(chosen)]
        func piece(_ text: String, _ finish: FinishReason? = nil) -> GenerationPiece {
            GenerationPiece(choice: choice, text: text, ids: [chosen.id], logprobs: logprobs, finish: finish)
        }
        /// The last piece, with what was held back; a stop string in that comes before any other reason.
        func last(_ text: String, _ finish: FinishReason) -> GenerationPiece {
            let text = text + tail()
            return piece(text, stops.matched.map { .stopString($0) } ?? finish)
        }

        if !request.ignoresEndOfGeneration, tokenizer.endOfGeneration.contains(chosen.id) {
            return last("", .endOfGeneration(chosen.id))
        }
        var text = detokenizer.append(chosen.id)
        if generated > request.minTokens {
            let (visible, matched) = stops.append(text)
            text = visible
            if let matched { return piece(text, .stopString(matched)) }
        }
        if grammar?.accept(chosen.id) != nil, grammar?.isExhausted == true {
            return last(text, .grammarComplete)
        }
        if generated >= request.maxTokens ?? .max || tokens.count >= contextTokens {
            return last(text, .length)
        }
        return piece(text)
    }

    /// What was held back, when nothing more comes.
    private func tail() -> String {
        let (visible, matched) = stops.append(detokenizer.finish())
        return matched == nil ? visible + stops.finish() : visible
    }

    private func updateMask(mayEnd: Bool) {
        guard var allowed = mask, grammar != nil else { return }
        mask = nil
        allowed.removeAll()
        grammar?.allowed(into: &allowed)
        // Where the grammar allows no token at all, ending is all that is left.
        if grammar?.isComplete == true && mayEnd || allowed.isEmpty {
            for id in endTokens { allowed.insert(id) }
        }
        mask = allowed
    }

    func described(_ token: SampledToken) -> TokenLogprob {
        TokenLogprob(
            id: token.id, bytes: Array(tokenizer.bytes(of: token.id)), logprob: token.logprob,
            top: token.top.map {
                TokenLogprob.Alternative(id: $0.id, bytes: Array(tokenizer.bytes(of: $0.id)), logprob: $0.logprob)
            })
    }
}
