package import Foundation
internal import GRDB

/// What has to be known of a model on the disk to judge whether it is worth its place.
package struct InstalledSummary: Sendable {
    /// Its name, as it is in the history.
    package var name: String
    /// The bytes that removing it would free.
    package var sizeBytes: Int
    /// Whether it is loaded at the start already.
    package var isPreloaded: Bool
    /// Whether somebody decided that it stays: it is pinned, configured, or another model's stand-in. It is never
    /// suggested to be removed.
    package var isRequired: Bool
    /// How long loading it takes, in seconds, if that is known.
    package var loadSeconds: Double?
    /// Since when it is here, if that is known. What has only just come is not suggested to be removed.
    package var installedAt: Date?

    /// Creates a summary.
    package init(
        name: String, sizeBytes: Int, isPreloaded: Bool = false, isRequired: Bool = false, loadSeconds: Double? = nil,
        installedAt: Date? = nil
    ) {
        self.name = name
        self.sizeBytes = sizeBytes
        self.isPreloaded = isPreloaded
        self.isRequired = isRequired
        self.loadSeconds = loadSeconds
        self.installedAt = installedAt
    }
}

/// Something that a person might do. The service itself never does.
package struct UsageRecommendation: Sendable, Equatable, Encodable {
    package enum Kind: String, Sendable, Encodable {
        /// Load the model when the service starts.
        case preload
        /// Remove the model from the disk.
        case remove
    }

    package let kind: Kind
    package let model: String
    /// Why, in a sentence with numbers.
    package let reason: String
    /// What to type.
    package let command: String
    /// The bytes that it frees; nil where it frees none.
    package let freesBytes: Int?
}

/// On which days each model was used.
struct UsageHabits {
    /// A history of fewer days says nothing of what is usual.
    static let leastDays = 3
    /// How far back is looked for what is used on most days.
    static let recentDays = 30

    private struct Habit {
        /// On how many of the recent days it was used, and how often.
        var recentDays = 0
        var recentRequests = 0
        /// The last day of all.
        var lastDay = 0
    }

    private let today: UsageDay
    /// The first day of the history, and how many days of it saw any use.
    private let firstDay: UsageDay?
    private let activeDays: Int
    private let recentActiveDays: Int
    private var habits: [String: Habit] = [:]

    /// Reads the history up to `today`.
    init(_ db: Database, until today: UsageDay) throws {
        self.today = today
        let recent = today.advanced(by: 1 - Self.recentDays).number
        let days = try Int.fetchAll(
            db, sql: "SELECT DISTINCT day FROM usage WHERE day <= ? ORDER BY day", arguments: [today.number])
        firstDay = days.first.map { UsageDay(number: $0) }
        activeDays = days.count
        recentActiveDays = days.count { $0 >= recent }
        // A model that was asked for is wanted, even where another one had to answer for it.
        let uses = try Row.fetchCursor(
            db,
            sql: """
                SELECT model, day, sum(requests) FROM (
                    SELECT model, day, requests FROM usage
                    UNION ALL
                    SELECT asked, day, stand_in.requests FROM stand_in JOIN usage ON id = usage_id
                ) WHERE day <= ? GROUP BY model, day
                """, arguments: [today.number])
        while let use = try uses.next() {
            let day = use.count(1)
            var habit = habits[use.text(0)] ?? Habit()
            if day >= recent {
                habit.recentDays += 1
                habit.recentRequests = UsageAggregate.sum(habit.recentRequests, use.count(2))
            }
            habit.lastDay = max(habit.lastDay, day)
            habits[use.text(0)] = habit
        }
    }

    /// What to suggest: what to load at the start, the most used first, then what to remove, the largest first.
    func recommendations(_ installed: [InstalledSummary], now: Date, unusedDays: Int) -> [UsageRecommendation] {
        guard activeDays >= Self.leastDays else { return [] }
        let preloads = installed.compactMap { preload($0) }.sorted {
            ($1.days, $0.what.model) < ($0.days, $1.what.model)
        }
        let removals = installed.compactMap { removal($0, now: now, unusedDays: max(1, unusedDays)) }
            .sorted { ($1.freesBytes ?? 0, $0.model) < ($0.freesBytes ?? 0, $1.model) }
        return preloads.map(\.what) + removals
    }

    private func preload(_ model: InstalledSummary) -> (days: Int, what: UsageRecommendation)? {
        guard !model.isPreloaded, let habit = habits[model.name], recentActiveDays >= Self.leastDays,
            // Most days, and not only those of a while ago.
            habit.recentDays * 2 > recentActiveDays, today.number - habit.lastDay < 7
        else { return nil }
        let share = Int((100 * Double(habit.recentDays) / Double(recentActiveDays)).rounded())
        var reason =
            "used on \(habit.recentDays) of the last \(recentActiveDays) days with any use (\(share) %), by "
            + "\(habit.recentRequests) requests"
        if let seconds = model.loadSeconds, seconds >= 0, seconds < 1e6 {
            reason +=
                "; loading it takes \(String(format: "%.1f", seconds)) s, which the first request would not wait for"
        }
        return (
            habit.recentDays,
            UsageRecommendation(
                kind: .preload, model: model.name, reason: reason, command: "svc serve --models \(model.name)",
                freesBytes: nil)
        )
    }

    private func removal(_ model: InstalledSummary, now: Date, unusedDays: Int) -> UsageRecommendation? {
        guard !model.isRequired, !model.isPreloaded, let firstDay else { return nil }
        let size = Self.size(model.sizeBytes)
        let reason: String
        if let habit = habits[model.name] {
            let unused = today.number - habit.lastDay
            guard unused >= unusedDays else { return nil }
            reason = "not used for \(unused) days, since \(UsageDay(number: habit.lastDay)); removing it frees \(size)"
        } else {
            // Only as long as the history, or the model, is here is it known not to have been used.
            let since = max(firstDay, model.installedAt.map { UsageDay($0) } ?? firstDay)
            let unused = today.number - since.number
            guard unused >= unusedDays else { return nil }
            reason = "never used in the \(unused) days since \(since); removing it frees \(size)"
        }
        return UsageRecommendation(
            kind: .remove, model: model.name, reason: reason, command: "svc rm \(model.name)",
            freesBytes: max(0, model.sizeBytes))
    }

    private static func size(_ bytes: Int) -> String {
        bytes >= 1_000_000_000
            ? String(format: "%.1f GB", Double(bytes) / 1e9)
            : "\(max(0, bytes) / 1_000_000) MB (\(max(0, bytes)) bytes)"
    }
}
