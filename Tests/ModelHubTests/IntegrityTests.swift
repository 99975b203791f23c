import Foundation
import Testing

@testable import ModelHub

/// Damage in the store: found, named, and repaired by the next pull.
@Suite struct IntegrityTests {
    /// A store with model one in it.
    struct Pulled {
        let fixture: HubFixture
        let hub: ModelHub
        let entry: CatalogEntry
        let installed: InstalledModel
        var blob: String { fixture.repository.blob(entry.files[0].sha256) }

        init() async throws {
            fixture = try HubFixture()
            hub = try fixture.hub()
            entry = try fixture.entry("one")
            installed = try await hub.pull(entry)
        }

        func flip(_ offset: Int) throws {
            var bytes = try HubFixture.bytes(blob)
            bytes[offset] ^= 0x10
            // In place, so that the inode stays.
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: blob))
            try file.write(contentsOf: Data(bytes))
            try file.close()
        }

        /// Gives the blob the times it had, as silent corruption of a disk would.
        func preservingTimes(_ change: () throws -> Void) throws {
            var status = stat()
            try #require(stat(blob, &status) == 0)
            try change()
            let times = [status.st_atim, status.st_mtim]
            try #require(utimensat(AT_FDCWD, blob, times, 0) == 0)
        }

        func expectRepair(rehash: Bool = false) async throws {
            let calls = fixture.calls
            #expect(try await hub.pull(entry, rehash: rehash) == installed)
            #expect(fixture.calls == calls + 1)
            #expect(try HubFixture.bytes(blob) == fixture.contents[HubFixture.one])
            try hub.verify(installed, rehash: true)
        }
    }

    @Test(arguments: [0, 20_000, 39_999])
    func findsAndRepairsAFlippedBit(at offset: Int) async throws {
        let pulled = try await Pulled()
        try pulled.flip(offset)
        #expect(pulled.hub.state(of: pulled.entry) == .present, "no state is worth hashing for")
        let error = #expect(throws: ModelHubError.self) { try pulled.hub.verify(pulled.installed) }
        guard case .corrupted("one", let file, let expected, let found)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(file == pulled.installed.files["model"])
        #expect(expected == pulled.entry.files[0].sha256)
        #expect(found == HubFixture.sha256(try HubFixture.bytes(pulled.blob)))
        #expect(try #require(error).category == .integrity)
        #expect(try #require(error).description.contains("svc pull one --repair"))
        try await pulled.expectRepair()
    }

    /// Times and size say nothing has changed, so only hashing tells.
    @Test func rehashingFindsSilentCorruption() async throws {
        let pulled = try await Pulled()
        try pulled.preservingTimes { try pulled.flip(5) }
        try pulled.hub.verify(pulled.installed)
        #expect(throws: ModelHubError.self) { try pulled.hub.verify(pulled.installed, rehash: true) }
        // It was found out, so it is not trusted again.
        #expect(throws: ModelHubError.self) { try pulled.hub.verify(pulled.installed) }
        try await pulled.expectRepair()

        try pulled.preservingTimes { try pulled.flip(6) }
        #expect(try await pulled.hub.pull(pulled.entry) == pulled.installed)
        try await pulled.expectRepair(rehash: true)
    }

    @Test(arguments: [0, 1, 39_999])
    func findsAndRepairsATruncatedFile(_ length: Int) async throws {
        let pulled = try await Pulled()
        try #require(truncate(pulled.blob, off_t(length)) == 0)
        #expect(pulled.hub.state(of: pulled.entry) == .incomplete(missing: [HubFixture.one]))
        #expect(try pulled.hub.installed(pulled.entry) == nil)
        #expect(throws: ModelHubError.self) { try pulled.hub.verify(pulled.installed) }
        try await pulled.expectRepair()
    }

    @Test func findsAndRepairsAMissingBlob() async throws {
        let pulled = try await Pulled()
        try Disk.removeFile(pulled.blob)
        #expect(pulled.hub.state(of: pulled.entry) == .incomplete(missing: [HubFixture.one]))
        let error = #expect(throws: ModelHubError.self) { try pulled.hub.verify(pulled.installed) }
        #expect(try #require(error).description.contains(try #require(pulled.installed.files["model"])))
        try await pulled.expectRepair()
    }

    /// The blob is there and right: the link comes back without a download.
    @Test func restoresAMissingLinkWithoutADownload() async throws {
        let pulled = try await Pulled()
        try Disk.removeFile(try #require(pulled.installed.files["model"]))
        #expect(pulled.hub.state(of: pulled.entry) == .incomplete(missing: [HubFixture.one]))
        #expect(try await pulled.hub.pull(pulled.entry) == pulled.installed)
        #expect(pulled.fixture.calls == 1)
    }

    @Test func replacesALinkThatLeadsElsewhere() async throws {
        let pulled = try await Pulled()
        let link = try #require(pulled.installed.files["model"])
        try Disk.removeFile(link)
        try #require(symlink("/etc/passwd", link) == 0)
        #expect(pulled.hub.state(of: pulled.entry) == .incomplete(missing: [HubFixture.one]))
        #expect(try await pulled.hub.pull(pulled.entry) == pulled.installed)
        #expect(try HubFixture.bytes(link) == pulled.fixture.contents[HubFixture.one])
    }

    @Test(arguments: ["", "null", "{}", #"{"size":1,"mtime_ns":2,"inode":3}"#, String(repeating: "x", count: 9000)])
    func hashesWhenARecordIsWorthless(_ text: String) async throws {
        let pulled = try await Pulled()
        let record = pulled.fixture.repository.verified + "/" + pulled.entry.files[0].sha256 + ".json"
        try Data(text.utf8).write(to: URL(fileURLWithPath: record))
        let log = ProgressLog()
        try pulled.hub.verify(pulled.installed) { log.append($0) }
        #expect(log.reports.map(\.file) == ["weights.bin"])
        try Data(text.utf8).write(to: URL(fileURLWithPath: record))
        try pulled.preservingTimes { try pulled.flip(1) }
        #expect(throws: ModelHubError.self) { try pulled.hub.verify(pulled.installed) }
    }

    /// Whoever only looks changes nothing, however thoroughly.
    @Test func verifyingWhatIsRightWritesNothing() async throws {
        let pulled = try await Pulled()
        func traces() throws -> [String: UInt64] {
            let root = (pulled.fixture.repository.verified as NSString).deletingLastPathComponent
            var inodes: [String: UInt64] = [:]
            for name in try FileManager.default.subpathsOfDirectory(atPath: root) {
                inodes[name] = Disk.status(root + "/" + name)?.inode ?? 0
            }
            return inodes
        }
        let before = try traces()
        #expect(before.keys.contains { $0.contains(".verified/") })
        try pulled.hub.verify(pulled.installed)
        try pulled.hub.verify(pulled.installed, rehash: true)
        #expect(try traces() == before)
    }

    @Test func verifyingStopsWhenCancelled() async throws {
        let pulled = try await Pulled()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try pulled.hub.verify(pulled.installed, rehash: true)
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
