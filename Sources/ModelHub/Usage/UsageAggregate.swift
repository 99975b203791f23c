/// What is counted together: a model's work at one task in one language pair on one day.
struct UsageKey: Hashable, Sendable {
    /// The day's number.
    var day: Int
    var model: String
    var task: String
    /// A language, `*` for several, or empty for none.
    var source: String
    var target: String
}

/// The counts of a key. Two of them add up, in any order.
struct UsageAggregate: Sendable {
    /// How many failure codes and how many models stood in for are told apart; the rest is `other`.
    static let mostNames = 32
    /// No count grows past this, so that sums do not overflow, here or in the database.
    private static let mostCounted = 1 << 53

    var requests = 0
    var texts = 0
    var characters = 0
    var sourceTokens = 0
    var targetTokens = 0
    /// Failed requests by code.
    var failures: [String: Int] = [:]
    /// Requests that this model answered for another, by that one's name.
    var standIns: [String: Int] = [:]
    var latency = LatencyHistogram()

    init() {}

    /// Adds an observation, whose names are cleaned with `isKnown`.
    mutating func add(_ observation: UsageObservation, isKnown: (@Sendable (String) -> Bool)?) {
        let count = Self.sum(observation.requests, 0)
        requests = Self.sum(requests, count)
        texts = Self.sum(texts, observation.texts)
        characters = Self.sum(characters, observation.characters)
        sourceTokens = Self.sum(sourceTokens, observation.sourceTokens)
        targetTokens = Self.sum(targetTokens, observation.targetTokens)
        if let failure = observation.failure {
            Self.add(count, of: UsageNames.failure(failure), to: &failures)
        } else {
            latency.record(seconds: observation.latencySeconds, requests: count)
        }
        if let asked = observation.standInFor {
            Self.add(count, of: UsageNames.model(asked, isKnown: isKnown), to: &standIns)
        }
    }

    /// Adds the counts of `other`.
    mutating func add(_ other: UsageAggregate) {
        requests = Self.sum(requests, other.requests)
        texts = Self.sum(texts, other.texts)
        characters = Self.sum(characters, other.characters)
        sourceTokens = Self.sum(sourceTokens, other.sourceTokens)
        targetTokens = Self.sum(targetTokens, other.targetTokens)
        for (code, count) in other.failures { Self.add(count, of: code, to: &failures) }
        for (model, count) in other.standIns { Self.add(count, of: model, to: &standIns) }
        latency.add(other.latency)
    }

    /// The sum of two counts, of which no negative one counts.
    static func sum(_ left: Int, _ right: Int) -> Int {
        min(max(0, min(left, mostCounted)) + max(0, min(right, mostCounted)), mostCounted)
    }

    private static func add(_ count: Int, of name: String, to counts: inout [String: Int]) {
        let isNew = counts[name] == nil
        let name = isNew && counts.count >= mostNames ? UsageNames.other : name
        counts[name] = sum(counts[name] ?? 0, count)
    }
}
