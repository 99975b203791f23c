import Architectures
import ArgumentParser
import Compute
import Engine
import Foundation

/// `svc bench tokens`
struct BenchTokens: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Tokens a second of a translation model's network on random tokens, also without a vocabulary.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var compute: ComputeOptions

    @Argument(help: "The directory of a checkpoint in the layout of Hugging Face.")
    var path: String

    @Option(help: "Batch sizes with beams, as 8 or 8x4; may be repeated.")
    var load: [String] = ["1", "8", "32", "1x4"]

    @Option(help: "Tokens of each source.")
    var sourceTokens = 25

    @Option(help: "Tokens of each translation.")
    var targetTokens = 30

    @Option(help: "Batches of each size after a first one that does not count; the median is reported.")
    var repetitions = 3

    private struct Answer: Encodable {
        struct Rate: Encodable {
            var batch: Int
            var beam: Int
            var targetTokensPerSecond: Double
        }

        var path: String
        var threads: Int
        var instructionSet: String
        var quantization: String?
        var loadMs: Double
        var packed: String?
        var weightBytes: Int
        var residentBytes: Int
        var rates: [Rate]
    }

    func validate() throws {
        guard (1...1000).contains(repetitions), (1...512).contains(sourceTokens), (1...512).contains(targetTokens)
        else {
            throw ValidationError("a number is out of its range")
        }
        for text in load { _ = try Self.parse(text) }
    }

    private static func parse(_ text: String) throws -> (batch: Int, beam: Int) {
        let numbers = text.split(separator: "x").map { Int($0) }
        guard (1...2).contains(numbers.count), let batch = numbers[0], (1...1024).contains(batch),
            let beam = numbers.count == 2 ? numbers[1] : 1, (1...64).contains(beam)
        else { throw ValidationError("--load \(text): a batch of 1 to 1024, with x and a beam of 1 to 64 or without") }
        return (batch, beam)
    }

    func run() async throws {
        let settings = try await Settings(file: compute.config)
        let configuration = try compute.engineConfiguration(settings)
        let loads = try load.map(Self.parse)
        let (path, sourceTokens, targetTokens, repetitions) = (path, sourceTokens, targetTokens, repetitions)
        let answer = try await WorkerThread.run(name: "svc-bench") {
            let bench = try SequenceBenchmark(path: path, configuration)
            let rates = loads.map { load in
                let load = SequenceBenchmark.Load(
                    batch: load.batch, beam: load.beam, sourceTokens: sourceTokens, targetTokens: targetTokens)
                _ = bench.run(load)
                let seconds = (0..<repetitions).map { _ in bench.run(load) }.sorted()
                return Answer.Rate(
                    batch: load.batch, beam: load.beam,
                    targetTokensPerSecond: Double(load.batch * targetTokens) / seconds[seconds.count / 2])
            }
            return Answer(
                path: path, threads: configuration.threads,
                instructionSet: configuration.backend.instructionSet.rawValue,
                quantization: configuration.quantization?.rawValue, loadMs: bench.loadSeconds * 1000,
                packed: bench.origin?.rawValue, weightBytes: bench.weightBytes,
                residentBytes: MachineMemory.residentBytes, rates: rates)
        }
        try Output.succeed("bench tokens", answer, json: output.json) {
            Table.text(
                answer.rates.map {
                    ["batch \($0.batch), beam \($0.beam)", String(format: "%.1f tokens/s", $0.targetTokensPerSecond)]
                } + [
                    ["load", String(format: "%.0f ms", answer.loadMs) + (answer.packed.map { ", \($0)" } ?? "")],
                    ["weights", megabytes(answer.weightBytes)], ["resident", megabytes(answer.residentBytes)],
                ])
        }
    }
}
