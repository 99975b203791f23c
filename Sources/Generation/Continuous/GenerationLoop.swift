internal import Architectures
internal import Compute
internal import Tokenizers

/// What the model's thread does, step after step: lets answers in, chooses what the step reads, runs the model, chooses
/// tokens, lets answers out.
///
/// Not thread-safe: the model's thread owns it.
final class GenerationLoop {
    let model: any CausalLanguageModel
    let tokenizer: any TextTokenizer
    let contextTokens: Int
    let limits: ContinuousBatcher.Limits
    let resources: ComputeResources
    private(set) var counters = ContinuousBatcher.Counters()
    private let pages: KVPagePool
    private let prefixes: PrefixCache
    private lazy var trie = TokenTrie(tokenizer)
    /// Requests with answers that have not begun, served in turn.
    private var waiting: [ActiveRequest] = []
    /// Answers that gave up their place, oldest first. They come before those that have not begun.
    private var preempted: [GenerationSequence] = []
    /// Answers that are being read or written, in the order they came.
    private var running: [GenerationSequence] = []
    /// Tokens of prompts that a second reads, as measured.
    private var readingRate = 256.0

    init(
        model: any CausalLanguageModel, tokenizer: any TextTokenizer, contextTokens: Int,
        limits: ContinuousBatcher.Limits, resources: ComputeResources
    ) {
        self.model = model
        self.tokenizer = tokenizer
        self.contextTokens = contextTokens
        self.limits = limits
        self.resources = resources
        let layout = model.cacheLayout
        let context = layout.bytes(tokens: contextTokens, chunk: limits.stepTokens)
        let prefixBytes = Int(Double(limits.cacheBytes) * limits.prefixCacheShare)
        // One answer must always be able to go on, whatever the known prefixes hold.
        pages = KVPagePool(layout: layout, limitBytes: max(limits.cacheBytes, context + prefixBytes))
        prefixes = PrefixCache(
            limitBytes: prefixBytes, nodeBytes: layout.groups.reduce(0) { $0 + $1.pageBytes })
    }

    /// Answers that wait for a place.
    var waitingCount: Int { waiting.reduce(preempted.count) { $0 + $1.unstarted } }

    /// Whether a step would do anything now.
    var hasWork: Bool {
        running.contains { !isHeldBack($0) || $0.owner.channel.isCancelled } || nextWaiting() != nil
    }

    /// Lets requests in.
    func enqueue(_ requests: [ActiveRequest]) { waiting += requests }

    /// The next answer of a request. Made when it has a place: what waits costs next to nothing.
    private func nextAnswer(_ request: ActiveRequest) -> GenerationSequence {
        defer { request.begun += 1 }
        return GenerationSequence(
            request, choice: request.begun, cache: KVCache(pool: pages, contextTokens: contextTokens),
            tokenizer: tokenizer, trie: request.request.grammar == nil ? nil : trie, contextTokens: contextTokens)
    }

    /// Tells everyone who still reads that nothing more comes.
    func abandon(_ others: [ActiveRequest]) {
        let owners = running.map(\.owner) + preempted.map(\.owner) + waiting + others
        for owner in owners { owner.channel.finish(throwing: CancellationError()) }
        running = []
        preempted = []
        waiting = []
    }

    // MARK: A step

    /// Runs a step. Returns the requests that have ended; those whose readers are still there are to be told by `finish`.
    func step() -> [ActiveRequest] {
        let ended = dropCancelled()
        admit()
        let plan = plan()
        guard !plan.isEmpty else { return ended }
        let clock = ContinuousClock()
        let began = clock.now
        let finished = resources.workspace.scoped { run(plan) }
        let seconds = (clock.now - began) / .seconds(1)
        let read = plan.reduce(0) { $0 + ($1.sequence.isDecoding ? 0 : $1.count) }
        // A step of a few tokens says little of the rate.
        if read >= CachePage.tokens, seconds > 0 { readingRate = (readingRate + Double(read) / seconds) / 2 }
        counters.steps += 1
        return ended + finished
    }

    private func dropCancelled() -> [ActiveRequest] {
        var gone: [ActiveRequest] = []
        func isGone(_ owner: ActiveRequest) -> Bool {
            if gone.contains(where: { $0 === owner }) { return true }
            guard owner.channel.isCancelled else { return false }
            gone.append(owner)
            return true
        }
        running.removeAll { sequence in
            guard isGone(sequence.owner) else { return false }
            release(sequence)
            return true
        }
        preempted.removeAll { isGone($0.owner) }
        waiting.removeAll { isGone($0) }
        return gone
    }

    private func release(_ sequence: GenerationSequence) {
        sequence.cache.removeAll()
        if let node = sequence.node { prefixes.leave(node) }
        sequence.node = nil
    }

    /// Whether its reader is so far behind that it has to wait.
    private func isHeldBack(_ sequence: GenerationSequence) -> Bool {
        sequence.owner.channel.pending > limits.unreadEvents
    }

    /// Where the next answer to let in is: one that gave up its place, or a request's.
    private enum Next {
        case preempted(Int)
        case request(Int)
    }

    private func nextWaiting() -> Next? {
        if let index = preempted.firstIndex(where: { !isHeldBack($0) }) { return .preempted(index) }
        return waiting.firstIndex { request in
            // The first answer reads the prompt; the others follow when its pages are there.
            request.isPromptRead || request.begun == 0
        }.map { .request($0) }
    }

    /// Whether the tokens that an answer has so far fit beside the running ones, known prefixes set aside.
    private func hasRoom(for next: Next) -> Bool {
        let tokens =
            switch next {
            case .preempted(let index): preempted[index].tokens.count
            case .request(let index): waiting[index].request.prompt.count
            }
        let needed = model.cacheLayout.bytes(tokens: tokens + CachePage.tokens, chunk: limits.stepTokens)
        return pages.usedBytes - prefixes.usedBytes + needed <= pages.limitBytes
    }

    private func admit() {
        while let next = nextWaiting() {
            if running.count >= limits.sequences {
                // A place that waits for its reader goes to somebody else.
                guard let idle = running.lastIndex(where: isHeldBack) else { return }
                preempt(idle)
            }
            guard running.isEmpty || hasRoom(for: next) else { return }
            let sequence: GenerationSequence
            switch next {
            case .preempted(let index): sequence = preempted.remove(at: index)
            case .request(let index):
                let request = waiting.remove(at: index)
                sequence = nextAnswer(request)
                // Requests take turns: one with many answers does not hold up the next.
                if request.unstarted > 0 { waiting.append(request) }
                if request.started == nil { request.started = .now }
            }
            var pages: [[KVPage]] = []
            if model.reusesPrefixes(promptTokens: sequence.owner.request.prompt.count) {
                let (known, node) = prefixes.match(
                    sequence.wantsPromptLogits ? [] : Array(sequence.tokens.prefix(sharedTokens(sequence))))
                sequence.node = node
                pages = known
            }
            sequence.cache.adopt(pages)
            let known = pages.count * CachePage.tokens
            counters.cachedTokens += min(known, sequence.owner.request.prompt.count)
            if sequence.choice == 0, sequence.generated == 0 { sequence.owner.usage.cachedTokens = known }
            running.append(sequence)
        }
    }

    /// Takes an answer's place away; it will be computed again from its tokens, mostly out of the known prefixes.
    private func preempt(_ index: Int) {
        let sequence = running.remove(at: index)
        release(sequence)
        preempted.append(sequence)
        counters.preemptions += 1
    }

    // MARK: What a step reads

    /// The next tokens of an answer.
    private struct Part {
        let sequence: GenerationSequence
        let count: Int

        var reachesEnd: Bool { count == sequence.uncomputed.count }
    }

    private func plan() -> [Part] {
        let ready = running.filter { !isHeldBack($0) }
        let writing = ready.filter(\.isDecoding)
        let reading = ready.filter { !$0.isDecoding }
        var parts = writing.map { Part(sequence: $0, count: 1) }
        // What may be read beside: shared equally, so that a short prompt is through soon however long the others are.
        let seconds = writing.isEmpty ? limits.readingStepSeconds : limits.writingStepSeconds
        var budget = max(CachePage.tokens, min(limits.stepTokens, Int(readingRate * seconds)))
        let shortestFirst = reading.sorted { $0.uncomputed.count < $1.uncomputed.count }
        for (index, sequence) in shortestFirst.enumerated() {
            let share = (budget + shortestFirst.count - index - 1) / (shortestFirst.count - index)
            guard share > 0 else { break }
            var count = min(sequence.uncomputed.count, share)
            if sequence.wantsPromptLogits {
                // Every row has logits then, and a vocabulary is large.
                count = min(count, max(1, (16 << 20) / model.vocabularySize))
            }
            parts.append(Part(sequence: sequence, count: count))
            budget -= count
        }
        return withRoom(parts)
    }

    /// The parts whose keys and values have room. Known prefixes make way first, then the answer that came last.
    private func withRoom(_ parts: [Part]) -> [Part] {
        var placed: [Part] = []
        for part in parts where running.contains(where: { $0 === part.sequence }) {
            while !part.sequence.cache.reserve(part.count) {
                if prefixes.evict() { continue }
                precondition(running.count > 1, "the cache holds one whole context")
                let victim = running[running.count - 1]
                preempt(running.count - 1)
                placed.removeAll { $0.sequence === victim }
                if victim === part.sequence { break }
            }
            if running.contains(where: { $0 === part.sequence }) { placed.append(part) }
        }
        return placed
    }

    // MARK: Running the model

    private func run(_ parts: [Part]) -> [ActiveRequest] {
        let segments = parts.map { part in
            DecoderSegment(
                cache: part.sequence.cache, tokens: part.sequence.uncomputed.prefix(part.count),
                logits: wanted(of: part),
                promptTokens: part.sequence.owner.request.prompt.count)
        }
        let logits = model.forward(DecoderStep(segments, resources))
        var row = 0
        var choosing: [(sequence: GenerationSequence, logits: UnsafeMutablePointer<Float>)] = []
        for (part, segment) in zip(parts, segments) {
            let sequence = part.sequence
            let reachesEnd = part.reachesEnd
            if sequence.generated == 0 { counters.promptTokens += part.count }
            if case .all = segment.logits {
                notePrompt(sequence, logits.slice(row..<row + part.count))
                row += part.count
            } else if reachesEnd {
                row += 1
            }
            if reachesEnd { choosing.append((sequence, logits.row(row - 1))) }
            advance(sequence, by: part.count)
        }
        return choose(choosing, columns: logits.columns)
    }

    private func wanted(of part: Part) -> DecoderSegment.Logits {
        if part.sequence.wantsPromptLogits { return .all }
        guard part.reachesEnd else { return .none }
        // Of tokens that the tokenizer does not know none is chosen, and one of them might have the largest logit.
        let isChosenFromAll = tokenizer.vocabularySize == model.vocabularySize
        guard isChosenFromAll, let largest = part.sequence.decidingLogits else { return .last }
        return .largestOfLast(largest)
    }

    /// Notes computed tokens, and makes full pages known to others.
    private func advance(_ sequence: GenerationSequence, by count: Int) {
        sequence.cache.advance(by: count) { index, pages in
            let page = index * CachePage.tokens..<(index + 1) * CachePage.tokens
            let isShared = !splitsPrompts || page.upperBound < sharedTokens(sequence)
            guard let node = sequence.node, isShared else { return }
            sequence.node = prefixes.extend(node, tokens: Array(sequence.tokens[page]), pages: pages)
        }
    }

    /// Whether the tokens of prompts, but for their last, have other products than what is generated.
    private var splitsPrompts: Bool { resources.backend.splitsPrompts }

    /// The tokens whose whole pages, before the last token, may be those of other sequences. Where prompts have products of
    /// their own, pages of prompts are the same in all of them, and of what was generated none is shared: known prefixes
    /// must not change a bit.
    private func sharedTokens(_ sequence: GenerationSequence) -> Int {
        splitsPrompts ? sequence.owner.request.prompt.count : sequence.tokens.count
    }

    /// Row r of the logits is what the model expected after the token at its position.
    private func notePrompt(_ sequence: GenerationSequence, _ logits: MatrixView) {
        let owner = sequence.owner
        let prompt = owner.request.prompt
        if owner.promptLogprobs.isEmpty {
            owner.promptLogprobs.append(
                TokenLogprob(id: prompt[0], bytes: Array(tokenizer.bytes(of: prompt[0])), logprob: 0, top: []))
        }
        for row in 0..<logits.rows {
            let next = sequence.cache.length + row + 1
            // What was read before it lost its place is known.
            guard next == owner.promptLogprobs.count, next < prompt.count else { continue }
            let token = Sampler.logprobs(
                of: prompt[next], logits: UnsafePointer(logits.row(row)), count: tokenizer.vocabularySize,
                top: owner.request.topLogprobs ?? 0, on: resources.backend)
            owner.promptLogprobs.append(sequence.described(token))
        }
    }

    /// Chooses a token for each of the answers, in parallel. Returns the requests that have ended.
    private func choose(
        _ choosing: [(sequence: GenerationSequence, logits: UnsafeMutablePointer<Float>)], columns: Int
    ) -> [ActiveRequest] {
        guard !choosing.isEmpty else { return [] }
        for (sequence, _) in choosing { announcePrompt(sequence) }
        var pieces: [GenerationPiece?] = Array(repeating: nil, count: choosing.count)
        pieces.withUnsafeMutableBufferPointer { pieces in
            resources.pool.forEach(choosing.count) { index in
                let (sequence, logits) = choosing[index]
                pieces[index] = sequence.choose(logits, count: columns, on: resources.backend)
            }
        }
        var ended: [ActiveRequest] = []
        for (index, (sequence, _)) in choosing.enumerated() {
            guard let piece = pieces[index] else { continue }
            let owner = sequence.owner
            owner.usage.completionTokens += 1
            counters.generatedTokens += 1
            owner.channel.send(.piece(piece))
            guard piece.finish != nil else { continue }
            release(sequence)
            running.removeAll { $0 === sequence }
            owner.open -= 1
            if owner.open == 0 { ended.append(owner) }
        }
        return ended
    }

    private func announcePrompt(_ sequence: GenerationSequence) {
        let owner = sequence.owner
        guard !owner.isPromptRead else { return }
        owner.isPromptRead = true
        owner.firstToken = .now
        owner.channel.send(.prompt(owner.promptLogprobs))
    }
}
