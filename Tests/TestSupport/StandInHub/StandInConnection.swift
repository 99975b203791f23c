internal import Foundation

/// One connection, served by a thread of its own until it ends.
struct StandInConnection {
    let descriptor: Int32
    let host: StandInHost
    let state: StandInState

    private static let pieceSize = 1 << 16
    private static let longestHead = 1 << 16

    /// What a fault leaves of a connection.
    private enum Fate {
        case goesOn
        case ends
    }

    func serve() {
        var buffered: [UInt8] = []
        for (fault, _) in state.strike(host, nil, nil, at: { $0 == .connect }) where strike(fault) == .ends { return }
        while !state.isStopped, let head = readHead(&buffered) {
            guard let request = StandInRequest(head, host: host) else {
                _ = send(Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".utf8))
                return
            }
            guard answer(request) == .goesOn, request.headers["connection"]?.lowercased() != "close" else { return }
        }
    }

    private func answer(_ request: StandInRequest) -> Fate {
        var request = request
        if let authority = request.authority, state.with({ $0.urls[.cdn] }) == "http://" + authority {
            request.host = .cdn
        }
        let routes = StandInRoutes(state: state)
        let route = StandInRoutes.route(request)
        (request.repository, request.file) = routes.subject(route)
        let number = state.note(request)
        let path = request.file ?? request.path
        var replacement: StandInAnswer?
        var extraBytes = 0
        var isChunked = false
        var body = StandInBody()
        for (fault, _) in state.strike(request.host, request.method, path, at: { $0 == .headers }) {
            switch fault {
            case .reset, .close, .stall, .refuse, .garbage: if strike(fault) == .ends { return .ends }
            case .status(let status, let headers, let message):
                replacement = .error(status, message, headers: headers.map { ($0.key, $0.value) })
            case .redirect(let target):
                replacement = StandInAnswer(status: 302, headers: [("Location", target)])
            case .ignoredRange: request.isRangeIgnored = true
            case .changedETag: request.isETagChanged = true
            case .wrongLength(let difference): extraBytes = difference
            case .unknownLength: isChunked = true
            case .drip(let rate): body.bytesPerSecond = rate
            case .wrongBytes(let count): body.wrong = .fromTheStart(count)
            }
        }
        var answer = replacement ?? routes.answer(route, request)
        if extraBytes != 0 { answer.claim(extraBytes) }
        body.isChunked = isChunked
        body.size = max(0, answer.bodySize + extraBytes)
        if case .file(_, let range) = answer.body { body.start = range.lowerBound }
        state.update(number) { $0.status = answer.status }
        guard send(head(answer, body)) else { return .ends }
        guard request.method != "HEAD" else { return .goesOn }
        return send(answer, body, request, number)
    }

    private func head(_ answer: StandInAnswer, _ body: StandInBody) -> [UInt8] {
        var lines = ["HTTP/1.1 \(answer.status) \(answer.status < 400 ? "Fine" : "Refused")"]
        lines += answer.headers.map { "\($0.0): \($0.1)" }
        lines.append("Date: \(httpDate(Date()))")
        lines.append(body.isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(body.size)")
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// Sends a body up to each place where a fault strikes, and that fault.
    private func send(
        _ answer: StandInAnswer, _ body: StandInBody, _ request: StandInRequest, _ number: Int
    ) -> Fate {
        var body = body
        var wholeSize = answer.bodySize
        if case .file(let file, _) = answer.body { wholeSize = file.sizeBytes }
        let extent = body.start..<(body.start + answer.bodySize)
        func place(_ phase: StandInPhase) -> Int? {
            switch phase {
            case .body(let offset) where extent.contains(offset): offset
            case .lastByte where extent.contains(wholeSize - 1): wholeSize - 1
            default: nil
            }
        }
        let struck = state.strike(request.host, request.method, request.file ?? request.path, at: { place($0) != nil })
        for (offset, fault) in struck.compactMap({ item in place(item.phase).map { ($0, item.fault) } }).sorted(by: {
            $0.0 < $1.0
        }) {
            guard send(answer, &body, upTo: offset - body.start, number) else { return .ends }
            switch fault {
            case .drip(let rate): body.slow(to: rate)
            case .wrongBytes(let count): body.wrong = .at((offset - body.start)..<(offset - body.start + count))
            default: if strike(fault) == .ends { return .ends }
            }
        }
        guard send(answer, &body, upTo: body.size, number) else { return .ends }
        return !body.isChunked || send(Array("0\r\n\r\n".utf8)) ? .goesOn : .ends
    }

    private func send(_ answer: StandInAnswer, _ body: inout StandInBody, upTo end: Int, _ number: Int) -> Bool {
        while body.sent < end {
            let count = min(end - body.sent, body.pieceSize(most: Self.pieceSize))
            var piece = answer.bytes(body.sent..<(body.sent + count))
            body.spoil(&piece)
            if body.isChunked { piece = Array("\(String(count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8) }
            guard state.sleep(body.delay(), descriptor), send(piece) else { return false }
            body.sent += count
            if case .file = answer.body {
                let range = body.start..<(body.start + min(body.sent, answer.bodySize))
                state.update(number) { $0.sent = range }
            }
        }
        return true
    }

    private func strike(_ fault: StandInFault) -> Fate {
        switch fault {
        case .stall(let seconds):
            return state.sleep(seconds, descriptor) ? .goesOn : .ends
        case .reset:
            reset()
        case .refuse(let seconds):
            state.refuse(host, forSeconds: seconds)
            reset()
        case .garbage:
            _ = send(Array("\u{1}\u{2} this is not HTTP\r\n\r\n".utf8))
        default:
            break
        }
        return .ends
    }

    /// The next close of the descriptor sends a reset.
    private func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// The head of the next request, without the empty line; nil at the end.
    private func readHead(_ buffered: inout [UInt8]) -> [UInt8]? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = buffered.firstRange(of: end) {
                let head = Array(buffered[..<range.lowerBound])
                buffered.removeSubrange(..<range.upperBound)
                return head
            }
            guard buffered.count < Self.longestHead else { return nil }
            let piece = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = max(0, recv(descriptor, buffer.baseAddress, buffer.count, 0))
            }
            guard !piece.isEmpty else { return nil }
            buffered += piece
        }
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Foundation.send(
                    descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }
}

/// How far a body has been sent, and what is wrong with it.
private struct StandInBody {
    /// Which of its bytes, counted from its start, are wrong.
    enum Wrong {
        case none
        case at(Range<Int>)

        static func fromTheStart(_ count: Int) -> Wrong { .at(0..<count) }
    }

    /// The place of its first byte in the file.
    var start = 0
    var size = 0
    var sent = 0
    var isChunked = false
    var wrong = Wrong.none
    var bytesPerSecond: Int?
    private var slowSince: (time: ContinuousClock.Instant, sent: Int)?

    mutating func slow(to rate: Int) {
        bytesPerSecond = rate
        slowSince = nil
    }

    func pieceSize(most: Int) -> Int { bytesPerSecond.map { max(1, min(most, $0 / 50)) } ?? most }

    /// The seconds to wait before the next piece, so that the rate holds over the whole time.
    mutating func delay() -> Double {
        guard let bytesPerSecond else { return 0 }
        let since = slowSince ?? (.now, sent)
        slowSince = since
        let due = Double(sent - since.sent) / Double(bytesPerSecond)
        return max(0, due - (ContinuousClock.now - since.time) / .seconds(1))
    }

    func spoil(_ piece: inout [UInt8]) {
        guard case .at(let range) = wrong else { return }
        for index in range.clamped(to: sent..<(sent + piece.count)) { piece[index - sent] ^= 0xFF }
    }
}

extension StandInAnswer {
    /// Bytes of the body; what lies past its end is zero.
    fileprivate func bytes(_ range: Range<Int>) -> [UInt8] {
        let real = range.clamped(to: 0..<bodySize)
        let bytes: [UInt8] =
            switch body {
            case .none: []
            case .bytes(let bytes): Array(bytes[real])
            case .file(let file, let extent):
                file.bytes((extent.lowerBound + real.lowerBound)..<(extent.lowerBound + real.upperBound))
            }
        return bytes + [UInt8](repeating: 0, count: range.count - bytes.count)
    }

    /// Says that there are so many more bytes.
    fileprivate mutating func claim(_ more: Int) {
        for index in headers.indices {
            switch (headers[index].0, body) {
            case ("X-Linked-Size", _):
                headers[index].1 = "\((Int(headers[index].1) ?? 0) + more)"
            case ("Content-Range", .file(let file, let range)):
                headers[index].1 = "bytes \(range.lowerBound)-\(range.upperBound - 1 + more)/\(file.sizeBytes + more)"
            default: break
            }
        }
    }
}
