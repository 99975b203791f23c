package import Foundation
internal import GRDB

/// Why a usage history cannot be read.
package enum UsageHistoryError: Error, Equatable, CustomStringConvertible {
    /// The file is damaged, another program's or a later version's.
    case damaged(path: String, reason: String)
    /// The file cannot be opened or read by this user.
    case unreadable(path: String, reason: String)

    package var description: String {
        switch self {
        case .damaged(let path, let reason):
            "the usage history \(path) cannot be used: \(reason). The next start of `svc serve` sets it aside and "
                + "begins a new one"
        case .unreadable(let path, let reason):
            "the usage history \(path) cannot be read: \(reason)"
        }
    }
}

/// A usage history that is only looked at: it changes nothing that was kept, and reads beside a service that writes.
package struct UsageHistory: Sendable {
    private let path: String
    /// Nil if there is no file yet, or nothing in it.
    private let reader: DatabaseQueue?

    /// Opens the history at `path`. It is fine if there is none.
    ///
    /// - Throws: `UsageHistoryError`.
    package init(path: String) throws {
        self.path = path
        let status = Disk.status(path)
        guard let status, status.sizeBytes > 0 || !status.isRegularFile else {
            reader = nil
            return
        }
        guard status.isRegularFile else {
            throw UsageHistoryError.unreadable(path: path, reason: "it is not a file")
        }
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        do {
            let reader = try UsageSchema.openReader(path, configuration)
            // Its maker was stopped before it had tables.
            self.reader = try reader.read { try UsageSchema.isMade($0) } ? reader : nil
        } catch {
            throw Self.failure(path, error)
        }
    }

    /// What was used, up to what the service wrote last, some seconds ago.
    ///
    /// - Throws: `UsageHistoryError`.
    package func report(_ query: UsageQuery) throws -> UsageReport {
        try read(orEmpty: UsageReport(emptyFor: query)) { try UsageReport(query, $0) }
    }

    /// What could be done with what is installed; see `UsageStore.recommendations`.
    ///
    /// - Throws: `UsageHistoryError`.
    package func recommendations(
        _ installed: [InstalledSummary], now: Date = .now, unusedDays: Int = 30
    ) throws -> [UsageRecommendation] {
        try read(orEmpty: []) {
            try UsageHabits($0, until: UsageDay(now)).recommendations(installed, now: now, unusedDays: unusedDays)
        }
    }

    private func read<Value>(orEmpty empty: @autoclosure () -> Value, _ body: (Database) throws -> Value) throws
        -> Value
    {
        guard let reader else { return empty() }
        do {
            return try reader.read(body)
        } catch {
            throw Self.failure(path, error)
        }
    }

    private static func failure(_ path: String, _ error: any Error) -> UsageHistoryError {
        let reason = UsageSchema.words(error)
        return UsageSchema.isDamage(error)
            ? .damaged(path: path, reason: reason) : .unreadable(path: path, reason: reason)
    }
}
