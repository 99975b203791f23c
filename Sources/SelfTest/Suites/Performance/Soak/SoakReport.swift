/// What came of a soak: as data, whose keys are those of docs/json-schema/bench-soak.json.
package struct SoakReport: Sendable, Encodable {
    /// Times of one kind of request.
    package struct Kind: Sendable, Encodable {
        /// Which.
        package var kind: SoakKind
        /// Requests that ended.
        package var requests: Int
        /// Those of them that failed.
        package var failures: Int
        /// Milliseconds from when a request was due to the end of a right answer; nil where there is none.
        package var p50Ms: Double?
        package var p95Ms: Double?
        package var p99Ms: Double?
    }

    /// A minute, or a shorter part of a short run.
    package struct Interval: Sendable, Encodable {
        /// When it began, in seconds from the first request.
        package var fromSeconds: Double
        /// How long it was.
        package var seconds: Double
        /// Requests that ended in it.
        package var requests: Int
        /// Those of them that failed.
        package var failures: Int
        /// Memory of the service in its middle, by the median of a look each second.
        package var residentBytes: Int
        /// Processor time that the service took, in seconds.
        package var serviceSeconds: Double
        /// Processor time that nobody took.
        package var idleSeconds: Double
        /// Processor time that the host of a virtual machine took away.
        package var stolenSeconds: Double
        /// By kind of request.
        package var kinds: [Kind]
    }

    /// A failure, and how often it was met.
    package struct Failure: Sendable, Encodable {
        /// What was wrong.
        package var reason: String
        /// How many requests it was.
        package var count: Int
    }

    /// The models that were asked.
    package var models: [String]
    /// How long it was to take.
    package var minutes: Double
    /// The share of the capacity that was sent.
    package var share: Double
    /// Requests of this mix that the service answers in a second when it has no pause.
    package var capacityPerSecond: Double
    /// Requests a second that were sent.
    package var ratePerSecond: Double
    /// How long it took.
    package var seconds: Double
    /// Requests that ended.
    package var requests: Int
    /// Those of them that failed.
    package var failures: Int
    /// The most frequent reasons, at most ten.
    package var failureReasons: [Failure]
    /// All of the run, by kind of request.
    package var kinds: [Kind]
    /// Minute by minute.
    package var intervals: [Interval]
    /// Nil where it was too short to tell.
    package var verdict: SoakVerdict?
    /// How the service ended by itself, and the last lines of its log; nil where it did not.
    package var serviceEnd: String?
}
