import ArgumentParser
import Foundation
import SelfTest

/// `svc bench soak`
struct BenchSoak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Hold a service under steady traffic: exit code 0 if times and memory stay as they were.",
        discussion: """
            Starts a service on a free port, finds out how many requests of a mix it answers in a second, sends it a \
            share of that on schedule, and compares the second quarter of the run with the last.
            """)

    @OptionGroup var output: OutputOptions

    @Option(help: "How long, 0.1 to 10080.")
    var minutes = 60.0

    @Option(help: "The share of the capacity that is sent, 0.01 to 2.")
    var share = 0.8

    @Option(help: "Requests a second to send instead, 0.1 to 100000: the same load for programs that are compared.")
    var rate: Double?

    @Option(help: "Models, with commas; by default the smallest that is installed for each task.")
    var models: String?

    @Option(help: "The program whose service is held; by default this one.")
    var program: String?

    func validate() throws {
        guard (0.1...10_080).contains(minutes) else { throw ValidationError("--minutes must be from 0.1 to 10080") }
        guard (0.01...2).contains(share) else { throw ValidationError("--share must be from 0.01 to 2") }
        if let rate, !(0.1...100_000).contains(rate) { throw ValidationError("--rate must be from 0.1 to 100000") }
        if let models, Self.names(models).isEmpty { throw ValidationError("--models must name at least one model") }
    }

    func run() async throws {
        let soak = Soak(
            Soak.Options(
                program: program ?? Bundle.main.executablePath ?? CommandLine.arguments[0],
                models: models.map(Self.names) ?? [], minutes: minutes, share: share, rate: rate)
        ) { Output.note($0) }
        let interruption = SoakInterruption(soak)
        let report: SoakReport
        do {
            report = try await soak.run()
        } catch {
            throw soak.wasStopped ? Self.interrupted : Self.failure(error)
        }
        interruption.end()
        guard let failure = Self.failure(report, wasStopped: soak.wasStopped) else {
            return try Output.succeed("bench soak", report, json: output.json) { Self.text(report) }
        }
        if !output.json { Output.write(Self.text(report)) }
        try Output.end("bench soak", report, failure: failure, json: output.json) {
            "svc: \(failure.message)\n"
        }
    }

    private static func names(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    // MARK: What came of it

    private static let interrupted = CommandFailure(
        .interrupted, type: "interrupted", "interrupted; nothing is left running")

    /// Nil where all is well.
    private static func failure(_ report: SoakReport, wasStopped: Bool) -> CommandFailure? {
        if let end = report.serviceEnd { return CommandFailure(.failed, type: "service_ended", end) }
        if wasStopped { return interrupted }
        var complaints = report.verdict?.complaints ?? []
        if report.failures > 0 {
            let first = report.failureReasons.first.map { ", most often: \($0.reason)" } ?? ""
            complaints.insert("\(report.failures) of \(report.requests) requests failed\(first)", at: 0)
        }
        if report.verdict == nil { complaints.append("there are too few figures for a verdict") }
        return complaints.isEmpty
            ? nil : CommandFailure(.failed, type: "not_flat", complaints.joined(separator: "\n"))
    }

    private static func failure(_ error: any Error) -> any Error {
        switch error {
        case SelfTestError.unknownModel(let name, let known):
            CommandFailure(
                .modelNotFound, type: "model_not_found",
                "--models \(name): there is no such model; there are \(known.joined(separator: ", "))")
        case SelfTestError.absentModel(let name, let remedy):
            CommandFailure(.modelNotFound, type: "model_not_found", "--models \(name): \(remedy)")
        case SelfTestError.nothingPlanned(let reason): CommandFailure(.usage, type: "usage", reason)
        default: error
        }
    }

    private static func text(_ report: SoakReport) -> String {
        func milliseconds(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "-" }
        let rows = report.kinds.map { kind in
            [
                kind.kind.rawValue, "\(kind.requests)", "\(kind.failures)", milliseconds(kind.p50Ms),
                milliseconds(kind.p95Ms), milliseconds(kind.p99Ms),
            ]
        }
        var lines = [
            Table.text([["kind", "requests", "failed", "p50 ms", "p95 ms", "p99 ms"]] + rows),
            String(
                format: "%.0f of %.0f requests/s for %.1f minutes: %d requests, %d failed\n", report.ratePerSecond,
                report.capacityPerSecond, report.seconds / 60, report.requests, report.failures),
        ]
        if let verdict = report.verdict {
            lines.append(
                String(
                    format: "memory %@ after the first tenth, %@ at the end (%+.1f %%)\n",
                    megabytes(verdict.memory.secondTenthBytes), megabytes(verdict.memory.lastTenthBytes),
                    verdict.memory.growth * 100))
            if verdict.isFlat { lines.append("times and memory are flat\n") }
        }
        return lines.map { $0.hasSuffix("\n") ? $0 : $0 + "\n" }.joined()
    }
}

/// Ctrl-C, and what else ends a run from outside: it ends with a report of what there is. A second time, at once.
private final class SoakInterruption {
    private var sources: [any DispatchSourceSignal] = []

    init(_ soak: Soak) {
        let stop: @Sendable () -> Void = {
            guard !soak.wasStopped else {
                ChildRegistry.shared.kill()
                Interruption.end()
                return
            }
            Output.note("svc: interrupted; waiting for the last answers")
            soak.stop()
        }
        Interruption.handle(stop)
        // A job that is cancelled gets SIGTERM, one whose terminal is closed SIGHUP.
        sources = [SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler(handler: stop)
            source.resume()
            return source
        }
    }

    /// Nothing runs any more that would have to be stopped.
    func end() { for source in sources { source.cancel() } }
}
