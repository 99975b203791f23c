import Foundation
import Testing

@testable import ModelHub

/// Models that lie on this machine already.
@Suite struct FileSourceTests {
    let fixture: HubFixture
    let source: String

    init() throws {
        fixture = try HubFixture()
        source = fixture.directory + "/source"
        try write("config.json", "{}")
        try write("parts/weights.bin", String(repeating: "weights", count: 1000))
        try write(".git/HEAD", "not the model's")
    }

    func write(_ path: String, _ text: String) throws {
        let url = URL(fileURLWithPath: source + "/" + path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    func entry(_ path: String? = nil, files: [CatalogFile] = []) -> CatalogEntry {
        CatalogEntry(name: "mine", task: .generation, family: "test", source: .file(path: path ?? source), files: files)
    }

    func text(_ installed: InstalledModel, _ role: String) throws -> String {
        String(decoding: try HubFixture.bytes(try #require(installed.files[role])), as: UTF8.self)
    }

    @Test func copiesADirectory() async throws {
        try #require(symlink("config.json", source + "/link.json") == 0)
        try #require(symlink(".", source + "/circle") == 0)
        let hub = try fixture.hub()
        let log = ProgressLog()
        let installed = try await hub.pull(entry()) { log.append($0) }
        #expect(Set(installed.files.keys) == ["config.json", "parts/weights.bin", "link.json"])
        #expect(try text(installed, "link.json") == "{}")
        #expect(hub.state(of: entry()) == .present)
        #expect(try hub.installed(entry()) == installed)
        #expect(log.phases == [.extracting, .done])

        // The copy is the store's own, whatever happens to the original.
        try write("config.json", "changed")
        #expect(try text(installed, "config.json") == "{}")
        try hub.verify(installed, rehash: true)
    }

    @Test func copiesASingleFile() async throws {
        let hub = try fixture.hub()
        let installed = try await hub.pull(entry(source + "/config.json"))
        #expect(Array(installed.files.keys) == ["config.json"])
        #expect(try text(installed, "config.json") == "{}")
    }

    @Test func followsTheSourceWhenPulledAgain() async throws {
        let hub = try fixture.hub()
        let first = try await hub.pull(entry())
        #expect(try await hub.pull(entry()) == first)
        try write("config.json", #"{"new": 1}"#)
        let second = try await hub.pull(entry())
        #expect(second.revision != first.revision)
        #expect(try text(second, "config.json") == #"{"new": 1}"#)
        let repository = try fixture.store.repository(of: entry())
        #expect(try Disk.names(in: repository.snapshots) == [second.revision])
        #expect(try repository.blobDigests().count == 2)
    }

    @Test func keepsWhatItHasWhenTheSourceIsGone() async throws {
        let hub = try fixture.hub()
        let installed = try await hub.pull(entry())
        try Disk.removeTree(source)
        #expect(try await hub.pull(entry()) == installed)
        _ = try hub.remove(entry())
        let error = await #expect(throws: ModelHubError.self) { try await hub.pull(entry()) }
        #expect(try #require(error).category == .notFound)
        #expect(try #require(error).description.contains(source))
        #expect(fixture.storedNames().filter { $0.contains("blobs/") } == [])
    }

    @Test func copiesOnlyListedFilesAndChecksThem() async throws {
        let listed = CatalogFile(
            role: "config", path: "config.json", sha256: HubFixture.sha256(Array("{}".utf8)), sizeBytes: 2)
        let hub = try fixture.hub()
        let installed = try await hub.pull(entry(files: [listed]))
        #expect(Array(installed.files.keys) == ["config"])
        #expect(try await hub.pull(entry(files: [listed])) == installed)

        let wrong = CatalogFile(role: "config", path: "config.json", sha256: HubFixture.sha256([1]), sizeBytes: 2)
        let error = await #expect(throws: ModelHubError.self) { try await hub.pull(entry(files: [wrong])) }
        #expect(try #require(error).category == .integrity)
        let absent = CatalogFile(role: "x", path: "no/such.bin", sha256: HubFixture.sha256([1]), sizeBytes: 2)
        let missing = await #expect(throws: ModelHubError.self) { try await hub.pull(entry(files: [absent])) }
        #expect(try #require(missing).category == .notFound)
        #expect(hub.state(of: entry(files: [listed])) == .present)
    }

    @Test func noticesAMissingFileOfAnUnlistedModel() async throws {
        let hub = try fixture.hub()
        let installed = try await hub.pull(entry())
        try Disk.removeFile(try #require(installed.files["config.json"]))
        #expect(hub.state(of: entry()) == .incomplete(missing: []))
        #expect(try hub.installed(entry()) == nil)
        #expect(try await hub.pull(entry()) == installed)
        try Disk.removeFile(
            try fixture.store.repository(of: entry()).blob(try #require(installed.sha256["config.json"])))
        #expect(hub.state(of: entry()) == .incomplete(missing: ["config.json"]))
        #expect(try await hub.pull(entry()) == installed)
    }

    @Test func removesAllOfIt() async throws {
        let hub = try fixture.hub()
        _ = try await hub.pull(entry())
        let report = try hub.remove(entry())
        #expect(Set(report.removedFiles) == ["config.json", "parts/weights.bin"])
        #expect(report.freedBytes == 7002)
        #expect(fixture.storedNames() == [])
        #expect(try HubFixture.bytes(source + "/config.json") == Array("{}".utf8))
    }

    @Test func refusesADirectoryWithoutFiles() async throws {
        try Disk.makeDirectory(fixture.directory + "/empty")
        let hub = try fixture.hub()
        let error = await #expect(throws: ModelHubError.self) {
            try await hub.pull(entry(fixture.directory + "/empty"))
        }
        #expect(try #require(error).category == .notFound)
    }
}
