internal import GRDB

extension UsageSchema {
    /// How many rows one transaction removes: each must be short, because others wait for it.
    private static let rowsAtOnce = 500

    /// The bytes that the database needs, without pages that are free.
    static func usedBytes(_ db: Database) throws -> Int {
        let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
        return (pages - free) * (try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 4096)
    }

    /// Removes the days before `day`.
    static func removeDays(before day: UsageDay, from writer: any DatabaseWriter) throws {
        var more = true
        while more {
            more = try writer.write { db in
                try db.execute(
                    sql: "DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE day < ? LIMIT ?)",
                    arguments: [day.number, rowsAtOnce])
                return db.changesCount == rowsAtOnce
            }
        }
    }

    /// Makes the database fit into `bytes`: the oldest days go first. Of the last one that is left the language pairs
    /// that were used least are counted together, until there is one row for each model and task; then the least used go.
    ///
    /// - Returns: whether anything was removed or counted together.
    static func shrink(_ writer: any DatabaseWriter, to bytes: Int) throws -> Bool {
        var isChanged = false
        while try writer.look(usedBytes) > bytes {
            let days = try writer.look {
                try Int.fetchAll($0, sql: "SELECT DISTINCT day FROM usage ORDER BY day LIMIT 2")
            }
            guard let first = days.first else { break }
            if days.count > 1 {
                try removeDays(before: UsageDay(number: first).advanced(by: 1), from: writer)
            } else if try !writer.write({ try fold($0) || removeLeast($0) }) {
                break
            }
            isChanged = true
        }
        return isChanged
    }

    /// Counts the least used language pairs together with the other ones of their model.
    private static func fold(_ db: Database) throws -> Bool {
        let isPair = "WHERE source NOT IN ('', '\(UsageNames.any)') OR target NOT IN ('', '\(UsageNames.any)')"
        let least = "\(isPair) ORDER BY requests LIMIT \(rowsAtOnce)"
        var folded: [UsageKey: UsageAggregate] = [:]
        for (key, aggregate) in try rows(in: db, sql: least, []) {
            var key = key
            (key.source, key.target) = (UsageNames.any, UsageNames.any)
            folded[key, default: UsageAggregate()].add(aggregate)
        }
        guard !folded.isEmpty else { return false }
        try db.execute(sql: "DELETE FROM usage WHERE id IN (SELECT id FROM usage \(least))")
        try merge(folded, into: db)
        return true
    }

    /// Removes the least used rows; false if there is only one.
    private static func removeLeast(_ db: Database) throws -> Bool {
        let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM usage") ?? 0
        guard count > 1 else { return false }
        try db.execute(
            sql: "DELETE FROM usage WHERE id IN (SELECT id FROM usage ORDER BY requests LIMIT ?)",
            arguments: [min(rowsAtOnce, (count + 1) / 2)])
        return true
    }

    /// Gives the pages that are free back to the file system, in steps that others need not wait long for.
    static func vacuum(_ pool: DatabasePool) throws {
        var last = Int.max
        // A database that was not made to shrink keeps its free pages, and uses them again.
        while case let free = try pool.look({ try Int.fetchOne($0, sql: "PRAGMA freelist_count") ?? 0 }),
            free > 0, free < last
        {
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA incremental_vacuum(256)") }
            last = free
        }
        // Until then the file has its old length.
        try pool.writeWithoutTransaction { _ = try $0.checkpoint(.passive) }
    }
}
