internal import Foundation

/// Who has used the processors in a time: a service under test, this program, and everybody else.
struct ProcessorUse: Sendable {
    private let at = ContinuousClock.now
    private let busySeconds: Double?
    private let ourSeconds: Double

    /// The use up to now.
    init(of process: ManagedService) {
        busySeconds = Self.busySeconds((try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? "")
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        ourSeconds = process.cpuSeconds() + Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The share of the processors that others have left free since an earlier look; 1 where that cannot be told.
    func freeShare(since earlier: ProcessorUse) -> Double {
        let wall = (at - earlier.at) / .seconds(1)
        guard let now = busySeconds, let before = earlier.busySeconds, wall > 0 else { return 1 }
        let others = (now - before) - (ourSeconds - earlier.ourSeconds)
        let processors = Double(max(ProcessInfo.processInfo.activeProcessorCount, 1))
        return min(max(1 - others / (wall * processors), 0.05), 1)
    }

    /// Seconds that all processors together have been busy, those that a hypervisor has taken away among them.
    static func busySeconds(_ stat: String) -> Double? {
        guard let line = stat.split(separator: "\n").first, line.hasPrefix("cpu ") else { return nil }
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in the first two.
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
        guard ticks.count == 8 else { return nil }
        return (ticks.reduce(0, +) - ticks[3] - ticks[4]) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
