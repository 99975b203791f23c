import Foundation
import Testing

@testable import ModelHub

@Suite struct RemovalTests {
    @Test func whatWasMadeOfAModelGoesWithIt() async throws {
        let fixture = try HubFixture()
        let home = fixture.directory + "/home"
        let hub = try fixture.hub(environment: fixture.environment.merging(["SVC_HOME": home]) { $1 })
        _ = try await hub.pull(try fixture.entry("one"))
        for name in ["one", "two"] {
            let packed = "\(home)/packed/\(name)"
            try FileManager.default.createDirectory(atPath: packed, withIntermediateDirectories: true)
            try Data("packed".utf8).write(to: URL(fileURLWithPath: packed + "/q4.packed"))
        }
        _ = try hub.remove(try fixture.entry("one"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: home + "/packed") == ["two"])
    }

    @Test func removesAModelAndNothingElse() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let one = try fixture.entry("one")
        let two = try fixture.entry("two")
        _ = try await hub.pull(one)
        let installed = try await hub.pull(two)

        let report = try hub.remove(one)
        #expect(
            report == RemovalReport(removedFiles: [HubFixture.one], keptFiles: [HubFixture.shared], freedBytes: 40_000))
        #expect(hub.state(of: one) == .incomplete(missing: [HubFixture.one]))
        #expect(try hub.installed(two) == installed)
        try hub.verify(installed, rehash: true)

        let last = try hub.remove(two)
        #expect(last.freedBytes == 40_016)
        #expect(Set(last.removedFiles) == [HubFixture.two, HubFixture.shared])
        #expect(fixture.storedNames() == [])
        #expect(hub.state(of: two) == .absent)
        let error = #expect(throws: ModelHubError.self) { try hub.remove(two) }
        #expect(error == .notInstalled(model: "two"))
    }

    /// A model that was never pulled keeps nothing of another one alive.
    @Test func doesNotKeepFilesForAModelThatIsNotThere() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        _ = try await hub.pull(try fixture.entry("one"))
        let notThere = #expect(throws: ModelHubError.self) {
            var other = try fixture.entry("two")
            other.files.removeLast()
            _ = try hub.remove(other)
        }
        #expect(notThere == .notInstalled(model: "two"))
        let report = try hub.remove(try fixture.entry("one"))
        #expect(report.keptFiles == [])
        #expect(fixture.storedNames() == [])
    }

    /// The same bytes under another path or revision are one blob.
    @Test func keepsABlobThatAnotherSnapshotLinksTo() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let one = try fixture.entry("one")
        _ = try await hub.pull(one)
        try fixture.repository.link("elsewhere/model.bin", to: one.files[0].sha256, "0.9")
        let report = try hub.remove(one)
        #expect(report.freedBytes == fixture.contents[HubFixture.shared]?.count)
        #expect(try HubFixture.bytes(fixture.repository.file("elsewhere/model.bin", "0.9")).count == 40_000)
    }

    @Test func removesWhatAFailedPullLeft() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        var contents = fixture.contents
        contents[HubFixture.shared]?[0] ^= 1
        try fixture.writeWheel(contents)
        await #expect(throws: ModelHubError.self) { try await hub.pull(try fixture.entry("one")) }
        // The first file was right, so a second pull need not extract it again.
        #expect(try fixture.repository.blobDigests().count == 1)
        #expect(try hub.remove(try fixture.entry("one")).freedBytes == 40_000)
        #expect(fixture.storedNames() == [])
    }

    @Test func leavesWhatIsNotItsOwn() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        _ = try await hub.pull(try fixture.entry("one"))
        let note = fixture.repository.directory + "/note.txt"
        try Data("mine".utf8).write(to: URL(fileURLWithPath: note))
        _ = try hub.remove(try fixture.entry("one"))
        #expect(try HubFixture.bytes(note) == Array("mine".utf8))
    }

    @Test func refusesWhileAPullIsUnderWay() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let installed = try await hub.pull(try fixture.entry("one"))
        let lock = try #require(try StoreLock.tryAcquire(fixture.repository.lockPath))
        let error = #expect(throws: ModelHubError.self) { try hub.remove(try fixture.entry("one")) }
        #expect(error == .busy(model: "one"))
        lock.release()
        try hub.verify(installed, rehash: true)
        _ = try hub.remove(try fixture.entry("one"))
    }

    /// The catalogue's own pair shares one package: removing one must leave the other as it was.
    @Test func theCataloguesPairDoesNotShareFiles() throws {
        let catalog = try Catalog.builtIn()
        let forward = try catalog.entry(named: "firefox-en-pt")
        let reverse = try catalog.entry(named: "firefox-pt-en")
        #expect(Set(forward.files.map(\.path)).isDisjoint(with: reverse.files.map(\.path)))
        #expect(Set(forward.files.map(\.sha256)).isDisjoint(with: reverse.files.map(\.sha256)))
    }
}
