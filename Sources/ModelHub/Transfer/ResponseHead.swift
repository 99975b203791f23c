import CCurl

/// The status line and headers of an answer.
struct ResponseHead: Equatable {
    var status: Int
    /// Names in lower case; values of one name joined by ", ".
    var headers: [String: String]

    init(status: Int = 200, headers: [String: String] = [:]) {
        self.status = status
        self.headers = headers
    }

    /// Where the answer says that what was asked for is, if it is a redirect.
    var location: String? {
        [301, 302, 303, 307, 308].contains(status) ? headers["location"] : nil
    }

    /// The body's length as the answer tells it.
    var contentLength: Int? { headers["content-length"].flatMap { Int($0) } }

    /// The entity tag as it came, with quotes.
    var entityTag: String? { headers["etag"] }

    /// What a `Content-Range` says.
    struct ContentRange: Equatable {
        /// The bytes of the body; nil where none could be given.
        var bytes: ClosedRange<Int>?
        /// The whole file's length, where it is known.
        var total: Int?
    }

    /// The range of the file that the body is; nil where nothing legible is said.
    var contentRange: ContentRange? {
        guard let value = headers["content-range"], value.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = value.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let total = Int(parts[1])
        guard total != nil || parts[1] == "*", total ?? 0 >= 0 else { return nil }
        if parts[0] == "*" { return ContentRange(bytes: nil, total: total) }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last, last < total ?? Int.max else {
            return nil
        }
        return ContentRange(bytes: first...last, total: total)
    }

    /// How long the source asks to be left alone, in seconds.
    var retryAfterSeconds: Double? {
        headers["retry-after"].flatMap { Self.seconds(retryAfter: $0, now: Double(time(nil))) }
    }

    /// Seconds, or a date, as `Retry-After` has them.
    static func seconds(retryAfter text: String, now: Double) -> Double? {
        if let seconds = Double(text) { return seconds.isFinite && seconds >= 0 ? seconds : nil }
        let date = curl_getdate(text, nil)
        return date < 0 ? nil : max(0, Double(date) - now)
    }

    /// Takes a secret out of a header's value, should it be in there.
    mutating func redact(_ name: String, _ credential: Credential?) {
        if let value = headers[name] { headers[name] = credential?.redacted(value) ?? value }
    }

    /// Takes in one line as it came.
    mutating func take(_ line: UnsafeRawBufferPointer) {
        var text = String(decoding: line, as: UTF8.self)[...]
        while let last = text.last, last.isWhitespace { text = text.dropLast() }
        guard let colon = text.firstIndex(of: ":") else { return }
        var value = text[text.index(after: colon)...]
        while let first = value.first, first.isWhitespace { value = value.dropFirst() }
        let name = text[..<colon].lowercased()
        headers[name] = headers[name].map { $0 + ", " + value } ?? String(value)
    }

    /// The head that a status line begins, such as `HTTP/1.1 206 Partial Content`; nil where it is none.
    init?(statusLine: UnsafeRawBufferPointer) {
        let text = String(decoding: statusLine.prefix(64), as: UTF8.self)
        guard text.hasPrefix("HTTP/") else { return nil }
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
        guard parts.count >= 2, let status = Int(parts[1].prefix { $0.isNumber }) else { return nil }
        self.init(status: status)
    }
}

/// An entity tag without what marks it as weak, and without quotes.
func bareTag(_ tag: String) -> String {
    var rest = tag[...]
    if rest.hasPrefix("W/") { rest = rest.dropFirst(2) }
    if rest.count >= 2, rest.hasPrefix("\""), rest.hasSuffix("\"") { rest = rest.dropFirst().dropLast() }
    return String(rest)
}
