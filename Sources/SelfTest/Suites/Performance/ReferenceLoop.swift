internal import Foundation
internal import Synchronization

/// How fast this machine is at the moment: the time of a fixed piece of arithmetic on as many threads as the service
/// has. A machine that others use too is at times half as fast, and that is no regression of the program.
enum ReferenceLoop {
    private static let steps = 8_000_000
    private static let repetitions = 7

    /// The median time of the loop, in milliseconds, over all threads and repetitions.
    static func measure(threads: Int) async throws -> Double {
        let times = try await withThrowingTaskGroup(of: [Double].self) { group in
            for thread in 0..<max(threads, 1) {
                group.addTask {
                    try await Blocking.run { _ in (0..<repetitions).map { _ in time(seed: UInt64(thread + 1)) } }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return SampleSet(times).median
    }

    private static func time(seed: UInt64) -> Double {
        let started = ContinuousClock.now
        var state = seed
        for _ in 0..<steps { state = (state ^ (state >> 29)) &* 0xbf58_476d_1ce4_e5b9 &+ 0x9e37_79b9_7f4a_7c15 }
        // What nobody looks at is not computed.
        sink.store(state, ordering: .relaxed)
        return (.now - started) / .seconds(1) * 1000
    }

    private static let sink = Atomic<UInt64>(0)
}
