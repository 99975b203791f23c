internal import Foundation
internal import GRDB

/// Which part of the history is asked for, and how it is summed up.
package struct UsageQuery: Sendable {
    /// What one row of a report is about.
    package enum Grouping: String, CaseIterable, Sendable, Encodable {
        case day
        case model
        /// A language pair.
        case pair
    }

    /// The first and the last day, both included.
    package var from: UsageDay
    package var to: UsageDay
    /// Only this model's; nil for all.
    package var model: String?
    package var groupBy: Grouping
    /// The most rows: those with the most requests, or of days the latest.
    package var limit: Int

    /// A question about days from `from` to `to`.
    package init(
        from: UsageDay, to: UsageDay, model: String? = nil, groupBy: Grouping = .day, limit: Int = 1000
    ) {
        self.from = from
        self.to = to
        self.model = model
        self.groupBy = groupBy
        self.limit = max(1, limit)
    }

    /// A question about the last `days` days, `today` among them.
    package init(
        days: Int, until today: UsageDay = UsageDay(.now), model: String? = nil, groupBy: Grouping = .day,
        limit: Int = 1000
    ) {
        self.init(
            from: today.advanced(by: 1 - max(1, min(days, 1 << 24))), to: today, model: model, groupBy: groupBy,
            limit: limit)
    }
}

/// What was used.
package struct UsageReport: Sendable, Encodable {
    /// The times that so many of a hundred requests did not exceed, in seconds, within 1 %.
    package struct Latency: Sendable, Hashable, Encodable {
        package let p50: Double
        package let p95: Double
        package let p99: Double
    }

    /// The sums over a day, a model or a language pair, or over everything.
    package struct Row: Sendable, Hashable, Encodable {
        /// The day, if rows are days.
        package var day: UsageDay?
        /// The model, if rows are models.
        package var model: String?
        /// The languages, if rows are pairs: `*` for pairs that are counted together, nil for none.
        package var source: String?
        package var target: String?
        /// All requests, those that failed among them.
        package var requests: Int
        package var texts: Int
        package var characters: Int
        package var sourceTokens: Int
        package var targetTokens: Int
        /// How many requests failed.
        package var failures: Int
        /// How many failed, by code.
        package var failuresByCode: [String: Int]
        /// How many requests were answered in another model's stead.
        package var standIns: Int
        /// How many, by the model that was asked for.
        package var standInsByModel: [String: Int]
        /// Of requests that did not fail; nil if there were none.
        package var latencySeconds: Latency?
    }

    /// The days asked about.
    package let from: UsageDay
    package let to: UsageDay
    /// The first day of all the history, asked about or not; nil if nothing was recorded yet.
    package let firstDay: UsageDay?
    package let groupBy: UsageQuery.Grouping
    /// Days in order; models and pairs with the most used first.
    package let rows: [Row]
    /// How many rows more there are than were asked for.
    package let omittedRows: Int
    /// The sum of all rows, those left out among them.
    package let total: Row
}

extension UsageReport.Row {
    init(_ sum: UsageAggregate) {
        self.init(
            requests: sum.requests, texts: sum.texts, characters: sum.characters, sourceTokens: sum.sourceTokens,
            targetTokens: sum.targetTokens, failures: 0, failuresByCode: [:], standIns: 0, standInsByModel: [:],
            latencySeconds: UsageReport.Latency(sum.latency))
    }
}

extension UsageReport.Latency {
    init?(_ histogram: LatencyHistogram) {
        guard let times = histogram.percentiles([50, 95, 99]) else { return nil }
        self.init(p50: times[0], p95: times[1], p99: times[2])
    }
}

extension UsageReport {
    /// The text columns that tell one row of a report from another.
    private struct Group: Hashable {
        var values: [String]
    }

    /// The answer where nothing was recorded yet.
    init(emptyFor query: UsageQuery) {
        (from, to, groupBy) = (query.from, query.to, query.groupBy)
        (firstDay, rows, omittedRows, total) = (nil, [], 0, Row(UsageAggregate()))
    }

    /// Sums up what is asked for. One group's histogram is in memory at a time, however many groups there are.
    init(_ query: UsageQuery, _ db: Database) throws {
        let columns =
            switch query.groupBy {
            case .day: "day"
            case .model: "model"
            case .pair: "source, target"
            }
        let width = query.groupBy == .pair ? 2 : 1
        let condition = "day BETWEEN ? AND ? AND (? IS NULL OR model = ?)"
        let arguments: StatementArguments = [query.from.number, query.to.number, query.model, query.model]
        func group(_ row: GRDB.Row) -> Group {
            Group(values: (0..<width).map { query.groupBy == .day ? "\(row.count($0))" : row.text($0) })
        }

        var groups: [(key: Group, row: Row)] = []
        var total = UsageAggregate(), sum = UsageAggregate()
        var current: Group?
        let stored = try GRDB.Row.fetchCursor(
            db,
            sql: """
                SELECT \(columns), \(UsageSchema.countColumns), latency FROM usage
                WHERE \(condition) ORDER BY \(columns)
                """, arguments: arguments)
        while let row = try stored.next() {
            let key = group(row)
            if let current, current != key {
                groups.append((current, Row(sum)))
                sum = UsageAggregate()
            }
            current = key
            let aggregate = UsageAggregate(row: row, from: width)
            sum.add(aggregate)
            total.add(aggregate)
        }
        if let current { groups.append((current, Row(sum))) }

        var totalRow = Row(total)
        let places = Dictionary(uniqueKeysWithValues: groups.enumerated().map { ($1.key, $0) })
        for (table, name) in [("failure", "code"), ("stand_in", "asked")] {
            let details = try GRDB.Row.fetchCursor(
                db,
                sql: """
                    SELECT \(columns), \(name), sum(\(table).requests) FROM \(table) JOIN usage ON id = usage_id
                    WHERE \(condition) GROUP BY \(columns), \(name)
                    """, arguments: arguments)
            while let detail = try details.next() {
                let (name, count) = (detail.text(width), detail.count(width + 1))
                totalRow.add(count, of: name, from: table)
                if let place = places[group(detail)] { groups[place].row.add(count, of: name, from: table) }
            }
        }

        for index in groups.indices {
            let values = groups[index].key.values
            switch query.groupBy {
            case .day: groups[index].row.day = values.first.flatMap { Int($0) }.map { UsageDay(number: $0) }
            case .model: groups[index].row.model = values[0]
            case .pair:
                groups[index].row.source = values[0].isEmpty ? nil : values[0]
                groups[index].row.target = values[1].isEmpty ? nil : values[1]
            }
        }
        var rows = groups.map(\.row)
        if query.groupBy != .day {
            // Equal ones stay in the order of their names.
            rows = rows.enumerated().sorted { ($1.element.requests, $0.offset) < ($0.element.requests, $1.offset) }
                .map(\.element)
        }
        omittedRows = max(0, rows.count - query.limit)
        self.rows = Array(query.groupBy == .day ? rows.suffix(query.limit) : rows.prefix(query.limit))
        self.total = totalRow
        (from, to, groupBy) = (query.from, query.to, query.groupBy)
        firstDay = try Int.fetchOne(db, sql: "SELECT min(day) FROM usage").map { UsageDay(number: $0) }
    }
}

extension UsageReport.Row {
    fileprivate mutating func add(_ count: Int, of name: String, from table: String) {
        if table == "failure" {
            failures = UsageAggregate.sum(failures, count)
            failuresByCode[name] = UsageAggregate.sum(failuresByCode[name] ?? 0, count)
        } else {
            standIns = UsageAggregate.sum(standIns, count)
            standInsByModel[name] = UsageAggregate.sum(standInsByModel[name] ?? 0, count)
        }
    }
}
