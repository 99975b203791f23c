import ArgumentParser
import Engine
import Foundation
import ModelHub

/// `svc bench growth`
struct BenchGrowth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "growth",
        abstract: "Measure how time grows with the work: sentences, batches, prompts, answers, models.",
        discussion: """
            Each point is measured by this program in a process of its own. The exponent of time over work is fitted to \
            the upper half of the points. Attention over a prompt is quadratic by nature, so that its growth is \
            reported and not judged.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions
    @OptionGroup var limits: BenchLimits
    @OptionGroup var files: ReportFiles

    @Option(help: "The directory of an encoder-decoder for sentences and batches; firefox-en-pt by default.")
    var checkpoint: String?

    @Option(
        help: "The language model for prompts, answers and models: a name of `svc list`, or the path of a .gguf file.")
    var model = "smollm2-135m-instruct"

    @Option(
        name: .customLong("series"),
        help: "Measure only this: sentence, batch, prompt, streams or models; repeatable.")
    var names: [String] = []

    @Flag(help: "Measure fewer points fewer times: under a minute on the default models.")
    var quick = false

    func validate() throws {
        for name in names where GrowthPlan.Kind(rawValue: name) == nil {
            let known = GrowthPlan.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--series \(name): the series are \(known)")
        }
    }

    func run() async throws {
        try files.check()
        BenchInterruption.install()
        let scratch = try ScratchDirectory()
        defer { scratch.remove() }
        let bar = ProgressBar(json: output.json)
        let measurement = GrowthMeasurement(
            program: OwnProgram(limitSeconds: limits.timeout, scratch: scratch, catalog: store.catalog),
            plan: GrowthPlan(isQuick: quick), threads: limits.threads,
            checkpoint: checkpoint.map { URL(fileURLWithPath: NSString(string: $0).expandingTildeInPath).path },
            hasFirefox: try weights("firefox-en-pt") != nil, model: model, weights: try weights(model),
            progress: { bar.draw($0, $1) })
        let kinds = GrowthPlan.Kind.allCases.filter { names.isEmpty || names.contains($0.rawValue) }
        let series = await measurement.run(kinds)
        bar.clear()
        let report = GrowthReport(
            machine: try ReportMachine(threads: limits.threads), isQuick: quick, series: series)
        try files.write(markdown: { report.markdown }, svg: { report.chart })
        scratch.remove()
        guard report.failures.isEmpty else {
            if !output.json { for failure in report.failures { Output.note("svc: \(failure)") } }
            try Output.end(
                "bench growth", report.data,
                failure: CommandFailure(.failed, type: "failed", report.failures.joined(separator: "\n")),
                json: output.json
            ) { report.text }
        }
        try Output.succeed("bench growth", report.data, json: output.json) { report.text }
    }

    /// The file of a model's weights; nil where it is not on this machine.
    ///
    /// - Throws: `CommandFailure` where nothing has that name.
    private func weights(_ model: String) throws -> String? {
        if ModelDescriptor.isPath(model) || model.hasSuffix(".gguf") {
            let path = URL(fileURLWithPath: NSString(string: model).expandingTildeInPath).path
            guard path.hasSuffix(".gguf"), FileManager.default.fileExists(atPath: path) else {
                throw CommandFailure(
                    .modelNotFound, type: "unusable_path", "--model \(model): there is no .gguf file of that name")
            }
            return path
        }
        let hub = try store.hub()
        return try hub.installed(try hub.catalog.entry(named: model))?.files["model"]
    }
}
