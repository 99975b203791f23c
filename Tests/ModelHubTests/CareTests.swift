import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Damaged files: noticed, set aside, fetched anew. And models in use.
@Suite(.timeLimit(.minutes(3))) struct CareTests {
    // MARK: - Checking

    @Test func aWholeModelHasNoProblems() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        await #expect(throws: ModelHubError.notInstalled(model: "one")) { try await hub.check(entry) }
        _ = try await hub.pull(entry)
        let log = ProgressLog()
        let check = try await hub.checkFiles(entry) { log.append($0) }
        #expect(check.revision == "1.0" && check.problems == [])
        #expect(check.files.map(\.path) == [HubFixture.one, HubFixture.shared])
        #expect(check.files.map(\.sizeBytes) == [40_000, 16])
        #expect(check.files.allSatisfy { $0.wasHashed })
        #expect(log.phases == [.verifying] && log.reports.last?.completedBytes == 40_016)
        #expect(try await hub.checkFiles(entry, rehash: false).files.allSatisfy { !$0.wasHashed && $0.problem == nil })
        #expect(try await hub.check(entry, revision: "1.0") == [])
        await #expect(throws: ModelHubError.notInstalled(model: "one")) { try await hub.check(entry, revision: "0.9") }
    }

    /// All that is wrong is told, not only the first.
    @Test func everyKindOfDamageIsTold() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        var entry = try fixture.entry("one")
        entry = CatalogEntry(
            name: "three", task: .embedding, family: "test", source: entry.source,
            files: [
                try fixture.file("a", HubFixture.one), try fixture.file("b", HubFixture.two),
                try fixture.file("c", HubFixture.shared),
            ])
        let installed = try await hub.pull(entry)
        let (a, b, c) = (entry.files[0], entry.files[1], entry.files[2])
        try CareFixture.flip(try #require(installed.files["a"]))
        truncate(fixture.repository.blob(b.sha256), 39_999)
        unlink(fixture.repository.blob(c.sha256))
        var changed = try #require(fixture.contents[HubFixture.one])
        changed[20_000] ^= 4
        #expect(
            try await hub.check(entry, rehash: false)
                == [
                    FileProblem(role: "c", path: c.path, digest: c.sha256, kind: .missing),
                    FileProblem(
                        role: "a", path: a.path, digest: a.sha256,
                        kind: .digest(expected: a.sha256, found: HubFixture.sha256(changed))),
                    FileProblem(
                        role: "b", path: b.path, digest: b.sha256, kind: .size(expected: 40_000, found: 39_999)),
                ].sorted { $0.path < $1.path })
        for problem in try await hub.check(entry) { #expect("\(problem)".hasPrefix(problem.path + " ")) }
    }

    /// A flipped bit that no status betrays is found by reading, and only so.
    @Test func whatOnlyReadingTells() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let installed = try await hub.pull(fixture.entry())
        for name in ["model.safetensors", "config.json"] {
            try CareFixture.flip(try #require(installed.files[name]), keepingTime: true)
        }
        #expect(try await hub.check(fixture.entry(), rehash: false) == [])
        #expect(try await hub.check(fixture.entry(), rehash: true).map(\.path) == ["config.json", "model.safetensors"])
        // What was found is remembered.
        #expect(try await hub.check(fixture.entry(), rehash: false).count == 2)
    }

    @Test func cancellingACheck() async throws {
        let fixture = try HubFixture(weightBytes: 64 << 20)
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        _ = try await hub.pull(entry)
        let task = Task { try await hub.check(entry) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    // MARK: - Quarantine

    @Test func aDamagedFileIsSetAsideAndFetchedAnew() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        let model = try #require(try await hub.pull(entry).files["model"])
        let mapped = try FileHandle(forReadingFrom: URL(fileURLWithPath: model))
        try CareFixture.flip(model)
        let problems = try await hub.check(entry)
        let taken = try hub.quarantine(entry, problems)
        let file = try #require(taken.first)
        #expect(taken.count == 1 && file.sizeBytes == 40_000 && file.digest == entry.files[0].sha256)
        #expect(file.path.hasPrefix(fixture.store.root + "/.quarantine/models--pip--tiny-model/" + file.digest + "-"))
        var damaged = try #require(fixture.contents[HubFixture.one])
        damaged[20_000] ^= 4
        #expect(try HubFixture.bytes(file.path) == damaged)
        // Who has it open keeps it.
        #expect(try mapped.readToEnd() == Data(damaged))
        let note = try #require(
            try JSONSerialization.jsonObject(with: Data(HubFixture.bytes(file.path + ".json"))) as? [String: Any])
        #expect(note["model"] as? String == "one" && note["source"] as? String == "pip:tiny-model==1.0")
        #expect(note["digest"] as? String == file.digest && note["size_bytes"] as? Int == 40_000)
        #expect(note["paths"] as? [String] == ["1.0/" + HubFixture.one] && note["revision"] as? String == "1.0")
        #expect((note["reason"] as? String)?.contains("has the digest") == true && note["time"] is String)

        // Nothing looks whole that is not.
        #expect(hub.state(of: entry) == .incomplete(missing: [HubFixture.one]))
        #expect(try hub.installed(entry) == nil)
        let repaired = try await hub.pull(entry)
        try hub.verify(repaired, rehash: true)
        #expect(try await hub.check(entry) == [])
        // The file is out of the way only once.
        #expect(try hub.quarantine(entry, problems) == [])
        #expect(try await hub.check(entry) == [])
    }

    /// Models of the Hub: only the damaged file is fetched again, and the bytes of others stay where they are.
    @Test(arguments: ["model.safetensors", "config.json"]) func aModelOfTheHub(name: String) async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let installed = try await hub.pull(fixture.entry())
        try CareFixture.flip(try #require(installed.files[name]), keepingTime: true)
        let problems = try await hub.check(fixture.entry())
        #expect(problems.map(\.path) == [name])
        let taken = try hub.quarantine(fixture.entry(), problems)
        #expect(taken.count == 1)
        #expect(try hub.installed(fixture.entry()) == nil)
        #expect(hub.state(of: fixture.entry()) == .incomplete(missing: [name]))
        fixture.hub.forgetRequests()
        let repaired = try await hub.pull(fixture.entry())
        #expect(repaired.revision == installed.revision)
        try fixture.expectWhole(repaired)
        #expect(Set(fixture.downloads.compactMap(\.file)) == [name])
        #expect(try await hub.check(fixture.entry()) == [])
    }

    /// What another program has put into the cache has no list of its files here; it must not look whole either.
    @Test func whatAnotherProgramHasPutThere() async throws {
        let fixture = try HubPullFixture()
        let hub = fixture.models()
        let installed = try await hub.pull(fixture.entry())
        // As if we had never been there.
        try FileManager.default.removeItem(atPath: fixture.directory + "/home")
        try #require(try hub.installed(fixture.entry()) != nil)
        let path = try #require(installed.files["tokenizer.json"])
        try CareFixture.flip(path)
        let taken = try hub.quarantine(fixture.entry(), try await hub.check(fixture.entry()))
        #expect(taken.map(\.sizeBytes) == [30_000])
        #expect(try hub.installed(fixture.entry()) == nil)
        try fixture.expectWhole(try await hub.pull(fixture.entry()))
    }

    /// One file of two models: neither looks whole, and one pull repairs both.
    @Test func aFileThatModelsShare() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let one = try fixture.entry("one"), two = try fixture.entry("two")
        _ = try await hub.pull(one)
        let installed = try await hub.pull(two)
        try CareFixture.flip(try #require(installed.files["config"]))
        #expect(try hub.quarantine(one, try await hub.check(one)).count == 1)
        #expect(try hub.installed(one) == nil && hub.installed(two) == nil)
        _ = try await hub.pull(one)
        _ = try await hub.pull(two)
        #expect(try await hub.check(one) == [])
        #expect(try await hub.check(two) == [])
    }

    @Test func onlyTheNewestDamageIsKept() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        let start = Date(timeIntervalSinceNow: -3600)
        for round in 0..<5 {
            try CareFixture.flip(try #require(try await hub.pull(entry).files["model"]))
            let taken = try hub.quarantine(
                entry, try await hub.check(entry), now: start.addingTimeInterval(Double(round)))
            #expect(taken.count == 1)
        }
        let directory = fixture.store.root + "/.quarantine/models--pip--tiny-model"
        let kept = try Disk.names(in: directory).filter { !$0.hasSuffix(".json") }
        let moments = kept.compactMap { $0.split(separator: "-").last.flatMap { Int($0) } }.sorted()
        #expect(moments == (2..<5).map { Int(start.timeIntervalSince1970 * 1000) + $0 * 1000 })
        #expect(try Disk.names(in: directory).count == 6)
        // Another fortnight later only the one that is new then is kept.
        try CareFixture.flip(try #require(try await hub.pull(entry).files["model"]))
        _ = try hub.quarantine(
            entry, try await hub.check(entry), now: start.addingTimeInterval(15 * 86_400))
        #expect(try Disk.names(in: directory).count == 2)
    }

    @Test func notWhileSomebodyChangesTheModel() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        try CareFixture.flip(try #require(try await hub.pull(entry).files["model"]))
        let problems = try await hub.check(entry)
        let lock = try #require(try StoreLock.tryAcquire(fixture.repository.lockPath))
        #expect(throws: ModelHubError.busy(model: "one")) { try hub.quarantine(entry, problems) }
        lock.release()
        #expect(try hub.quarantine(entry, problems).count == 1)
    }

    // MARK: - In use

    @Test func severalMayUseAModelAndNobodyRemovesItMeanwhile() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        let installed = try await hub.pull(entry)
        let first = try await ModelUse.acquire("one", in: hub.store)
        let second = try #require(ModelUse.tryAcquire("one", in: hub.store))
        #expect(ModelUse.isInUse("one", in: hub.store) && !ModelUse.isInUse("two", in: hub.store))
        #expect(ModelUse.holders(of: "one", in: hub.store).map(\.process) == [getpid()])
        first.release()
        let error = #expect(throws: CareError.self) { try hub.remove(entry) }
        guard case .inUse("one", let holders) = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(holders.map(\.process) == [getpid()])
        #expect(error?.description.contains("process \(getpid())") == true)
        try hub.verify(installed, rehash: true)
        second.release()
        #expect(!ModelUse.isInUse("one", in: hub.store))
        _ = try hub.remove(entry)
    }

    /// The claim of a process that died is no claim.
    @Test func theClaimOfADeadProcessIsNone() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        _ = try await hub.pull(entry)
        let root = fixture.store.root
        let (holding, noticed) = (fixture.directory + "/holding", fixture.directory + "/noticed")
        async let child = #expect(processExitsWith: .signal(SIGKILL)) {
            [root = root as String, holding = holding as String, noticed = noticed as String] in
            let use = try await ModelUse.acquire("one", in: ModelStore(root: root))
            try Data("\(getpid())".utf8).write(to: URL(fileURLWithPath: holding), options: .atomic)
            _ = try await eventually { FileManager.default.fileExists(atPath: noticed) }
            withExtendedLifetime(use) { _ = kill(getpid(), SIGKILL) }
        }
        #expect(try await eventually { FileManager.default.fileExists(atPath: holding) })
        let process = Int32(String(decoding: try HubFixture.bytes(holding), as: UTF8.self))
        let error = #expect(throws: CareError.self) { try hub.remove(entry) }
        if case .inUse(_, let holders) = error { #expect(holders.map(\.process) == [try #require(process)]) }
        #expect(FileManager.default.createFile(atPath: noticed, contents: nil))
        _ = await child
        _ = try hub.remove(entry)
        #expect(hub.state(of: entry) == .absent)
    }

    /// Who wants to use a model that is just being removed waits for the end of that.
    @Test func usingWaitsForARemoval() async throws {
        let fixture = try HubFixture()
        let store = fixture.store
        let removal = try #require(try StoreLock.tryAcquire(ModelUse.path("one", in: store)))
        #expect(ModelUse.tryAcquire("one", in: store) == nil)
        let waiting = Task { try await ModelUse.acquire("one", in: store) }
        try await Task.sleep(for: .milliseconds(100))
        removal.release()
        try await waiting.value.release()
        let cancelled = try #require(try StoreLock.tryAcquire(ModelUse.path("one", in: store)))
        defer { cancelled.release() }
        let task = Task { try await ModelUse.acquire("one", in: store) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    /// Where claims cannot be noted, models can be used all the same.
    @Test func aStoreThatCannotBeWritten() async throws {
        let store = ModelStore(root: "/proc/nowhere/hub")
        let use = try await ModelUse.acquire("one", in: store)
        use.release()
        #expect(!ModelUse.isInUse("one", in: store))
        #expect(ModelUse.holders(of: "one", in: store) == [])
    }

    @Test(arguments: [
        ("nllb", "nllb"), ("gemma-3-270m", "gemma-3-270m"), ("a_B.9", "a_B.9"), ("owner/repo", "owner%2frepo"),
        ("..", "%2e."), ("../x", "%2e.%2fx"), ("a%2fb", "a%252fb"), ("ä b", "%c3%a4%20b"), ("a\0b", "a%00b"),
        ("hf:o/r@main", "hf%3ao%2fr%40main"), ("", ""),
    ]) func namesOfFiles(model: String, name: String) {
        #expect(ModelUse.fileName(model) == name)
    }
}
