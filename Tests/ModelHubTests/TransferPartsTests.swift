import Foundation
import Testing

@testable import ModelHub

/// The parts of transfers that need no network.
struct TransferPartsTests {
    @Test("Ranges merge like the bytes they stand for")
    func ranges() {
        var set = ByteRangeSet()
        var bytes = [Bool](repeating: false, count: 60)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            if Int.random(in: 0..<40, using: &generator) == 0 {
                set = ByteRangeSet()
                bytes = [Bool](repeating: false, count: 60)
            }
            let start = Int.random(in: 0..<60)
            let range = start..<Int.random(in: start...min(60, start + 9))
            set.insert(range)
            for index in range { bytes[index] = true }
            #expect(set.count == bytes.count { $0 })
            #expect(set.prefix == bytes.firstIndex(of: false) ?? 60)
            #expect(set.upperBound == (bytes.lastIndex(of: true) ?? -1) + 1)
            #expect(zip(set.ranges, set.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
            let from = Int.random(in: 0..<60)
            let hole = bytes[from...].firstIndex(of: false).map { $0..<(bytes[$0...].firstIndex(of: true) ?? 60) }
            #expect(set.firstHole(in: from..<60) == hole)
        }
    }

    @Test("Delays double up to the longest, jittered over all of it; what the source asks for comes first")
    func delays() {
        var configuration = TransferConfiguration()
        configuration.firstDelaySeconds = 1
        configuration.longestDelaySeconds = 10
        let policy = RetryPolicy(configuration)
        let longest = (1...6).map { policy.delay(afterFailures: $0, retryAfter: nil, random: 1) }
        #expect(longest == [1, 2, 4, 8, 10, 10])
        #expect(policy.delay(afterFailures: 3, retryAfter: nil, random: 0) == 0)
        #expect(policy.delay(afterFailures: 900, retryAfter: nil, random: 0.5) == 5)
        #expect(policy.delay(afterFailures: 5, retryAfter: 7, random: 0) == 7)
    }

    @Test(
        "Retry-After in all its forms",
        arguments: [
            ("120", 120), ("0", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:48:00 GMT", 0),
            ("-1", nil), ("soon", nil), ("nan", nil), ("", nil),
        ] as [(String, Double?)])
    func retryAfter(text: String, expected: Double?) {
        #expect(ResponseHead.seconds(retryAfter: text, now: 784_111_740) == expected)
    }

    @Test(
        "Content-Range is read strictly",
        arguments: [
            ("bytes 0-9/10", 0...9, 10), ("bytes 5-5/*", 5...5, nil), ("Bytes 1-2/3", 1...2, 3),
            ("bytes */77", nil, 77),
        ] as [(String, ClosedRange<Int>?, Int?)])
    func contentRange(text: String, bytes: ClosedRange<Int>?, total: Int?) {
        var head = ResponseHead()
        head.headers["content-range"] = text
        #expect(head.contentRange == ResponseHead.ContentRange(bytes: bytes, total: total))
    }

    @Test(
        "What is no Content-Range is none",
        arguments: [
            "bytes 9-0/10", "bytes 0-10/10", "bytes -1/3", "bytes 0-9", "items 0-9/10", "bytes a-b/c",
            "bytes 0-9/10/11", "",
        ])
    func badContentRange(text: String) {
        var head = ResponseHead()
        head.headers["content-range"] = text
        #expect(head.contentRange == nil)
    }

    @Test(
        "URLs are read as libcurl reads them",
        arguments: [
            ("HTTPS://Example.ORG/a?b=c#d", "https://example.org:443", "https://Example.ORG/a"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("http://[::1]:81/x", "http://[::1]:81", "http://[::1]:81/x"),
            ("http://2130706433/", "http://127.0.0.1:80", "http://127.0.0.1/"),
        ])
    func urls(text: String, origin: String, redacted: String) throws {
        let url = try TransferURL(text)
        #expect(url.origin.description == origin)
        #expect(url.redacted.lowercased() == redacted.lowercased())
    }

    @Test(
        "What cannot be asked is refused, without its secrets",
        arguments: [
            "", "a b", "http://", "ftp://a/", "https://u:hidden@a/?hidden", "//x", "http://a\n/", "https://h:99999/",
        ])
    func badURLs(text: String) {
        let error = #expect(throws: TransferError.self) { try TransferURL(text) }
        #expect(error?.description.contains("hidden") == false)
    }

    @Test(
        "Relative addresses mean what they should",
        arguments: [("/c?d", "http://a:1/c?d"), ("c", "http://a:1/x/c"), ("//h/y", "http://h/y")])
    func relative(location: String, expected: String) throws {
        #expect(try TransferURL("http://a:1/x/y?z").resolving(location).text == expected)
    }

    @Test(
        "Rates are read",
        arguments: [
            ("800000", 800_000), ("500K", 500_000), ("2M", 2_000_000), ("1.5MiB/s", 1_572_864), ("1 g", 1_000_000_000),
            ("none", nil), ("0", nil),
        ] as [(String, Int?)])
    func rates(text: String, expected: Int?) throws {
        #expect(try TransferConfiguration.bytesPerSecond(text) == expected)
    }

    @Test("What is no rate is none", arguments: ["", "fast", "-1", "1e400", "M", "0.1", "nan", "2X"])
    func badRates(text: String) {
        #expect(throws: TransferConfiguration.RateError(text: text)) { try TransferConfiguration.bytesPerSecond(text) }
    }

    @Test("The environment is read; what it says wrongly is noted, not guessed")
    func environment() {
        let configuration = TransferConfiguration(environment: [
            "https_proxy": "http://p:1", "ALL_PROXY": "http://q:2", "NO_PROXY": "a.b", "SSL_CERT_FILE": "/f",
            "SVC_BANDWIDTH_LIMIT": "2M", "SVC_STALL_SECONDS": "0.5", "SVC_TRANSFER_ATTEMPTS": "many",
        ])
        #expect(configuration.proxy(for: Origin(scheme: "https", host: "h", port: 443)) == "http://p:1")
        #expect(configuration.proxy(for: Origin(scheme: "http", host: "h", port: 80)) == "http://q:2")
        #expect(configuration.proxyShown(for: Origin(scheme: "http", host: "c.a.b", port: 80)) == nil)
        #expect(configuration.authorityFile == "/f")
        #expect(configuration.bandwidthLimit == 2_000_000)
        #expect(configuration.stallSeconds == 0.5)
        #expect(configuration.attempts == 5)
        #expect(configuration.notes.count == 1 && configuration.notes[0].contains("SVC_TRANSFER_ATTEMPTS"))
    }

    @Test("A journal comes back as it was written, and what claims too much does not")
    func journal() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/journal-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = FileTransfer(url: "https://h/x", partial: directory + "/p", sizeBytes: 100, etag: "e")
        var journal = TransferJournal(file)
        journal.ranges.insert(0..<10)
        journal.ranges.insert(20..<30)
        try journal.write(file.partial)
        #expect(TransferJournal.read(file.partial) == journal)
        #expect(FileTransfer.recordedBytes(of: file.partial) == 20)
        #expect(journal.kept(for: file, partialBytes: 30) == journal)
        #expect(journal.kept(for: file, partialBytes: 29) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["p.json"])
    }

    @Test("The limiter passes what the time allows, in pieces of any size, and forgets no debt")
    func limiter() {
        var limiter = BandwidthLimiter(limit: 1000, now: 0)
        var passed = 0
        var now = 0.0
        while now < 10 {
            limiter.advance(to: now, limit: 1000)
            while limiter.isOpen {
                limiter.take(77)
                passed += 77
            }
            now += 0.013
        }
        #expect(abs(passed - 10_000) < 200)
        limiter.advance(to: 10, limit: nil)
        #expect(limiter.isOpen)
        // An hour of idleness saves up no more than a moment's worth.
        limiter.advance(to: 11, limit: 1000)
        limiter.advance(to: 3600, limit: 1000)
        limiter.take(251)
        #expect(!limiter.isOpen && limiter.secondsUntilOpen < 0.01)
    }
}
