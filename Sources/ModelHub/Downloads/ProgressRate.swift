/// How fast bytes come: their number over the last seconds.
///
/// Over ten seconds, so that neither one slow read nor what lay ready on the disk says much about when it will be over.
package struct ProgressRate: Sendable {
    private static let window: Duration = .seconds(10)
    /// Samples nearer together than this are one: there are few of them however often reports come.
    private static let spacing: Duration = .milliseconds(100)
    /// A rate over less than this would be a guess.
    private static let shortest: Duration = .milliseconds(500)
    private var samples: [(time: ContinuousClock.Instant, bytes: Int)] = []

    /// Nothing yet.
    package init() {}

    /// Notes that so many bytes are here by now. Fewer than before means that it began anew.
    package mutating func record(_ bytes: Int, at time: ContinuousClock.Instant) {
        if let last = samples.last, bytes < last.bytes { samples = [] }
        let isNear =
            samples.count > 1 && samples[samples.count - 1].time - samples[samples.count - 2].time < Self.spacing
        if isNear { samples.removeLast() }
        samples.append((time, bytes))
        // One that is older than the window stays, to count from.
        while samples.count > 2, time - samples[1].time >= Self.window { samples.removeFirst() }
    }

    /// Forgets what was; for a phase that counts anew.
    package mutating func reset() { samples = [] }

    /// Bytes per second; 0 where nothing came for the whole window, or where there is too little to tell.
    package func bytesPerSecond(at time: ContinuousClock.Instant) -> Double {
        guard let last = samples.last,
            let start = samples.last(where: { time - $0.time >= Self.window }) ?? samples.first
        else { return 0 }
        let span = time - start.time
        guard span >= Self.shortest else { return 0 }
        return Double(last.bytes - start.bytes) / span.seconds
    }
}

extension Duration {
    /// In seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
