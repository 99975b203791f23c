import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelHub

/// What becomes of a download when something goes wrong.
@Suite(.timeLimit(.minutes(2))) struct TransferRecoveryTests {
    enum Trouble: String, CaseIterable {
        case reset, close, garbage, stall, status500, tooMany, unavailable, wrongLength, changedTag, wrongByte, chunked

        func apply(_ hub: StandInHub, _ phase: StandInPhase) {
            switch self {
            case .reset: hub.inject(.reset, at: phase, host: .cdn)
            case .close: hub.inject(.close, at: phase, host: .cdn)
            case .garbage: hub.inject(.garbage, at: phase, host: .cdn)
            case .stall: hub.inject(.stall(seconds: 20), at: phase, host: .cdn)
            case .status500: hub.inject(.status(500), host: .cdn)
            case .tooMany: hub.inject(.tooManyRequests(retryAfterSeconds: 1), host: .cdn)
            case .unavailable: hub.inject(.unavailable(forSeconds: 1), host: .cdn)
            case .wrongLength: hub.inject(.wrongLength(by: -7), host: .cdn)
            case .changedTag: hub.inject(.changedETag, host: .cdn, skipping: 2)
            case .wrongByte: hub.inject(.wrongBytes(count: 1), at: phase == .headers ? .lastByte : phase, host: .cdn)
            case .chunked: hub.inject(.unknownLength, host: .cdn, times: nil)
            }
        }

        var throwsAway: Bool { [.wrongLength, .changedTag, .wrongByte].contains(self) }
    }

    @Test(
        "The file comes whole in spite of one fault, and nothing comes twice that was good",
        arguments: Trouble.allCases,
        [StandInPhase.headers, .body(afterBytes: 0), .body(afterBytes: 456_789), .lastByte])
    func oneFault(trouble: Trouble, phase: StandInPhase) async throws {
        let fixture = try TransferFixture()
        trouble.apply(fixture.hub, phase)
        let throwsAway = trouble.throwsAway || trouble == .garbage && phase != .headers
        let client = fixture.client { $0.stallSeconds = 0.3 }
        let result = try await client.download(try fixture.transfer())
        #expect(result.sha256 == fixture.file.sha256)
        #expect(try fixture.partialBytes() == fixture.file.bytes())
        #expect(fixture.hub.faultsStruck > 0)
        // What the stand-in gave to its kernel before a reset is lost on the way.
        if !throwsAway { #expect(fixture.sentTwice <= 200_000) }
        #expect(result.downloadedBytes <= (throwsAway ? 2_000_000 : 1_000_000))
    }

    @Test("A source that never answers well is given up after the attempts that are allowed")
    func givesUp() async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: 50_000))
        fixture.hub.inject(.status(503, message: "out of order"), host: .cdn, times: nil)
        let error = await thrown(TransferError.self) {
            try await fixture.client().download(try fixture.transfer())
        }
        #expect(error?.status == 503)
        #expect(error?.attempts == 5)
        #expect(error?.description.contains("out of order") == true)
        #expect(fixture.hub.requests.count { $0.host == .cdn } == 5)
    }

    @Test("Errors name the stage and the byte, and never the query, the secret or its place")
    func messages() async throws {
        let fixture = try TransferFixture()
        fixture.hub.inject(.reset, at: .body(afterBytes: 250_000), host: .cdn, times: nil)
        let error = await thrown(TransferError.self) {
            try await fixture.client().download(try fixture.transfer { $0.credential = try? fixture.credential })
        }
        let text = try #require(error).description
        #expect(text.contains("of 1000000"))
        #expect(text.contains("tried 5 times"))
        #expect(!text.contains("Signature"))
        #expect(!text.contains(TransferFixture.token))
        #expect(error?.modelHubError(source: "hf:someone/model").category == .network)
        let dead = FileTransfer(url: "http://127.0.0.1:1/a?secret=b", partial: fixture.partial + "2")
        let refused = await thrown(TransferError.self) { try await fixture.client().download(dead) }
        #expect(refused?.stage == .connecting)
        #expect(refused?.cause == .unreachable)
        #expect(refused?.url == "http://127.0.0.1:1/a")
        let nowhere = FileTransfer(url: "http://no-such-host.invalid/a", partial: fixture.partial + "3")
        #expect(await thrown(TransferError.self) { try await fixture.client().download(nowhere) }?.stage == .resolving)
    }

    @Test("Statuses that stay are errors at once", arguments: [400, 401, 403, 404, 410, 451])
    func lastingStatus(status: Int) async throws {
        let fixture = try TransferFixture()
        fixture.hub.inject(.status(status, headers: ["X-Error-Code": "EntryNotFound"]), host: .hub, times: nil)
        let error = await thrown(TransferError.self) { try await fixture.client().download(try fixture.transfer()) }
        #expect(error?.status == status)
        #expect(error?.errorCode == "EntryNotFound")
        #expect(fixture.hub.requests.count == 1)
    }

    @Test(
        "A wrong digest or length is fetched once more, then it is an error and nothing is kept",
        arguments: [true, false])
    func wrongTwice(isLength: Bool) async throws {
        let fixture = try TransferFixture()
        let fault = isLength ? StandInFault.wrongLength(by: 5) : .wrongBytes(count: 1)
        fixture.hub.inject(fault, at: isLength ? .headers : .body(afterBytes: 10), host: .cdn, times: nil)
        let error = await thrown(ModelHubError.self) { try await fixture.client().download(try fixture.transfer()) }
        guard case .unexpectedContent(_, let file, let expected, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(file == "weights.bin")
        #expect(expected == (isLength ? "1000000 bytes" : fixture.file.sha256))
        #expect(Disk.status(fixture.partial)?.sizeBytes == 0)
        #expect(Disk.status(fixture.partial + ".json") == nil)
    }

    @Test("What came is kept across an interruption, and only the rest is asked for", arguments: [true, false])
    func resumes(byCancelling: Bool) async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: 2_000_000))
        if byCancelling {
            // Nothing more comes until it is cancelled.
            fixture.hub.inject(.stall(seconds: 600), at: .body(afterBytes: 1_234_567), host: .cdn, times: nil)
        } else {
            fixture.hub.inject(.reset, at: .body(afterBytes: 1_234_567), host: .cdn, times: nil)
        }
        let order = try fixture.transfer()
        let client = fixture.client {
            $0.connectionsPerFile = 1
            $0.stallSeconds = 600
        }
        let (began, hasBegun) = AsyncStream<Void>.makeStream()
        let task = Task {
            try await client.download(order) { if $0.completedBytes > 700_000 { hasBegun.finish() } }
        }
        if byCancelling {
            for await _ in began {}
            task.cancel()
        }
        let clock = ContinuousClock.now
        let failure = await task.result
        #expect(throws: (any Error).self) { try failure.get() }
        if byCancelling {
            #expect(ContinuousClock.now - clock < .seconds(300))
            #expect(throws: CancellationError.self) { try failure.get() }
        }
        let kept = FileTransfer.recordedBytes(of: fixture.partial)
        #expect(kept > 700_000)
        fixture.hub.heal()
        fixture.hub.forgetRequests()
        // Another client, as in another process.
        let result = try await fixture.client().download(order)
        #expect(result.resumedBytes == kept)
        #expect(result.downloadedBytes == 2_000_000 - kept)
        #expect(fixture.sent.map(\.count).reduce(0, +) == 2_000_000 - kept)
        #expect(result.sha256 == fixture.file.sha256)
        // Once whole, nothing is asked any more.
        fixture.hub.forgetRequests()
        let again = try await fixture.client().download(order)
        #expect(again.resumedBytes == 2_000_000)
        #expect(fixture.hub.requests.isEmpty)
    }

    enum Damage: CaseIterable {
        case noJournal, emptyJournal, nonsense, claimsTooMuch, otherTag, otherSize, shortened, otherDigest, wrongVersion
    }

    @Test("A partial of which not everything fits is begun anew", arguments: Damage.allCases)
    func unfitPartial(damage: Damage) async throws {
        let fixture = try TransferFixture()
        var journal = TransferJournal(try fixture.transfer())
        journal.ranges.insert(0..<400_000)
        var partial = [UInt8](repeating: 7, count: 400_000)
        switch damage {
        case .claimsTooMuch: journal.ranges.insert(900_000..<1_000_001)
        case .otherTag: journal.etag = "another"
        case .otherSize: journal.sizeBytes = 999_999
        case .otherDigest: journal.expected = String(repeating: "0", count: 64)
        case .shortened: partial.removeLast()
        case .noJournal, .emptyJournal, .nonsense, .wrongVersion: break
        }
        try Data(partial).write(to: URL(fileURLWithPath: fixture.partial))
        try journal.write(fixture.partial)
        let path = FileTransfer.journal(of: fixture.partial)
        switch damage {
        case .noJournal: try FileManager.default.removeItem(atPath: path)
        case .emptyJournal: try Data().write(to: URL(fileURLWithPath: path))
        case .nonsense: try Data(#"{"version":1,"ranges":[[5,-9]]}"#.utf8).write(to: URL(fileURLWithPath: path))
        case .wrongVersion:
            let text = try String(contentsOfFile: path, encoding: .utf8)
            try text.replacing(#""version":1"#, with: #""version":2"#).write(
                toFile: path, atomically: false, encoding: .utf8)
        default: break
        }
        let result = try await fixture.client().download(try fixture.transfer())
        #expect(result.resumedBytes == 0)
        #expect(result.downloadedBytes == 1_000_000)
        #expect(try fixture.partialBytes() == fixture.file.bytes())
    }

    @Test("Bytes that changed on the disk since are found out, and fetched anew")
    func damagedPartial() async throws {
        let fixture = try TransferFixture()
        var journal = TransferJournal(try fixture.transfer())
        journal.ranges.insert(0..<400_000)
        var bytes = fixture.file.bytes(0..<400_000)
        bytes[123_456] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: fixture.partial))
        try journal.write(fixture.partial)
        let result = try await fixture.client().download(try fixture.transfer())
        #expect(result.sha256 == fixture.file.sha256)
        #expect(result.downloadedBytes == 1_600_000)
        #expect(result.resumedBytes == 0)
    }

    @Test("A partial has one writer")
    func oneWriter() async throws {
        let fixture = try TransferFixture()
        let opened = try PartialFile.open(try fixture.transfer())
        let error = await thrown(ModelHubError.self) { try await fixture.client().download(try fixture.transfer()) }
        #expect(error?.description.contains("another download") == true)
        opened.partial.close()
        _ = try await fixture.client().download(try fixture.transfer())
    }

    @Test("A disk without the room, or the reserve, is said before anything is asked")
    func noSpace() async throws {
        let fixture = try TransferFixture()
        for (size, reserve) in [(1 << 60, 0), (1000, 1 << 60)] {
            let order = try fixture.transfer {
                $0.sizeBytes = size
                $0.freeSpaceReserveBytes = reserve
            }
            let error = await thrown(ModelHubError.self) { try await fixture.client().download(order) }
            guard case .notEnoughSpace(let path, let needed, _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(path == fixture.directory)
            #expect(needed == size + reserve || needed == size - 0)
        }
        #expect(fixture.hub.requests.isEmpty)
    }

    @Test(
        "A partial that cannot be written is the disk's error, not the network's", arguments: ["/dev/full", "/proc/x"])
    func unwritable(path: String) async throws {
        let fixture = try TransferFixture()
        let order = try fixture.transfer { $0.partial = path }
        let error = await thrown(ModelHubError.self) { try await fixture.client().download(order) }
        #expect(error != nil)
    }
}
