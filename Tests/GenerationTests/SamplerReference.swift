import Foundation
import Generation

/// The definition of the filtered distribution, written to be read: everything in double precision, everything sorted.
enum SamplerReference {
    struct Answer {
        /// Probabilities by id; no others are possible.
        var probabilities: [Int32: Double]
        /// How near a cut was to the other side: rounding may decide where this is tiny.
        var margin: Double
    }

    static func distribution(
        _ logits: [Float], _ options: SamplingOptions, seen: Set<Int32> = [], answer: [Int32] = [],
        allowed: Set<Int32>? = nil
    ) -> Answer {
        var scores: [(id: Int32, value: Double)] = []
        for (index, logit) in logits.enumerated() {
            let id = Int32(index)
            var value = Double(logit + (options.logitBias[id] ?? 0))
            if seen.contains(id) {
                value = value < 0 ? value * options.repetitionPenalty : value / options.repetitionPenalty
            }
            let times = answer.count { $0 == id }
            if times > 0 { value -= options.presencePenalty + options.frequencyPenalty * Double(times) }
            if allowed?.contains(id) ?? true, value.isFinite { scores.append((id, value)) }
        }
        var margin = Double.infinity
        // Descending, the lower id first.
        scores.sort { ($1.value, $0.id) < ($0.value, $1.id) }
        if options.topK > 0 && options.topK < scores.count {
            let gap = scores[options.topK - 1].value - scores[options.topK].value
            if gap > 0 { margin = min(margin, gap) }
            scores.removeLast(scores.count - options.topK)
        }
        let top = scores[0].value
        var kept = normalised(scores.map { ($0.id, exp(($0.value - top) / options.temperature)) })
        if options.topP < 1 { kept = prefix(kept, options.topP, &margin) }
        if options.minP > 0 {
            let least = options.minP * kept[0].p
            for entry in kept { margin = min(margin, abs(entry.p - least)) }
            kept = normalised(kept.filter { $0.p >= least })
        }
        if options.typicalP < 1 {
            let entropy = -kept.reduce(0) { $0 + $1.p * log($1.p) }
            var usual = kept.map { (distance: abs(-log($0.p) - entropy), entry: $0) }
            usual.sort { ($0.distance, $0.entry.id) < ($1.distance, $1.entry.id) }
            for (a, b) in zip(usual, usual.dropFirst()) where a.entry.p != b.entry.p {
                margin = min(margin, b.distance - a.distance)
            }
            kept = prefix(usual.map(\.entry), options.typicalP, &margin)
        }
        return Answer(
            probabilities: Dictionary(uniqueKeysWithValues: kept.map { ($0.id, $0.p) }), margin: margin)
    }

    private static func normalised(_ entries: [(id: Int32, p: Double)]) -> [(id: Int32, p: Double)] {
        let total = entries.reduce(0) { $0 + $1.p }
        return entries.map { ($0.id, $0.p / total) }
    }

    private static func prefix(
        _ entries: [(id: Int32, p: Double)], _ mass: Double, _ margin: inout Double
    ) -> [(id: Int32, p: Double)] {
        var sum = 0.0
        var count = 0
        while count < entries.count {
            sum += entries[count].p
            count += 1
            margin = min(margin, abs(sum - mass))
            if sum >= mass { break }
        }
        return normalised(Array(entries.prefix(count)))
    }
}

/// Numbers that are the same on every run.
struct TestNumbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ state >> 29) &* 0xbf58_476d_1ce4_e5b9
    }

    /// About normal, with the given deviation.
    mutating func logits(_ count: Int, spread: Float) -> [Float] {
        (0..<count).map { _ in
            (0..<4).reduce(Float(0)) { sum, _ in sum + Float.random(in: -0.866...0.866, using: &self) } * spread
        }
    }
}
