import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// What a pull says when it cannot, and what it leaves.
@Suite struct PullFailureTests {
    static func failure(_ fixture: HubFixture, _ environment: [String: String]? = nil) async throws -> ModelHubError {
        let hub = try fixture.hub(environment: environment)
        let entry = try fixture.entry("one")
        let error = await #expect(throws: ModelHubError.self) { try await hub.pull(entry) }
        #expect(hub.state(of: entry) == .absent)
        #expect(try Disk.names(in: fixture.repository.temporary) == [])
        return try #require(error)
    }

    @Test func saysThatAVersionDoesNotExist() async throws {
        let fixture = try HubFixture(python: nil)
        var entry = try fixture.entry("one")
        entry.source = .pip(name: "tiny-model", version: "9.9")
        let hub = try fixture.hub()
        let error = await #expect(throws: ModelHubError.self) { try await hub.pull(entry) }
        #expect(try #require(error).category == .notFound)
        #expect(try #require(error).description.contains("pip:tiny-model==9.9"))
        #expect(try #require(error).description.contains("1.0"), "the message should list the versions there are")
    }

    /// A port of this machine where nobody listens.
    @Test func saysThatTheIndexCannotBeReached() async throws {
        let fixture = try HubFixture(python: nil)
        var environment = fixture.environment
        environment["PIP_NO_INDEX"] = nil
        environment["PIP_FIND_LINKS"] = nil
        environment["PIP_INDEX_URL"] = "http://127.0.0.1:9/simple"
        environment["PIP_RETRIES"] = "1"
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            environment[name] = nil
        }
        let error = try await Self.failure(fixture, environment)
        #expect(error.category == .network)
        #expect(error.description.contains("pip:tiny-model==1.0"))
    }

    @Test func saysThatPythonIsMissing() async throws {
        let fixture = try HubFixture(python: nil)
        let error = try await Self.failure(fixture, ["PATH": "/nowhere:relative::"])
        guard case .pythonMissing = error else {
            Issue.record("\(error)")
            return
        }
        #expect(error.description.contains("python3-pip"))
        let named = try await Self.failure(fixture, ["SVC_PYTHON": "/nowhere/python3"])
        #expect(named.description.contains("/nowhere/python3"))
    }

    @Test func saysThatPipIsMissing() async throws {
        let fixture = try HubFixture(python: #"echo "/usr/bin/python3: No module named pip" >&2; exit 1"#)
        let error = try await Self.failure(fixture)
        guard case .pipMissing = error else {
            Issue.record("\(error)")
            return
        }
        #expect(error.description.contains("python3-pip"))
    }

    @Test func passesOnWhatPipSaidLast() async throws {
        let fixture = try HubFixture(
            python: #"i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done >&2; echo "the end" >&2; exit 3"#
        )
        let error = try await Self.failure(fixture)
        #expect(error.description.contains("the end"))
        #expect(error.description.utf8.count < 2000)
    }

    @Test func saysThatPipDeliveredNothing() async throws {
        #expect(try await Self.failure(try HubFixture(python: "exit 0")).description.contains("0 wheels"))
    }

    @Test func saysThatPipWasKilled() async throws {
        #expect(try await Self.failure(try HubFixture(python: "kill -9 $$")).description.contains("signal 9"))
    }

    @Test func saysThatTheProgramIsNone() async throws {
        let fixture = try HubFixture(python: "")
        try Programs.write(executable: "not a program", to: fixture.directory + "/python")
        #expect(try await Self.failure(fixture).description.contains(fixture.directory + "/python"))
    }

    @Test(arguments: [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError: [Errno -3] Temporary "
                + "failure in name resolution'\nERROR: Could not find a version that satisfies the requirement a==1 "
                + "(from versions: none)\nERROR: No matching distribution found for a==1",
            ModelHubError.Category.network
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", .other),
        ("ERROR: HTTP error 503 while getting x\nERROR: 503 Server Error: Unavailable", .network),
        (
            "WARNING: Retrying after connection broken by 'Read timed out.'\nERROR: Could not find a version that "
                + "satisfies the requirement a==1 (from versions: 0.1, 0.2)", .notFound
        ),
        ("", .other), ("\u{fffd}\u{0}", .other),
    ])
    func tellsFailuresApart(_ message: String, category: ModelHubError.Category) {
        let error = PipDownload.explain(message, source: "pip:a==1", interpreter: "/usr/bin/python3")
        #expect(error.category == category)
        #expect(error.description.contains("pip:a==1"))
    }

    /// Cancelling stops pip and what pip has started, at once, and leaves nothing.
    @Test func cancellingStopsTheDownload() async throws {
        let fixture = try HubFixture(
            python: """
                sleep 60 & echo "$$ $!" > "$DIRECTORY/running.new"
                mv "$DIRECTORY/running.new" "$DIRECTORY/running"; wait
                """)
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        let task = Task { try await hub.pull(entry) }
        let running = fixture.directory + "/running"
        #expect(try await eventually { FileManager.default.fileExists(atPath: running) })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let processes = try String(contentsOfFile: running, encoding: .utf8).split(whereSeparator: \.isWhitespace)
        #expect(processes.count == 2)
        for process in processes {
            let identifier = try #require(pid_t(process))
            #expect(try await eventually { Self.hasEnded(identifier) }, "\(identifier) still runs")
        }
        #expect(hub.state(of: entry) == .absent)
        #expect(try Disk.names(in: fixture.repository.temporary) == [])
        // The lock is free again.
        #expect(try StoreLock.tryAcquire(fixture.repository.lockPath).map { $0.release() } != nil)
    }

    /// Gone, or dead and waiting for its parent to notice.
    static func hasEnded(_ process: pid_t) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
        return text.split(separator: ")").last?.split(separator: " ").first == "Z"
    }

    @Test func cancellingEndsTheWait() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        let lock = try #require(try StoreLock.tryAcquire(fixture.repository.lockPath))
        defer { lock.release() }
        let log = ProgressLog()
        let task = Task { try await hub.pull(entry) { log.append($0) } }
        #expect(try await eventually { log.phases == [.waiting] })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(fixture.calls == 0)
    }

    @Test func refusesAStoreThatIsAFile() async throws {
        let fixture = try HubFixture()
        for path in [fixture.directory + "/home", fixture.directory + "/home/hub"] {
            try FileManager.default.removeItem(atPath: fixture.directory + "/home")
            if path.hasSuffix("hub") { try Disk.makeDirectory(fixture.directory + "/home") }
            try Data("a file".utf8).write(to: URL(fileURLWithPath: path))
            let hub = try fixture.hub()
            let error = await #expect(throws: ModelHubError.self) { try await hub.pull(try fixture.entry("one")) }
            #expect(try #require(error).description.contains(fixture.directory + "/home"))
            #expect(try HubFixture.bytes(path) == Array("a file".utf8))
        }
        #expect(fixture.calls == 0)
    }

    @Test func refusesWhatTheDiskHasNoRoomFor() async throws {
        let fixture = try HubFixture()
        var entry = try fixture.entry("one")
        entry.downloadBytes = 1 << 53
        let hub = try fixture.hub()
        let error = await #expect(throws: ModelHubError.self) { try await hub.pull(entry) }
        guard case .notEnoughSpace(_, let needed, let available)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(needed > available)
        #expect(fixture.calls == 0)
    }

    /// A store that cannot be written says so; one that has the model already serves it. The child gives up root,
    /// which no permission stops.
    @Test func worksOnAReadOnlyStoreAsFarAsItCan() async throws {
        let fixture = try HubFixture()
        _ = try await fixture.hub().pull(try fixture.entry("one"))
        try Disk.removeTree(fixture.repository.verified)
        for path in [fixture.directory] + Self.directories(below: fixture.store.root) { chmod(path, 0o555) }
        defer { for path in [fixture.directory] + Self.directories(below: fixture.store.root) { chmod(path, 0o755) } }
        let root = fixture.store.root
        let one = try fixture.entry("one").files
        let two = try fixture.entry("two").files
        await #expect(processExitsWith: .success) {
            [root = root as String, one = Listing(one) as Listing, two = Listing(two) as Listing] in
            if geteuid() == 0 { try #require(setgid(65534) == 0 && setuid(65534) == 0) }
            let hub = ModelHub(catalog: Catalog(entries: []), store: ModelStore(root: root), environment: [:])
            try #require(try await hub.pull(one.entry).sizeBytes > 0)
            do {
                _ = try await hub.pull(two.entry)
                exit(1)
            } catch ModelHubError.storeNotWritable(let path, _, _) {
                try #require(path.hasPrefix(root))
            }
            do {
                _ = try hub.remove(one.entry)
                exit(2)
            } catch let error as ModelHubError {
                try #require(error.category == .permission)
            }
        }
    }

    static func directories(below root: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return [root]
            + names.map { root + "/" + $0 }.filter {
                Disk.linkTarget($0) == nil && Disk.status($0)?.isDirectory == true
            }
    }
}

/// The files of an entry in a form that reaches another process.
struct Listing: Codable, Sendable {
    private var files: [[String]]

    init(_ files: [CatalogFile]) {
        self.files = files.map { [$0.role, $0.path, $0.sha256, "\($0.sizeBytes)"] }
    }

    var entry: CatalogEntry {
        CatalogEntry(
            name: "one", task: .embedding, family: "test", source: .pip(name: "tiny-model", version: "1.0"),
            files: files.map {
                CatalogFile(role: $0[0], path: $0[1], sha256: $0[2], sizeBytes: Int($0[3]) ?? -1)
            })
    }
}
