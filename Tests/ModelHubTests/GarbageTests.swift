import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// What `svc gc` takes away, and above all what it does not.
@Suite(.timeLimit(.minutes(3))) struct GarbageTests {
    private static let soon = Date(timeIntervalSinceNow: 2 * 86_400)

    @Test func nothingIsGarbageOfWhatIsNeeded() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        for name in ["one", "two"] { _ = try await hub.pull(try fixture.entry(name)) }
        let before = try CareFixture.names(below: fixture.directory)
        for days in [0.0, 400] {
            let report = try hub.collectGarbage(
                dryRun: false, now: Date(timeIntervalSinceNow: days * 86_400))
            #expect(report.items == [] && report.freedBytes == 0 && report.busy == [] && !report.isDryRun)
        }
        #expect(try CareFixture.names(below: fixture.directory) == before)
        // Nor in a store that is not there.
        let empty = ModelHub(
            catalog: Catalog(entries: []), store: ModelStore(root: fixture.directory + "/nothing/hub"), environment: [:]
        )
        #expect(try empty.collectGarbage(dryRun: false).items == [])
        #expect(Disk.status(fixture.directory + "/nothing") == nil)
    }

    /// A store that came as a copy, or in an image, has no locks: who only looks makes none.
    @Test func aLookLeavesNothingBehind() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        _ = try await hub.pull(try fixture.entry("one"))
        try CareFixture.write(fixture.repository.temporary + "/17-abc/a.whl", [UInt8](repeating: 1, count: 500))
        try Disk.removeTree(fixture.store.root + "/.locks")
        let before = try Disk.files(below: fixture.directory)
        let look = try hub.collectGarbage(dryRun: true)
        #expect(look.items.map(\.kind) == [.temporary] && look.busy == [])
        #expect(try Disk.files(below: fixture.directory) == before)
        #expect(Disk.status(fixture.store.root + "/.locks") == nil)
        // What somebody else is changing is still left alone.
        let lock = try #require(try StoreLock.tryAcquire(fixture.repository.lockPath))
        let busy = try hub.collectGarbage(dryRun: true)
        #expect(busy.items == [] && busy.busy == [fixture.repository.name])
        lock.release()
        // Those who look do not keep one another from it, but do keep away who changes things.
        let other = try #require(try StoreLock.tryAcquire(fixture.repository.lockPath, toLook: true))
        #expect(try hub.collectGarbage(dryRun: true).items == look.items)
        #expect(try hub.collectGarbage(dryRun: false).busy == [fixture.repository.name])
        other.release()
        #expect(try hub.collectGarbage(dryRun: false).items == look.items)
    }

    /// Each kind of leftover in our own store: when it is new, when it is old, and that looking changes nothing.
    @Test func leftoversOfOurOwnStore() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        _ = try await hub.pull(entry)
        let repository = fixture.repository
        let (old, new) = (String(repeating: "a", count: 64), String(repeating: "b", count: 64))
        for (digest, days) in [(old, 8.0), (new, 6.0)] {
            let partial = repository.partial(digest.replacing("a", with: "c").replacing("b", with: "d"))
            for path in [repository.blob(digest), partial, partial + ".json"] {
                try CareFixture.write(path, [UInt8](repeating: 1, count: 1000))
                try CareFixture.age(path, days: days)
            }
        }
        let dead = repository.blob(old + ".17-abc.incomplete")
        try CareFixture.write(dead, [1, 2, 3])
        try CareFixture.write(repository.temporary + "/17-abc/wheels/a.whl", [UInt8](repeating: 1, count: 500))
        let oldPartial = repository.partial(String(repeating: "c", count: 64))
        let before = try CareFixture.names(below: fixture.store.root)

        let look = try hub.collectGarbage(dryRun: true)
        #expect(look.isDryRun && look.freedBytes == 1000 + 2000 + 3 + 500)
        #expect(try CareFixture.names(below: fixture.store.root) == before)
        let report = try hub.collectGarbage(dryRun: false)
        #expect(report.items == look.items)
        let paths = Dictionary(grouping: report.items, by: \.kind).mapValues { Set($0.map(\.path)) }
        #expect(
            paths == [
                .blob: [repository.blob(old)], .partial: [oldPartial, dead],
                .temporary: [repository.temporary + "/17-abc"],
            ])
        let gone = Set(before).subtracting(try CareFixture.names(below: fixture.store.root))
        #expect(gone.count == 5)
        #expect(try hub.collectGarbage(dryRun: false).items == [])
        #expect(try await hub.check(entry) == [])
        // The others go when they are old too.
        #expect(try hub.collectGarbage(dryRun: false, now: Self.soon).items.map(\.kind) == [.blob, .partial])
    }

    /// Three revisions: the one in use and the one before stay, with all that they share.
    @Test func oldVersionsGo() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let first = try await hub.pull(fixture.entry())
        var commits = [first.revision]
        for seed in [71, 72] as [UInt64] {
            let commit = fixture.update(seed: seed)
            // As an update does: what the branch stands for is the newest from now on.
            #expect(try await hub.latestRevision(of: fixture.entry()) == commit)
            _ = try await hub.pull(fixture.entry(), revision: commit)
            try hub.activate(fixture.entry(), commit)
            commits.append(commit)
        }
        // Somebody may be about to choose a revision that has just been pulled.
        #expect(try hub.collectGarbage(dryRun: true).items == [])
        let look = try hub.collectGarbage(dryRun: true, now: Self.soon)
        #expect(look.items.map(\.kind) == [.version] && look.items.first?.model == "mine")
        #expect(look.freedBytes == 3_000_000)
        #expect(try hub.installed(fixture.entry(), revision: commits[0]) != nil)
        let report = try hub.collectGarbage(dryRun: false, now: Self.soon)
        #expect(report.items == look.items)
        #expect(try Disk.names(in: fixture.folder + "/snapshots").sorted() == commits[1...].sorted())
        for commit in commits[1...] {
            let installed = try #require(try hub.installed(fixture.entry(), revision: commit))
            try hub.verify(installed, rehash: true)
        }
        #expect(try hub.installed(fixture.entry())?.revision == commits[2])
        #expect(try hub.previousRevision(of: fixture.entry()) == commits[1])
        #expect(try hub.installed(fixture.entry(), revision: commits[0]) == nil)
        #expect(try hub.collectGarbage(dryRun: false, now: Self.soon).items == [])
    }

    @Test func aPinnedVersionStays() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let first = try await hub.pull(fixture.entry())
        for seed in [71, 72, 73] as [UInt64] {
            let commit = fixture.update(seed: seed)
            // As an update does: what the branch stands for is the newest from now on.
            #expect(try await hub.latestRevision(of: fixture.entry()) == commit)
            _ = try await hub.pull(fixture.entry(), revision: commit)
            try hub.activate(fixture.entry(), commit)
        }
        try hub.pin(fixture.entry(), revision: first.revision)
        _ = try hub.collectGarbage(dryRun: false, now: Self.soon)
        try fixture.expectWhole(try #require(try hub.installed(fixture.entry())))
    }

    /// A revision that was found bad goes, though a branch stands for it; and it stays known as bad.
    @Test func aRejectedVersionGoes() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let first = try await hub.pull(fixture.entry())
        let bad = fixture.update()
        _ = try await hub.pull(fixture.entry(), revision: bad)
        try hub.reject(fixture.entry(), bad, reason: "it answers in riddles")
        let report = try hub.collectGarbage(dryRun: false, now: Self.soon)
        #expect(report.items.map(\.kind) == [.version] && report.freedBytes == 2_000_000)
        #expect(try hub.installed(fixture.entry())?.revision == first.revision)
        let known = try hub.versions(of: fixture.entry()).versions.first { $0.revision == bad }
        #expect(known?.state == .rejected && known?.reason == "it answers in riddles")
    }

    /// In the Hub's cache other programs' files are not ours to judge.
    @Test func whatOtherProgramsKeepStays() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        _ = try await hub.pull(fixture.entry())
        let ours = String(repeating: "1", count: 64), theirs = String(repeating: "2", count: 64)
        let repository = try hub.store.repository(of: fixture.entry())
        for digest in [ours, theirs] {
            try CareFixture.write(repository.blob(digest), [UInt8](repeating: 9, count: 100))
            try CareFixture.age(repository.blob(digest), days: 30)
        }
        PlacedBlobs.note(ours, repository)
        let elsewhere = fixture.cache + "/models--another--model"
        var kept = [repository.blob(theirs)]
        kept.append(repository.blob(theirs + ".incomplete"))
        kept.append(elsewhere + "/blobs/" + theirs)
        kept.append(elsewhere + "/blobs/" + theirs + ".incomplete")
        kept.append(elsewhere + "/refs/main")
        for path in kept {
            try CareFixture.write(path, [1])
            try CareFixture.age(path, days: 30)
        }
        let before = try CareFixture.names(below: fixture.cache)
        let report = try hub.collectGarbage(dryRun: false, now: Date(timeIntervalSinceNow: 90 * 86_400))
        #expect(report.items.map(\.path) == [repository.blob(ours)])
        #expect(
            Set(before).subtracting(try CareFixture.names(below: fixture.cache))
                == ["models--someone--a-model/blobs/" + ours])
    }

    /// A pull that was given up long ago.
    @Test func anInterruptedPullIsKeptForAWeek() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        fixture.hub.inject(.reset, at: .body(afterBytes: 1_500_000), path: "model.safetensors", host: .cdn, times: nil)
        await #expect(throws: ModelHubError.self) { try await hub.pull(fixture.entry()) }
        let partials = try hub.store.repository(of: fixture.entry()).partials()
        // The weights' own; a smaller file may have been on its way as well when they failed.
        let weights = StandInFile("model.safetensors", sizeBytes: 3_000_000, seed: 7).etag
        #expect(partials.contains { $0.path.contains(weights) && $0.sizeBytes > 1_000_000 })
        #expect(partials.allSatisfy { $0.isResumable })
        #expect(try hub.collectGarbage(dryRun: false, now: Self.soon).items == [])
        let report = try hub.collectGarbage(dryRun: false, now: Date(timeIntervalSinceNow: 8 * 86_400))
        #expect(report.items.contains { $0.kind == .partial } && report.freedBytes > 1_000_000)
        #expect(try hub.store.repository(of: fixture.entry()).partials().isEmpty)
        fixture.hub.heal()
        try fixture.expectWhole(try await hub.pull(fixture.entry()))
    }

    @Test func weightsThatWereQuantisedFromWhatIsGone() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        _ = try await hub.pull(try fixture.entry("one"))
        for name in ["one", "two", "somebody-elses"] {
            try CareFixture.write("\(fixture.directory)/home/packed/\(name)/q4.packed", [1, 2, 3])
        }
        let use = try await ModelUse.acquire("two", in: hub.store)
        #expect(try hub.collectGarbage(dryRun: false).items == [])
        use.release()
        let report = try hub.collectGarbage(dryRun: false)
        #expect(report.items.map(\.kind) == [.packed] && report.items.map(\.model) == ["two"])
        #expect(report.freedBytes == 3)
        #expect(try Disk.names(in: fixture.directory + "/home/packed") == ["one", "somebody-elses"])
    }

    @Test func quarantinePastItsBounds() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        try CareFixture.flip(try #require(try await hub.pull(entry).files["model"]))
        let taken = try hub.quarantine(entry, try await hub.check(entry))
        _ = try await hub.pull(entry)
        #expect(try hub.collectGarbage(dryRun: false).items == [])
        var policy = GarbagePolicy()
        policy.quarantine = QuarantineBounds(count: 0)
        #expect(try hub.collectGarbage(dryRun: true, policy: policy).items.map(\.path) == taken.map(\.path))
        let report = try hub.collectGarbage(dryRun: false, now: Date(timeIntervalSinceNow: 15 * 86_400))
        #expect(report.items.map(\.path) == taken.map(\.path) && report.freedBytes == 40_000)
        #expect(Disk.status(fixture.store.root + "/.quarantine/models--pip--tiny-model") == nil)
    }

    @Test func aRepositoryThatIsBeingChangedIsLeftAlone() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        _ = try await hub.pull(try fixture.entry("one"))
        let download = fixture.repository.temporary + "/under-way/a.whl"
        try CareFixture.write(download, [1])
        let lock = try #require(try StoreLock.tryAcquire(fixture.repository.lockPath))
        let report = try hub.collectGarbage(dryRun: false, now: Date(timeIntervalSinceNow: 90 * 86_400))
        #expect(report.items == [] && report.busy == ["models--pip--tiny-model"])
        #expect(Disk.status(download) != nil)
        lock.release()
    }
}
