import SelfTest
import Testing

/// Streams of server-sent events, cut wherever they can be cut.
@Suite struct SSEParserTests {
    /// What a stream says to a client.
    struct Reading: Equatable {
        var events: [[String]] = []
        var comments: [String] = []
        var lastEventID = ""
        var retry: Int?
        var isDone = false
        var failure: SSEFailure?
    }

    /// Reads a stream in pieces.
    private func read(_ pieces: [[UInt8]], done: SSEParser.DoneRule) -> (reading: Reading, events: [SSEEvent]) {
        var parser = SSEParser(done: done)
        var events: [SSEEvent] = []
        var failure: SSEFailure?
        do {
            for piece in pieces { try parser.append(piece, to: &events) }
            try parser.finish()
        } catch { failure = error as? SSEFailure }
        let reading = Reading(
            events: events.map { [$0.id, $0.event, $0.data] }, comments: parser.comments.map(\.text),
            lastEventID: parser.lastEventID, retry: parser.retryMilliseconds, isDone: parser.isDone, failure: failure)
        return (reading, events)
    }

    /// Checks a stream whole, byte by byte, and cut in two at every place.
    private func check(_ bytes: [UInt8], done: SSEParser.DoneRule = .none, _ expected: Reading) {
        let whole = read([bytes], done: done)
        #expect(whole.reading == expected)
        #expect(read(bytes.map { [$0] }, done: done).reading == expected)
        #expect(read(bytes.map { [$0] }, done: done).events == read([bytes], done: done).events)
        for cut in 0...bytes.count {
            let cutInTwo = read([Array(bytes[..<cut]), Array(bytes[cut...])], done: done)
            #expect(cutInTwo.reading == expected, "cut at \(cut)")
        }
    }

    private func check(_ text: String, done: SSEParser.DoneRule = .none, _ expected: Reading) {
        check(Array(text.utf8), done: done, expected)
    }

    @Test(arguments: ["\n", "\r", "\r\n"]) func everyLineEnd(end: String) {
        let lines = ["data: a", "data: b", "", ": hello", "", "event: k", "id: 7", "data:c", "", "data", "", ""]
        check(
            lines.joined(separator: end),
            Reading(
                events: [["", "message", "a\nb"], ["7", "k", "c"], ["7", "message", ""]], comments: ["hello"],
                lastEventID: "7"))
    }

    @Test func mixedLineEnds() {
        check(
            "data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\rdata: e\n\n",
            Reading(events: [["", "message", "a\nb\nc"], ["", "message", "d"], ["", "message", "e"]]))
    }

    @Test func aByteOrderMarkOnlyAtTheStart() {
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        check(mark + Array("data: a\n\n".utf8), Reading(events: [["", "message", "a"]]))
        check(
            Array("data: a\n\n".utf8) + mark + Array("data: b\n\n".utf8),
            Reading(
                events: [["", "message", "a"]], failure: .unknownField("\u{feff}data", byte: 9)))
    }

    @Test func spacesAndColons() {
        check(
            "data:  two\ndata::\ndata: a: b\ndata:\u{301}x\n:\n: \n::\n\n",
            Reading(events: [["", "message", " two\n:\na: b\n\u{301}x"]], comments: ["", "", ":"]))
    }

    @Test func charactersOfSeveralBytes() {
        check("data: é漢🎉\n\n", Reading(events: [["", "message", "é漢🎉"]]))
        // Line ends of Unicode are text here.
        check("data: a\u{2028}b\u{85}c\u{b}d\n\n", Reading(events: [["", "message", "a\u{2028}b\u{85}c\u{b}d"]]))
    }

    @Test func anIdAloneIsRememberedAndADelayIsRead() {
        check(
            "retry: 2000\nid: x-17\n\ndata: 1\n\nid\ndata: 2\n\n",
            Reading(events: [["x-17", "message", "1"], ["", "message", "2"]], retry: 2000))
    }

    @Test func doneIsTheEnd() {
        let expected = Reading(events: [["", "message", "{}"]], isDone: true)
        check("data: {}\n\ndata: [DONE]\n\n", done: .required, expected)
        check("data: {}\r\n\r\ndata: [DONE]\r\n\r\n", done: .required, expected)
        var commented = expected
        commented.comments = ["ping"]
        check("data: {}\n\ndata: [DONE]\n\n\n: ping\n\n", done: .required, commented)
        // Where it means nothing it is an event.
        check("data: [DONE]\n\n", Reading(events: [["", "message", "[DONE]"]]))
        check(
            "data: [DONE] \n\ndata: [DONE]\n\n", done: .required,
            Reading(events: [["", "message", "[DONE] "]], isDone: true))
    }

    @Test(arguments: [
        ("data: {}\n\n", SSEFailure.noDone(events: 1)), ("", .noDone(events: 0)), (": ping\n\n", .noDone(events: 0)),
        ("data: {}\n\ndata: [DONE]\n", .unfinished("data: [DONE]\n")), ("data: [DONE]", .unfinished("data: [DONE]")),
        ("data: [DONE]\n\ndata: {}\n\n", .afterDone("data: {}")), ("data: [DONE]\n\nid: 3\n\n", .afterDone("id: 3")),
        ("data: [DONE]\n\ndata: [DONE]\n\n", .afterDone("data: [DONE]")), ("id: 1\n\n", .noData(byte: 7)),
        ("event: ping\n\ndata: [DONE]\n\n", .noData(byte: 13)),
    ]) func whatIsWrongWithAStreamThatHasToBeDone(text: String, failure: SSEFailure) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            let found = read([Array(bytes[..<cut]), Array(bytes[cut...])], done: .required).reading
            #expect(found.failure == failure, "cut at \(cut)")
        }
        #expect(read(bytes.map { [$0] }, done: .required).reading.failure == failure)
    }

    @Test(arguments: [
        ("data: a\n\ndata: b", SSEFailure.unfinished("data: b")), ("data: a\n", .unfinished("data: a\n")),
        ("data: a\r\n\r\n:pin", .unfinished(":pin")), ("id: 4\n", .unfinished("id: 4\n")),
        ("event: x\n\n", .noData(byte: 10)),
        ("2026-11-21 info loaded\n", .unknownField("2026-11-21 info loaded", byte: 0)),
        ("data: a\n\nDATA: b\n\n", .unknownField("DATA", byte: 9)), (" data: b\n\n", .unknownField(" data", byte: 0)),
        ("retry: soon\n\n", .invalidField("retry", value: "soon", byte: 0)),
        ("retry:\n\n", .invalidField("retry", value: "", byte: 0)),
        ("retry: 99999999999999999999\n\n", .invalidField("retry", value: "99999999999999999999", byte: 0)),
        ("id: a\0b\n\n", .invalidField("id", value: "a\0b", byte: 0)),
    ]) func whatABrowserWouldDropInSilence(text: String, failure: SSEFailure) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
            #expect(read(pieces, done: .none).reading.failure == failure, "cut at \(cut)")
        }
        #expect(read(bytes.map { [$0] }, done: .none).reading.failure == failure)
    }

    @Test(arguments: [[0xff], [0xc3], [0xe6, 0xbc], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0x80]] as [[UInt8]])
    func bytesThatAreNoText(bytes: [UInt8]) {
        check(
            Array("data: a\n\ndata: ".utf8) + bytes + Array("\n\n".utf8),
            Reading(events: [["", "message", "a"]], failure: .invalidUTF8(byte: 9)))
    }

    @Test func anEventWithoutAnEnd() throws {
        var parser = SSEParser(maximumEventBytes: 1000)
        var events: [SSEEvent] = []
        try parser.append(Array("data: \(String(repeating: "x", count: 900))\n\n".utf8), to: &events)
        try parser.append([UInt8](repeating: 0x78, count: 1000), to: &events)
        #expect(throws: SSEFailure.tooLong(bytes: 1000)) { try parser.append([0x78], to: &events) }
        #expect(events.count == 1)
    }

    @Test func rawBytesAndTimes() throws {
        var parser = SSEParser()
        var events: [SSEEvent] = []
        try parser.append(Array(": c\ndata: a\n".utf8), at: 1, to: &events)
        #expect(events.isEmpty)
        try parser.append(Array("\ndata: b\n\n".utf8), at: 2, to: &events)
        #expect(events.map { String(decoding: $0.raw, as: UTF8.self) } == [": c\ndata: a\n\n", "data: b\n\n"])
        #expect(events.map(\.at) == [2, 2])
        #expect(parser.comments.map(\.text) == ["c"] && parser.comments.map(\.at) == [1])
    }
}
