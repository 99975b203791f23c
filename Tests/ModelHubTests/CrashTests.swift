import Foundation
import Testing

@testable import ModelHub

/// Pulls that die, at moments that nobody chose. Each runs in a process of its own, which really dies.
@Suite struct CrashTests {
    /// Kills this process after a while, whatever it does then.
    static func dieAfter(milliseconds: Int) {
        let thread = Thread {
            usleep(UInt32(milliseconds) * 1000)
            kill(getpid(), SIGKILL)
        }
        thread.start()
    }

    /// Whatever is linked is whole and right; a model that looks present is.
    static func expectNothingLooksWholeThatIsNot(_ fixture: HubFixture) throws {
        let hub = try fixture.hub()
        for name in ["one", "two"] {
            guard let installed = try hub.installed(try fixture.entry(name)) else { continue }
            try hub.verify(installed, rehash: true)
        }
        for file in try fixture.repository.linkedFiles("1.0") {
            let bytes = try HubFixture.bytes(fixture.repository.file(file.path, "1.0"))
            #expect(HubFixture.sha256(bytes) == file.sha256)
        }
    }

    @Test func aPullThatIsKilledLeavesNothingThatLooksWhole() async throws {
        let fixture = try HubFixture(python: "sleep 0.05\n" + HubFixture.copyingPython, weightBytes: 8 << 20)
        let environment = fixture.environment
        let root = fixture.store.root
        let listing = Listing(try fixture.entry("one").files)
        for _ in 0..<12 {
            let delay = Int.random(in: 0...400)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    root = root as String, environment = environment as [String: String], listing = listing as Listing,
                    delay = delay as Int
                ] in
                CrashTests.dieAfter(milliseconds: delay)
                let hub = ModelHub(
                    catalog: Catalog(entries: []), store: ModelStore(root: root), environment: environment)
                _ = try await hub.pull(listing.entry)
                try await Task.sleep(for: .seconds(60))
            }
            try Self.expectNothingLooksWholeThatIsNot(fixture)
            // Half of the rounds begin anew; the others go on from what the last one left.
            if Bool.random(), (try? fixture.hub().remove(try fixture.entry("one"))) != nil {
                #expect(try fixture.hub().installed(try fixture.entry("one")) == nil)
            }
        }
        let installed = try await fixture.hub().pull(try fixture.entry("one"))
        try fixture.hub().verify(installed, rehash: true)
        // What the dead have left is gone.
        #expect(try fixture.hub().diskUsage().incompleteBytes == 0)
        #expect(try Disk.names(in: fixture.repository.temporary) == [])
    }

    @Test func aDownloadThatIsKilledLeavesNothingThatLooksWhole() async throws {
        let fixture = try HubFixture(
            python: """
                # Writes in pieces, and dies before piece number $(cat fatal).
                fatal=$(cat "$DIRECTORY/fatal")
                while [ $# -gt 1 ]; do [ "$1" = -d ] && target="$2/tiny_model-1.0-py3-none-any.whl"; shift; done
                for i in 0 1 2 3; do
                    [ "$i" = "$fatal" ] && kill -9 $$
                    tail -c +$((i * 10000 + 1)) "$INDEX"/*.whl | head -c 10000 >> "$target"
                done
                tail -c +40001 "$INDEX"/*.whl >> "$target"
                """)
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        for fatal in [0, 1, 2, 3] {
            try Data("\(fatal)".utf8).write(to: URL(fileURLWithPath: fixture.directory + "/fatal"))
            await #expect(throws: ModelHubError.self) { try await hub.pull(entry) }
            #expect(hub.state(of: entry) == .absent)
            try Self.expectNothingLooksWholeThatIsNot(fixture)
        }
        try Data("never".utf8).write(to: URL(fileURLWithPath: fixture.directory + "/fatal"))
        _ = try await hub.pull(entry)
        #expect(hub.state(of: entry) == .present)
    }

    /// The same pull in several processes at once is one download.
    @Test func processesShareTheWork() async throws {
        let fixture = try HubFixture(python: "sleep 1\n" + HubFixture.copyingPython)
        let environment = fixture.environment
        let root = fixture.store.root
        let listing = Listing(try fixture.entry("one").files)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    await #expect(processExitsWith: .success) {
                        [
                            root = root as String, environment = environment as [String: String],
                            listing = listing as Listing
                        ] in
                        let hub = ModelHub(
                            catalog: Catalog(entries: []), store: ModelStore(root: root), environment: environment)
                        let installed = try await hub.pull(listing.entry)
                        try hub.verify(installed, rehash: true)
                    }
                }
            }
        }
        #expect(fixture.calls == 1)
        #expect(try fixture.hub().state(of: try fixture.entry("one")) == .present)
    }

    /// A holder that dies gives its lock back, and a pull that waited goes on.
    @Test func theLockOfADeadProcessIsFree() async throws {
        let fixture = try HubFixture()
        let path = fixture.repository.lockPath
        let holding = fixture.directory + "/holding"
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        let noticed = fixture.directory + "/noticed"
        async let holder = #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, holding = holding as String, noticed = noticed as String] in
            try #require(try StoreLock.tryAcquire(path) != nil)
            try #require(FileManager.default.createFile(atPath: holding, contents: nil))
            _ = try await eventually { FileManager.default.fileExists(atPath: noticed) }
            kill(getpid(), SIGKILL)
        }
        #expect(try await eventually { FileManager.default.fileExists(atPath: holding) })
        let log = ProgressLog()
        _ = try await hub.pull(entry) { report in
            log.append(report)
            if report.phase == .waiting { _ = FileManager.default.createFile(atPath: noticed, contents: nil) }
        }
        #expect(log.phases.first == .waiting)
        #expect(log.phases.last == .done)
        _ = await holder
    }

    /// Files of a dead pull are removed by the next one, which knows them by its holding the lock.
    @Test func leftoversAreCleanedUp() async throws {
        let fixture = try HubFixture()
        let repository = fixture.repository
        try repository.makeDirectories()
        let partial = repository.incompletePath(try fixture.entry("one").files[0].sha256)
        try Data("half".utf8).write(to: URL(fileURLWithPath: partial))
        let download = try repository.makeTemporaryDirectory()
        try Data("half a wheel".utf8).write(to: URL(fileURLWithPath: download + "/a.whl"))
        #expect(try fixture.hub().diskUsage().incompleteBytes == 16)
        #expect(try fixture.hub().state(of: try fixture.entry("one")) == .absent)
        _ = try await fixture.hub().pull(try fixture.entry("one"))
        #expect(!FileManager.default.fileExists(atPath: partial))
        #expect(!FileManager.default.fileExists(atPath: download))
    }
}
