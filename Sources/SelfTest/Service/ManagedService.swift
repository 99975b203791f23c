internal import Foundation
internal import Synchronization

/// How a service that was asked to stop did so.
package struct StopReport: Sendable, Equatable {
    /// The exit code, or the number of the signal that ended it, negative.
    package var code: Int32
    /// From the request to the end.
    package var seconds: Double
    /// Whether it had to be ended by SIGKILL because it was still there after the time of grace.
    package var wasKilled: Bool
}

/// A `svc serve` that we started.
package final class ManagedService: Sendable {
    /// A client of it.
    package let client: ServiceClient
    /// What was loaded at its start.
    package let models: [String]
    private let child: ChildProcess
    private let log: ServiceLog
    private let stopped = Mutex<StopReport?>(nil)
    private let onStop: @Sendable (ManagedService) -> Void

    init(
        client: ServiceClient, models: [String], child: ChildProcess, log: ServiceLog,
        onStop: @escaping @Sendable (ManagedService) -> Void
    ) {
        (self.client, self.models, self.child, self.log, self.onStop) = (client, models, child, log, onStop)
    }

    /// The process id.
    package var pid: Int32 { child.pid }

    /// Whether the process has not ended.
    package var isRunning: Bool { child.isRunning }

    /// All that it has logged. After its end there are the last 500 lines.
    package var logText: String { log.text }

    /// The last lines of its log.
    package func logTail(lines: Int = 40) -> String {
        log.text.split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    /// The lines of its log that explain a failure best: the report of a crash, or what it logged last.
    package func logExcerpt(lines: Int = 40) -> [String] { log.excerpt(lines: lines) }

    /// Bytes of memory that the process has now; 0 where that cannot be told, or once it has ended.
    package func residentBytes() -> Int { ProcessFigures.residentBytes(pid) }

    /// The most bytes of memory that the process has had.
    package func peakResidentBytes() -> Int { ProcessFigures.peakResidentBytes(pid) }

    /// Seconds of processor time that all threads of the process have taken; 0 where that cannot be told.
    package func cpuSeconds() -> Double { ProcessFigures.cpuSeconds(pid) }

    /// Where the machine's processor time has gone until now.
    func processorTimes() -> ProcessorTimes { ProcessFigures.processorTimes(pid) }

    /// Sends the process a signal, unless it has ended.
    package func send(_ signal: Int32) { child.send(signal) }

    /// Waits until the process ends by itself: its exit code, or nil if it still runs after so long.
    package func end(withinSeconds limit: Double) async -> Int32? { await child.end(withinSeconds: limit) }

    /// Ends the service: SIGTERM, and SIGKILL if it is still there after the time of grace. Its log and its directory
    /// go. For a service that has been stopped already, the report of that.
    @discardableResult package func stop(graceSeconds: Double = 30) async -> StopReport {
        if let report = stopped.withLock({ $0 }) { return report }
        let begun = ContinuousClock.now
        let wasKilled = await child.stop(graceSeconds: graceSeconds)
        let report = StopReport(code: await child.end(), seconds: begun.secondsUntilNow, wasKilled: wasKilled)
        let isFirst = stopped.withLock { stopped in
            defer { stopped = stopped ?? report }
            return stopped == nil
        }
        if isFirst {
            ChildRegistry.shared.remove(child)
            log.close()
            onStop(self)
        }
        return report
    }
}

/// Where a machine's processor time goes, in seconds of all its processors together.
struct ProcessorTimes: Sendable {
    /// What the service took.
    var service = 0.0
    /// What nobody took.
    var idle = 0.0
    /// What the host of a virtual machine took away.
    var stolen = 0.0

    static func + (a: Self, b: Self) -> Self {
        Self(service: a.service + b.service, idle: a.idle + b.idle, stolen: a.stolen + b.stolen)
    }

    static func - (a: Self, b: Self) -> Self {
        Self(service: a.service - b.service, idle: a.idle - b.idle, stolen: a.stolen - b.stolen)
    }
}

/// What the system tells about a process. Zero where it does not.
enum ProcessFigures {
    static func residentBytes(_ pid: Int32) -> Int {
        let words = read("/proc/\(pid)/statm").split(separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }

    static func peakResidentBytes(_ pid: Int32) -> Int {
        for line in read("/proc/\(pid)/status").split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
        }
        return 0
    }

    static func cpuSeconds(_ pid: Int32) -> Double {
        // The program's name, in parentheses, may hold spaces; user and system time are the 12th and 13th word after it.
        let text = read("/proc/\(pid)/stat")
        guard let parenthesis = text.lastIndex(of: ")") else { return 0 }
        let words = text[parenthesis...].split(separator: " ")
        guard words.count > 13, let user = Double(words[12]), let system = Double(words[13]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    static func processorTimes(_ pid: Int32) -> ProcessorTimes {
        // cpu  user nice system idle iowait irq softirq steal …
        let line = read("/proc/stat").prefix { $0 != "\n" }
        let ticks = line.split(separator: " ").dropFirst().map { Double($0) ?? 0 }
        let second = Double(sysconf(Int32(_SC_CLK_TCK)))
        guard ticks.count > 7 else { return ProcessorTimes(service: cpuSeconds(pid)) }
        return ProcessorTimes(
            service: cpuSeconds(pid), idle: (ticks[3] + ticks[4]) / second, stolen: ticks[7] / second)
    }

    private static func read(_ path: String) -> String {
        // Files of /proc have no size that could be asked for, so they are read to their end.
        guard let file = FileHandle(forReadingAtPath: path) else { return "" }
        defer { try? file.close() }
        return (try? file.readToEnd()).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
