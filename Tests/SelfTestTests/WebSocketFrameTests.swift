import SelfTest
import Testing

/// Frames of a WebSocket, cut wherever they can be cut.
@Suite struct WebSocketFrameTests {
    /// Reads bytes in pieces.
    private func read(_ pieces: [[UInt8]], limit: Int = 1 << 20) -> (
        frames: [WebSocketFrame], failure: WebSocketFailure?
    ) {
        var parser = WebSocketFrameParser(limit: limit)
        var frames: [WebSocketFrame] = []
        do {
            for piece in pieces { frames += try parser.append(piece) }
            return (frames, nil)
        } catch { return (frames, error as? WebSocketFailure) }
    }

    /// The two lengths on both sides of each change of form.
    @Test(arguments: [0, 1, 125, 126, 127, 255, 256, 0xffff, 0x10000]) func everyLength(count: Int) {
        let frame = WebSocketFrame(.binary, (0..<count).map { UInt8(truncatingIfNeeded: $0) })
        let bytes = frame.bytes(mask: nil)
        #expect(bytes.count == count + (count <= 125 ? 2 : count <= 0xffff ? 4 : 10))
        #expect(read([bytes]).frames == [frame])
        // Cut within the head, and near the end.
        for cut in (0...min(12, bytes.count)) where cut <= bytes.count {
            #expect(read([Array(bytes[..<cut]), Array(bytes[cut...])]).frames == [frame], "cut at \(cut)")
        }
        #expect(read([Array(bytes.dropLast()), [bytes[bytes.count - 1]]]).frames == [frame])
    }

    @Test func severalFramesByteByByte() {
        let frames = [
            WebSocketFrame(.text, Array("é漢".utf8), isFinal: false), WebSocketFrame(.ping, [1, 2]),
            WebSocketFrame(.continuation, Array("🎉".utf8)), WebSocketFrame(.pong),
            WebSocketFrame(.close, [0x03, 0xe8]),
            WebSocketFrame(.text, [UInt8](repeating: 0x61, count: 300)),
        ]
        let bytes = frames.flatMap { $0.bytes(mask: nil) }
        #expect(read([bytes]).frames == frames)
        #expect(read(bytes.map { [$0] }).frames == frames)
        for cut in 0...bytes.count {
            #expect(read([Array(bytes[..<cut]), Array(bytes[cut...])]).frames == frames, "cut at \(cut)")
        }
    }

    /// The examples of RFC 6455, 5.7.
    @Test func theExamplesOfTheStandard() {
        let hello = Array("Hello".utf8)
        #expect(WebSocketFrame(.text, hello).bytes(mask: nil) == [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f])
        #expect(
            WebSocketFrame(.text, hello).bytes(mask: [0x37, 0xfa, 0x21, 0x3d])
                == [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
        #expect(
            read([[0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f]]).frames == [
                WebSocketFrame(.text, Array("Hel".utf8), isFinal: false),
                WebSocketFrame(.continuation, Array("lo".utf8)),
            ])
    }

    @Test(
        arguments: [
            ([0xc1, 0x00], WebSocketFailure.reservedBits(4)), ([0x91, 0x00], .reservedBits(1)),
            ([0x83], .unknownOpcode(3)),
            ([0x8b], .unknownOpcode(11)), ([0x81, 0x80], .masked), ([0x09, 0x00], .badControlFrame),
            ([0x89, 0x7e], .badControlFrame), ([0x81, 0x7e, 0x00, 0x7d], .badLength(125)),
            ([0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff], .badLength(0xffff)),
            ([0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0], .badLength(1 << 63)),
            ([0x82, 0x7f, 0, 0, 0, 0, 0, 0x10, 0, 0x01], .tooLong(bytes: (1 << 20) + 1, limit: 1 << 20)),
            ([0x82, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], .tooLong(bytes: .max >> 1, limit: 1 << 20)),
        ] as [([UInt8], WebSocketFailure)])
    func framesThatBreakTheProtocol(bytes: [UInt8], failure: WebSocketFailure) {
        let good = WebSocketFrame(.text, [0x61]).bytes(mask: nil)
        #expect(read([good + bytes]).failure == failure)
        #expect(read((good + bytes).map { [$0] }).failure == failure)
        #expect(read((good + bytes).map { [$0] }).frames.count == 1)
    }

    private func messages(_ frames: [WebSocketFrame], limit: Int = 1000) -> ([WebSocketMessage], WebSocketFailure?) {
        var assembler = WebSocketAssembler(limit: limit)
        var messages: [WebSocketMessage] = []
        do {
            for frame in frames { if let message = try assembler.append(frame) { messages.append(message) } }
            return (messages, nil)
        } catch { return (messages, error as? WebSocketFailure) }
    }

    /// A message in as many frames as it has bytes, with a ping between any two.
    @Test func fragmentsWithControlFramesBetween() {
        let bytes = Array("é漢🎉".utf8)
        var frames: [WebSocketFrame] = []
        for (index, byte) in bytes.enumerated() {
            frames.append(
                WebSocketFrame(index == 0 ? .text : .continuation, [byte], isFinal: index == bytes.count - 1))
            frames.append(WebSocketFrame(.ping, [UInt8(index)]))
        }
        let (found, failure) = messages(frames)
        #expect(failure == nil)
        #expect(found.filter { if case .text = $0 { true } else { false } } == [.text("é漢🎉")])
        #expect(found.count == bytes.count + 1 && found.last == .ping([UInt8(bytes.count - 1)]))
    }

    @Test(
        arguments: [
            ([WebSocketFrame(.continuation)], WebSocketFailure.badOrder("a continuation of nothing")),
            (
                [WebSocketFrame(.text, isFinal: false), WebSocketFrame(.binary)],
                .badOrder("a binary frame within a text message")
            ),
            ([WebSocketFrame(.text), WebSocketFrame(.continuation)], .badOrder("a continuation of nothing")),
            ([WebSocketFrame(.text, [0xc3])], .invalidUTF8),
            ([WebSocketFrame(.close, [0x03])], .badControlFrame),
            ([WebSocketFrame(.close, [0x03, 0xed])], .badCloseCode(1005)),
            ([WebSocketFrame(.close, [0x03, 0xe7])], .badCloseCode(999)),
            ([WebSocketFrame(.close, [0x03, 0xe8, 0xff])], .invalidUTF8),
            (
                [
                    WebSocketFrame(.binary, [UInt8](repeating: 0, count: 600), isFinal: false),
                    WebSocketFrame(.continuation, [UInt8](repeating: 0, count: 401)),
                ], .tooLong(bytes: 1001, limit: 1000)
            ),
        ] as [([WebSocketFrame], WebSocketFailure)])
    func messagesThatBreakTheProtocol(frames: [WebSocketFrame], failure: WebSocketFailure) {
        #expect(messages(frames).1 == failure)
    }

    @Test func theEnd() {
        #expect(messages([WebSocketFrame(.close)]).0 == [.close(code: 1005, reason: "")])
        #expect(messages([WebSocketFrame(.close, [0x03, 0xe9, 0x62])]).0 == [.close(code: 1001, reason: "b")])
        #expect(messages([WebSocketFrame(.close, [0x0f, 0xa0])]).0 == [.close(code: 4000, reason: "")])
    }
}
