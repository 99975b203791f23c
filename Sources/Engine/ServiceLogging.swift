internal import Foundation
internal import Glibc
package import Logging
internal import Synchronization

/// Log lines on standard error, for people or for programs. Standard output belongs to answers.
package struct ServiceLogHandler: LogHandler {
    /// How a line looks.
    package enum Format: String, Sendable, CaseIterable {
        /// `2026-01-31T12:00:00Z info model state model=… state=…`
        case text
        /// One JSON object a line.
        case json
    }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let format: Format

    /// A handler that writes lines at or above a level.
    package init(format: Format, level: Logger.Level) {
        self.format = format
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let own = event.metadata ?? [:]
        var fields: [(key: String, value: String)] = []
        fields.reserveCapacity(own.count + metadata.count)
        for (key, value) in own where !key.hasPrefix("hb.") { fields.append((key, "\(value)")) }
        for (key, value) in metadata where own[key] == nil && !key.hasPrefix("hb.") {
            fields.append((key, "\(value)"))
        }
        fields.sort { $0.key < $1.key }
        let time = LogTime.now()
        var line = ""
        line.reserveCapacity(256)
        switch format {
        case .text:
            line += "\(time) \(event.level) \(event.message)"
            for (key, value) in fields { line += " \(key)=\(Self.quoted(value))" }
        case .json:
            line += Self.json([("time", time), ("level", "\(event.level)"), ("message", "\(event.message)")] + fields)
        }
        line += "\n"
        Self.write(&line)
    }

    /// One write a line, so that lines of several threads do not mix.
    private static func write(_ line: inout String) {
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN {
                    // A pipe that is full and does not block: its reader is waited for as on any other.
                    var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&descriptor, 1, -1)
                    continue
                }
                // Nobody reads the log any more, or its disk is full: no reason to answer requests worse.
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }

    /// Whether a text is of ASCII's visible characters without `"` and `\`, as nearly every field's is: nothing in it has
    /// to be quoted or escaped.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }

    private static func quoted(_ text: String) -> String {
        if !text.isEmpty, isPlain(text) { return text }
        guard text.contains(where: { $0 == " " || $0 == "\"" || $0.isNewline }) || text.isEmpty else { return text }
        return text.debugDescription
    }

    private static func json(_ fields: [(String, String)]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        func encoded(_ text: String) -> String {
            if isPlain(text) { return "\"\(text)\"" }
            guard let data = try? encoder.encode(text) else { return "\"\"" }
            return String(decoding: data, as: UTF8.self)
        }
        return "{" + fields.map { "\(encoded($0.0)):\(encoded($0.1))" }.joined(separator: ",") + "}"
    }
}

/// The time of log lines, written out once a second: a busy service logs thousands of lines in each.
private enum LogTime {
    private static let last = Mutex((second: Int.min, text: ""))

    /// The time as ISO 8601, in seconds.
    static func now() -> String {
        let now = Date.now
        let second = Int(now.timeIntervalSince1970.rounded(.down))
        return last.withLock { last in
            if last.second != second { last = (second, now.formatted(.iso8601)) }
            return last.text
        }
    }
}
