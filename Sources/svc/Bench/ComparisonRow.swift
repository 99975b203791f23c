import Foundation

/// Where a figure comes from.
struct Reading: Hashable, Sendable {
    var trial: Trial
    var metric: String
    var variant: String?
}

/// What the ratio of a row has to be.
enum Target: Sendable, Equatable {
    case atLeast(Double)
    case atMost(Double)

    var value: Double {
        switch self {
        case .atLeast(let value), .atMost(let value): value
        }
    }

    func holds(_ ratio: Double) -> Bool {
        switch self {
        case .atLeast(let value): ratio >= value
        case .atMost(let value): ratio <= value
        }
    }

    /// 1 where it is just reached, more where there is room, whichever way it points.
    func margin(_ ratio: Double) -> Double {
        switch self {
        case .atLeast(let value): ratio / value
        case .atMost(let value): ratio > 0 ? value / ratio : 0
        }
    }

    var text: String {
        switch self {
        case .atLeast(let value): "≥ \(FigureText.ratio(value))"
        case .atMost(let value): "≤ \(FigureText.ratio(value))"
        }
    }
}

/// One line of the comparison: a figure of ours, what it is held against, and what their ratio has to be.
struct ComparisonRow: Sendable {
    /// Its name for `--row`.
    var name: String
    /// What is measured.
    var title: String
    /// What it is held against.
    var reference: String
    /// The unit of both figures.
    var unit: String
    var target: Target
    var ours: Reading
    var theirs: Reading
    /// Why it cannot be measured here; nil where it can.
    var obstacle: String?

    /// Whether a pattern means it: a part of its name, or with `*` all of it.
    func fits(_ pattern: String) -> Bool {
        pattern.contains("*") ? fnmatch(pattern, name, 0) == 0 : name.contains(pattern)
    }
}
