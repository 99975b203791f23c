internal import Foundation

extension CaseContext {
    /// Runs the program, and fails unless it ends with a code.
    @discardableResult func run(
        _ arguments: [String], expecting code: Int32 = 0, input: String? = nil, environment: [String: String] = [:]
    ) async throws -> ProgramOutcome {
        let outcome = try await theProgram().run(
            arguments, input: input.map { Array($0.utf8) }, environment: environment)
        try expect(
            outcome.code == code,
            "svc \(arguments.joined(separator: " ")): expected exit code \(code), found \(outcome.code)",
            evidence: outcome.evidence)
        return outcome
    }

    /// Runs a command with `--json`, and fails unless standard output is one object in one line, of the command's
    /// schema, and standard error has nothing.
    ///
    /// - Returns: the object.
    @discardableResult func runJSON(
        _ command: String, _ arguments: [String], expecting code: Int32 = 0, input: String? = nil,
        environment: [String: String] = [:], allowsNotes: Bool = false
    ) async throws -> JSONView {
        let words = command.split(separator: " ").map(String.init)
        let outcome = try await run(
            words + ["--json"] + arguments, expecting: code, input: input, environment: environment)
        let view = try object(outcome, "svc \(command) --json")
        let problems = try JSONSchema.command(command).problems(of: view)
        try expect(
            problems.isEmpty,
            "svc \(command) --json against docs/json-schema/\(words.joined(separator: "-")).json: "
                + problems.prefix(5).joined(separator: "; "), evidence: outcome.evidence)
        try equal(
            try view["status"].string, code == 0 ? "ok" : "error", "status of svc \(command) with exit code \(code)",
            evidence: outcome.evidence)
        try expect(
            outcome.error.isEmpty || allowsNotes,
            "svc \(command) --json: expected nothing on standard error, found \(outcome.errorText.prefix(200))",
            evidence: outcome.evidence)
        return view
    }

    /// The one object that a command with `--json` has written: one line, and nothing before or after it.
    func object(_ outcome: ProgramOutcome, _ what: String) throws -> JSONView {
        let text = outcome.outputText
        try expect(
            text.hasPrefix("{") && text.hasSuffix("}\n") && text.filter(\.isNewline).count == 1,
            "\(what): expected one line with one object on standard output, found \(text.prefix(200).debugDescription)",
            evidence: outcome.evidence)
        do { return try JSONView(parsing: outcome.output) } catch {
            throw CaseFailure("\(what): expected JSON on standard output, found \(error)", evidence: outcome.evidence)
        }
    }

    /// The smallest model of all.
    func smallestModel() throws -> PortfolioModel {
        guard let model = portfolio.models.min(by: { $0.sizeBytes < $1.sizeBytes }) else {
            throw CaseGated("this case needs a model, and the portfolio has none")
        }
        return model
    }

    /// Fails if a text has what only a terminal understands: escapes, a line that is redrawn, a bar.
    func plain(_ text: String, _ what: String, evidence: @autoclosure () -> [String]) throws {
        for (mark, name) in [
            ("\u{1b}", "an escape sequence"), ("\r", "a carriage return"), ("█", "a bar"), ("░", "a bar"),
            ("\u{8}", "a backspace"),
        ] where text.unicodeScalars.contains(where: { String($0) == mark }) {
            throw CaseFailure("\(what) into a pipe: expected plain text, found \(name)", evidence: evidence())
        }
    }
}
