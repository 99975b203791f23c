import Foundation

/// A moment as a calendar and a clock on the wall show it, for templates that put the date into the system message.
package struct TemplateTime: Sendable, Equatable {
    var year: Int
    var month: Int
    var day: Int
    /// 0 is Sunday.
    var weekday: Int
    /// From 1.
    var dayOfYear: Int
    /// Seconds since midnight.
    var second: Int

    /// The moment `secondsSince1970` (UTC), where clocks are `secondsFromGMT` ahead.
    package init(secondsSince1970: Int, secondsFromGMT: Int = 0) {
        // Bounded to the years that the arithmetic below is meant for.
        let seconds = min(max(secondsSince1970, -62_135_596_800), 253_402_300_799) + secondsFromGMT
        let days = Int((Double(seconds) / 86400).rounded(.down))
        second = seconds - days * 86400
        weekday = ((days + 4) % 7 + 7) % 7
        // Years are counted from the 1st of March, 0000, in eras of 400 years, so that the leap day comes last.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayFromMarch = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayFromMarch + 2) / 153
        day = dayFromMarch - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        dayOfYear = month <= 2 ? dayFromMarch - 305 : dayFromMarch + 60 + (isLeap ? 1 : 0)
    }

    /// This moment, in this machine's time zone.
    package static func now() -> TemplateTime {
        let date = Date()
        return TemplateTime(
            secondsSince1970: Int(date.timeIntervalSince1970),
            secondsFromGMT: TimeZone.current.secondsFromGMT(for: date))
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// The time in a `strftime` format, in English.
    func formatted(_ format: String) throws -> String {
        var result = ""
        var scalars = format.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar == "%" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            guard var letter = scalars.next() else { throw TemplateFault("a date format ends in '%'") }
            var pads = true
            if letter == "-", let next = scalars.next() {
                pads = false
                letter = next
            }
            result += try field(letter, pads: pads)
        }
        return result
    }

    private func field(_ letter: Unicode.Scalar, pads: Bool) throws -> String {
        func number(_ value: Int, _ width: Int = 2, with padding: String = "0") -> String {
            let digits = String(value)
            return (pads ? String(repeating: padding, count: max(0, width - digits.count)) : "") + digits
        }
        let hour = second / 3600
        switch letter {
        case "Y": return String(year)
        case "y": return number(year % 100)
        case "m": return number(month)
        case "d": return number(day)
        case "e": return number(day, with: " ")
        case "B": return Self.months[month - 1]
        case "b", "h": return String(Self.months[month - 1].prefix(3))
        case "A": return Self.weekdays[weekday]
        case "a": return String(Self.weekdays[weekday].prefix(3))
        case "H": return number(hour)
        case "I": return number((hour + 11) % 12 + 1)
        case "M": return number(second / 60 % 60)
        case "S": return number(second % 60)
        case "p": return hour < 12 ? "AM" : "PM"
        case "j": return number(dayOfYear, 3)
        case "F": return try formatted("%Y-%m-%d")
        case "T": return try formatted("%H:%M:%S")
        case "%": return "%"
        default: throw TemplateFault("a date format has '%\(letter)', which is not supported")
        }
    }
}

enum TemplateMath {
    static func power(_ base: Double, _ exponent: Double) throws -> Double {
        let result = pow(base, exponent)
        guard result.isFinite || !base.isFinite || !exponent.isFinite else {
            throw TemplateFault("a power has no value")
        }
        return result
    }

    /// `value` with `digits` behind the point, ties to even as they are in its decimal form.
    static func rounded(_ value: Double, digits: Int) -> Double {
        Double(String(format: "%.\(digits)f", value)) ?? value
    }
}
