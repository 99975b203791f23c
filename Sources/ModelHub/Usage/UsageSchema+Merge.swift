internal import Foundation
internal import GRDB

extension UsageSchema {
    /// Adds counts to those of the database. To be called in a write transaction, which holds off other processes
    /// between the reading of a row and its writing.
    static func merge(_ rows: [UsageKey: UsageAggregate], into db: Database) throws {
        let find = try db.cachedStatement(
            sql: """
                SELECT \(countColumns), latency, id FROM usage
                WHERE day = ? AND model = ? AND task = ? AND source = ? AND target = ?
                """)
        let insert = try db.cachedStatement(
            sql: """
                INSERT INTO usage (\(keyColumns), \(countColumns), latency)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        let update = try db.cachedStatement(
            sql: """
                UPDATE usage SET (\(countColumns), latency) = (?, ?, ?, ?, ?, ?) WHERE id = ?
                """)
        for (key, aggregate) in rows {
            let names: [any DatabaseValueConvertible] = [key.day, key.model, key.task, key.source, key.target]
            let id: Int64
            if let row = try Row.fetchOne(find, arguments: StatementArguments(names)) {
                var sum = UsageAggregate(row: row, from: 0)
                sum.add(aggregate)
                guard let stored = Int64.fromDatabaseValue(row[6]) else {
                    throw UsageDamage(description: "a row has no number")
                }
                id = stored
                try update.execute(arguments: StatementArguments(values(of: sum) + [id]))
            } else {
                try insert.execute(arguments: StatementArguments(names + values(of: aggregate)))
                id = db.lastInsertedRowID
            }
            try add(aggregate.failures, to: "failure", "code", id, db)
            try add(aggregate.standIns, to: "stand_in", "asked", id, db)
        }
    }

    private static func values(of aggregate: UsageAggregate) -> [any DatabaseValueConvertible] {
        [
            aggregate.requests, aggregate.texts, aggregate.characters, aggregate.sourceTokens, aggregate.targetTokens,
            Data(aggregate.latency.encoded()),
        ]
    }

    /// Adds to the counts by name of a row, of which there are only so many.
    private static func add(
        _ counts: [String: Int], to table: String, _ column: String, _ id: Int64, _ db: Database
    ) throws {
        guard !counts.isEmpty else { return }
        let stored = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT \(column), requests FROM \(table) WHERE usage_id = ?"), arguments: [id])
        var sums: [String: Int] = [:]
        for row in stored { sums[row.text(0)] = row.count(1) }
        let replace = try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO \(table) (usage_id, \(column), requests) VALUES (?, ?, ?)")
        for (name, count) in counts {
            let isKept = sums[name] != nil || sums.count < UsageAggregate.mostNames
            let name = isKept ? name : UsageNames.other
            sums[name] = UsageAggregate.sum(sums[name] ?? 0, count)
            try replace.execute(arguments: [id, name, sums[name]])
        }
    }

    /// All that a database holds.
    static func everything(in db: Database) throws -> [UsageKey: UsageAggregate] {
        try rows(in: db, sql: "", [])
    }

    /// The rows that a condition and an order choose, with their failures and stand-ins.
    static func rows(
        in db: Database, sql: String, _ arguments: StatementArguments
    ) throws -> [UsageKey: UsageAggregate] {
        var rows: [UsageKey: UsageAggregate] = [:]
        let chosen = try Row.fetchCursor(
            db, sql: "SELECT \(countColumns), latency, id, \(keyColumns) FROM usage \(sql)", arguments: arguments)
        while let row = try chosen.next() {
            var aggregate = UsageAggregate(row: row, from: 0)
            let id: DatabaseValue = row[6]
            for detail in try Row.fetchAll(
                db.cachedStatement(sql: "SELECT code, requests FROM failure WHERE usage_id = ?"), arguments: [id])
            {
                aggregate.failures[detail.text(0)] = detail.count(1)
            }
            for detail in try Row.fetchAll(
                db.cachedStatement(sql: "SELECT asked, requests FROM stand_in WHERE usage_id = ?"), arguments: [id])
            {
                aggregate.standIns[detail.text(0)] = detail.count(1)
            }
            let key = UsageKey(
                day: row.count(7), model: row.text(8), task: row.text(9), source: row.text(10), target: row.text(11))
            rows[key, default: UsageAggregate()].add(aggregate)
        }
        return rows
    }
}

extension UsageAggregate {
    /// The counts of a row that has `UsageSchema.countColumns` and then `latency` from a column on. A histogram that
    /// cannot be read counts as empty.
    init(row: Row, from first: Int) {
        self.init()
        requests = row.count(first)
        texts = row.count(first + 1)
        characters = row.count(first + 2)
        sourceTokens = row.count(first + 3)
        targetTokens = row.count(first + 4)
        latency = LatencyHistogram(encoded: row.bytes(first + 5)) ?? LatencyHistogram()
    }
}
