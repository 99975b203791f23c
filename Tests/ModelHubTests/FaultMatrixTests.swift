import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Every fault at every moment of a pull: what is there afterwards is whole and right, or is not there.
@Suite(.timeLimit(.minutes(3))) struct FaultMatrixTests {
    enum Fault: String, CaseIterable, Sendable {
        case reset, close, stall, refuse, tooManyRequests, unavailable, serverError, wrongBytes, tooShort, tooLong
        case changedETag, drip, ignoredRange, unknownLength, garbage

        var fault: StandInFault {
            switch self {
            case .reset: .reset
            case .close: .close
            case .stall: .stall(seconds: 60)
            case .refuse: .refuse(seconds: 0.15)
            case .tooManyRequests: .tooManyRequests(retryAfterSeconds: 1)
            case .unavailable: .unavailable(forSeconds: 1)
            case .serverError: .status(500)
            case .wrongBytes: .wrongBytes(count: 3)
            case .tooShort: .wrongLength(by: -7)
            case .tooLong: .wrongLength(by: 7)
            case .changedETag: .changedETag
            case .drip: .drip(bytesPerSecond: 2_000_000)
            case .ignoredRange: .ignoredRange
            case .unknownLength: .unknownLength
            case .garbage: .garbage
            }
        }

        /// Whether it belongs to the bytes, not to the answer as a whole.
        var strikesBytes: Bool { [.reset, .close, .stall, .refuse, .wrongBytes, .drip].contains(self) }

        /// Whether what came before it can be trusted all the same.
        var sparesBytes: Bool {
            ![.wrongBytes, .tooShort, .tooLong, .changedETag, .ignoredRange, .unknownLength].contains(self)
        }
    }

    enum Moment: String, CaseIterable, Sendable {
        /// Before the Hub lists the files.
        case listing
        /// Before the Hub says where a file is.
        case resolving
        case beforeHeaders
        case middle
        case lastByte
        /// Before the Hub gives the next file.
        case betweenFiles
    }

    static func inject(_ fault: Fault, _ moment: Moment, into server: StandInHub, times: Int? = 1) {
        let path = FaultFixture.first
        let half = 800_000
        switch moment {
        case .listing: server.inject(fault.fault, path: "revision/main", host: .hub, times: times)
        case .resolving: server.inject(fault.fault, path: path, host: .hub, times: times)
        case .beforeHeaders: server.inject(fault.fault, path: path, host: .cdn, times: times)
        case .middle where fault.strikesBytes:
            server.inject(fault.fault, at: .body(afterBytes: half), path: path, host: .cdn, times: times)
        case .lastByte where fault.strikesBytes:
            server.inject(fault.fault, at: .lastByte, path: path, host: .cdn, times: times)
        // The file comes in five pieces, each with an answer of its own.
        case .middle: server.inject(fault.fault, path: path, host: .cdn, skipping: 2, times: times)
        case .lastByte: server.inject(fault.fault, path: path, host: .cdn, skipping: 4, times: times)
        case .betweenFiles: server.inject(fault.fault, path: FaultFixture.second, skipping: 1, times: times)
        }
    }

    static let everyOne: [(Fault, Moment)] = Fault.allCases.flatMap { fault in Moment.allCases.map { (fault, $0) } }

    /// What is not right in a question's answer is nothing that asking again would change: it is said.
    static func mayFail(_ fault: Fault, _ moment: Moment) -> Bool {
        switch (fault, moment) {
        case (.wrongBytes, .listing), (.tooShort, .listing), (.tooLong, .listing), (.garbage, .listing),
            (.tooShort, .resolving), (.tooLong, .resolving), (.changedETag, .resolving), (.garbage, .resolving):
            true
        default: false
        }
    }

    @Test("A fault that strikes once is got over", arguments: everyOne)
    func once(fault: Fault, moment: Moment) async throws {
        let fixture = try FaultFixture()
        Self.inject(fault, moment, into: fixture.server)
        do {
            try await fixture.pull()
        } catch let error as ModelHubError where Self.mayFail(fault, moment) {
            #expect(error.category == .integrity || error.category == .network, "\(error)")
            try fixture.expectNothingLooksWholeThatIsNot()
            try await fixture.pull()
        }
        #expect(fixture.server.faultsStruck == 1)
        try fixture.expectWhole()
        for file in fixture.files {
            // Bytes that were in flight when a connection broke; and all that was found to be wrong, with what was
            // sent before that showed.
            let allowed =
                file.path != FaultFixture.first && file.path != FaultFixture.second
                ? file.sizeBytes : fault.sparesBytes ? 200_000 : 2 * file.sizeBytes
            #expect(fixture.sentTwice(file.path) <= allowed, "\(file.path): \(fixture.sent(file.path))")
        }
        #expect(fixture.server.requests.filter { $0.host == .cdn }.allSatisfy { $0.token == nil })
    }

    static let persistent: [(Fault, Moment)] = [
        (.reset, .middle), (.close, .middle), (.stall, .middle), (.reset, .lastByte), (.close, .lastByte),
        (.serverError, .middle), (.garbage, .middle), (.serverError, .lastByte), (.reset, .betweenFiles),
        (.close, .beforeHeaders), (.serverError, .listing), (.garbage, .resolving), (.stall, .resolving),
    ]

    @Test("What a fault that lasts has spared is not asked for again", arguments: persistent)
    func lasting(fault: Fault, moment: Moment) async throws {
        let fixture = try FaultFixture()
        Self.inject(fault, moment, into: fixture.server, times: nil)
        let error = await thrown(ModelHubError.self) { try await fixture.pull() }
        #expect(error?.category == .network, "\(String(describing: error))")
        #expect(try fixture.hub().installed(try fixture.entry) == nil)
        try fixture.expectNothingLooksWholeThatIsNot()
        let kept = try fixture.keptBytes()
        if moment == .middle { #expect(kept >= 600_000) }
        if moment == .lastByte { #expect(kept >= 1_200_000) }
        fixture.server.heal()
        fixture.server.forgetRequests()
        // As a new process goes on.
        try await fixture.pull()
        try fixture.expectWhole()
        let large = [FaultFixture.first, FaultFixture.second]
        let sent = large.reduce(0) { $0 + fixture.sentBytes($1) }
        #expect(sent == 2 * FaultFixture.shardBytes - kept, "the rest, to the byte")
        for path in large { #expect(fixture.sentTwice(path) == 0) }
    }

    @Test(
        "A source that gives other bytes is said to, and nothing of them stays",
        arguments: [Fault.wrongBytes, .tooShort, .tooLong, .changedETag])
    func tampered(fault: Fault) async throws {
        let fixture = try FaultFixture()
        Self.inject(fault, fault == .changedETag ? .resolving : .middle, into: fixture.server, times: nil)
        let error = await thrown(ModelHubError.self) { try await fixture.pull() }
        #expect(error?.category == .integrity, "\(String(describing: error))")
        #expect("\(try #require(error))".contains(FaultFixture.first))
        #expect(try fixture.hub().installed(try fixture.entry) == nil)
        try fixture.expectNothingLooksWholeThatIsNot()
        fixture.server.heal()
        try await fixture.pull()
        try fixture.expectWhole()
    }

    @Test("A source that asks for more patience than there is, is not waited for", arguments: [429, 503])
    func longWait(status: Int) async throws {
        let fixture = try FaultFixture()
        fixture.server.inject(
            .status(status, headers: ["Retry-After": "3600"]), path: FaultFixture.first, host: .cdn, times: nil)
        let start = ContinuousClock.now
        let error = await thrown(ModelHubError.self) { try await fixture.pull() }
        #expect(ContinuousClock.now - start < .seconds(1800))
        #expect(error?.category == .network)
        #expect("\(try #require(error))".contains("3600"))
        fixture.server.heal()
        try await fixture.pull()
        try fixture.expectWhole()
    }

    @Test("Retry-After is waited for, as seconds and as a date", arguments: [Fault.tooManyRequests, .unavailable])
    func retryAfter(fault: Fault) async throws {
        let fixture = try FaultFixture()
        let asked = ContinuousClock.now
        let until = Date(timeIntervalSinceNow: 2)
        let patience: StandInFault =
            fault == .unavailable ? .unavailable(until: until) : .tooManyRequests(retryAfterSeconds: 2)
        fixture.server.inject(patience, path: "revision/main", host: .hub)
        try await fixture.pull()
        let requests = fixture.server.requests.filter { $0.path.hasSuffix("/revision/main") }
        #expect(requests.map(\.status) == [fault == .unavailable ? 503 : 429, 200])
        // A date has whole seconds.
        #expect(requests[1].time - asked >= .seconds(fault == .unavailable ? 0.9 : 2))
        try fixture.expectWhole()
    }
}
