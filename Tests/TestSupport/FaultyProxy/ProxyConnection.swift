internal import Foundation

/// One connection of a client and the one to the service that belongs to it, served by a thread of its own.
struct ProxyConnection {
    let client: Int32
    let server: Int32
    let state: ProxyState

    func serve() {
        var requests = ProxySource(client, other: server)
        var answers = ProxySource(server, other: client)
        while let head = requests.head(state) {
            guard var request = ProxyRequest(head: head) else {
                // Not for the proxy to judge.
                return tunnel(head + Array("\r\n\r\n".utf8) + requests.buffered, to: server)
            }
            var raw = head + Array("\r\n\r\n".utf8)
            if request.headers.value("expect") != nil { _ = toClient(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
            var body = ProxyBody(request.headers, endsWithConnection: false)
            do {
                while let piece = try body.next(&requests, state) {
                    raw += piece.raw
                    request.body += piece.content
                }
            } catch {
                let broken = (error as? ProxyBroken)?.raw ?? []
                return tunnel(raw + broken + requests.buffered, to: server)
            }
            guard exchange(&request, raw, &answers) else { return }
        }
        // The beginning of a request that its client never finished.
        if !requests.buffered.isEmpty { tunnel(requests.buffered, to: server) }
    }

    /// Asks and answers; false if the connection ends with it.
    private func exchange(_ request: inout ProxyRequest, _ raw: [UInt8], _ answers: inout ProxySource) -> Bool {
        let faults = state.faults(for: request)
        for fault in faults where !wait(fault.delaySeconds) { return false }
        if let own = faults.lazy.compactMap({ [request] in $0.instead?(request) }).first {
            return send(own, to: request)
        }
        let asked = request
        for fault in faults { fault.request?(&request) }
        let isChanged = faults.contains { $0.request != nil }
        guard ProxySocket.send(isChanged ? request.bytes : raw, to: server) else { return false }
        while let head = answers.head(state) {
            let headBytes = head + Array("\r\n\r\n".utf8)
            guard let answer = ProxyAnswer(head: head), answer.status != 101 else {
                tunnel(headBytes + answers.buffered, to: client)
                return false
            }
            if answer.status < 200 {
                guard toClient(headBytes) else { return false }
                continue
            }
            return pass(answer, headBytes, asked, faults, &answers)
        }
        return false
    }

    /// Passes an answer on, with what is to be wrong about it.
    private func pass(
        _ answer: ProxyAnswer, _ head: [UInt8], _ request: ProxyRequest, _ faults: [ProxyFault],
        _ answers: inout ProxySource
    ) -> Bool {
        var answer = answer
        var body = ProxyBody(
            answer.headers, endsWithConnection: true,
            isEmpty: request.method == "HEAD" || [204, 304].contains(answer.status))
        do {
            if answer.isEventStream, answer.status == 200, faults.contains(where: { $0.event != nil }) {
                return try passEvents(answer, &body, faults, &answers)
            }
            guard !answer.isEventStream, faults.contains(where: { $0.answer != nil }) else {
                guard toClient(head) else { return false }
                while let piece = try body.next(&answers, state) { guard toClient(piece.raw) else { return false } }
                return true
            }
            while let piece = try body.next(&answers, state) { answer.body += piece.content }
        } catch {
            return false
        }
        for fault in faults { fault.answer?(&answer, request) }
        return send(answer, to: request)
    }

    /// Passes a stream on event by event, each as soon as it is whole.
    private func passEvents(
        _ answer: ProxyAnswer, _ body: inout ProxyBody, _ faults: [ProxyFault], _ answers: inout ProxySource
    ) throws -> Bool {
        guard toClient(answer.head(isChunked: true)) else { return false }
        let boundary = Array("\n\n".utf8)
        var pending: [UInt8] = []
        var number = 0
        while let piece = try body.next(&answers, state) {
            pending += piece.content
            while let range = pending.firstRange(of: boundary) {
                var events = [String(decoding: pending[..<range.lowerBound], as: UTF8.self)]
                pending.removeSubrange(..<range.upperBound)
                for case let change? in faults.map(\.event) { events = events.flatMap { change($0, number) } }
                number += 1
                for event in events {
                    let bytes = Array((event + "\n\n").utf8)
                    let size = Array("\(String(bytes.count, radix: 16))\r\n".utf8)
                    guard toClient(size + bytes + Array("\r\n".utf8)) else { return false }
                }
            }
        }
        return toClient(Array("0\r\n\r\n".utf8))
    }

    private func send(_ answer: ProxyAnswer, to request: ProxyRequest) -> Bool {
        toClient(answer.head(isChunked: false) + (request.method == "HEAD" ? [] : answer.body))
    }

    private func toClient(_ bytes: [UInt8]) -> Bool { ProxySocket.send(bytes, to: client) }

    /// Waits in steps; false if the proxy stops meanwhile.
    private func wait(_ seconds: Double) -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if state.isStopped { return false }
            usleep(5000)
        }
        return true
    }

    /// Sends some bytes to one side, and from there on everything in both directions, until both are done.
    private func tunnel(_ first: [UInt8], to side: Int32) {
        guard ProxySocket.send(first, to: side) else { return }
        var isOpen = [true, true]
        let sides = [client, server]
        while isOpen.contains(true), !state.isStopped {
            var polled = (0..<2).map { pollfd(fd: isOpen[$0] ? sides[$0] : -1, events: Int16(POLLIN), revents: 0) }
            guard poll(&polled, 2, 50) > 0 else { continue }
            for index in 0..<2 where polled[index].revents != 0 {
                let bytes = ProxySocket.receive(from: sides[index])
                if bytes.isEmpty {
                    isOpen[index] = false
                    shutdown(sides[1 - index], Int32(SHUT_WR))
                } else if !ProxySocket.send(bytes, to: sides[1 - index]) {
                    return
                }
            }
        }
    }
}
