internal import Foundation

/// A request that the stand-in hub received, and how far it was answered.
package struct StandInRequest: Sendable {
    /// Which of the addresses it came to, or was meant for where it came as to a proxy.
    package internal(set) var host: StandInHost
    /// GET or HEAD.
    package let method: String
    /// The path and the query, as they came.
    package let target: String
    /// The headers, their names in lower case.
    package let headers: [String: String]
    /// The repository that it is about.
    package internal(set) var repository: String?
    /// The file that it is about, by its path in the repository.
    package internal(set) var file: String?
    /// The status of the answer; nil if there was none.
    package internal(set) var status: Int?
    /// The bytes of the file that were handed to the kernel; empty where the body was not the file's.
    package internal(set) var sent: Range<Int> = 0..<0
    /// When it had been read.
    package let time: ContinuousClock.Instant
    /// Whether it came as to a proxy, with a whole URL.
    package var isProxied: Bool { authority != nil }
    /// The host and port of that URL.
    let authority: String?
    var isRangeIgnored = false
    var isETagChanged = false

    /// The path, decoded, without the query.
    package var path: String {
        let path = target.prefix { $0 != "?" }
        return path.removingPercentEncoding ?? String(path)
    }

    /// The token of `Authorization: Bearer`.
    package var token: String? {
        guard let value = headers["authorization"], value.hasPrefix("Bearer ") else { return nil }
        return String(value.dropFirst(7))
    }

    /// The value of a parameter of the query.
    func parameter(_ name: String) -> String? {
        URLComponents(string: target)?.queryItems?.first { $0.name == name }?.value
    }

    /// Reads the head of a request, which ends before the empty line; nil if it is none.
    init?(_ head: [UInt8], host: StandInHost) {
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count == 3, words[2].hasPrefix("HTTP/1.") else { return nil }
        var target = String(words[1])
        if target.hasPrefix("http://") {
            let rest = target.dropFirst(7)
            authority = String(rest.prefix { $0 != "/" })
            target = rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
        } else {
            authority = nil
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() where !line.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces)
        }
        self.host = host
        method = String(words[0])
        self.target = target
        self.headers = headers
        time = .now
    }

    /// The one range of bytes that it asks for, of a file of that size (RFC 9110, section 14).
    func range(ofSize size: Int, etag: String) -> RequestedRange {
        guard !isRangeIgnored, method == "GET", let value = headers["range"], value.hasPrefix("bytes="),
            !value.contains(",")
        else { return .all }
        if let condition = headers["if-range"], condition != "\"\(etag)\"" { return .all }
        let bounds = value.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2 else { return .all }
        switch (Int(bounds[0]), Int(bounds[1])) {
        case (let first?, let last): return part(first, last ?? size - 1, size)
        case (nil, let count?): return part(max(0, size - count), size - 1, size)
        default: return .all
        }
    }

    private func part(_ first: Int, _ last: Int, _ size: Int) -> RequestedRange {
        guard first < size, last >= first else { return .unsatisfiable }
        return .part(first..<(min(last, size - 1) + 1))
    }

    enum RequestedRange {
        case all
        case part(Range<Int>)
        case unsatisfiable
    }
}
