import Foundation
import TestSupport
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
            report
                == RemovalReport(
                    removedFiles: [HubFixture.one], keptFiles: [HubFixture.shared], freedBytes: 40_000,
                    revisions: ["1.0"]))
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

    // MARK: - The Hub's cache

    @Test func removesAModelOfTheHub() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let installed = try await hub.pull(fixture.entry())
        let report = try hub.remove(fixture.entry())
        #expect(report.removedFiles.sorted() == HubPullFixture.wanted.map(\.path).sorted())
        #expect(report.keptFiles == [] && report.revisions == [installed.revision])
        #expect(report.freedBytes == installed.sizeBytes)
        #expect(hub.state(of: fixture.entry()) == .absent)
        #expect(try hub.installed(fixture.entry()) == nil)
        #expect(try fixture.names() == [])
        #expect(throws: ModelHubError.notInstalled(model: "mine")) { try hub.remove(fixture.entry()) }
        try fixture.expectWhole(try await hub.pull(fixture.entry()))
    }

    /// One revision goes, and what it shares with another stays; then all go.
    @Test func revisions() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let first = try await hub.pull(fixture.entry())
        let commit = fixture.update()
        let second = try await hub.pull(fixture.entry(), revision: commit)
        try hub.activate(fixture.entry(), commit)
        let report = try hub.remove(fixture.entry())
        #expect(report.revisions == [commit] && report.freedBytes == 2_000_000)
        let older = try #require(try hub.installed(fixture.entry(), revision: first.revision))
        try fixture.expectWhole(older)
        #expect(try hub.installed(fixture.entry(), revision: second.revision) == nil)

        _ = try await hub.pull(fixture.entry(), revision: commit)
        let all = try hub.remove(fixture.entry(), allRevisions: true)
        #expect(Set(all.revisions) == [first.revision, commit])
        #expect(all.freedBytes == first.sizeBytes + 2_000_000)
        #expect(try fixture.names() == [])
        #expect(hub.state(of: fixture.entry()) == .absent)
    }

    /// What another program has put there stays, also beside ours.
    @Test func leavesWhatOtherProgramsHavePutThere() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let installed = try await hub.pull(fixture.entry())
        let theirs = String(repeating: "0123456789", count: 4)
        let readme = String(repeating: "ab", count: 20)
        try CareFixture.write(fixture.folder + "/blobs/" + readme, [1, 2, 3])
        try FileManager.default.createDirectory(
            atPath: fixture.folder + "/snapshots/" + theirs, withIntermediateDirectories: true)
        for (revision, name, digest) in [
            (installed.revision, "README.md", readme), (theirs, "README.md", readme),
            (theirs, "config.json", HubPullFixture.wanted[0].etag),
        ] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(fixture.folder)/snapshots/\(revision)/\(name)", withDestinationPath: "../../blobs/" + digest)
        }
        try CareFixture.write(fixture.folder + "/refs/theirs", Array(theirs.utf8))
        let report = try hub.remove(fixture.entry(), allRevisions: false)
        #expect(report.freedBytes == installed.sizeBytes - HubPullFixture.wanted[0].sizeBytes)
        let left = try fixture.names()
        #expect(
            left.isSuperset(of: [
                "blobs/" + readme, "blobs/" + HubPullFixture.wanted[0].etag, "refs/theirs",
                "snapshots/\(installed.revision)/README.md", "snapshots/\(theirs)/README.md",
                "snapshots/\(theirs)/config.json",
            ]))
        #expect(
            try fixture.bytes("\(fixture.folder)/snapshots/\(theirs)/config.json") == HubPullFixture.wanted[0].bytes())
    }

    @Test func refusesWhatIsAllAnotherPrograms() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        _ = try await hub.pull(fixture.entry())
        // As if we had never been there.
        try FileManager.default.removeItem(atPath: fixture.directory + "/home")
        let before = try fixture.names()
        let error = #expect(throws: CareError.self) { try hub.remove(fixture.entry()) }
        #expect(error == .notOurs(model: "mine", directory: fixture.folder))
        #expect(try fixture.names() == before)
        #expect(try hub.installed(fixture.entry()) != nil)
    }

    /// Another program that has found a blob, and is about to link to it, holds the blob's lock.
    @Test func leavesABlobThatAnotherProgramIsAboutToLinkTo() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        _ = try await hub.pull(fixture.entry())
        let weights = HubPullFixture.wanted[4]
        let lock = try #require(
            try StoreLock.tryAcquire(fixture.cache + "/.locks/models--someone--a-model/\(weights.etag).lock"))
        let report = try hub.remove(fixture.entry())
        lock.release()
        #expect(report.removedFiles.count == 5)
        #expect(report.freedBytes == HubPullFixture.wanted[..<4].reduce(0) { $0 + $1.sizeBytes })
        #expect(try fixture.names() == ["blobs/" + weights.etag])
        // It is taken up again, not fetched again.
        fixture.hub.forgetRequests()
        try fixture.expectWhole(try await hub.pull(fixture.entry()))
        #expect(!fixture.downloads.contains { $0.file == weights.path })
    }

    /// What an interrupted pull has left goes with the model.
    @Test func removesWhatAnInterruptedPullOfTheHubLeft() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        fixture.hub.inject(.reset, at: .body(afterBytes: 1_000_000), path: "model.safetensors", host: .cdn, times: nil)
        await #expect(throws: ModelHubError.self) { try await hub.pull(fixture.entry()) }
        try #require(try !fixture.names().isEmpty)
        #expect(try hub.remove(fixture.entry()).freedBytes > 900_000)
        #expect(try fixture.names() == [])
        #expect(throws: ModelHubError.notInstalled(model: "mine")) { try hub.remove(fixture.entry()) }
    }
}
