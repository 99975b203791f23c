internal import Foundation
package import Logging

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
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.filter { !$0.key.hasPrefix("hb.") }
            .sorted { $0.key < $1.key }
        let time = Date.now.formatted(.iso8601)
        let line =
            switch format {
            case .text:
                "\(time) \(event.level) \(event.message)"
                    + fields.map { " \($0.key)=\(Self.quoted("\($0.value)"))" }.joined()
            case .json:
                Self.json(
                    [("time", time), ("level", "\(event.level)"), ("message", "\(event.message)")]
                        + fields.map { ($0.key, "\($0.value)") })
            }
        // One write a line, so that lines of several threads do not mix.
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { $0 == " " || $0 == "\"" || $0.isNewline }) || text.isEmpty else { return text }
        return text.debugDescription
    }

    private static func json(_ fields: [(String, String)]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        func encoded(_ text: String) -> String {
            guard let data = try? encoder.encode(text) else { return "\"\"" }
            return String(decoding: data, as: UTF8.self)
        }
        return "{" + fields.map { "\(encoded($0.0)):\(encoded($0.1))" }.joined(separator: ",") + "}"
    }
}
