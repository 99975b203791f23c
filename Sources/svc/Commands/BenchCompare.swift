import ArgumentParser
import Compute
import Engine
import Foundation
import ModelHub
import SelfTest

/// `svc bench compare`
struct BenchCompare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measure this program beside others, in turn, and hold the ratios against targets.",
        discussion: """
            A peer is a command line: a program, with arguments. It is run in this directory with the arguments that \
            docs/command-line.md says, and prints a JSON object a line: peer, task, metric, value, unit. Rows that \
            cannot be measured are listed with the reason.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions
    @OptionGroup var limits: BenchLimits
    @OptionGroup var files: ReportFiles

    @Option(help: "The command line of a peer that translates with Bergamot's engine.")
    var bergamot: String?

    @Option(help: "The command line of a peer that runs GGUF files with llama.cpp.")
    var llama: String?

    @Option(help: "The command line of a peer that runs encoder-decoders with CTranslate2.")
    var ctranslate2: String?

    @Option(help: "The directory of a checkpoint of NLLB-200 600M's shape, for the rows of CTranslate2.")
    var nllb: String?

    @Option(help: "The directory of a checkpoint of Aya Expanse 8B's shape.")
    var aya: String?

    @Option(help: "A UTF-8 text of English sentences, one a line; by default some of the program's own.")
    var input: String?

    @Option(help: "Rounds, 1 to 100; medians are reported.")
    var rounds = 3

    @Option(
        name: .customLong("row"), help: "Measure only rows with this in their name, or fitting it with *; repeatable.")
    var patterns: [String] = []

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds must be from 1 to 100") }
    }

    func run() async throws {
        let peers = try self.peers()
        try files.check()
        BenchInterruption.install()
        let scratch = try ScratchDirectory()
        defer { scratch.remove() }
        let rows = try selected(
            ComparisonTable(
                inputs: ComparisonInputs(
                    peers: Set(peers.keys), threads: limits.threads, sentences: try sentences(scratch),
                    weights: try weights(), nllb: try directory(nllb, "--nllb"), aya: try directory(aya, "--aya"))
            ).rows)
        let runner = TrialRunner(
            program: OwnProgram(limitSeconds: limits.timeout, scratch: scratch, catalog: store.catalog), peers: peers)
        let bar = ProgressBar(json: output.json)
        let results = await Comparison(
            rows: rows, rounds: rounds, measure: runner.run, progress: { bar.draw($0, $1) }
        ).run()
        bar.clear()
        let report = ComparisonReport(
            machine: try ReportMachine(threads: limits.threads), rounds: rounds, results: results)
        try files.write(markdown: { report.markdown }, svg: { report.chart })
        scratch.remove()
        guard report.failures.isEmpty else {
            if !output.json { for failure in report.failures { Output.note("svc: \(failure)") } }
            try Output.end(
                "bench compare", report.data,
                failure: CommandFailure(.failed, type: "failed", report.failures.joined(separator: "\n")),
                json: output.json
            ) { report.text }
        }
        try Output.succeed("bench compare", report.data, json: output.json) { report.text }
    }

    // MARK: What there is

    private func peers() throws -> [Peer: PeerCommand] {
        var peers: [Peer: PeerCommand] = [:]
        for (peer, text) in [(Peer.bergamot, bergamot), (.llama, llama), (.ctranslate2, ctranslate2)] {
            guard let text else { continue }
            do {
                peers[peer] = try PeerCommand(text, for: peer)
            } catch let failure as PeerFailure {
                throw CommandFailure(.usage, type: "usage", "\(failure)")
            }
        }
        return peers
    }

    private func selected(_ rows: [ComparisonRow]) throws -> [ComparisonRow] {
        for pattern in patterns where !rows.contains(where: { $0.fits(pattern) }) {
            throw CommandFailure(
                .usage, type: "usage",
                "--row \(pattern): no row has that in its name; the rows are \(rows.map(\.name).joined(separator: ", "))"
            )
        }
        return patterns.isEmpty ? rows : rows.filter { row in patterns.contains { row.fits($0) } }
    }

    private func sentences(_ scratch: ScratchDirectory) throws -> String {
        guard let input else { return try scratch.write(BenchTexts.file) }
        guard let data = FileManager.default.contents(atPath: input), String(data: data, encoding: .utf8) != nil else {
            throw CommandFailure(.failed, type: "input", "\(input): the file cannot be read as UTF-8")
        }
        return URL(fileURLWithPath: input).path
    }

    private func directory(_ path: String?, _ flag: String) throws -> String? {
        guard let path else { return nil }
        var isDirectory: ObjCBool = false
        let whole = URL(fileURLWithPath: NSString(string: path).expandingTildeInPath).path
        guard FileManager.default.fileExists(atPath: whole, isDirectory: &isDirectory), isDirectory.boolValue else {
            throw CommandFailure(.usage, type: "usage", "\(flag) \(path): there is no such directory")
        }
        return whole
    }

    private func weights() throws -> [String: String] {
        let hub = try store.hub()
        var weights: [String: String] = [:]
        for model in ComparisonTable.defaultModels {
            guard let entry = try? hub.catalog.entry(named: model.name) else { continue }
            weights[model.name] = try hub.installed(entry)?.files["model"]
        }
        return weights
    }
}

extension ReportMachine {
    /// This machine, with so many threads.
    init(threads: Int) throws {
        self.init(
            version: svcVersion, processors: MachineProcessors.count,
            instructionSet: try ComputeBackend(environment: [:]).instructionSet.rawValue, threads: threads)
    }
}
