import Foundation

/// One measured number.
struct Figure: Sendable, Equatable {
    /// What was measured: `batch`, `prefill512`, `words_per_second`.
    var metric: String
    /// Which kind of the program it is of, where there are several: `int8`.
    var variant: String?
    var value: Double
    /// `words/s`, `tokens/s`, `ms`, `GB/s` or `MB`.
    var unit: String
}

extension Collection where Element == Figure {
    /// The figure of a metric, and of a variant where one is wanted; the last one where there are several.
    func figure(_ metric: String, variant: String? = nil) -> Figure? {
        Array(self).last { $0.metric == metric && (variant == nil || $0.variant == variant) }
    }
}

/// Numbers in the middle of others.
enum Median {
    /// The middle value; of an even number the mean of the two in the middle. Zero of none.
    static func of(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard let last = sorted.indices.last else { return 0 }
        return (sorted[last / 2] + sorted[(last + 1) / 2]) / 2
    }
}

/// Numbers for people.
enum FigureText {
    /// Three digits or more, with commas between thousands.
    static func number(_ value: Double) -> String {
        let size = abs(value)
        guard size < 1e15 else { return String(format: "%g", value) }
        if size >= 100 { return grouped(Int(value.rounded())) }
        return String(format: size >= 10 ? "%.1f" : size >= 0.1 || size == 0 ? "%.2f" : "%.3g", value)
    }

    /// A whole number, with commas between thousands.
    static func count(_ value: Double) -> String {
        value.magnitude < 1e15 ? grouped(Int(value.rounded())) : number(value)
    }

    static func ratio(_ value: Double) -> String { String(format: value >= 10 ? "%.1f ×" : "%.2f ×", value) }

    /// A duration in the unit that suits it.
    static func seconds(_ value: Double) -> String {
        if value >= 1 { return "\(number(value)) s" }
        return value >= 1e-3 ? "\(number(value * 1e3)) ms" : "\(number(value * 1e6)) µs"
    }

    private static func grouped(_ value: Int) -> String {
        var (digits, text) = (Array(String(abs(value))), "")
        while digits.count > 3 {
            text = "," + String(digits.suffix(3)) + text
            digits.removeLast(3)
        }
        return (value < 0 ? "-" : "") + String(digits) + text
    }
}
