internal import Foundation

/// Bytes of a conversation as a report shows them: readable, cut to a length, and without keys.
package enum Evidence {
    /// The most bytes of a body that are shown.
    package static let bodyLimit = 4000
    private static let secretHeaders: Set<String> = ["authorization", "x-api-key", "proxy-authorization", "cookie"]

    /// A request: its line, its headers and the start of its body.
    package static func request(_ request: SentRequest, limit: Int = bodyLimit) -> String {
        let lines = ["\(request.method) \(request.url)"] + fields(request.headers)
        return block(prefix: "> ", lines, request.body ?? [], limit: limit, secrets: secrets(of: request))
    }

    /// An answer: its status, its headers and the start of its body.
    package static func answer(
        status: Int, headers: [String: String], body: [UInt8], limit: Int = bodyLimit, secrets: [String] = []
    ) -> String {
        block(prefix: "< ", ["HTTP \(status)"] + fields(headers), body, limit: limit, secrets: secrets)
    }

    /// Bytes as text: what is no visible character is escaped, and beyond the limit only the size is told.
    package static func text(_ bytes: [UInt8], limit: Int = bodyLimit) -> String {
        let shown = visible(bytes.prefix(limit))
        return bytes.count > limit ? shown + " … (\(bytes.count - limit) more bytes)" : shown
    }

    /// The last bytes of a stream as text, where what went wrong is at the end.
    package static func tail(_ bytes: [UInt8], limit: Int = bodyLimit) -> String {
        let shown = visible(bytes.suffix(limit))
        return bytes.count > limit ? "(\(bytes.count - limit) bytes before) … " + shown : shown
    }

    /// The keys that a request carries, none of which may be in a report.
    static func secrets(of request: SentRequest) -> [String] {
        var found: [String] = []
        for (name, value) in request.headers where secretHeaders.contains(name.lowercased()) {
            found.append(value)
            if value.hasPrefix("Bearer ") { found.append(String(value.dropFirst("Bearer ".count))) }
        }
        return found.filter { !$0.isEmpty }
    }

    /// A text without keys: those that are named, and what stands where the API takes one.
    static func redact(_ text: String, secrets: [String]) -> String {
        var text = text
        for secret in secrets { text = text.replacingOccurrences(of: secret, with: "***") }
        for pattern in [#"(api_key=)[^&\s"]+"#, #"("api_key"\s*:\s*)"(?:[^"\\]|\\.)*""#] {
            let replacement = pattern.hasPrefix("(api") ? "$1***" : "$1\"***\""
            text = text.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
        }
        return text
    }

    private static func fields(_ headers: [String: String]) -> [String] {
        headers.filter { !$0.value.isEmpty }.sorted { $0.key.lowercased() < $1.key.lowercased() }.map { name, value in
            "\(name.lowercased()): \(secretHeaders.contains(name.lowercased()) ? "***" : value)"
        }
    }

    private static func block(
        prefix: String, _ lines: [String], _ body: [UInt8], limit: Int, secrets: [String]
    ) -> String {
        var text = lines.map { prefix + $0 }.joined(separator: "\n")
        if !body.isEmpty { text += "\n\n" + Self.text(body, limit: limit) }
        return redact(text, secrets: secrets)
    }

    /// Line breaks stay; other control characters and bytes that are no UTF-8 become `\x…`, so that a report cannot
    /// colour a terminal or break XML.
    private static func visible(_ bytes: some Collection<UInt8>) -> String {
        var shown = ""
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var ended = false
        while !ended {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar):
                switch scalar {
                case "\n": shown.unicodeScalars.append(scalar)
                case "\r": shown += "\\r"
                case "\t": shown += "\\t"
                case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
                    shown += "\\x" + hexadecimal(scalar.value)
                default: shown.unicodeScalars.append(scalar)
                }
            case .emptyInput: ended = true
            case .error: shown += "\\x??"
            }
        }
        return shown
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return digits.count < 2 ? "0" + digits : digits
    }
}

extension ServiceClient.Answer {
    /// The request and this answer as a report shows them.
    package var evidence: [String] {
        let secrets = Evidence.secrets(of: request)
        return [
            Evidence.request(request),
            Evidence.answer(status: status, headers: headers, body: body, secrets: secrets),
        ]
    }

    /// The body as JSON.
    ///
    /// - Throws: `CaseFailure` with the exchange as evidence where it is no JSON.
    package func json() throws -> JSONView {
        let what = "the answer to \(request.method) \(request.url)"
        do { return try JSONView(parsing: body) } catch let failure as JSONView.Failure {
            throw CaseFailure("\(Evidence.redact(what, secrets: [])) (\(status)): \(failure)", evidence: evidence)
        }
    }

    /// This answer, if it has the status.
    ///
    /// - Throws: `CaseFailure` with both statuses and the exchange as evidence.
    @discardableResult package func expecting(status expected: Int) throws -> Self {
        guard status == expected else {
            let what = Evidence.redact("\(request.method) \(request.url)", secrets: [])
            throw CaseFailure("\(what): expected status \(expected), found \(status)", evidence: evidence)
        }
        return self
    }
}
