/// An event of a stream of server-sent events.
package struct SSEEvent: Sendable, Equatable {
    /// The last `id` that the stream has sent, with this event or before; empty where it sent none.
    package var id: String
    /// The kind; `message` where the stream says none.
    package var event: String
    /// The lines of `data`, joined by line feeds.
    package var data: String
    /// When its last byte came, in seconds since the request went out.
    package var at: Double
    /// Its bytes as they came, up to the byte that ended it.
    package var raw: [UInt8]
}

/// What is wrong with a stream of server-sent events.
package enum SSEFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// A line that is no UTF-8, and where in the stream it begins.
    case invalidUTF8(byte: Int)
    /// A line with a field that the format does not have: a browser would ignore it in silence.
    case unknownField(String, byte: Int)
    /// A field whose value means nothing.
    case invalidField(String, value: String, byte: Int)
    /// An event with fields but without data, which clients cannot read.
    case noData(byte: Int)
    /// An event longer than the parser takes.
    case tooLong(bytes: Int)
    /// Something after `[DONE]`.
    case afterDone(String)
    /// The stream has ended within an event.
    case unfinished(String)
    /// The stream has ended, and `[DONE]` has not come.
    case noDone(events: Int)

    package var description: String {
        switch self {
        case .invalidUTF8(let byte): "the stream is not UTF-8 in the line at byte \(byte)"
        case .unknownField(let name, let byte):
            "the stream has an unknown field \"\(name)\" at byte \(byte); known are data, event, id and retry"
        case .invalidField(let name, let value, let byte):
            "the stream's field \"\(name)\" at byte \(byte) has a value that means nothing: \"\(value)\""
        case .noData(let byte): "the stream has an event without data, which ends at byte \(byte)"
        case .tooLong(let bytes): "the stream has an event of more than \(bytes) bytes"
        case .afterDone(let text): "the stream goes on after [DONE], with \"\(text)\""
        case .unfinished(let text): "the stream ends within an event, at \"\(text)\""
        case .noDone(let events): "the stream ended after \(events) events without data: [DONE]"
        }
    }
}

/// Reads a stream of server-sent events (WHATWG HTML, 9.2) in pieces that may be cut anywhere. It is stricter than a
/// browser: what one would drop in silence (unknown fields, an event that the end of the stream cuts) is a failure.
package struct SSEParser: Sendable {
    /// What `data: [DONE]` means.
    package enum DoneRule: Sendable {
        /// It has to be the last event, as in OpenAI's streams; and every event has to have data.
        case required
        /// It means nothing.
        case none
    }

    /// A comment: a line that begins with a colon.
    package struct Comment: Sendable, Equatable {
        /// What follows the colon, without the space after it.
        package var text: String
        /// When it came, in seconds since the request went out.
        package var at: Double
    }

    private let done: DoneRule
    private let maximumEventBytes: Int
    /// Bytes of a line that has not ended.
    private var line: [UInt8] = []
    /// Bytes since the last event ended.
    private var raw: [UInt8] = []
    private var data: [String] = []
    private var event = ""
    private var hasFields = false
    private var hasData = false
    private var afterCarriageReturn = false
    private var position = 0
    private var lineStart = 0

    /// The last `id`; empty where none came.
    package private(set) var lastEventID = ""
    /// The last `retry`.
    package private(set) var retryMilliseconds: Int?
    /// The comments so far.
    package private(set) var comments: [Comment] = []
    /// Whether `[DONE]` has come.
    package private(set) var isDone = false
    /// Events so far, `[DONE]` not counted.
    package private(set) var eventCount = 0

    /// A parser at the start of a stream.
    package init(done: DoneRule = .none, maximumEventBytes: Int = 16 << 20) {
        (self.done, self.maximumEventBytes) = (done, maximumEventBytes)
    }

    /// Reads on, and appends the events that the bytes complete; also those before what is wrong.
    ///
    /// - Parameter seconds: when they came.
    /// - Throws: `SSEFailure`.
    package mutating func append(
        _ bytes: some Sequence<UInt8>, at seconds: Double = 0, to events: inout [SSEEvent]
    ) throws {
        for byte in bytes {
            position += 1
            if afterCarriageReturn {
                afterCarriageReturn = false
                if byte == 0x0a {
                    // The second half of a line end whose first half has already ended the line.
                    lineStart = position
                    if !raw.isEmpty { raw.append(byte) }
                    continue
                }
            }
            raw.append(byte)
            guard raw.count <= maximumEventBytes else { throw SSEFailure.tooLong(bytes: maximumEventBytes) }
            guard byte == 0x0a || byte == 0x0d else {
                line.append(byte)
                continue
            }
            afterCarriageReturn = byte == 0x0d
            if let event = try endLine(at: seconds) { events.append(event) }
            lineStart = position
        }
    }

    /// Ends the stream.
    ///
    /// - Throws: `SSEFailure` where it ends within an event, or without a `[DONE]` that is required.
    package func finish() throws {
        guard line.isEmpty, !hasFields else { throw SSEFailure.unfinished(Evidence.tail(raw, limit: 200)) }
        if done == .required, !isDone { throw SSEFailure.noDone(events: eventCount) }
    }

    private mutating func endLine(at seconds: Double) throws -> SSEEvent? {
        if lineStart == 0, line.starts(with: [0xef, 0xbb, 0xbf]) { line.removeFirst(3) }
        guard let text = String(validating: line, as: UTF8.self) else {
            throw SSEFailure.invalidUTF8(byte: lineStart)
        }
        line.removeAll(keepingCapacity: true)
        if text.isEmpty { return try endEvent(at: seconds) }
        // The scalars and not the characters: a combining mark after the colon would hide it.
        let scalars = text.unicodeScalars
        guard scalars.first != ":" else {
            comments.append(Comment(text: Self.value(scalars.dropFirst()), at: seconds))
            return nil
        }
        if isDone { throw SSEFailure.afterDone(String(text.prefix(200))) }
        let colon = scalars.firstIndex(of: ":")
        let name = String(scalars[..<(colon ?? scalars.endIndex)])
        try read(name, colon.map { Self.value(scalars[scalars.index(after: $0)...]) } ?? "")
        return nil
    }

    private mutating func read(_ name: String, _ value: String) throws {
        hasFields = true
        switch name {
        case "data":
            hasData = true
            data.append(value)
        case "event": event = value
        case "id":
            guard !value.unicodeScalars.contains("\0") else {
                throw SSEFailure.invalidField("id", value: value, byte: lineStart)
            }
            lastEventID = value
        case "retry":
            guard !value.isEmpty, value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(value) else {
                throw SSEFailure.invalidField("retry", value: value, byte: lineStart)
            }
            retryMilliseconds = number
        default: throw SSEFailure.unknownField(String(name.prefix(100)), byte: lineStart)
        }
    }

    private mutating func endEvent(at seconds: Double) throws -> SSEEvent? {
        defer {
            (hasFields, hasData, event) = (false, false, "")
            data.removeAll(keepingCapacity: true)
            raw.removeAll(keepingCapacity: true)
        }
        guard hasFields else { return nil }
        guard hasData else {
            // An id or a delay may stand alone; a kind without data is an event that nobody is told of.
            if done == .required || !event.isEmpty { throw SSEFailure.noData(byte: position) }
            return nil
        }
        let text = data.joined(separator: "\n")
        if done == .required, text == "[DONE]" {
            isDone = true
            return nil
        }
        eventCount += 1
        return SSEEvent(
            id: lastEventID, event: event.isEmpty ? "message" : event, data: text, at: seconds, raw: raw)
    }

    private static func value(_ scalars: String.UnicodeScalarView.SubSequence) -> String {
        String(scalars.first == " " ? scalars.dropFirst() : scalars)
    }
}
