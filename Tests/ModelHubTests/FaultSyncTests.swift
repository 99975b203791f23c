import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// What a power failure would leave: a library that is loaded into the real program notes in which order it writes, waits
/// for the disk, and gives names.
@Suite(.timeLimit(.minutes(3))) struct FaultSyncTests {
    struct Event {
        var operation: String
        var inode: String
        var path: String
        var more: String
    }

    private static let libraryPath = FileManager.default.temporaryDirectory.path + "/svc-sync-trace-\(getpid()).so"

    /// Builds the library once.
    private static let library = Task {
        let path = libraryPath
        atexit { unlink(FaultSyncTests.libraryPath) }
        let source = Fixtures.path("stand-in-hub/sync-trace.c")
        let outcome = try await Programs.run(
            URL(fileURLWithPath: "/bin/sh"),
            [
                "-c", #"for c in clang cc gcc; do "$c" -shared -fPIC -O1 -o "$1" "$0" -ldl && exit 0; done; exit 1"#,
                source, path,
            ])
        try #require(outcome.code == 0, "\(outcome.error)")
        return path
    }

    /// Pulls with the library; the environment may ask it for a failure.
    static func pull(
        _ fixture: FaultFixture, failing number: Int? = nil
    ) async throws -> (outcome: Programs.Outcome, events: [Event]) {
        let log = fixture.directory + "/trace-" + UUID().uuidString
        var changes = ["LD_PRELOAD": try await library.value, "SYNC_TRACE": log, "SYNC_TRACE_ROOT": fixture.directory]
        if let number { changes["SYNC_TRACE_FAIL"] = "\(number)" }
        let outcome = try await fixture.runPull(changes)
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return (
            outcome,
            text.split(separator: "\n").map { line in
                let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
                return Event(operation: words[0], inode: words[1], path: words[2], more: words[3])
            }
        )
    }

    /// What is not on the disk for sure, as the operations go by.
    struct Disk {
        /// When a file was last written.
        var written: [String: Int] = [:]
        /// When the bytes that are on the disk for sure were.
        var synced: [String: Int] = [:]
        private var begun: [String: Int] = [:]
        /// Names that their directory may lose, and since when.
        var names: [String: [String: Int]] = [:]
        var inodes: [String: String] = [:]

        func isSafe(_ inode: String) -> Bool { written[inode].map { $0 < synced[inode, default: -1] } ?? true }

        mutating func see(_ event: Event, at time: Int) {
            let directory = parentDirectory(event.path)
            switch event.operation {
            case "write": written[event.inode] = time
            case "waits": begun[event.inode] = time
            case "waited":
                let start = begun[event.inode, default: 0]
                synced[event.inode] = start
                names[event.path] = names[event.path]?.filter { $0.value > start }
            case "name", "link", "directory":
                names[directory, default: [:]][event.path] = time
                names[parentDirectory(event.more)]?[event.more] = nil
                inodes[event.path] = event.inode
            default: break
            }
        }

        func mayLose(_ path: String) -> Bool { names[parentDirectory(path)]?[path] != nil }
    }

    @Test("A name is given when what it stands for is on the disk")
    func order() async throws {
        let fixture = try FaultFixture()
        let (outcome, events) = try await Self.pull(fixture)
        #expect(outcome.code == 0, "\(outcome.output) \(outcome.error)")
        try fixture.expectWhole()
        let repository = try fixture.repository
        var disk = Disk()
        var blobs = 0, links = 0, references = 0
        for (time, event) in events.enumerated() {
            disk.see(event, at: time)
            guard event.operation == "name" else { continue }
            #expect(disk.isSafe(event.inode), "\(event.path) was named before its bytes were on the disk")
            if event.path.hasPrefix(repository.blobs + "/"), !event.path.hasSuffix(".json") { blobs += 1 }
            if event.path.hasPrefix(repository.snapshots + "/") {
                links += 1
                let digest = try #require(fixture.files.first { event.path.hasSuffix("/" + $0.path) }).etag
                #expect(!disk.mayLose(repository.blob(digest)), "\(event.path) was linked to a blob that may be lost")
            }
            if event.path.hasPrefix(repository.directory + "/refs/") {
                references += 1
                for (directory, names) in disk.names where directory.hasPrefix(repository.snapshots) {
                    #expect(names.isEmpty, "the revision was named before its files: \(names)")
                }
            }
        }
        #expect(blobs == fixture.files.count)
        #expect(links == fixture.files.count)
        #expect(references == 1)
        // In the end all of it is safe.
        let inRepository = disk.names.filter { $0.key.hasPrefix(repository.directory + "/") }
        for (directory, names) in inRepository where !directory.hasPrefix(repository.temporary) {
            #expect(names.isEmpty, "may be lost: \(names.keys)")
        }
        for (path, inode) in disk.inodes where path.hasPrefix(repository.blobs) {
            #expect(disk.isSafe(inode), "\(path)")
        }
    }

    @Test("A disk that fails to keep something makes the pull fail, and the next one repairs it")
    func failing() async throws {
        let counted = try FaultFixture(files: FaultFixture.files(shardBytes: 50_001))
        let waits = try await Self.pull(counted).events.count { $0.operation == "waits" }
        #expect(waits >= 2 * counted.files.count)
        var failures = 0
        for number in 1...waits {
            let fixture = try FaultFixture(files: FaultFixture.files(shardBytes: 50_001))
            let (outcome, _) = try await Self.pull(fixture, failing: number)
            if outcome.code != 0 {
                failures += 1
                #expect(
                    outcome.output.contains("Input/output error"),
                    "fsync \(number), exit code \(outcome.code): \(outcome.output)")
            }
            try fixture.expectNothingLooksWholeThatIsNot()
            try await fixture.pull()
            try fixture.expectWhole()
        }
        #expect(failures >= 2 * counted.files.count)
    }
}
