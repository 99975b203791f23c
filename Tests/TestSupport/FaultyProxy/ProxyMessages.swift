internal import Foundation

/// Header fields in their order, with the names as they came.
package typealias ProxyHeaders = [(name: String, value: String)]

/// A request on its way through a `FaultyProxy`.
package struct ProxyRequest: Sendable {
    /// The method.
    package var method: String
    /// The path with the query, as it was sent.
    package var target: String
    /// The header fields. `Content-Length` is set anew where the body is changed.
    package var headers: ProxyHeaders
    /// The body, without any framing.
    package var body: [UInt8]

    /// The path without the query.
    package var path: String { String(target.prefix { $0 != "?" }) }

    /// The body as text.
    package var text: String {
        get { String(decoding: body, as: UTF8.self) }
        set { body = Array(newValue.utf8) }
    }

    /// A request from its head, which is without the empty line; nil if that is not HTTP/1.1.
    init?(head: [UInt8]) {
        guard let (line, fields) = parseHead(head) else { return nil }
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else { return nil }
        (method, target, headers, body) = (words[0], words[1], fields, [])
    }

    /// Whether the body is a JSON object with this value for a key.
    package func has(_ key: String, _ value: Bool) -> Bool { (jsonObject(body)?[key] as? Bool) == value }

    /// The string that the body, a JSON object, has for a key.
    package func string(_ key: String) -> String? { jsonObject(body)?[key] as? String }

    /// Changes the body, which is a JSON object; does nothing where it is none.
    package mutating func editJSON(_ edit: (inout [String: Any]) -> Void) {
        guard var object = jsonObject(body) else { return }
        edit(&object)
        body = jsonBytes(object) ?? body
    }

    /// The bytes to send, with a length instead of chunks.
    var bytes: [UInt8] {
        var fields = headers.filter { !["content-length", "transfer-encoding"].contains($0.name.lowercased()) }
        if !body.isEmpty || method != "GET" { fields.append(("Content-Length", "\(body.count)")) }
        return headBytes("\(method) \(target) HTTP/1.1", fields) + body
    }
}

/// An answer on its way through a `FaultyProxy`, or of the proxy's own.
package struct ProxyAnswer: Sendable {
    /// The HTTP status.
    package var status: Int
    /// The header fields. Those of the framing are set anew.
    package var headers: ProxyHeaders
    /// The body, without any framing.
    package var body: [UInt8]

    /// An answer with a JSON text.
    package init(status: Int = 200, json: String, headers: ProxyHeaders = []) {
        self.status = status
        self.headers = [("Content-Type", "application/json; charset=utf-8")] + headers
        body = Array(json.utf8)
    }

    /// An answer from its head, which is without the empty line; nil if that is not HTTP/1.1.
    init?(head: [UInt8]) {
        guard let (line, fields) = parseHead(head) else { return nil }
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return nil }
        (self.status, headers, body) = (status, fields, [])
    }

    /// The body as text.
    package var text: String {
        get { String(decoding: body, as: UTF8.self) }
        set { body = Array(newValue.utf8) }
    }

    /// Whether it is a stream of server-sent events.
    package var isEventStream: Bool { headers.value("content-type")?.hasPrefix("text/event-stream") ?? false }

    /// Changes the body, which is a JSON object; does nothing where it is none.
    package mutating func editJSON(_ edit: (inout [String: Any]) -> Void) {
        guard var object = jsonObject(body) else { return }
        edit(&object)
        body = jsonBytes(object) ?? body
    }

    /// Changes the body, which is JSON of any kind; does nothing where it is none.
    package mutating func editAnyJSON(_ edit: (Any) -> Any) {
        guard let value = try? JSONSerialization.jsonObject(with: Data(body), options: .fragmentsAllowed) else {
            return
        }
        body = jsonBytes(edit(value)) ?? body
    }

    /// The head to send: with a length, or for a stream in chunks.
    func head(isChunked: Bool) -> [UInt8] {
        var fields = headers.filter { !["content-length", "transfer-encoding"].contains($0.name.lowercased()) }
        fields.append(isChunked ? ("Transfer-Encoding", "chunked") : ("Content-Length", "\(body.count)"))
        return headBytes("HTTP/1.1 \(status) Answer", fields)
    }
}

extension ProxyHeaders {
    /// The first value of a field.
    package func value(_ name: String) -> String? { first { $0.name.lowercased() == name.lowercased() }?.value }
}

/// The JSON object in some bytes.
package func jsonObject(_ bytes: [UInt8]) -> [String: Any]? {
    (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any]
}

/// JSON on one line, keys sorted.
package func jsonBytes(_ value: Any) -> [UInt8]? {
    let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed]
    return (try? JSONSerialization.data(withJSONObject: value, options: options)).map { Array($0) }
}

private func parseHead(_ head: [UInt8]) -> (line: String, fields: ProxyHeaders)? {
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    var fields: ProxyHeaders = []
    for line in lines.dropFirst() {
        guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { return nil }
        let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        fields.append((String(line[..<colon]), value))
    }
    return (lines[0], fields)
}

private func headBytes(_ line: String, _ fields: ProxyHeaders) -> [UInt8] {
    Array((([line] + fields.map { "\($0.name): \($0.value)" }).joined(separator: "\r\n") + "\r\n\r\n").utf8)
}
