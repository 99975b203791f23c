package import Foundation

/// A day of the calendar in UTC: what usage is counted by.
package struct UsageDay: Hashable, Comparable, Sendable, Encodable, CustomStringConvertible {
    /// Days since 1970-01-01.
    let number: Int

    /// The last day that can be told: 9999-12-31.
    private static let last = 2_932_896

    init(number: Int) { self.number = max(0, min(number, Self.last)) }

    /// The day that holds a moment. Moments before 1970 or after 9999 count to the first and the last day.
    package init(_ moment: Date) {
        let days = (moment.timeIntervalSince1970 / 86_400).rounded(.down)
        self.init(number: days.isFinite ? Int(max(0, min(days, Double(Self.last)))) : 0)
    }

    /// Reads `2026-02-28`; nil if it is not a day of the calendar written so.
    package init?(_ text: String) {
        guard let moment = try? Date(text, strategy: .iso8601.year().month().day()) else { return nil }
        self.init(moment)
        // The parser takes other spellings too, and days such as 30 February.
        guard description == text else { return nil }
    }

    /// The day `days` later, or earlier where negative.
    package func advanced(by days: Int) -> UsageDay {
        let (sum, overflow) = number.addingReportingOverflow(days)
        return UsageDay(number: overflow ? (days < 0 ? 0 : Self.last) : sum)
    }

    /// Its date, such as `2026-02-28`.
    package var description: String {
        Date(timeIntervalSince1970: Double(number) * 86_400).formatted(.iso8601.year().month().day())
    }

    package static func < (left: UsageDay, right: UsageDay) -> Bool { left.number < right.number }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
