/// Clients that ask a service all the time, each over a connection of its own that it keeps.
struct LoadGenerator: Sendable {
    /// What came of it.
    struct Result: Sendable {
        /// How long each answer took that ended within the time that counts, in seconds.
        var seconds: [Double]
        /// How many answers that were.
        var units: Double
        /// How long the time that counts was.
        var windowSeconds: Double

        /// Answers a second.
        var rate: Double { windowSeconds > 0 ? units / windowSeconds : 0 }
    }

    /// A request of a client: a POST of JSON, or a GET where there is no body.
    struct Query: Sendable {
        var path: String
        var body: String?

        /// Asks, and waits for the whole answer.
        ///
        /// - Throws: `CaseFailure` where the answer is not 200, or is a stream that does not end as one;
        ///   `ServiceClient.Failure`; `CancellationError`.
        func ask(
            _ client: ServiceClient, over session: CurlSession, timeoutSeconds: Double, _ flag: Blocking.Flag
        ) throws -> ServiceClient.Answer {
            let request = client.sent(
                body == nil ? "GET" : "POST", path, headers: body == nil ? [:] : ["Content-Type": "application/json"],
                body: body.map { Array($0.utf8) })
            do {
                let limits = CurlSession.Limits(totalSeconds: timeoutSeconds)
                let answer = try session.answer(request, limits: limits) { flag.isSet }.expecting(status: 200)
                let isStream = answer.headers["content-type"]?.hasPrefix("text/event-stream") ?? false
                if isStream, !answer.text.hasSuffix("data: [DONE]\n\n") {
                    throw CaseFailure("POST \(path): expected a stream that ends in [DONE], found its end before")
                }
                return answer
            } catch let interruption as CurlSession.Interruption {
                throw interruption.error(url: request.url)
            }
        }
    }

    let client: ServiceClient
    /// The query of a client, by its number and how many it has sent before.
    let query: @Sendable (_ client: Int, _ number: Int) -> Query
    /// How long a single answer may take.
    var timeoutSeconds = 300.0

    /// Asks one after the other.
    ///
    /// - Parameters:
    ///   - count: the most requests.
    ///   - limit: seconds after which no more are sent, but for the first three.
    /// - Returns: the seconds of each.
    /// - Throws: `CaseFailure` where an answer is not 200, `ServiceClient.Failure`.
    func sequence(count: Int, limit: Double) async throws -> [Double] {
        try await Blocking.run { flag in
            let session = try session()
            let started = ContinuousClock.now
            var seconds: [Double] = []
            for number in 0..<count {
                if number >= 3, (.now - started) / .seconds(1) > limit { break }
                seconds.append(try ask(session, client: 0, number: number, flag).seconds)
            }
            return seconds
        }
    }

    /// Lets clients ask at the same time. What happens in the first part, until all are at work, does not count.
    ///
    /// - Throws: as `sequence`.
    func run(clients: Int, rampSeconds: Double, windowSeconds: Double) async throws -> Result {
        let began = ContinuousClock.now
        let opens = began + .seconds(rampSeconds), closes = opens + .seconds(windowSeconds)
        let results = try await withThrowingTaskGroup(of: [Double].self) { group in
            for client in 0..<clients {
                group.addTask {
                    try await Blocking.run { flag in
                        let session = try session()
                        var seconds: [Double] = []
                        var number = 0
                        while ContinuousClock.now < closes {
                            let answer = try ask(session, client: client, number: number, flag)
                            number += 1
                            let now = ContinuousClock.now
                            if now >= opens, now < closes { seconds.append(answer.seconds) }
                        }
                        return seconds
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return Result(seconds: results, units: Double(results.count), windowSeconds: windowSeconds)
    }

    /// Lets clients ask so many times each, all at the same time.
    ///
    /// - Returns: answers, and the seconds from the first request to the last answer.
    /// - Throws: as `sequence`.
    func batch(clients: Int, requestsEach: Int) async throws -> Result {
        let began = ContinuousClock.now
        let seconds = try await withThrowingTaskGroup(of: [Double].self) { group in
            for client in 0..<clients {
                group.addTask {
                    try await Blocking.run { flag in
                        let session = try session()
                        return try (0..<requestsEach).map {
                            try ask(session, client: client, number: $0, flag).seconds
                        }
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return Result(seconds: seconds, units: Double(seconds.count), windowSeconds: (.now - began) / .seconds(1))
    }

    private func session() throws -> CurlSession { try CurlSession.opened(for: client) }

    private func ask(
        _ session: CurlSession, client number: Int, number count: Int, _ flag: Blocking.Flag
    ) throws -> ServiceClient.Answer {
        try query(number, count).ask(client, over: session, timeoutSeconds: timeoutSeconds, flag)
    }
}

extension CurlSession {
    /// A connection of a client of its own.
    ///
    /// - Throws: `ServiceClient.Failure`.
    static func opened(for client: ServiceClient) throws -> CurlSession {
        do { return try CurlSession() } catch let interruption as Interruption {
            throw interruption.error(url: client.baseURL)
        }
    }
}
