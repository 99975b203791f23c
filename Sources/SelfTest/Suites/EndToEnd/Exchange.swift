internal import Foundation

/// A request and its answer: what is asked of the answer, and what a failure of it shows.
struct Exchange: Sendable {
    let method: String
    let path: String
    let answer: ServiceClient.Answer

    var status: Int { answer.status }
    var text: String { answer.text }
    var evidence: [String] { answer.evidence }

    /// A failure that shows this exchange.
    func failure(_ message: String) -> CaseFailure {
        CaseFailure("\(method) \(shortPath): \(message)", evidence: evidence)
    }

    private var shortPath: String { path.count > 100 ? String(path.prefix(100)) + "…" : path }

    /// Fails unless the condition holds.
    func expect(_ condition: Bool, _ message: @autoclosure () throws -> String) throws {
        if !condition { throw failure(try message()) }
    }

    /// Fails, showing both, unless two values are equal.
    func equal<Value: Equatable>(_ found: Value, _ expected: Value, _ what: String) throws {
        if found != expected { throw failure("\(what): expected \(Shown.text(expected)), found \(Shown.text(found))") }
    }

    /// Fails unless this is the status.
    @discardableResult func expect(status expected: Int) throws -> Exchange {
        try equal(status, expected, "status")
        return self
    }

    /// The answer's JSON, whatever the status.
    func document() throws -> Document { Document(value: try answer.json(), evidence: evidence) }

    /// The JSON of an answer with this status.
    func json(_ expected: Int = 200) throws -> Document {
        try expect(status: expected)
        let type = answer.headers["content-type"] ?? "none"
        try expect(type.hasPrefix("application/json"), "content-type: expected application/json, found \(type)")
        return try document()
    }

    /// Checks an error in the service's own form: the status, the code, the parameter, all four keys and the request id.
    ///
    /// - Parameters:
    ///   - code: nil for an error that has none.
    ///   - param: nil for an error that names none.
    ///   - says: what the message has to contain.
    @discardableResult func expectError(
        _ expected: Int, _ code: String?, param: String? = nil, says: String = ""
    ) throws -> Document {
        let error = try json(expected).at("error")
        let keys = try error.keys()
        try equal(keys, ["code", "message", "param", "type"], "keys of the error")
        try equal(try error.find("code")?.string(), code, "code of the error")
        try equal(try error.find("param")?.string(), param, "param of the error")
        try equal(try error.string("type"), Self.type(of: expected), "type of the error")
        let message = try error.string("message")
        try expect(!message.isEmpty, "message of the error: expected a sentence, found none")
        try expect(
            says.isEmpty || message.contains(says),
            "message of the error: expected \"… \(says) …\", found \"\(message)\"")
        try expect(answer.headers["x-request-id"]?.isEmpty == false, "x-request-id: expected one, found none")
        if expected == 503 {
            let seconds = answer.headers["retry-after"] ?? "none"
            try expect(Int(seconds) ?? 0 > 0, "retry-after: expected seconds, found \(seconds)")
        }
        return error
    }

    /// Checks an error in LibreTranslate's form: one string.
    func expectPlainError(_ expected: Int, says: String) throws {
        let message = try json(expected).string("error")
        try expect(says.isEmpty || message.contains(says), "error: expected \"… \(says) …\", found \"\(message)\"")
    }

    private static func type(of status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 409: "conflict_error"
        case 503: "unavailable_error"
        case 504: "timeout_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }
}

extension ServiceClient {
    /// Sends a request, and keeps it with its answer.
    func ask(
        _ method: String = "GET", _ path: String, headers: [String: String] = [:], body: [UInt8]? = nil
    ) async throws -> Exchange {
        do {
            let answer = try await request(method, path, headers: headers, body: body)
            return Exchange(method: method, path: path, answer: answer)
        } catch let failure as Failure {
            throw CaseFailure(
                "\(method) \(path.prefix(100)): expected an answer, found none: \(failure.reason)",
                evidence: ["\(method) \(path)"] + (body.map { [Evidence.text($0)] } ?? []))
        }
    }

    /// POSTs a JSON value.
    func ask(_ path: String, _ json: JSONLiteral) async throws -> Exchange {
        try await ask("POST", path, headers: ["content-type": "application/json"], body: Array(json.text.utf8))
    }

    /// POSTs a form.
    func ask(_ path: String, form: [(String, String)], headers: [String: String] = [:]) async throws -> Exchange {
        let body = form.map { "\($0.0)=\(Self.escaped($0.1))" }.joined(separator: "&")
        let type = ["content-type": "application/x-www-form-urlencoded"]
        return try await ask("POST", path, headers: type.merging(headers) { $1 }, body: Array(body.utf8))
    }

    /// A value of a query or a form.
    static func escaped(_ text: String) -> String {
        let plain = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }
}
