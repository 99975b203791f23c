internal import Foundation
internal import SystemPackage

/// How a run of the program ended.
package struct ProgramOutcome: Sendable {
    /// The exit code, or the number of the signal that ended it, negative.
    package var code: Int32
    /// What it wrote to standard output.
    package var output: [UInt8]
    /// What it wrote to standard error.
    package var error: [UInt8]
    /// How long it ran.
    package var seconds: Double
    /// The command line, for reports.
    package var command: String

    /// Standard output as text.
    package var outputText: String { String(decoding: output, as: UTF8.self) }
    /// Standard error as text.
    package var errorText: String { String(decoding: error, as: UTF8.self) }

    /// What a report shows of it: the command line, the code and both outputs.
    package var evidence: [String] {
        ["$ \(command)", "exit code \(code) after \(String(format: "%.2f", seconds)) s"]
            + [("standard output", outputText), ("standard error", errorText)].flatMap { name, text in
                text.isEmpty ? ["\(name): nothing"] : ["\(name):"] + text.split(separator: "\n").map { "  \($0)" }
            }
    }
}

/// The program, run as its users run it.
package struct ProgramUnderTest: Sendable {
    /// Its path.
    package var path: String
    /// Starts and stops what this program is asked to run.
    package let manager: ServiceManager

    /// The program at a path.
    ///
    /// - Parameter keptLogs: a directory where the logs of its services stay; nil to throw them away.
    package init(path: String, keptLogs: String? = nil) {
        self.path = path
        manager = ServiceManager(program: path, keptLogs: keptLogs)
    }

    /// Runs a command to its end.
    ///
    /// - Parameters:
    ///   - input: standard input; empty where nil.
    ///   - environment: what is changed in `IsolatedEnvironment`.
    ///   - timeoutSeconds: after which it is stopped.
    /// - Throws: `CaseFailure` with its output where it does not end in time, and if it cannot be started.
    package func run(
        _ arguments: [String], input: [UInt8]? = nil, environment: [String: String] = [:],
        timeoutSeconds: Double = 300
    ) async throws -> ProgramOutcome {
        // Files rather than pipes: no amount of output can block the program.
        let directory = try TemporaryDirectory("run")
        defer { directory.remove() }
        try Data(input ?? []).write(to: directory.file("input"))
        let started = ContinuousClock.now
        let child = try await launch(arguments, directory, environment)
        let isLate = await child.end(withinSeconds: timeoutSeconds) == nil
        if isLate { await child.stop(graceSeconds: 5) }
        let outcome = ProgramOutcome(
            code: await child.end(), output: directory.bytes("output"), error: directory.bytes("error"),
            seconds: started.secondsUntilNow, command: (["svc"] + arguments).joined(separator: " "))
        ChildRegistry.shared.remove(child)
        guard !isLate else {
            throw CaseFailure(
                "svc \(arguments.first ?? ""): expected an end within \(timeoutSeconds) s, found it still running",
                evidence: outcome.evidence)
        }
        return outcome
    }

    private func launch(
        _ arguments: [String], _ directory: TemporaryDirectory, _ environment: [String: String]
    ) async throws -> ChildProcess {
        let input = try FileDescriptor.open(directory.file("input").path, .readOnly)
        defer { try? input.close() }
        let output = try directory.create("output")
        defer { try? output.close() }
        let error = try directory.create("error")
        defer { try? error.close() }
        return try await ChildRegistry.shared.start(
            path, arguments, environment: IsolatedEnvironment.variables(environment), input: input, output: output,
            error: error)
    }

    /// Starts `svc serve` on a free port of the loopback interface and waits until it listens, but not until its models
    /// are ready: `ModelLoadingMonitor` does that.
    ///
    /// - Parameters:
    ///   - arguments: flags besides `--port` and `--models`.
    ///   - models: what is loaded at the start.
    /// - Throws: `CaseFailure` with its log if it ends before, or does not listen within a minute.
    package func serve(
        _ arguments: [String] = [], environment: [String: String] = [:], models: [String] = []
    ) async throws -> ManagedService {
        try await manager.start(arguments, environment: environment, models: models)
    }
}
