/// How often, and how far apart, a GET is tried again. Nothing is tried again unless a call asks for it: a service
/// that fails now and then has to be seen failing.
package struct RetryPolicy: Sendable {
    /// Requests in all.
    package var attempts: Int
    /// The wait after the first one.
    package var firstDelaySeconds: Double
    /// What each further wait is longer by.
    package var factor: Double
    /// The longest wait, also where the service asks for a longer one.
    package var maximumDelaySeconds: Double
    /// Answers after which it is tried again; where there is no answer at all, it always is.
    package var statuses: Set<Int>

    /// A policy.
    package init(
        attempts: Int = 5, firstDelaySeconds: Double = 0.1, factor: Double = 2, maximumDelaySeconds: Double = 5,
        statuses: Set<Int> = [429, 502, 503, 504]
    ) {
        precondition(attempts >= 1 && firstDelaySeconds >= 0 && factor >= 1 && maximumDelaySeconds >= 0)
        (self.attempts, self.firstDelaySeconds, self.factor) = (attempts, firstDelaySeconds, factor)
        (self.maximumDelaySeconds, self.statuses) = (maximumDelaySeconds, statuses)
    }

    /// The wait after an attempt, counted from 1: longer each time, or what the service asks for.
    package func delaySeconds(after attempt: Int, retryAfter: String? = nil) -> Double {
        var delay = firstDelaySeconds
        for _ in 1..<max(attempt, 1) { delay = min(delay * factor, maximumDelaySeconds) }
        if let seconds = retryAfter.flatMap(Double.init), seconds >= 0 { delay = max(delay, seconds) }
        return min(delay, maximumDelaySeconds)
    }
}

extension ServiceClient {
    /// GETs a path, again where the policy says so. What comes last is returned, or thrown.
    ///
    /// - Parameter onRetry: is told why it is tried again.
    /// - Throws: `Failure`, `CancellationError`.
    package func get(
        _ path: String, headers: [String: String] = [:], retrying policy: RetryPolicy,
        onRetry: @Sendable (String) -> Void = { _ in }
    ) async throws -> Answer {
        var attempt = 1
        while true {
            let isLast = attempt >= policy.attempts
            var retryAfter: String?
            do {
                let answer = try await request("GET", path, headers: headers)
                if isLast || !policy.statuses.contains(answer.status) { return answer }
                retryAfter = answer.headers["retry-after"]
                onRetry("attempt \(attempt) of GET \(path): status \(answer.status)")
            } catch let failure as Failure where !isLast {
                onRetry("attempt \(attempt) of GET \(path): \(failure.reason)")
            }
            try await Task.sleep(for: .seconds(policy.delaySeconds(after: attempt, retryAfter: retryAfter)))
            attempt += 1
        }
    }
}
