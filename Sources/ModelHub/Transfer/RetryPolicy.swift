/// When a failed request is tried again.
struct RetryPolicy {
    let attempts: Int
    let firstDelaySeconds: Double
    let longestDelaySeconds: Double
    let longestRetryAfterSeconds: Double

    init(_ configuration: TransferConfiguration) {
        attempts = configuration.attempts
        firstDelaySeconds = configuration.firstDelaySeconds
        longestDelaySeconds = configuration.longestDelaySeconds
        longestRetryAfterSeconds = configuration.longestRetryAfterSeconds
    }

    /// How long to wait after `failures` in a row, `failures` at least 1: a random part of a delay that doubles, so that
    /// many who failed at once do not come back at once. What the source asks for comes on top.
    func delay(afterFailures failures: Int, retryAfter: Double?, random: Double = .random(in: 0..<1)) -> Double {
        let longest = min(longestDelaySeconds, firstDelaySeconds * Double(1 << min(failures - 1, 30)))
        guard let retryAfter else { return random * longest }
        return retryAfter + random * min(longest, firstDelaySeconds)
    }

    /// Whether to go on after `failures` in a row, the last of them `error`.
    func allows(_ error: TransferError, failures: Int) -> Bool {
        error.isTransient && failures < attempts && (error.retryAfterSeconds ?? 0) <= longestRetryAfterSeconds
    }

    /// Whether a status may be another one soon.
    static func isTransient(status: Int) -> Bool {
        [408, 425, 429].contains(status) || status >= 500 && ![501, 505].contains(status)
    }
}
