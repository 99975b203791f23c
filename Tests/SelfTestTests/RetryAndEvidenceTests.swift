import SelfTest
import Testing

/// What reports show, and how waits grow.
@Suite struct RetryAndEvidenceTests {
    @Test func waitsGrowUpToTheLongest() {
        let policy = RetryPolicy(attempts: 6, firstDelaySeconds: 0.5, factor: 2, maximumDelaySeconds: 3)
        #expect((1...5).map { policy.delaySeconds(after: $0) } == [0.5, 1, 2, 3, 3])
        // What the service asks for, unless that is too long; a date is not understood.
        #expect(policy.delaySeconds(after: 1, retryAfter: "2") == 2)
        #expect(policy.delaySeconds(after: 1, retryAfter: "600") == 3)
        #expect(policy.delaySeconds(after: 1, retryAfter: "Sat, 21 Nov 2026 12:00:00 GMT") == 0.5)
        #expect(policy.delaySeconds(after: 1, retryAfter: "-1") == 0.5)
    }

    @Test func keysAreNeverShown() {
        let body = Array(#"{"q": "s3cret in a text", "api_key": "s3c\"ret"}"#.utf8)
        let request = SentRequest(
            method: "POST", url: "http://127.0.0.1:1/languages?api_key=s3cret&x=1",
            headers: ["Authorization": "Bearer s3cret", "X-API-Key": "other", "x-request-id": "a", "Expect": ""],
            body: body)
        let text = Evidence.request(request)
        #expect(!text.contains("s3c") && !text.contains("other") && !text.contains("expect"))
        #expect(text.contains("> POST http://127.0.0.1:1/languages?api_key=***&x=1\n"))
        #expect(text.contains("> authorization: ***\n") && text.contains("> x-request-id: a"))
        #expect(text.contains(#"{"q": "*** in a text", "api_key": "***"}"#))
    }

    @Test func bytesThatATerminalWouldObey() {
        let bytes: [UInt8] = [0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x61, 0x0a, 0x0d, 0x09, 0xff, 0x62, 0xc2, 0x9b, 0xc3, 0xa9]
        #expect(Evidence.text(bytes) == #"\x1b[31ma"# + "\n" + #"\r\t\x??b\x9bé"#)
    }

    @Test func longBodiesAreCut() {
        let bytes = [UInt8](repeating: 0x61, count: 5000)
        #expect(Evidence.text(bytes, limit: 10) == "aaaaaaaaaa … (4990 more bytes)")
        #expect(Evidence.tail(bytes, limit: 10) == "(4990 bytes before) … aaaaaaaaaa")
        #expect(Evidence.text(bytes, limit: 5000).count == 5000)
    }
}
