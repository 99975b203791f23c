/// How long a request takes when there is no other.
enum Latency {
    private static let rounds = 5

    /// Requests one after the other, in rounds.
    static func request(_ context: CaseContext) async throws -> [Figure] {
        let generator = LoadGenerator(
            client: try context.client(), query: try PerformanceQueries.query(try context.theModel()))
        // The first ones find cold caches.
        _ = try await generator.sequence(count: 30, limit: 1)
        var seconds: [[Double]] = []
        for _ in 0..<rounds { seconds.append(try await generator.sequence(count: 200, limit: 1.5)) }
        return SampleSet.percentiles("request", seconds: seconds)
    }

    /// Streams one after the other: when the first token comes, and how far apart the others are.
    static func generation(_ context: CaseContext) async throws -> [Figure] {
        let model = try context.theModel(), client = try context.client()
        let query = PerformanceQueries.generation(model, tokens: 12, isStreamed: true)
        var first: [[Double]] = [], gaps: [[Double]] = [], rates: [Double] = []
        var number = 0
        for round in 0...rounds {
            let started = ContinuousClock.now
            var firstOfRound: [Double] = [], gapsOfRound: [Double] = []
            for count in 0..<20 {
                if count >= 3, (.now - started) / .seconds(1) > 2 { break }
                let query = query(0, number)
                number += 1
                let stream = try await client.stream("POST", query.path, json: query.body)
                try stream.answer.expecting(status: 200)
                // The last event has the reason of the end and no text.
                let times = stream.events.dropLast().map(\.at)
                guard let begin = times.first, let end = times.last, times.count > 1, end > begin else {
                    throw CaseFailure(
                        "expected a stream of 12 tokens, found \(times.count) pieces of text",
                        evidence: stream.evidence)
                }
                firstOfRound.append(begin)
                gapsOfRound += zip(times, times.dropFirst()).map { $1 - $0 }
                // Some tokens are no text of their own, so what is counted is what was asked for.
                if round > 0 { rates.append(11 / (end - begin)) }
            }
            // The first round warms up.
            if round > 0 { (first, gaps) = (first + [firstOfRound], gaps + [gapsOfRound]) }
        }
        return SampleSet.percentiles("first_token", seconds: first) + SampleSet.percentiles("token_gap", seconds: gaps)
            + [Figure("tokens", SampleSet(rates).median, .tokensPerSecond, better: .more)]
    }
}
