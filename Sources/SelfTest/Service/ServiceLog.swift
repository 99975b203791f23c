internal import Foundation
internal import Synchronization

/// The log of a service: a file while it runs, and what is worth keeping of it in memory afterwards.
final class ServiceLog: Sendable {
    private static let keptLines = 500
    private let directory: TemporaryDirectory
    private let kept: String?
    private let remains = Mutex<String?>(nil)

    /// - Parameters:
    ///   - directory: where the service writes its log to `log`; removed by `close`.
    ///   - kept: the path that a copy is left at.
    init(_ directory: TemporaryDirectory, kept: String?) { (self.directory, self.kept) = (directory, kept) }

    var text: String { remains.withLock { $0 } ?? directory.text("log") }

    /// The lines that explain a failure best: the beginning of the report of a crash where there is one, else the last
    /// lines, without those that waiting for a model left there.
    func excerpt(lines count: Int) -> [String] {
        let lines = text.split(separator: "\n").map(String.init)
        let signs = ["Program crashed", "Fatal error:", "Bad pointer dereference", "*** "]
        if let crash = lines.lastIndex(where: { line in signs.contains { line.contains($0) } }) {
            return Array(lines[crash...].prefix(count))
        }
        return lines.filter { !Self.isOurPolling($0) }.suffix(count)
    }

    private static func isOurPolling(_ line: String) -> Bool {
        line.contains("info request method=GET") && line.hasSuffix("status=200")
            && (line.contains("path=/models/") || line.contains("path=/health "))
    }

    /// Removes the file, once the service has ended.
    func close() {
        let text = directory.text("log")
        if let kept { try? Data(text.utf8).write(to: URL(fileURLWithPath: kept)) }
        remains.withLock { $0 = text.split(separator: "\n").suffix(Self.keptLines).joined(separator: "\n") }
        directory.remove()
    }
}
