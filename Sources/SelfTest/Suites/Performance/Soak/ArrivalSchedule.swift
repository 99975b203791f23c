internal import Foundation

/// When requests start, whatever comes of those before: gaps that are distributed exponentially, as between people who
/// know nothing of each other, and the same in every run.
struct ArrivalSchedule: Sendable {
    /// Requests a second, in the mean.
    let rate: Double
    /// For how long.
    let seconds: Double
    private var at = 0.0
    private var number = 0
    /// Of the linear congruential generator of Knuth's MMIX.
    private var state: UInt64 = 1

    init(rate: Double, seconds: Double) { (self.rate, self.seconds) = (rate, seconds) }

    /// The next request: its number, and its start in seconds from the beginning. Nil once the time is over.
    mutating func next() -> (number: Int, at: Double)? {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let uniform = (Double(state >> 11) + 1) / Double(1 << 53)
        at -= log(uniform) / rate
        guard at < seconds else { return nil }
        defer { number += 1 }
        return (number, at)
    }
}
