package import Compute

/// Chooses the tokens of one answer, one after the other. In this order:
///
/// 1. the logit bias, then the repetition penalty for the tokens of prompt and answer, then the presence and frequency
///    penalties for those of the answer;
/// 2. the mask of a grammar and the forbidden tokens: what they rule out has no probability;
/// 3. the temperature, which every later step sees, as with Hugging Face's and OpenAI's APIs (an engine that applies it
///    last keeps other tokens at the same settings);
/// 4. top-k: exactly k, the lower ids on a tie; top-p: the fewest most probable tokens that sum to p or more; min-p:
///    those of at least that share of the most probable one; typical: the fewest with the most usual surprise that sum
///    to p or more. Each filter sees the distribution that the one before has left, scaled to 1, and leaves at
///    least one token;
/// 5. one draw, along the ids.
///
/// Temperature 0 takes the largest logit after step 2, the lowest id on a tie, and draws nothing. Logits that are NaN or
/// infinite are never chosen while a finite one may be. Tokens less probable than e^−60 of the most probable one count
/// as impossible: no draw of 53 bits could reach them.
///
/// The same options with a seed, prompt, choice and logits give the same tokens on every machine: sums have a fixed
/// order, and the order of a vocabulary is that of its ids.
package struct Sampler: Sendable {
    /// The logarithm of the smallest ratio to the largest probability that is told from 0.
    private static let leastLogRatio: Float = -60
    /// The same as a ratio, with room for rounding and above what the softmax kernel gives for −∞.
    private static let leastRatio: Float = 1e-30
    /// A mask with less than one in so many tokens is walked through; with more, what it rules out is.
    private static let sparseMask = 16

    private let options: SamplingOptions
    private let vocabularySize: Int
    /// What (logit − largest) is multiplied by; 0 for the largest logit always.
    private let factor: Float
    private var adjustments: LogitAdjustments
    private var random: RandomSource
    private var blocks = LogitBlocks()
    private var candidates = Candidates()
    /// The logits as the model gave them, if log-probabilities are wanted.
    private var unchanged: [Float] = []

    /// A sampler for one answer.
    ///
    /// - Parameters:
    ///   - prompt: what the repetition penalty also counts.
    ///   - choice: which of a request's answers, from 0: each has draws of its own.
    ///   - vocabularySize: ids from there on are never chosen. Logit biases for them have no effect.
    /// - Precondition: the options are in the ranges that `SamplingOptions` states.
    package init(_ options: SamplingOptions, prompt: [Int32], choice: Int, vocabularySize: Int) {
        precondition(vocabularySize > 0, "a vocabulary of \(vocabularySize)")
        precondition(options.temperature >= 0 && options.temperature.isFinite, "temperature \(options.temperature)")
        precondition(options.topK >= 0, "top-k \(options.topK)")
        precondition(options.topP > 0 && options.topP <= 1, "top-p \(options.topP)")
        precondition(options.minP >= 0 && options.minP <= 1, "min-p \(options.minP)")
        precondition(options.typicalP > 0 && options.typicalP <= 1, "typical-p \(options.typicalP)")
        precondition(
            options.repetitionPenalty > 0 && options.repetitionPenalty.isFinite,
            "repetition penalty \(options.repetitionPenalty)")
        precondition(
            options.presencePenalty.isFinite && options.frequencyPenalty.isFinite,
            "penalties of \(options.presencePenalty) and \(options.frequencyPenalty)")
        precondition(!options.logitBias.values.contains(where: \.isNaN), "a logit bias that is not a number")
        self.options = options
        self.vocabularySize = vocabularySize
        // So near 0 that its inverse is beyond a float's range is 0.
        let inverse = 1 / Float(min(options.temperature, 1e30))
        factor = inverse.isFinite ? inverse : 0
        adjustments = LogitAdjustments(options, prompt: prompt, vocabularySize: vocabularySize)
        random = RandomSource(seed: options.seed, choice: choice)
    }

    /// The logits that can make a difference, as the model gives them, where neither a mask nor forbidden tokens nor
    /// log-probabilities are given; nil for all. What is chosen with −∞ in place of the others is the same.
    var decidingLogits: LargestValues? {
        guard adjustments.isNone else { return nil }
        if factor == 0 { return LargestValues() }
        if options.topK > 0 { return LargestValues(count: options.topK) }
        guard options.topP == 1, options.minP > 0 else { return nil }
        return LargestValues(margin: -leastDistance(share: options.minP))
    }

    /// How far, at most, the logit of a token of at least that share of the most probable one is from that one's, which is
    /// 0 or less. A little lower than what is exact.
    private func leastDistance(share: Double) -> Float {
        // ln 0 would be −∞, and so small a share rules nothing out.
        (Float(portableLogarithm(max(share, 1e-30))) * 1.01 - 0.01) / factor
    }

    /// Chooses the next token and takes note of it for the penalties.
    ///
    /// - Parameters:
    ///   - logits: `count` of them, one for each id; they are changed.
    ///   - allowed: the tokens that may come; nil for all. At least one.
    ///   - forbidden: tokens that may not come, unless no other is allowed.
    ///   - topLogprobs: how many of the most probable tokens are wanted with their log-probabilities; nil for no
    ///     log-probabilities at all, which is faster.
    /// - Returns: an id below `count` and the size of the vocabulary, and allowed.
    package mutating func next(
        logits: UnsafeMutablePointer<Float>, count: Int, allowed: TokenMask?, forbidden: [Int32], topLogprobs: Int?,
        on backend: ComputeBackend
    ) -> SampledToken {
        let size = min(count, vocabularySize)
        let changes = factor != 0 || !adjustments.isNone || allowed != nil || !forbidden.isEmpty
        if topLogprobs != nil && changes { keepUnchanged(logits, count: size) }
        let id = choose(logits, count: count, allowed: allowed, forbidden: forbidden, on: backend)
        adjustments.note(id)
        guard let topLogprobs else { return SampledToken(id: id) }
        return unchanged.withUnsafeBufferPointer { unchanged in
            let row = changes ? unchanged.baseAddress : UnsafePointer(logits)
            guard let row else { return SampledToken(id: id) }
            return Self.logprobs(
                of: id, logits: row, count: size, top: topLogprobs, blocks: &blocks, candidates: &candidates,
                on: backend)
        }
    }

    /// The tokens that a draw could give, with their probabilities, for tests. Nothing is drawn or noted.
    mutating func probabilities(
        logits: UnsafeMutablePointer<Float>, count: Int, allowed: TokenMask? = nil, forbidden: [Int32] = [],
        on backend: ComputeBackend
    ) -> [(id: Int32, probability: Double)] {
        switch distribution(logits, count: count, allowed: allowed, forbidden: forbidden, on: backend) {
        case .certain(let id): return [(id, 1)]
        case .listed:
            let total = candidates.total
            return (0..<candidates.count).map { (candidates.id($0), Double(candidates.weight($0)) / total) }
        case .row(let size, let least):
            let total = (0..<size).reduce(0) { $0 + (logits[$1] >= least ? Double(logits[$1]) : 0) }
            return (0..<size).filter { logits[$0] >= least }.map { (Int32($0), Double(logits[$0]) / total) }
        }
    }

    private mutating func choose(
        _ logits: UnsafeMutablePointer<Float>, count: Int, allowed: TokenMask?, forbidden: [Int32],
        on backend: ComputeBackend
    ) -> Int32 {
        let distribution = distribution(logits, count: count, allowed: allowed, forbidden: forbidden, on: backend)
        guard factor != 0 else {
            guard case .certain(let id) = distribution else { preconditionFailure("temperature 0 leaves one token") }
            return id
        }
        // One number for each token, whether it decides anything or not: a token that had no rival does not shift the
        // draws after it.
        let uniform = random.uniform()
        switch distribution {
        case .certain(let id): return id
        case .listed: return candidates.draw(uniform)
        case .row(let size, let least):
            let index = blocks.draw(logits, count: size, least: least, uniform: uniform)
            return Int32(index ?? backend.argmax(logits, count: size))
        }
    }

    private mutating func keepUnchanged(_ logits: UnsafePointer<Float>, count: Int) {
        if unchanged.count != count { unchanged = Array(repeating: 0, count: count) }
        unchanged.withUnsafeMutableBufferPointer { unchanged in
            unchanged.baseAddress?.update(from: logits, count: count)
        }
    }
}

extension Sampler {
    /// What there is to draw from.
    private enum Distribution {
        /// This token.
        case certain(Int32)
        /// The candidates, whose weights are probabilities.
        case listed
        /// The first so many of the row, which now holds probabilities; those below `least` are impossible.
        case row(Int, least: Float)
    }

    private mutating func distribution(
        _ logits: UnsafeMutablePointer<Float>, count: Int, allowed: TokenMask?, forbidden: [Int32],
        on backend: ComputeBackend
    ) -> Distribution {
        precondition(count > 0, "no logits")
        let size = min(count, vocabularySize)
        let population = allowed.map { $0.population(below: size) } ?? size
        precondition(population > 0, "the mask allows no token")
        adjustments.apply(to: logits, count: size)
        for id in forbidden where id >= 0 && Int(id) < size { logits[Int(id)] = -.infinity }

        if !adjustments.forced.isEmpty {
            candidates.gather(logits, count: size, ids: adjustments.forced.filter { allowed?.contains($0) ?? true })
            if candidates.count > 0 { return filtered(on: backend) }
        }
        if let allowed, population < size {
            if population < size / Self.sparseMask {
                candidates.gather(logits, count: size, allowed: allowed, population: population)
                return candidates.count > 0
                    ? filtered(on: backend) : .certain(fallback(size, allowed, forbidden))
            }
            allowed.ban(in: logits, count: size)
        }
        if factor == 0 {
            let id = largest(logits, count: size, on: backend)
            return .certain(id ?? fallback(size, allowed, forbidden))
        }
        blocks.read(logits, count: size)
        if blocks.top == .infinity {
            LogitBlocks.discardImpossible(logits, count: size)
            blocks.read(logits, count: size)
        }
        guard blocks.top > -.infinity else { return .certain(fallback(size, allowed, forbidden)) }
        return wholeVocabulary(logits, count: size, on: backend)
    }

    /// The index of the largest finite logit.
    private func largest(
        _ logits: UnsafeMutablePointer<Float>, count: Int, on backend: ComputeBackend
    ) -> Int32? {
        var index = backend.argmax(logits, count: count)
        if !logits[index].isFinite {
            LogitBlocks.discardImpossible(logits, count: count)
            index = backend.argmax(logits, count: count)
        }
        return logits[index].isFinite ? Int32(index) : nil
    }

    /// Filters without looking at every token again and again: what surely falls out is never listed.
    private mutating func wholeVocabulary(
        _ logits: UnsafeMutablePointer<Float>, count: Int, on backend: ComputeBackend
    ) -> Distribution {
        let top = blocks.top
        // A little lower than what is exact, so that rounding loses nothing; the exact comparison comes later.
        var bound = max(top + Self.leastLogRatio * 1.01 / factor, -Float.greatestFiniteMagnitude)
        if options.topK > 0 && options.topK < count {
            bound = max(bound, blocks.bound(forLargest: options.topK))
        } else if options.topP < 1 || (options.minP == 0 && options.typicalP == 1) {
            let index = blocks.indexOfTop(logits, count: count)
            LogitBlocks.temper(logits, count: count, top: top, factor: factor, least: Self.leastLogRatio)
            backend.softmax(logits, count: count)
            let largest = logits[index]
            guard options.topP < 1 else { return .row(count, least: largest * Self.leastRatio) }
            // All tokens less probable than (1 − p) / n sum to less than 1 − p: the nucleus is without them. Half of that
            // makes room for rounding.
            let least = max(Float((1 - options.topP) / Double(count) / 2), largest * Self.leastRatio)
            let ratio = portableLogarithm(Double(least) / Double(largest))
            candidates.gather(
                logits, count: count, from: least, blocks: blocks,
                blockBound: top + (Float(ratio) * 1.01 - 0.01) / factor)
            candidates.keepNucleus(options.topP)
            return unusual()
        } else if options.minP > 0 {
            bound = max(bound, top + leastDistance(share: options.minP))
        }
        candidates.gather(logits, count: count, from: bound, blocks: blocks, blockBound: bound)
        return filtered(on: backend)
    }

    /// All filters for candidates that have logits.
    private mutating func filtered(on backend: ComputeBackend) -> Distribution {
        if factor == 0 { return .certain(candidates.id(candidates.best ?? 0)) }
        if options.topK > 0 { candidates.keepLargest(options.topK) }
        candidates.normalise(factor: factor, least: Self.leastLogRatio, on: backend)
        if options.topP < 1 { candidates.keepNucleus(options.topP) }
        return unusual()
    }

    /// The filters that come after top-p.
    private mutating func unusual() -> Distribution {
        if options.minP > 0 { candidates.keepAbove(share: options.minP) }
        if options.typicalP < 1 { candidates.keepTypical(options.typicalP) }
        return .listed
    }

    /// A token where none has a finite logit: the first that is allowed and neither forbidden nor banned by its bias;
    /// if there is none, rather a banned than a forbidden one, and rather that than one that is not allowed.
    private func fallback(_ size: Int, _ allowed: TokenMask?, _ forbidden: [Int32]) -> Int32 {
        func first(_ excluded: Set<Int32>) -> Int32? {
            (0..<Int32(size)).first { (allowed?.contains($0) ?? true) && !excluded.contains($0) }
        }
        return first(Set(forbidden + adjustments.banned)) ?? first(Set(forbidden)) ?? first([]) ?? 0
    }
}
