internal import Foundation

/// What a request is answered with, before faults.
struct StandInAnswer {
    var status: Int
    var headers: [(String, String)] = []
    var body: Body = .none

    enum Body {
        case none
        case bytes([UInt8])
        case file(StandInFile, Range<Int>)
    }

    var bodySize: Int {
        switch body {
        case .none: 0
        case .bytes(let bytes): bytes.count
        case .file(_, let range): range.count
        }
    }

    /// An error as the Hub tells it: in headers, and in JSON for people.
    static func error(
        _ status: Int, code: String? = nil, _ message: String, headers: [(String, String)] = []
    ) -> StandInAnswer {
        var answer = StandInAnswer(status: status, headers: headers)
        if let code { answer.headers.append(("X-Error-Code", code)) }
        answer.headers.append(("X-Error-Message", message))
        answer.headers.append(("Content-Type", "application/json; charset=utf-8"))
        answer.body = .bytes(Array("{\"error\":\"\(message)\"}".utf8))
        return answer
    }

    static func json(_ value: some Encodable, headers: [(String, String)] = []) -> StandInAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return .error(500, "not encodable") }
        return StandInAnswer(
            status: 200, headers: headers + [("Content-Type", "application/json; charset=utf-8")],
            body: .bytes([UInt8](data)))
    }

    /// A file, or the range of it that was asked for.
    static func file(
        _ file: StandInFile, etag: String, _ request: StandInRequest, headers: [(String, String)]
    ) -> StandInAnswer {
        let headers =
            headers + [
                ("ETag", "\"\(etag)\""), ("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream"),
            ]
        switch request.range(ofSize: file.sizeBytes, etag: etag) {
        case .all: return StandInAnswer(status: 200, headers: headers, body: .file(file, 0..<file.sizeBytes))
        case .part(let range):
            let extent = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.sizeBytes)"
            return StandInAnswer(
                status: 206, headers: headers + [("Content-Range", extent)], body: .file(file, range))
        case .unsatisfiable:
            return StandInAnswer(status: 416, headers: headers + [("Content-Range", "bytes */\(file.sizeBytes)")])
        }
    }
}
