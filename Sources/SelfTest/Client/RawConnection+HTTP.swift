internal import Foundation

extension RawConnection {
    /// Waits for one whole answer of HTTP/1.1, and leaves what follows it: the next answer of the same connection.
    ///
    /// - Parameter hasNoBody: whether it answers HEAD.
    /// - Throws: `Failure`; `.ended` where the connection ends before.
    package func answer(
        to request: SentRequest = SentRequest(method: "RAW", url: ""), hasNoBody: Bool = false,
        timeoutSeconds: Double = 30
    ) async throws -> ServiceClient.Answer {
        let head = try await head(timeoutSeconds: timeoutSeconds)
        var body: [UInt8] = []
        if hasNoBody || head.status == 204 || head.status == 304 || head.status < 200 {
            // These have none.
        } else if head.headers["transfer-encoding"]?.lowercased() == "chunked" {
            body = try await chunks(timeoutSeconds: timeoutSeconds)
        } else if let field = head.headers["content-length"] {
            guard let length = Int(field), length >= 0 else { throw Failure.notHTTP("content-length: \(field)") }
            body = try await bytes(length, timeoutSeconds: timeoutSeconds)
        } else {
            body = try await readToEnd(timeoutSeconds: timeoutSeconds)
        }
        return ServiceClient.Answer(
            status: head.status, headers: head.headers, body: body, request: request, seconds: 0, firstByteSeconds: 0)
    }

    /// Waits for the head of an answer; interim ones are left out, but for 101.
    func head(timeoutSeconds: Double) async throws -> (status: Int, headers: [String: String]) {
        while true {
            let text = try await line(endingWith: "\r\n\r\n", timeoutSeconds: timeoutSeconds)
            let lines = text.components(separatedBy: "\r\n")
            let start = lines[0].split(separator: " ", omittingEmptySubsequences: false)
            guard start.count >= 2, start[0].hasPrefix("HTTP/1."), start[1].count == 3, let status = Int(start[1])
            else { throw Failure.notHTTP(Evidence.text(Array(lines[0].utf8), limit: 200)) }
            var headers: [String: String] = [:]
            for line in lines.dropFirst() where !line.isEmpty {
                guard let colon = line.firstIndex(of: ":") else {
                    throw Failure.notHTTP(Evidence.text(Array(line.utf8), limit: 200))
                }
                headers[line[..<colon].lowercased()] =
                    line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            }
            if status >= 200 || status == 101 { return (status, headers) }
        }
    }

    /// Waits for so many bytes.
    func bytes(_ count: Int, timeoutSeconds: Double) async throws -> [UInt8] {
        let bytes = try await wait(timeoutSeconds: timeoutSeconds) { inbox -> [UInt8]? in
            guard inbox.count >= count else { return nil }
            defer { inbox.removeFirst(count) }
            return Array(inbox[..<count])
        }
        guard let bytes else { throw Failure.ended(received: Evidence.tail(pending, limit: 300)) }
        return bytes
    }

    private func chunks(timeoutSeconds: Double) async throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = try await line(endingWith: "\r\n", timeoutSeconds: timeoutSeconds)
            let field = line.prefix { $0 != ";" }
            guard let size = Int(field, radix: 16), size >= 0 else { throw Failure.notHTTP("chunk size \(line)") }
            if size == 0 { break }
            body += try await bytes(size, timeoutSeconds: timeoutSeconds)
            guard try await bytes(2, timeoutSeconds: timeoutSeconds) == [0x0d, 0x0a] else {
                throw Failure.notHTTP("a chunk of \(size) bytes is longer")
            }
        }
        // Trailers, up to an empty line.
        while try await !line(endingWith: "\r\n", timeoutSeconds: timeoutSeconds).isEmpty {}
        return body
    }

    /// Waits for a piece of text up to an end, which is left out.
    private func line(endingWith end: String, timeoutSeconds: Double) async throws -> String {
        let text = try await wait(timeoutSeconds: timeoutSeconds) { inbox -> String? in
            guard let range = Data(inbox).range(of: Data(end.utf8)) else { return nil }
            defer { inbox.removeFirst(range.upperBound) }
            return String(decoding: inbox[..<range.lowerBound], as: UTF8.self)
        }
        guard let text else { throw Failure.ended(received: Evidence.tail(pending, limit: 300)) }
        return text
    }
}
