import Foundation
import ModelHub

/// How far downloads are, on standard error: on a terminal a line with a bar for each file, redrawn in place; elsewhere a
/// line now and then; nothing with --json.
struct PullDisplay {
    private static let plainInterval: Duration = .seconds(10)
    /// What is done sooner than this needs no words on the way.
    private static let patience: Duration = .seconds(1)
    private let start = ContinuousClock.now
    private let isShown: Bool
    private let isDrawn: Bool
    private var drawnLines = 0
    private var meters: [String: ProgressRate] = [:]
    private var said: [String: Said] = [:]

    /// What was said last of a model, where lines are not redrawn.
    private struct Said {
        var state: DownloadStatus.State
        /// The files that were not done then.
        var unfinished: Set<String> = []
        var time: ContinuousClock.Instant
    }

    init(json: Bool) {
        isShown = !json
        isDrawn = !json && Output.isInteractive && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    /// Shows how the jobs stand.
    mutating func show(_ statuses: [DownloadStatus]) {
        guard isShown else { return }
        isDrawn ? draw(statuses) : say(statuses)
    }

    /// Writes a line that stays.
    mutating func note(_ text: String) {
        guard isShown else { return }
        clear()
        Output.note(text)
    }

    /// Removes what is redrawn.
    mutating func clear() {
        guard drawnLines > 0 else { return }
        Output.prompt("\u{1b}[\(drawnLines)A\r\u{1b}[J")
        drawnLines = 0
    }

    // MARK: - A terminal

    private mutating func draw(_ statuses: [DownloadStatus]) {
        let size = Self.terminalSize()
        var lines: [String] = []
        for status in statuses where !status.state.hasEnded { lines += rows(status) }
        // What does not fit could not be redrawn.
        if lines.count > size.rows - 1 {
            let hidden = lines.count - (size.rows - 2)
            lines = lines.prefix(size.rows - 2) + ["… and \(hidden) more"]
        }
        let text = lines.map { $0.prefix(size.columns - 1) + "\u{1b}[K\n" }.joined()
        let up = drawnLines > 0 ? "\u{1b}[\(drawnLines)A\r" : ""
        Output.prompt(up + text + "\u{1b}[J")
        drawnLines = lines.count
    }

    /// The lines of a model: one for it, and one for each file that is not done.
    private mutating func rows(_ status: DownloadStatus) -> [String] {
        var parts = [status.model, Self.word(status)]
        if !status.files.isEmpty {
            parts.append("\(status.files.count { $0.state == .done }) of \(status.files.count) files")
        }
        if status.files.isEmpty, status.state != .queued {
            parts.append(Self.bar(status.completedBytes, status.totalBytes))
        }
        if status.completedBytes > 0 || status.totalBytes != nil {
            parts.append(Self.amount(status.completedBytes, status.totalBytes))
        }
        parts += Self.speed(status.bytesPerSecond, status.secondsLeft)
        let files = status.files.filter { [.downloading, .verifying, .retrying].contains($0.state) }
        let width = files.map(\.path.count).max() ?? 0
        return [parts.joined(separator: "  ")] + files.map { row($0, status.model, width) }
    }

    private mutating func row(_ file: FileProgress, _ model: String, _ width: Int) -> String {
        let now = ContinuousClock.now
        let key = model + "/" + file.path
        meters[key, default: ProgressRate()].record(file.completedBytes, at: now)
        let rate = file.state == .downloading ? meters[key]?.bytesPerSecond(at: now) ?? 0 : 0
        let left = file.totalBytes.flatMap { rate > 0 ? Double(max(0, $0 - file.completedBytes)) / rate : nil }
        var parts = [
            "  " + file.path.padding(toLength: width, withPad: " ", startingAt: 0),
            Self.bar(file.completedBytes, file.totalBytes), Self.amount(file.completedBytes, file.totalBytes),
        ]
        switch file.state {
        case .verifying: parts.append("verifying")
        case .retrying: parts.append("again in a moment" + (file.reason.map { ": \($0)" } ?? ""))
        default: parts += Self.speed(rate, left)
        }
        return parts.joined(separator: "  ")
    }

    private static func terminalSize() -> (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 2 else {
            return (24, 80)
        }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    // MARK: - A file or a pipe

    private mutating func say(_ statuses: [DownloadStatus]) {
        let now = ContinuousClock.now
        guard now - start >= Self.patience else { return }
        for status in statuses where status.state != .queued && !status.state.hasEnded {
            var last = said[status.model] ?? Said(state: .queued, time: now)
            if last.state != status.state || now - last.time >= Self.plainInterval {
                Output.note(Self.line(status))
                (last.state, last.time) = (status.state, now)
            }
            // What was here before is no news.
            for file in status.files where file.state == .done && last.unfinished.contains(file.path) {
                Output.note("\(status.model): \(file.path), \(Self.size(file.completedBytes)), done")
            }
            last.unfinished = Set(status.files.filter { $0.state != .done }.map(\.path))
            said[status.model] = last
        }
    }

    private static func line(_ status: DownloadStatus) -> String {
        var parts = ["\(status.model): \(word(status))"]
        if status.completedBytes > 0 || status.totalBytes != nil {
            parts.append(amount(status.completedBytes, status.totalBytes))
        }
        return (parts + speed(status.bytesPerSecond, status.secondsLeft)).joined(separator: ", ")
    }

    // MARK: - Words

    private static func word(_ status: DownloadStatus) -> String {
        switch (status.state, status.phase) {
        case (.downloading, .waiting): "waiting for another process that pulls it"
        case (.verifying, .extracting): "extracting"
        default: status.state.rawValue
        }
    }

    private static func bar(_ completed: Int, _ total: Int?) -> String {
        let width = 24
        guard let total, total > 0 else { return String(repeating: "·", count: width) }
        let share = max(0, min(1, Double(completed) / Double(total)))
        let filled = Int((Double(width) * share).rounded(.down))
        let percent = String(Int(share * 100))
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
            + " " + String(repeating: " ", count: 3 - percent.count) + percent + " %"
    }

    private static func amount(_ completed: Int, _ total: Int?) -> String {
        size(completed) + (total.map { " of \(size($0))" } ?? "")
    }

    private static func speed(_ rate: Double, _ left: Double?) -> [String] {
        guard rate > 0 else { return [] }
        return [size(Int(rate)) + "/s"] + (left.map { [time($0) + " left"] } ?? [])
    }

    /// A size in at most five signs and a unit.
    static func size(_ bytes: Int) -> String {
        switch bytes {
        case 10_000_000_000...: "\(bytes / 1_000_000_000) GB"
        case 1_000_000_000...: "\(Double(bytes / 100_000_000) / 10) GB"
        case 10_000...: bytes >= 10_000_000 ? "\(bytes / 1_000_000) MB" : "\(Double(bytes / 10_000) / 100) MB"
        default: "\(bytes) B"
        }
    }

    /// A time as people say it: 45 s, 3 min 20 s, 2 h 5 min.
    static func time(_ seconds: Double) -> String {
        let seconds = Int(min(seconds.rounded(.up), 1e9))
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min \(seconds % 60) s"
        case ..<172_800: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: return "\(seconds / 86_400) days"
        }
    }
}
