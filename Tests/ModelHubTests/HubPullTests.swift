import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Pulls from the Hugging Face Hub, into its own cache.
@Suite struct HubPullTests {
    @Test func pullsAModelIntoTheHubsOwnLayout() async throws {
        let fixture = try HubPullFixture()
        let models = fixture.models()
        let entry = fixture.entry()
        #expect(models.state(of: entry) == .absent)
        let log = ProgressLog()
        let installed = try await models.pull(entry) { log.append($0) }
        let commit = try fixture.commit()
        #expect(installed.revision == commit)
        try fixture.expectWhole(installed)
        #expect(models.state(of: entry) == .present)
        #expect(try models.installed(entry) == installed)
        try models.verify(installed, rehash: true)
        // Exactly what the Hub's own client would have left, and nothing besides.
        let files = HubPullFixture.wanted
        #expect(
            try fixture.names()
                == Set(
                    files.map { "blobs/" + $0.etag } + files.map { "snapshots/\(commit)/" + $0.path } + ["refs/main"]))
        #expect(try fixture.text(fixture.folder + "/refs/main") == commit)
        #expect(
            Disk.linkTarget(fixture.folder + "/snapshots/\(commit)/config.json") == "../../blobs/" + files[0].etag)
        // One question about the revision, one about each file, and each byte once.
        #expect(fixture.hub.requests.count { $0.target.hasPrefix("/api/models/") } == 1)
        #expect(
            fixture.hub.requests.count { $0.method == "HEAD" && $0.path.contains("/resolve/\(commit)/") } == files.count
        )
        #expect(fixture.downloads.reduce(0) { $0 + $1.sent.count } == files.reduce(0) { $0 + $1.sizeBytes })

        fixture.hub.forgetRequests()
        #expect(try await models.pull(entry) == installed)
        #expect(try await fixture.models(["HF_HUB_OFFLINE": "1"]).pull(entry) == installed)
        #expect(fixture.hub.requests.isEmpty)
    }

    @Test func reportsEachFileAndAllBytesFromTheBeginning() async throws {
        let fixture = try HubPullFixture()
        fixture.hub.inject(
            .drip(bytesPerSecond: 4_000_000), at: .body(afterBytes: 0), path: "model.safetensors", times: nil)
        let log = ProgressLog()
        let installed = try await fixture.models().pull(fixture.entry()) { log.append($0) }
        let reports = log.reports.filter { $0.phase == .downloading }
        let first = try #require(reports.first)
        #expect(first.totalBytes == installed.sizeBytes)
        #expect(first.completedBytes == 0)
        #expect(first.files.map(\.path) == HubPullFixture.wanted.map(\.path).sorted())
        #expect(
            first.files.map(\.totalBytes)
                == first.files.map { file in
                    HubPullFixture.wanted.first { $0.path == file.path }?.sizeBytes
                })
        for (earlier, later) in zip(reports, reports.dropFirst()) {
            #expect(earlier.completedBytes <= later.completedBytes)
        }
        let some = try #require(reports.first { $0.completedBytes > 500_000 })
        #expect(some.files.contains { $0.path == "model.safetensors" && $0.state == .downloading })
        #expect(reports.contains { ($0.bytesPerSecond ?? 0) > 100_000 })
        #expect(log.reports.last?.phase == .done)
        #expect(log.phases.allSatisfy { [.downloading, .verifying, .done].contains($0) })
        let last = try #require(reports.last ?? log.reports.last { !$0.files.isEmpty })
        #expect(last.files.count == 5)
    }

    @Test(arguments: ["v1.0", "refs/pr/7", "feature/long/name"]) func pullsANamedRevision(_ revision: String)
        async throws
    {
        let fixture = try HubPullFixture()
        let commit = fixture.update(seed: 90, to: revision)
        let installed = try await fixture.models().pull(fixture.entry(revision))
        #expect(installed.revision == commit)
        #expect(try fixture.text(fixture.folder + "/refs/" + revision) == commit)
        #expect(!FileManager.default.fileExists(atPath: fixture.folder + "/refs/main"))
        #expect(
            fixture.hub.requests.contains { $0.target.contains(revision.replacingOccurrences(of: "/", with: "%2F")) })
        #expect(try fixture.models().installed(fixture.entry(revision)) == installed)
    }

    @Test func aCommitIsPulledAsItIs() async throws {
        let fixture = try HubPullFixture()
        let old = try fixture.commit()
        fixture.update()
        let installed = try await fixture.models().pull(fixture.entry(old))
        #expect(installed.revision == old)
        try fixture.expectWhole(installed)
        #expect(try Disk.names(in: fixture.folder + "/refs") == [], "a commit has no name to remember")
        // What was noted when it was pulled does for repairing it: nobody is asked for the branch or the list.
        try FileManager.default.removeItem(atPath: fixture.folder + "/blobs/" + HubPullFixture.wanted[0].etag)
        fixture.hub.forgetRequests()
        #expect(try await fixture.models().pull(fixture.entry(old)) == installed)
        #expect(fixture.hub.requests.filter { $0.target.hasPrefix("/api/models/") }.isEmpty)
        #expect(Set(fixture.downloads.compactMap(\.file)) == ["config.json"])
    }

    @Test func onlyWhatIsDamagedIsFetchedAgain() async throws {
        let fixture = try HubPullFixture()
        let installed = try await fixture.models().pull(fixture.entry())
        let blob = fixture.folder + "/blobs/" + HubPullFixture.wanted[4].etag
        var bytes = try fixture.bytes(blob)
        bytes[1_234_567] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: blob))
        fixture.hub.forgetRequests()
        #expect(try await fixture.models().pull(fixture.entry(), rehash: true) == installed)
        try fixture.expectWhole(installed)
        #expect(Set(fixture.downloads.compactMap(\.file)) == ["model.safetensors"])
    }

    @Test func aFailedPullIsGoneOnWith() async throws {
        let fixture = try HubPullFixture()
        let entry = fixture.entry()
        fixture.hub.inject(.close, at: .body(afterBytes: 2_000_000), path: "model.safetensors", times: nil)
        let error = await #expect(throws: ModelHubError.self) { try await fixture.models().pull(entry) }
        #expect(error?.category == .network)
        let models = fixture.models()
        #expect(try models.installed(entry) == nil)
        #expect(models.state(of: entry) != .present)
        #expect(!FileManager.default.fileExists(atPath: fixture.folder + "/refs/main"))
        let kept = FileTransfer.recordedBytes(
            of: fixture.folder + "/blobs/" + HubPullFixture.wanted[4].etag + ".svc.incomplete")
        #expect(kept > 1_000_000)

        fixture.hub.heal()
        fixture.hub.forgetRequests()
        let log = ProgressLog()
        let installed = try await models.pull(entry) { log.append($0) }
        try fixture.expectWhole(installed)
        #expect(fixture.downloads.reduce(0) { $0 + $1.sent.count } <= 3_000_000 - kept + 50_000)
        #expect(try #require(log.reports.first { $0.phase == .downloading }).completedBytes >= kept)
        #expect(try fixture.names().allSatisfy { !$0.contains("incomplete") })
    }

    @Test func weightsInOddlyNamedFilesAreFoundByTheirIndex() async throws {
        let index = #"{"weight_map": {"a": "weights-a.safetensors", "b": "weights-b.safetensors"}}"#
        let files = [
            StandInFile("config.json", "{}"), StandInFile("model.safetensors.index.json", index),
            StandInFile("weights-a.safetensors", sizeBytes: 1000, seed: 1),
            StandInFile("weights-b.safetensors", sizeBytes: 2000, seed: 2),
        ]
        let fixture = try HubPullFixture(
            StandInRepository(HubPullFixture.id, files: files + [StandInFile("weights-c.safetensors", sizeBytes: 9)]))
        try fixture.expectWhole(try await fixture.models().pull(fixture.entry()), files)
        #expect(try fixture.models(["HF_HUB_OFFLINE": "1"]).installed(fixture.entry())?.files.count == 4)
    }

    @Test func pullsOneOfManyGGUFModels() async throws {
        let files = ["Q4_K_M", "Q8_0"].map { StandInFile("m-\($0).gguf", sizeBytes: 5000, seed: UInt64($0.utf8.count)) }
        let fixture = try HubPullFixture(StandInRepository(HubPullFixture.id, files: files))
        var entry = fixture.entry()
        let usual = try await fixture.models().pull(entry)
        #expect(usual.files["model"]?.hasSuffix("/m-Q4_K_M.gguf") == true && usual.files.count == 1)
        // A second model of the same repository and commit.
        entry.name = "precise"
        entry.include = ["*Q8_0.gguf"]
        let precise = try await fixture.models().pull(entry)
        #expect(precise.files["model"]?.hasSuffix("/m-Q8_0.gguf") == true && precise.files.count == 1)
        #expect(try fixture.models().installed(fixture.entry()) == usual)
        entry.include = ["*Q5*"]
        let error = await #expect(throws: ModelHubError.self) { try await fixture.models().pull(entry) }
        #expect(error.map { "\($0)".contains("m-Q8_0.gguf") } == true)
    }

    @Test func twoFilesOfTheSameBytesAreFetchedOnce() async throws {
        let files = [
            StandInFile("config.json", "{}"), StandInFile("tokenizer_config.json", "{}"),
            StandInFile("model.safetensors", sizeBytes: 1000),
        ]
        let fixture = try HubPullFixture(StandInRepository(HubPullFixture.id, files: files))
        try fixture.expectWhole(try await fixture.models().pull(fixture.entry()), files)
        #expect(fixture.downloads.count == 2)
    }

    @Test func twoAtOnceDownloadOnce() async throws {
        let fixture = try HubPullFixture()
        fixture.hub.inject(
            .drip(bytesPerSecond: 6_000_000), at: .body(afterBytes: 0), path: "model.safetensors", times: nil)
        let logs = [ProgressLog(), ProgressLog()]
        let installed = try await withThrowingTaskGroup(of: InstalledModel.self) { group in
            for log in logs { group.addTask { try await fixture.models().pull(fixture.entry()) { log.append($0) } } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(installed[0] == installed[1])
        #expect(
            fixture.downloads.reduce(0) { $0 + $1.sent.count } == HubPullFixture.wanted.reduce(0) { $0 + $1.sizeBytes })
        #expect(logs.count { $0.phases.contains(.waiting) } == 1)
    }

    /// The lock of the Hub's own client is heeded, and what it wrote meanwhile is taken.
    @Test func waitsForAnotherProgramThatWritesABlob() async throws {
        let fixture = try HubPullFixture()
        let weights = HubPullFixture.wanted[4]
        let lock = try #require(
            try StoreLock.tryAcquire(fixture.cache + "/.locks/models--someone--a-model/\(weights.etag).lock"))
        let pull = Task { try await fixture.models().pull(fixture.entry()) }
        #expect(
            try await eventually {
                FileManager.default.fileExists(atPath: fixture.folder + "/blobs/" + HubPullFixture.wanted[3].etag)
            })
        try await Task.sleep(for: .milliseconds(100))
        try Data(weights.bytes()).write(to: URL(fileURLWithPath: fixture.folder + "/blobs/" + weights.etag))
        lock.release()
        try fixture.expectWhole(try await pull.value)
        #expect(!fixture.downloads.contains { $0.file == weights.path })
    }

    /// Partials of others stay, ours go once they are of no more use.
    @Test func leavesOtherProgramsFilesAlone() async throws {
        let fixture = try HubPullFixture()
        let blobs = fixture.folder + "/blobs"
        try FileManager.default.createDirectory(atPath: blobs, withIntermediateDirectories: true)
        let foreign = ["abc.incomplete", HubPullFixture.wanted[4].etag + ".1234abcd.incomplete"]
        for name in foreign { try Data("x".utf8).write(to: URL(fileURLWithPath: blobs + "/" + name)) }
        _ = try await fixture.models().pull(fixture.entry())
        #expect(Set(try fixture.names().filter { $0.contains("incomplete") }) == Set(foreign.map { "blobs/" + $0 }))
    }

    @Test func refusesARepositoryThatCannotBeRun() async throws {
        let fixture = try HubPullFixture(
            StandInRepository(HubPullFixture.id, files: [StandInFile("README.md", "x"), StandInFile("a.onnx", "y")]))
        let error = await #expect(throws: ModelHubError.self) { try await fixture.models().pull(fixture.entry()) }
        #expect(error.map { "\($0)".contains("a.onnx") && "\($0)".contains("hf:someone/a-model") } == true)
        #expect(Disk.status(fixture.folder) == nil)
    }
}
