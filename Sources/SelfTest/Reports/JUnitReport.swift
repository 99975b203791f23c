internal import Foundation

/// The report for build servers: JUnit's XML, a suite for each of ours and a test case for each case and model. What is
/// gated is `skipped` there.
package enum JUnitReport {
    /// The whole document.
    package static func xml(_ report: RunReport) -> String {
        let suites = Suite.allCases.compactMap { suite -> String? in
            let results = report.results.filter { $0.suite == suite.rawValue }
            return results.isEmpty ? nil : self.suite(suite, results)
        }
        let attributes = counts(report.results) + time(report.seconds)
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"svc selftest\"\(attributes)>\n"
            + suites.joined() + "</testsuites>\n"
    }

    private static func suite(_ suite: Suite, _ results: [CaseResult]) -> String {
        let seconds = results.reduce(0) { $0 + $1.seconds }
        return "  <testsuite name=\"\(suite.rawValue)\"\(counts(results))\(time(seconds))>\n"
            + results.map(testCase).joined() + "  </testsuite>\n"
    }

    private static func testCase(_ result: CaseResult) -> String {
        let name = result.model.map { "\(result.name)[\($0)]" } ?? result.name
        let head =
            "    <testcase classname=\"svc.\(escaped(result.suite))\" name=\"\(escaped(name))\"\(time(result.seconds))>\n"
        let message = escaped(result.message ?? "")
        var body = ""
        switch result.outcome {
        case .passed: break
        case .gated: body = "      <skipped message=\"\(message)\"/>\n"
        case .failed:
            let evidence = escaped(result.evidence.joined(separator: "\n"))
            body = "      <failure message=\"\(message)\">\(evidence)</failure>\n"
        }
        if !result.notes.isEmpty {
            body += "      <system-out>\(escaped(result.notes.joined(separator: "\n")))</system-out>\n"
        }
        if !result.log.isEmpty {
            body += "      <system-err>\(escaped(result.log.joined(separator: "\n")))</system-err>\n"
        }
        return head + body + "    </testcase>\n"
    }

    private static func counts(_ results: [CaseResult]) -> String {
        " tests=\"\(results.count)\" failures=\"\(results.count { $0.outcome == .failed })\" errors=\"0\""
            + " skipped=\"\(results.count { $0.outcome == .gated })\""
    }

    private static func time(_ seconds: Double) -> String { " time=\"\(String(format: "%.3f", seconds))\"" }

    /// Text as XML may hold it: not all characters may be written there, not even as references.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            // In an attribute a line break that is not a reference would be read as a space.
            case "\n": escaped += "&#10;"
            case "\t": escaped += "&#9;"
            case "\r": escaped += "&#13;"
            case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
