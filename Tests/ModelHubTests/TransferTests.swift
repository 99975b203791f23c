import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelHub

/// Files that come through `TransferClient` from a server of real sockets.
@Suite(.timeLimit(.minutes(2))) struct TransferTests {
    @Test("A file of any size comes whole", arguments: [0, 1, 99_999, 100_000, 100_001, 1_000_003])
    func sizes(size: Int) async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: size))
        let result = try await fixture.client().download(try fixture.transfer())
        #expect(result.sizeBytes == size)
        #expect(result.sha256 == fixture.file.sha256)
        #expect(result.downloadedBytes == size)
        #expect(try fixture.partialBytes() == fixture.file.bytes())
        #expect(fixture.sentTwice == 0)
        let final = fixture.directory + "/final"
        try FileTransfer.place(fixture.partial, at: final)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.directory) == ["final"])
    }

    @Test("Where size, tag and digest are not known, the source's answer says them", arguments: [0, 50_000, 350_000])
    func unknown(size: Int) async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: size))
        let result = try await fixture.client().download(
            FileTransfer(
                url: fixture.url(fixture.file), partial: fixture.partial, digests: [.sha256, .gitBlobSHA1],
                freeSpaceReserveBytes: 0))
        #expect(result.sizeBytes == size)
        #expect(result.sha256 == fixture.file.sha256)
        #expect(result.entityTag == fixture.file.sha256.prefix(32) + "-1")
    }

    @Test("A small file is one request, and its git digest is checked")
    func small() async throws {
        let file = StandInFile("config.json", #"{"a": 1}"#)
        let fixture = try TransferFixture(file)
        fixture.hub.setRedirectsSmallFiles(false)
        let result = try await fixture.client().download(try fixture.transfer())
        #expect(result.gitBlobSHA1 == file.gitBlobSHA1)
        #expect(fixture.hub.requests.count == 1)
        #expect(fixture.hub.requests.first?.headers["range"] == nil)
        #expect(fixture.hub.requests.first?.headers["accept-encoding"] == "identity")
    }

    @Test("A large file comes over several connections, and the redirect is asked once")
    func parallel() async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: 4_000_000))
        fixture.hub.inject(.drip(bytesPerSecond: 2_000_000), at: .headers, host: .cdn, times: nil)
        _ = try await fixture.client().download(try fixture.transfer())
        #expect(fixture.hub.requests.count { $0.host == .hub } == 1)
        #expect(fixture.hub.requests.count { $0.host == .cdn } == 40)
        #expect(fixture.hub.connectionsMade(.cdn) == 4)
        #expect(fixture.sentTwice == 0)
    }

    @Test("A source that knows no ranges, or no length, gives the file all the same", arguments: [true, false])
    func withoutRanges(hasLength: Bool) async throws {
        let fixture = try TransferFixture()
        fixture.hub.inject(.ignoredRange, host: .cdn, times: nil)
        if !hasLength { fixture.hub.inject(.unknownLength, host: .cdn, times: nil) }
        let result = try await fixture.client().download(try fixture.transfer { if !hasLength { $0.sizeBytes = nil } })
        #expect(result.sizeBytes == fixture.file.sizeBytes)
        #expect(fixture.hub.requests.count { $0.host == .cdn } == 1)
        // And after its connection broke in the middle.
        try FileTransfer.discard(fixture.partial)
        fixture.hub.inject(.reset, at: .body(afterBytes: 600_000), host: .cdn)
        let again = try await fixture.client().download(try fixture.transfer())
        #expect(again.sha256 == fixture.file.sha256)
        #expect(again.downloadedBytes >= 1_000_000)
    }

    @Test("The secret goes to its origin only, and the headers of both are what the source told")
    func credential() async throws {
        let fixture = try TransferFixture()
        fixture.hub.change("someone/model") { $0.isPrivate = true }
        _ = try await fixture.client().download(try fixture.transfer { $0.credential = try? fixture.credential })
        let requests = fixture.hub.requests
        #expect(requests.filter { $0.host == .hub }.allSatisfy { $0.token == TransferFixture.token })
        #expect(requests.filter { $0.host == .cdn }.allSatisfy { $0.headers["authorization"] == nil })
        #expect(requests.contains { $0.host == .cdn })
        #expect("\(try fixture.credential) \(String(reflecting: try fixture.credential))" == "*** ***")
        var dumped = ""
        dump(try fixture.transfer { $0.credential = try? fixture.credential }, to: &dumped)
        #expect(!dumped.contains(TransferFixture.token))
    }

    @Test("Within its origin the secret goes along with a redirect")
    func credentialWithinOrigin() async throws {
        let fixture = try TransferFixture(StandInFile("config.json", "{}"))
        fixture.hub.change("someone/model") { $0.isPrivate = true }
        _ = try await fixture.client().download(try fixture.transfer { $0.credential = try? fixture.credential })
        #expect(fixture.hub.requests.map(\.status) == [307, 200])
        #expect(fixture.hub.requests.allSatisfy { $0.token == TransferFixture.token })
    }

    @Test("A secret for another origin is not sent at all")
    func foreignCredential() async throws {
        let fixture = try TransferFixture()
        fixture.hub.change("someone/model") { $0.isGated = true }
        let foreign = Credential(
            token: TransferFixture.token, origin: Origin(scheme: "http", host: "127.0.0.1", port: 1))
        let error = await thrown(TransferError.self) {
            try await fixture.client().download(try fixture.transfer { $0.credential = foreign })
        }
        #expect(error?.status == 401)
        #expect(error?.errorCode == "GatedRepo")
        #expect(fixture.hub.requests.allSatisfy { $0.token == nil })
    }

    @Test("Links that expire meanwhile are asked for again")
    func expiredLinks() async throws {
        let fixture = try TransferFixture()
        fixture.hub.inject(.drip(bytesPerSecond: 400_000), host: .cdn, times: nil)
        let expired = Atomic<Bool>(false)
        let result = try await fixture.client { $0.connectionsPerFile = 2 }.download(try fixture.transfer()) {
            progress in
            if progress.completedBytes > 300_000, !expired.exchange(true, ordering: .relaxed) {
                fixture.hub.expireLinks()
            }
        }
        let didExpire = expired.load(ordering: .relaxed)
        #expect(didExpire)
        #expect(result.sha256 == fixture.file.sha256)
        #expect(fixture.hub.requests.contains { $0.status == 403 })
        #expect(fixture.hub.requests.count { $0.host == .hub } >= 2)
        #expect(fixture.sentTwice == 0)
    }

    @Test("Progress grows, and never beyond the size")
    func progress() async throws {
        let fixture = try TransferFixture()
        fixture.hub.inject(.drip(bytesPerSecond: 250_000), host: .cdn, times: nil)
        let seen = Mutex<[FileTransferProgress]>([])
        let client = fixture.client { $0.connectionsPerFile = 2 }
        _ = try await client.download(try fixture.transfer()) { progress in seen.withLock { $0.append(progress) } }
        let reports = seen.withLock { $0 }
        #expect(reports.count >= 4)
        #expect(reports.map(\.completedBytes) == reports.map(\.completedBytes).sorted())
        #expect(reports.allSatisfy { $0.totalBytes == 1_000_000 && $0.completedBytes <= 1_000_000 })
        #expect(reports.contains { $0.connections == 2 && $0.state == .downloading })
        #expect(reports.contains { $0.bytesPerSecond > 50_000 && $0.bytesPerSecond < 3_000_000 })
    }
}
