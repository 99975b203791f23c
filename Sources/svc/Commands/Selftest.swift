import ArgumentParser
import Foundation
import SelfTest

/// `svc selftest`
struct Selftest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prove that the service works where it is: exit code 0 if all that was planned passed.",
        discussion: """
            Starts services of its own on free ports, tests them over HTTP and by the command line, and stops them. \
            The last line is "N passed, N failed, N gated".
            """)

    @OptionGroup var output: OutputOptions

    @Option(help: "e2e, parity, cli or performance; may be repeated. By default all.")
    var suite: [String] = []

    @Option(help: "Run only cases about this model, for it; may be repeated.")
    var model: [String] = []

    @Option(help: "Run only cases about models with this task, for those; may be repeated.")
    var task: [String] = []

    @Option(help: "Run only cases about models of at most this size on disk, such as 2G, for those.")
    var maxSize: String?

    @Option(
        name: .customLong("case"), help: "Run only cases with this in their name, or fitting it with *; repeatable.")
    var pattern: [String] = []

    @Flag(help: "Run the quick profile: under a minute on the default models.")
    var quick = false

    @Flag(help: "List the cases and run none; with --markdown, write them as tables to that file.")
    var list = false

    @Option(help: "Test the service that runs at this address, and only in ways that leave it as it is.")
    var url: String?

    @Option(help: "The key that it wants. (API_KEY)")
    var apiKey: String?

    @Flag(help: "Count as failed what this machine cannot run.")
    var requireAll = false

    @Flag(help: "Begin nothing new after the first failure.")
    var failFast = false

    @Option(help: "How many services are tested at once.")
    var jobs = 1

    @Option(help: "Seconds that a case may take; by default by what it does.")
    var caseTimeout: Double?

    @Option(help: "Write JUnit's XML to this file.")
    var junit: String?

    @Option(help: "Write a page in Markdown to this file.")
    var markdown: String?

    @Option(help: "Leave the logs of all services in this directory.")
    var keepLogs: String?

    @Option(help: "The recorded figures of this machine, compared with. ($SVC_HOME/selftest-baseline.json)")
    var baseline: String?

    @Flag(help: "Write the figures of this run to the file of --baseline.")
    var recordBaseline = false

    @Option(help: "Write all that the file of --baseline holds as a page in Markdown to this file.")
    var baselinePage: String?

    @Option(help: "The models that are known not to work. ($SVC_HOME/known-bad.json)")
    var knownBad: String?

    @Option(help: "The program to test; by default this one.")
    var program: String?

    private struct Cases: Encodable { var cases: [CaseListing.Entry] }

    func run() async throws {
        do {
            let options = try self.options()
            if list { return try listCases(options) }
            try prepareFiles()
            try await test(options)
        } catch let error as SelfTestError {
            throw Self.failure(error)
        }
    }

    private func test(_ options: RunOptions) async throws {
        let display = SelftestDisplay(json: output.json)
        let runner = Runner(target: target, options: options) { display.show($0) }
        let interruption = SelftestInterruption(runner, json: output.json)
        let plan = try await interruption.unlessInterrupted { try await runner.plan() }
        display.begin(plan, options, url: url)
        let report = try await interruption.unlessInterrupted { await runner.run(plan) }
        if let junit { try write(JUnitReport.xml(report), to: junit) }
        if let markdown { try write(MarkdownReport.text(report, version: svcVersion, url: url), to: markdown) }
        if let baselinePage { try writeBaselinePage(to: baselinePage, from: options.baseline.path) }
        display.end(report)
        let data = JSONReport(report, version: svcVersion, url: url)
        if report.isSuccess {
            try Output.succeed("selftest", data, json: output.json) { "" }
        } else {
            try Output.end(
                "selftest", data, failure: CommandFailure(.failed, type: "selftest_failed", report.totals),
                json: output.json, text: { "" })
        }
    }

    private var target: Runner.Target {
        guard let url else {
            return .program(
                path: program ?? Bundle.main.executablePath ?? CommandLine.arguments[0], keptLogs: keepLogs)
        }
        let key = apiKey ?? ProcessInfo.processInfo.environment["API_KEY"].flatMap { $0.isEmpty ? nil : $0 }
        return .service(ServiceClient(baseURL: url, apiKey: key))
    }

    private func listCases(_ options: RunOptions) throws {
        let entries = CaseListing.entries(Runner.builtInCases + Runner.allCases, options: options)
        if let markdown {
            let page = FileManager.default.contents(atPath: markdown).map { String(decoding: $0, as: UTF8.self) }
            try write(CaseListing.page(entries, replacing: page), to: markdown)
        }
        try Output.succeed("selftest", Cases(cases: entries), json: output.json) {
            markdown == nil ? CaseListing.text(entries) : ""
        }
    }

    // MARK: - Flags

    func validate() throws {
        for name in suite.flatMap(Self.split) where Suite(rawValue: name) == nil {
            throw ValidationError("--suite \(name): the suites are \(Self.names(Suite.allCases))")
        }
        for name in task.flatMap(Self.split) where ModelTask(rawValue: name) == nil {
            throw ValidationError("--task \(name): the tasks are \(Self.names(ModelTask.allCases))")
        }
        if let maxSize, Settings.bytes(maxSize, total: 0) == nil {
            throw ValidationError("--max-size must be a number of bytes such as 500M or 2G")
        }
        guard (1...64).contains(jobs) else { throw ValidationError("--jobs must be from 1 to 64") }
        if let caseTimeout, !(1...86_400).contains(caseTimeout) {
            throw ValidationError("--case-timeout must be seconds from 1 to 86400")
        }
        if url != nil, program != nil { throw ValidationError("--url and --program exclude each other") }
        if url != nil, keepLogs != nil { throw ValidationError("--url and --keep-logs exclude each other") }
        if baselinePage != nil, baseline == nil, !recordBaseline, !suite.flatMap(Self.split).contains("performance") {
            throw ValidationError("--baseline-page is for --record-baseline, --baseline and --suite performance")
        }
        if apiKey != nil, url == nil { throw ValidationError("--api-key is for --url") }
    }

    private func options() throws -> RunOptions {
        var options = RunOptions(version: svcVersion)
        options.suites = Set(suite.flatMap(Self.split).compactMap(Suite.init))
        options.filter.names = model.flatMap(Self.split)
        options.filter.tasks = Set(task.flatMap(Self.split).compactMap(ModelTask.init))
        options.filter.maximumBytes = maxSize.flatMap { Settings.bytes($0, total: 0) }
        options.patterns = pattern.flatMap(Self.split)
        (options.isQuick, options.requiresAll, options.failsFast) = (quick, requireAll, failFast)
        (options.jobs, options.caseTimeoutSeconds) = (jobs, caseTimeout)
        options.knownBad = try knownBad.map { try KnownBad(contentsOf: $0) } ?? KnownBad.ofThisMachine()
        options.baseline = BaselineChoice(
            path: baseline ?? StorePaths.home() + "/selftest-baseline.json",
            isCompared: !recordBaseline && (baseline != nil || options.suites.contains(.performance)),
            isRecorded: recordBaseline)
        return options
    }

    private static func split(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    private static func names<Value: RawRepresentable<String>>(_ values: [Value]) -> String {
        values.map(\.rawValue).joined(separator: ", ")
    }

    // MARK: - Files

    /// Finds out before the run whether its reports can be written after it.
    private func prepareFiles() throws {
        for (flag, path) in [("--junit", junit), ("--markdown", markdown), ("--baseline-page", baselinePage)] {
            guard let path else { continue }
            guard let file = FileHandle(forWritingAtPath: path) else {
                guard FileManager.default.createFile(atPath: path, contents: Data()) else {
                    throw CommandFailure(.usage, type: "usage", "\(flag) \(path): the file cannot be written")
                }
                continue
            }
            try? file.close()
        }
        guard let keepLogs else { return }
        do {
            try FileManager.default.createDirectory(atPath: keepLogs, withIntermediateDirectories: true)
        } catch {
            throw CommandFailure(.usage, type: "usage", "--keep-logs \(keepLogs): the directory cannot be made")
        }
    }

    private func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        } catch {
            throw CommandFailure(.failed, type: "failed", "\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    private func writeBaselinePage(to page: String, from path: String) throws {
        let baseline: PerformanceBaseline
        do {
            baseline = try PerformanceBaseline(path: path) ?? PerformanceBaseline()
        } catch {
            throw CommandFailure(.failed, type: "failed", "\(error)")
        }
        try write(baseline.markdown, to: page)
    }

    private static func failure(_ error: SelfTestError) -> CommandFailure {
        switch error {
        case .unknownModel, .absentModel: CommandFailure(.modelNotFound, type: "model_not_found", "\(error)")
        case .unreadableFile, .nothingPlanned: CommandFailure(.usage, type: "usage", "\(error)")
        case .refused: CommandFailure(.permission, type: "permission", "\(error)")
        case .noPortfolio: CommandFailure(.failed, type: "failed", "\(error)")
        }
    }
}
