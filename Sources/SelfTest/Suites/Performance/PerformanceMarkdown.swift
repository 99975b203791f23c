internal import Foundation

extension PerformanceBaseline {
    /// A page for people with all that was recorded: a section for each kind of machine, a table for each model.
    package var markdown: String {
        var lines = [
            "# Performance baselines", "",
            "What was measured on each kind of machine: written by `svc selftest` from its baseline file, not by hand.",
            "A later run on such a machine is held against these figures, and a figure that is worse by more than its",
            "tolerance in three measurements is a failure.", "",
            "- Times are medians over rounds of the median (`p50`), the 95th and the 99th percentile of each round, of",
            "  one request after the other on one connection.",
            "- `clients_N` is what is done in a second while N clients ask all the time.",
            "- `processor_per_request` is processor time of all cores, with four clients.",
            "- With each case the file has the time of a fixed piece of arithmetic, and the share of the processors that",
            "  other programs left free. On a machine that is slower by either, the limits of times and rates are wider",
            "  by as much.",
        ]
        for machine in machines.sorted(by: { $0.machine.text < $1.machine.text }) {
            lines += [
                "", "## \(Self.escaped(machine.machine.text))", "",
                "Recorded \(machine.recordedAt) with version \(Self.escaped(machine.version)); tolerance "
                    + "\(Self.percent(machine.tolerance)) unless another is given.",
            ]
            for (model, cases) in machine.models.sorted(by: { $0.key < $1.key }) {
                lines += [
                    "", "### \(Self.escaped(model))", "",
                    "| Case | Figure | Value | Better | Tolerance | Processors free |", "|---|---|---:|---|---:|---:|",
                ]
                for (name, record) in cases.sorted(by: { $0.key < $1.key }) {
                    for (figure, entry) in record.figures.sorted(by: { Self.isBefore($0.key, $1.key) }) {
                        lines.append(
                            "| `\(Self.escaped(name))` | `\(Self.escaped(figure))` | "
                                + "\(Figure.text(entry.value, entry.unit)) | \(entry.better.rawValue) | "
                                + "\(entry.tolerance.map(Self.percent) ?? "") | \(Self.percent(record.freeShare)) |")
                    }
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// By name, and by number where names end in one: 5 clients before 20.
    private static func isBefore(_ left: String, _ right: String) -> Bool {
        func parts(_ name: String) -> (String, Int) {
            let digits = name.reversed().prefix { $0.isASCII && $0.isNumber }
            return (String(name.dropLast(digits.count)), Int(String(digits.reversed())) ?? 0)
        }
        return parts(left) < parts(right)
    }

    private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "|", with: "\\|").replacingOccurrences(of: "`", with: "'")
    }
}
