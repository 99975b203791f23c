import ArgumentParser
import Compute
import Engine
import Foundation
import Generation
import Tokenizers

/// `svc bench generate`
struct BenchGenerate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Tokens a second while a prompt is read and while answers are written.",
        discussion: "The prompts are tokens drawn from the vocabulary, another for each answer, so that none is known.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var generation: GenerationModelOptions

    @Option(help: "Tokens of each prompt, 1 to 1000000.")
    var promptTokens = 512

    @Option(help: "Tokens of each answer, 2 to 1000000.")
    var decodeTokens = 64

    @Option(help: "Answers written at the same time, 1 to 64.")
    var streams = 1

    @Option(
        name: [.customLong("repeat"), .customLong("repetitions")],
        help: "Measurements, 1 to 1000; the medians are reported.")
    var repetitions = 5

    private struct Pass: Encodable {
        var prefillTokensPerSecond: Double
        var decodeTokensPerSecond: Double
    }

    private struct Answer: Encodable {
        var model: String
        var threads: Int
        var instructionSet: String
        var compute: String
        var promptTokens: Int
        var decodeTokens: Int
        var streams: Int
        var prefillTokensPerSecond: Double
        var decodeTokensPerSecond: Double
        var bandwidthShare: Double
        var stepBytes: Int
        var readBytesPerSecond: Double
        var loadMs: Double
        var residentBytes: Int
        var repeats: [Pass]
    }

    func validate() throws {
        func check(_ flag: String, _ value: Int, _ range: ClosedRange<Int>) throws {
            guard range.contains(value) else {
                throw ValidationError("\(flag) must be from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("--prompt-tokens", promptTokens, 1...1_000_000)
        try check("--decode-tokens", decodeTokens, 2...1_000_000)
        try check("--streams", streams, 1...64)
        try check("--repeat", repetitions, 1...1000)
    }

    func run() async throws {
        let settings = try await Settings(file: generation.compute.config)
        let threads = try generation.compute.engineConfiguration(settings).threads
        // Before and after: a neighbour of this machine can take much of the bandwidth for a while.
        let readBefore = try await Self.readBandwidth(threads)
        let model = try await generation.open(settings, json: output.json)
        guard promptTokens + decodeTokens <= model.info.contextTokens else {
            throw CommandFailure(
                .usage, type: "usage",
                "--prompt-tokens \(promptTokens) and --decode-tokens \(decodeTokens) are together more than the context of "
                    + "the model, \(model.info.contextTokens)")
        }
        let bar = ProgressBar(json: output.json)
        var source = PromptSource(model.info)
        // The first pass reads the weights from the disk.
        _ = try await pass(model, &source)
        var passes: [Pass] = []
        for number in 1...repetitions {
            bar.draw("measuring", Double(number - 1) / Double(repetitions))
            passes.append(try await pass(model, &source))
        }
        bar.clear()
        let residentBytes = MachineMemory.residentBytes
        await model.engine.stop()
        let configuration = model.engine.configuration
        let readBytesPerSecond = max(readBefore, try await Self.readBandwidth(threads))
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        let decode = median(passes.map(\.decodeTokensPerSecond))
        let stepBytes = model.info.stepBytes
        let answer = Answer(
            model: model.info.name, threads: threads,
            instructionSet: configuration.backend.instructionSet.rawValue,
            compute: configuration.backend.products.rawValue, promptTokens: promptTokens, decodeTokens: decodeTokens,
            streams: streams, prefillTokensPerSecond: median(passes.map(\.prefillTokensPerSecond)),
            decodeTokensPerSecond: decode,
            bandwidthShare: readBytesPerSecond > 0
                ? Double(stepBytes) * decode / Double(streams) / readBytesPerSecond : 0,
            stepBytes: stepBytes, readBytesPerSecond: readBytesPerSecond, loadMs: model.loadSeconds * 1000,
            residentBytes: residentBytes, repeats: passes)
        try Output.succeed("bench generate", answer, json: output.json) { Self.table(answer) }
    }

    private static func readBandwidth(_ threads: Int) async throws -> Double {
        try await WorkerThread.run(name: "svc-measure") { ReadBandwidth.measure(threads: threads) }
    }

    private static func table(_ answer: Answer) -> String {
        Table.text([
            ["prefill tokens/s", String(format: "%.1f", answer.prefillTokensPerSecond)],
            ["decode tokens/s", String(format: "%.1f", answer.decodeTokensPerSecond)],
            [
                "bandwidth share",
                String(
                    format: "%.2f of %.1f GB/s, %d MB a step", answer.bandwidthShare, answer.readBytesPerSecond / 1e9,
                    answer.stepBytes / 1_000_000),
            ],
            ["load", String(format: "%.0f ms", answer.loadMs)], ["resident", megabytes(answer.residentBytes)],
        ])
    }

    // MARK: A pass

    /// All streams at once.
    private func pass(_ model: OpenGenerationModel, _ source: inout PromptSource) async throws -> Pass {
        var request = GenerationRequest(prompt: [])
        request.sampling = .greedy
        request.maxTokens = decodeTokens
        request.ignoresEndOfGeneration = true
        var answers: [GenerationStream] = []
        for _ in 0..<streams {
            let prompt = source.next(count: promptTokens)
            answers.append(
                try await model.engine.generate(model: model.info.name, input: .tokens(prompt), request: request))
        }
        let times = try await withThrowingTaskGroup(of: Times.self) { group in
            for answer in answers { group.addTask { try await Times(reading: answer) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for usage in times.map(\.usage)
        where usage.cachedTokens != 0 || usage.promptTokens != promptTokens || usage.completionTokens != decodeTokens {
            throw CommandFailure(
                .failed, type: "failed",
                "the model read \(usage.promptTokens) tokens, \(usage.cachedTokens) of them known, and wrote "
                    + "\(usage.completionTokens), which is not what was to be measured")
        }
        return Pass(prefillTokensPerSecond: prefill(times), decodeTokensPerSecond: decode(times))
    }

    /// All prompts' tokens over the time from the first one's start to the last one's end.
    private func prefill(_ times: [Times]) -> Double {
        let began = times.map(\.usage.queueSeconds).min() ?? 0
        let ended = times.map { $0.usage.queueSeconds + $0.usage.prefillSeconds }.max() ?? 0
        let seconds = times.count == 1 ? times[0].usage.prefillSeconds : ended - began
        return seconds > 0 ? Double(promptTokens * times.count) / seconds : 0
    }

    private func decode(_ times: [Times]) -> Double {
        guard times.count == 1 else { return Self.tokensPerSecond(times.map(\.tokens)) }
        let seconds = times[0].usage.decodeSeconds
        return seconds > 0 ? Double(decodeTokens - 1) / seconds : 0
    }

    /// The tokens a second of several streams together, by when each token came. Those count that were written while all
    /// were being written: a stream whose prompt was read sooner would otherwise be charged with the reading of the
    /// others. Where they were never written together, all count but each one's first.
    static func tokensPerSecond(_ streams: [[ContinuousClock.Instant]]) -> Double {
        let (firsts, lasts) = (streams.compactMap(\.first), streams.compactMap(\.last))
        guard let first = firsts.min(), let last = lasts.max(), let began = firsts.max(), let ended = lasts.min() else {
            return 0
        }
        func rate(_ tokens: Int, _ from: ContinuousClock.Instant, _ to: ContinuousClock.Instant) -> Double {
            to > from ? Double(tokens) / ((to - from) / .seconds(1)) : 0
        }
        if began < ended {
            return rate(streams.reduce(0) { $0 + $1.count { $0 > began && $0 <= ended } }, began, ended)
        }
        return rate(streams.reduce(0) { $0 + max(0, $1.count - 1) }, first, last)
    }

    /// When an answer's tokens came.
    private struct Times: Sendable {
        var tokens: [ContinuousClock.Instant] = []
        var usage = GenerationUsage()

        init(reading stream: GenerationStream) async throws {
            for try await event in stream {
                switch event {
                case .prompt: break
                case .piece: tokens.append(.now)
                case .ended(let usage): self.usage = usage
                }
            }
        }
    }
}

/// Prompts of tokens that are the same in every run of the program, and different from one another from the start.
private struct PromptSource {
    private let ids: [Int32]
    /// Of the linear congruential generator of Knuth's MMIX.
    private var state: UInt64 = 1

    init(_ info: GenerationModelInfo) {
        let tokenizer = info.tokenizer
        let text = (0..<Int32(tokenizer.vocabularySize)).filter { !tokenizer.isControl($0) }
        ids = text.isEmpty ? Array(0..<Int32(tokenizer.vocabularySize)) : text
    }

    mutating func next(count: Int) -> [Int32] {
        (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return ids[Int((state >> 33) % UInt64(ids.count))]
        }
    }
}
