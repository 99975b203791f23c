internal import Dispatch
internal import GRDB

/// Why a file that is in the database's place cannot be used as it.
struct UsageDamage: Error, CustomStringConvertible {
    var description: String
}

/// The tables of the usage history and what makes a file one. docs/usage.md describes them.
enum UsageSchema {
    /// What the names of the files that SQLite keeps beside a database end with.
    static let endingsBeside = ["-wal", "-shm", "-journal"]
    /// Marks the file as this program's in SQLite's header (`PRAGMA application_id`): "svcu".
    private static let application = 0x7376_6375

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE usage (
                        id INTEGER PRIMARY KEY,
                        day INTEGER NOT NULL,
                        model TEXT NOT NULL,
                        task TEXT NOT NULL,
                        source TEXT NOT NULL,
                        target TEXT NOT NULL,
                        requests INTEGER NOT NULL,
                        texts INTEGER NOT NULL,
                        characters INTEGER NOT NULL,
                        source_tokens INTEGER NOT NULL,
                        target_tokens INTEGER NOT NULL,
                        latency BLOB NOT NULL,
                        UNIQUE (day, model, task, source, target)
                    );
                    CREATE TABLE failure (
                        usage_id INTEGER NOT NULL REFERENCES usage (id) ON DELETE CASCADE,
                        code TEXT NOT NULL,
                        requests INTEGER NOT NULL,
                        PRIMARY KEY (usage_id, code)
                    ) WITHOUT ROWID;
                    CREATE TABLE stand_in (
                        usage_id INTEGER NOT NULL REFERENCES usage (id) ON DELETE CASCADE,
                        asked TEXT NOT NULL,
                        requests INTEGER NOT NULL,
                        PRIMARY KEY (usage_id, asked)
                    ) WITHOUT ROWID;
                    PRAGMA application_id = \(application);
                    """)
        }
        return migrator
    }

    /// The settings of connections that write. `walBytes` bounds the log beside the database.
    static func configuration(walBytes: Int) -> Configuration {
        var configuration = Configuration()
        configuration.label = "usage"
        // Several processes write: each waits for the others, whose transactions are short.
        configuration.busyMode = .timeout(5)
        configuration.qos = .utility
        configuration.prepareDatabase { db in
            guard !db.configuration.readonly else { return }
            // Only a database that has no page yet takes this one; it lets the file shrink.
            try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try db.execute(sql: "PRAGMA journal_size_limit = \(walBytes)")
            try db.execute(sql: "PRAGMA wal_autocheckpoint = \(max(16, walBytes / 2 / 4096))")
        }
        return configuration
    }

    /// Opens a database to read it only, and checks that it is this program's.
    ///
    /// Where a writer was killed in the middle of a change that it made without the log (as the first of all is), the
    /// change is taken back first. SQLite leaves that to connections that may write, and so to this program's next
    /// start; nobody else would ever come.
    ///
    /// - Throws: `UsageDamage`, `DatabaseError`.
    static func openReader(_ path: String, _ configuration: Configuration) throws -> DatabaseQueue {
        func reader() throws -> DatabaseQueue {
            var reading = configuration
            reading.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: reading)
            try queue.read { try check($0) }
            return queue
        }
        do {
            return try reader()
        } catch let error as DatabaseError
            where [.SQLITE_READONLY_ROLLBACK, .SQLITE_READONLY_RECOVERY].contains(error.extendedResultCode)
        {
            var writing = Configuration()
            writing.busyMode = configuration.busyMode
            let writer = try DatabaseQueue(path: path, configuration: writing)
            // The first look takes it back.
            _ = try writer.look { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_master") }
            try writer.close()
            return try reader()
        }
    }

    /// Makes a new database this program's, brings an older one up to date, and checks that it is whole.
    ///
    /// - Throws: `UsageDamage` for a file that is damaged, another program's or a later version's; `DatabaseError`.
    static func prepare(_ writer: any DatabaseWriter) throws {
        try writer.look { db in
            try check(db)
            // A page that is damaged is found now rather than in the middle of an answer.
            let finding = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "no answer"
            guard finding == "ok" else { throw UsageDamage(description: String(finding.prefix(200))) }
        }
        try migrator.migrate(writer)
    }

    /// Whether the database has been made this program's.
    static func isMade(_ db: Database) throws -> Bool {
        try Int.fetchOne(db, sql: "PRAGMA application_id") == application
    }

    /// Checks that the database, if there is anything in it, is this program's and of a version that it knows.
    static func check(_ db: Database) throws {
        let mark = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        if mark != application {
            // A process that was killed before it made the tables leaves the list of migrations.
            let foreign = "SELECT count(*) FROM sqlite_master WHERE tbl_name <> 'grdb_migrations'"
            guard mark == 0, try Int.fetchOne(db, sql: foreign) == 0 else {
                throw UsageDamage(description: "it is a database of another program")
            }
        }
        guard try !migrator.hasBeenSuperseded(db) else {
            throw UsageDamage(description: "a later version of this program wrote it")
        }
        if try migrator.hasCompletedMigrations(db) { try probe(db) }
    }

    /// Checks that the tables of the latest version are there.
    private static func probe(_ db: Database) throws {
        do {
            for (table, columns) in [
                ("usage", "id, \(keyColumns), \(countColumns), latency"), ("failure", "usage_id, code, requests"),
                ("stand_in", "usage_id, asked, requests"),
            ] {
                _ = try Row.fetchOne(db, sql: "SELECT \(columns) FROM \(table) LIMIT 0")
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
            throw UsageDamage(description: error.message ?? "its tables are not the ones that they should be")
        }
    }

    /// Whether an error says that the file's bytes are wrong, rather than that they cannot be had.
    static func isDamage(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return error is UsageDamage }
        return [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT].contains(error.resultCode)
            || error.extendedResultCode == .SQLITE_IOERR_SHORT_READ
    }

    /// An error without the statement that met it.
    static func words(_ error: any Error) -> String {
        guard let error = error as? DatabaseError else { return "\(error)" }
        return "\(error.message ?? "no reason given") (SQLite's code \(error.extendedResultCode.rawValue))"
    }

    /// The columns of a key, in the order of `UsageKey`'s properties.
    static let keyColumns = "day, model, task, source, target"
    /// The columns of counts, in the order that `UsageAggregate.init(row:from:)` reads them.
    static let countColumns = "requests, texts, characters, source_tokens, target_tokens"
}

extension DatabaseWriter {
    /// Reads one state of the database by the connection that also writes. A connection only for reading, if it closes
    /// last, leaves the log behind; and all reading and writing is one after the other anyway.
    func look<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try unsafeReentrantWrite { db in
            var value: Value?
            try db.inTransaction(.deferred) {
                value = try body(db)
                return .commit
            }
            guard let value else { throw CancellationError() }
            return value
        }
    }
}

extension Row {
    // A file that somebody tampered with can hold any type in any column, which the typed accessors trap on.

    /// A count, by the position of its column; 0 for what is none.
    func count(_ index: Int) -> Int {
        let value: DatabaseValue = self[index]
        return UsageAggregate.sum(Int.fromDatabaseValue(value) ?? 0, 0)
    }

    /// A text; empty for what is none.
    func text(_ index: Int) -> String {
        let value: DatabaseValue = self[index]
        return String.fromDatabaseValue(value) ?? ""
    }

    /// Bytes; none for what are none.
    func bytes(_ index: Int) -> [UInt8] {
        let value: DatabaseValue = self[index]
        guard case .blob(let data) = value.storage else { return [] }
        return [UInt8](data)
    }
}
