import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelHub

/// A usage history in a directory of its own.
struct UsageFixture: Sendable {
    /// What the store told people.
    final class Notes: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        func add(_ text: String) { texts.withLock { $0.append(text) } }
    }

    let directory: URL
    let notes = Notes()

    var path: String { directory.appendingPathComponent("usage.sqlite").path }

    /// Calls `body` with a history that is removed afterwards.
    static func with(_ body: (UsageFixture) async throws -> Void) async throws {
        try await Fixtures.withTemporaryDirectory { try await body(UsageFixture(directory: $0)) }
    }

    func open(
        retentionDays: Int = 400, maximumBytes: Int = 64 << 20, flushSeconds: Double = 3600, retrySeconds: Double = 60,
        isKnownModel: (@Sendable (String) -> Bool)? = nil
    ) -> UsageStore {
        UsageStore.open(
            path: path, retentionDays: retentionDays, maximumBytes: maximumBytes, flushSeconds: flushSeconds,
            retrySeconds: retrySeconds, isKnownModel: isKnownModel, onNote: notes.add)
    }

    /// Records a few requests and closes, so that there is a file.
    func makeHistory(requests: Int = 7) async {
        let store = open()
        store.record(.some(requests: requests))
        await store.close()
    }

    /// How many requests the history holds, as another program sees it.
    func requests() throws -> Int { try UsageHistory(path: path).report(.ever).total.requests }

    /// The names in the directory that say that something was set aside.
    func setAside() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.contains(".damaged-") }.sorted()
    }

    /// Changes the database as another program could.
    func execute(_ sql: String) throws {
        let script = """
            import sqlite3, sys
            db = sqlite3.connect(sys.argv[1])
            db.executescript(sys.argv[2])
            db.close()
            """
        try Programs.python(script, [path, sql])
    }

    /// Leaves the database as a process does that is killed while it changes it without the log, as when a new one is
    /// made: in the middle of a change, with the journal beside it from which the next who opens it takes it back.
    ///
    /// - Parameter statements: what the change begins with.
    func leaveHalfWritten(_ statements: [String] = ["UPDATE usage SET requests = 1000000"]) throws {
        let script = """
            import os, sqlite3, sys
            db = sqlite3.connect(sys.argv[1], isolation_level=None)
            db.execute("PRAGMA journal_mode = DELETE").fetchone()
            db.execute("PRAGMA cache_size = 1")
            db.execute("BEGIN")
            for statement in sys.argv[2:]:
                db.execute(statement)
            db.execute("CREATE TABLE filler (bytes BLOB)")
            for _ in range(100):
                db.execute("INSERT INTO filler VALUES (zeroblob(10000))")
            os._exit(0)
            """
        try Programs.python(script, [path] + statements)
    }

    /// Overwrites bytes of a file in place.
    static func overwrite(_ path: String, at offset: Int, with bytes: [UInt8]) throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }

    /// The bytes of the database and of all that lies beside it.
    func bytes() throws -> [UInt8] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).flatMap {
            [UInt8](FileManager.default.contents(atPath: directory.appendingPathComponent($0).path) ?? Data())
        }
    }

    var fileSize: Int { Disk.status(path)?.sizeBytes ?? 0 }
}

extension UsageObservation {
    /// An observation that differs from others in what is given.
    static func some(
        model: String = "firefox-en-pt", task: CatalogEntry.Task = .translation, source: String? = "en",
        target: String? = "pt", day: Int = 0, requests: Int = 1, seconds: Double = 0.1, failure: String? = nil,
        standInFor: String? = nil
    ) -> UsageObservation {
        UsageObservation(
            model: model, task: task, source: source, target: target,
            time: .now.addingTimeInterval(86_400 * Double(day)),
            requests: requests, texts: 2, characters: 30, sourceTokens: 10, targetTokens: 12, latencySeconds: seconds,
            failure: failure, standInFor: standInFor)
    }
}

extension UsageQuery {
    static let ever = ever(by: .day)
    static func ever(by grouping: Grouping) -> UsageQuery {
        UsageQuery(from: UsageDay(number: 0), to: UsageDay(number: .max), groupBy: grouping)
    }
}
