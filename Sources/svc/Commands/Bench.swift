import ArgumentParser
import Compute
import Engine
import Foundation
import Generation
import ModelHub

/// `svc bench`
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the engine, beside others, as work grows, and over hours.",
        subcommands: [
            BenchTranslate.self, BenchGenerate.self, BenchTokens.self, BenchCompare.self, BenchGrowth.self,
            BenchSoak.self,
        ])
}

/// `svc bench translate`
struct BenchTranslate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "translate", abstract: "Words a second over a file, and the time of single sentences.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var compute: ComputeOptions

    @Argument(help: "The model: a name of `svc list`, or the path of a directory.")
    var model: String

    @Option(help: "The source language (BCP 47); the model's first by default.")
    var from: String?

    @Option(help: "The target language (BCP 47); the model's first by default.")
    var to: String?

    @Option(help: "A text file, one sentence a line.")
    var input: String

    @Option(help: "Passes over the file; the median is reported.")
    var repetitions = 5

    @Option(help: "Sentences translated alone, for the latency.")
    var singles = 100

    @Option(help: "Tokens that each translation has at least.")
    var minLength = 0

    @Option(help: "Tokens that each translation has at most; 0 for the model's own limit.")
    var maxLength = 0

    @Option(help: "Hypotheses kept by beam search; 1 is greedy.")
    var beamSize = 1

    private struct Answer: Encodable {
        var model: String
        var threads: Int
        var instructionSet: String
        var compute: String
        var sentences: Int
        var words: Int
        var wordsPerSecond: Double
        var targetTokensPerSecond: Double
        var singleMsP50: Double
        var singleMsP95: Double
        var loadMs: Double
        var residentBytes: Int
    }

    func validate() throws {
        guard (1...1000).contains(repetitions), (0...100_000).contains(singles), (0...10_000).contains(minLength),
            (0...10_000).contains(maxLength), (1...16).contains(beamSize)
        else { throw ValidationError("a number is out of its range") }
    }

    func run() async throws {
        let settings = try await Settings(file: compute.config)
        guard let data = FileManager.default.contents(atPath: input), let text = String(data: data, encoding: .utf8)
        else {
            throw CommandFailure(.failed, type: "input", "\(input): the file cannot be read as UTF-8")
        }
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        guard !lines.isEmpty else { throw CommandFailure(.failed, type: "input", "\(input): the file has no lines") }
        let (model, paths) = try ComputeOptions.named(model)
        let engine = try compute.engine(settings, paths: paths)
        let status = try await engine.load(model, waitSeconds: 3600)
        if let failure = status.failure { throw EngineError.failed(model: model, failure) }
        let descriptor = status.descriptor
        guard let source = from ?? descriptor.sourceLanguages.first,
            let target = to ?? descriptor.targetLanguages.first(where: { $0 != source })
        else {
            throw EngineError.wrongTask(model: model, task: descriptor.task.rawValue, wanted: "translation")
        }
        let search = SearchOptions(
            beamSize: beamSize, minimumTokens: minLength, maximumTokens: maxLength > 0 ? max(maxLength, minLength) : nil
        )
        func translate(_ texts: [String]) async throws -> (seconds: Double, targetTokens: Int) {
            let started = ContinuousClock.now
            let items = try await engine.translate(
                TranslationQuery(texts: texts, source: source, target: target, model: model, search: search))
            return ((.now - started) / .seconds(1), items.reduce(0) { $0 + $1.targetTokens })
        }
        // The whole file as one text is one request: its lines are paragraphs.
        let whole = [lines.joined(separator: "\n")]
        _ = try await translate(whole)
        var rates: [(words: Double, tokens: Double)] = []
        let words = lines.reduce(0) { $0 + $1.split(whereSeparator: \.isWhitespace).count }
        for _ in 0..<repetitions {
            let pass = try await translate(whole)
            rates.append((Double(words) / pass.seconds, Double(pass.targetTokens) / pass.seconds))
        }
        var times: [Double] = []
        for line in lines.prefix(singles) { times.append(try await translate([line]).seconds * 1000) }
        times.sort()
        func percentile(_ share: Double) -> Double {
            times.isEmpty ? 0 : times[min(times.count - 1, Int(share * Double(times.count)))]
        }
        let answer = Answer(
            model: model, threads: engine.configuration.threads,
            instructionSet: engine.configuration.backend.instructionSet.rawValue,
            compute: engine.configuration.backend.products.rawValue, sentences: lines.count, words: words,
            wordsPerSecond: rates.map(\.words).sorted()[rates.count / 2],
            targetTokensPerSecond: rates.map(\.tokens).sorted()[rates.count / 2], singleMsP50: percentile(0.5),
            singleMsP95: percentile(0.95), loadMs: (status.loadSeconds ?? 0) * 1000,
            residentBytes: MachineMemory.residentBytes)
        await engine.stop()
        try Output.succeed("bench translate", answer, json: output.json) {
            Table.text([
                ["words/s", String(format: "%.0f", answer.wordsPerSecond)],
                ["target tokens/s", String(format: "%.0f", answer.targetTokensPerSecond)],
                [
                    "single sentence",
                    String(format: "p50 %.2f ms, p95 %.2f ms", answer.singleMsP50, answer.singleMsP95),
                ],
                ["load", String(format: "%.0f ms", answer.loadMs)], ["resident", megabytes(answer.residentBytes)],
            ])
        }
    }
}
