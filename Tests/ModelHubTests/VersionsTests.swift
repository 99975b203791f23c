import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Which version of a model is used, and which was before.
@Suite struct VersionsTests {
    /// A model of which two commits are here, the first one in use.
    private func twoVersions() async throws -> (fixture: HubPullFixture, old: String, new: String) {
        let fixture = try HubPullFixture()
        let models = fixture.models()
        let old = try await models.pull(fixture.entry()).revision
        fixture.update()
        let new = try await models.latestRevision(of: fixture.entry())
        #expect(try await models.pull(fixture.entry(), revision: new).revision == new)
        return (fixture, old, new)
    }

    private func states(_ fixture: HubPullFixture) throws -> [String: ModelVersion.State] {
        let versions = try fixture.models().versions(of: fixture.entry()).versions
        return Dictionary(uniqueKeysWithValues: versions.map { ($0.revision, $0.state) })
    }

    @Test func theFirstVersionIsUsedAndOthersWait() async throws {
        let (fixture, old, new) = try await twoVersions()
        let models = fixture.models()
        let entry = fixture.entry()
        #expect(old != new)
        #expect(try models.installed(entry)?.revision == old)
        #expect(try models.installed(entry, revision: new)?.revision == new)
        // The branch's name has moved on for other programs, and the model has not.
        #expect(try fixture.text(fixture.folder + "/refs/main") == new)
        #expect(try await models.pull(entry).revision == old)
        #expect(try states(fixture) == [old: .active, new: .installed])
        let versions = try models.versions(of: entry)
        #expect(versions.active == old && versions.pinned == nil)
        #expect(
            versions.versions.map(\.sizeBytes) == [
                HubPullFixture.wanted.reduce(0) { $0 + $1.sizeBytes },
                HubPullFixture.wanted.reduce(0) { $0 + $1.sizeBytes } - 1_000_000,
            ])
        #expect(versions.versions.allSatisfy { ($0.installedAt.map { -$0.timeIntervalSinceNow } ?? 1e9) < 600 })
        #expect(try models.previousRevision(of: entry) == nil, "the other one was never in use")
    }

    @Test func activatingAndGoingBack() async throws {
        let (fixture, old, new) = try await twoVersions()
        let models = fixture.models()
        let entry = fixture.entry()
        try models.activate(entry, new)
        #expect(try models.installed(entry)?.revision == new)
        #expect(try models.previousRevision(of: entry) == old)
        try models.activate(entry, String(old.prefix(8)))
        #expect(try models.installed(entry)?.revision == old)
        #expect(try models.previousRevision(of: entry) == new)
        // By its branch, and what is remembered outlives the process.
        try models.activate(entry, "main")
        #expect(try fixture.models().installed(entry)?.revision == new)
        #expect(try states(fixture) == [old: .installed, new: .active])
    }

    @Test func aRejectedVersionIsChosenByNameOnly() async throws {
        let (fixture, old, new) = try await twoVersions()
        let models = fixture.models()
        let entry = fixture.entry()
        try models.activate(entry, new)
        try models.reject(entry, new, reason: "it answers in rhyme")
        #expect(try models.installed(entry)?.revision == old)
        #expect(try models.previousRevision(of: entry) == nil)
        #expect(try states(fixture) == [old: .active, new: .rejected])
        #expect(try models.versions(of: entry).versions.first { $0.revision == new }?.reason == "it answers in rhyme")
        try models.activate(entry, new)
        #expect(try states(fixture) == [old: .installed, new: .active])
    }

    /// Without another version nothing takes its place, and a pull says why.
    @Test func aBranchDoesNotBringARejectedCommitBack() async throws {
        let fixture = try HubPullFixture()
        let models = fixture.models()
        let entry = fixture.entry()
        let commit = try await models.pull(entry).revision
        try models.reject(entry, commit, reason: "bad weights")
        #expect(try models.installed(entry) == nil)
        let error = await #expect(throws: ModelHubError.self) { try await models.pull(entry) }
        #expect(error.map { "\($0)".contains("bad weights") && "\($0)".contains("--revision \(commit)") } == true)
        // The next commit is another matter; and by name it can be had.
        let next = fixture.update()
        #expect(try await models.pull(entry).revision == next)
        #expect(try await models.pull(entry, revision: commit).revision == commit)
        #expect(try models.installed(entry)?.revision == next)
    }

    @Test func aPinGoesBeforeEverything() async throws {
        let (fixture, old, new) = try await twoVersions()
        let models = fixture.models()
        let entry = fixture.entry()
        try models.pin(entry, revision: old)
        try models.activate(entry, new)
        #expect(try models.installed(entry)?.revision == old)
        #expect(try models.versions(of: entry).pinned == old)
        #expect(try await models.pull(entry).revision == old)
        try models.pin(entry, revision: nil)
        #expect(try models.installed(entry)?.revision == new)
    }

    @Test(arguments: ["0123456789abcdef0123456789abcdef01234567", "v7", "01234", "../../x", ""])
    func whatIsNotHereCannotBeChosen(_ revision: String) async throws {
        let fixture = try HubPullFixture()
        let models = fixture.models()
        let installed = try await models.pull(fixture.entry())
        for change in [models.activate, { try models.pin($0, revision: $1) }] {
            let error = #expect(throws: ModelHubError.self) { try change(fixture.entry(), revision) }
            #expect(error?.category == .notFound)
            #expect(error.map { "\($0)".contains(installed.revision) } == true)
        }
        #expect(try models.installed(fixture.entry()) == installed)
    }

    @Test func aVersionThatIsHereInPart() async throws {
        let fixture = try HubPullFixture()
        let models = fixture.models()
        let commit = try await models.pull(fixture.entry()).revision
        try FileManager.default.removeItem(atPath: fixture.folder + "/snapshots/\(commit)/config.json")
        #expect(try states(fixture) == [commit: .partial])
        #expect(try models.versions(of: fixture.entry()).active == nil)
        #expect(models.state(of: fixture.entry()) == .incomplete(missing: ["config.json"]))
    }

    /// A catalogue that names another source means another choice; a pin is the user's own.
    @Test func anotherSourceIsAnotherChoice() async throws {
        let fixture = try HubPullFixture()
        let models = fixture.models()
        let old = try await models.pull(fixture.entry()).revision
        let tagged = fixture.update(to: "v2")
        let entry = fixture.entry("v2")
        #expect(try models.installed(entry) == nil)
        #expect(try await models.pull(entry).revision == tagged)
        #expect(try models.installed(entry)?.revision == tagged)
        #expect(try models.previousRevision(of: entry) == old)
        try models.pin(fixture.entry("v2"), revision: old)
        #expect(try models.installed(entry)?.revision == old)
    }

    @Test func theNewestRevision() async throws {
        let fixture = try HubPullFixture()
        let models = fixture.models()
        #expect(try await models.latestRevision(of: fixture.entry()) == fixture.commit())
        let next = fixture.update(to: "v2")
        #expect(try await models.latestRevision(of: fixture.entry("v2")) == next)
        fixture.hub.stop()
        #expect(try await models.latestRevision(of: fixture.entry(next)) == next, "a commit is its own newest")
        var entry = fixture.entry()
        entry.source = .pip(name: "a", version: "1.2")
        #expect(try await models.latestRevision(of: entry) == "1.2")
        entry.source = .file(path: "/srv/model")
        await #expect(throws: ModelHubError.noRevisions(model: "mine", source: "file:/srv/model")) {
            try await models.latestRevision(of: entry)
        }
    }

    /// A package's older version stays usable after the catalogue has moved on to another.
    @Test func olderPackagesCanBeGoneBackTo() async throws {
        let fixture = try HubFixture()
        let old = try fixture.entry("one")
        let models = try fixture.hub()
        let first = try await models.pull(old)
        var new = old
        new.source = .pip(name: "tiny-model", version: "2.0")
        try FileManager.default.copyItem(
            atPath: fixture.wheel, toPath: fixture.directory + "/index/tiny_model-2.0-py3-none-any.whl")
        try FileManager.default.removeItem(atPath: fixture.wheel)
        #expect(try models.installed(new) == nil)
        #expect(try await models.pull(new).revision == "2.0")
        #expect(try models.previousRevision(of: new) == "1.0")
        try models.activate(new, "1.0")
        #expect(try models.installed(new) == first)
        #expect(try await models.pull(new) == first)
        let error = await #expect(throws: ModelHubError.self) { try await models.pull(new, revision: "3.0") }
        #expect(error?.category == .notFound)
    }

    @Test func aDamagedRecordIsNoSilentChoice() async throws {
        let (fixture, _, _) = try await twoVersions()
        let path = fixture.directory + "/home/versions/mine.json"
        try Data("{".utf8).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: ModelHubError.self) { try fixture.models().installed(fixture.entry()) }
        #expect(error.map { "\($0)".contains(path) } == true)
    }
}
