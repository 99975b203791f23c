import Foundation
import SelfTest

/// One run of a program, whose figures several rows share within a round.
enum Trial: Hashable, Sendable {
    /// A command of this program that answers with `--json`.
    case translate([String])
    case generate([String])
    case tokens([String])
    /// From the start of the process to the end of the one that translated a sentence.
    case coldStart(model: String, threads: Int)
    /// What a loaded model that has answered adds to the memory of a service.
    case memory(model: String, task: ModelTask, weights: String, threads: Int)
    /// A peer with the arguments of its protocol.
    case peer(Peer, [String])

    /// What a person reads while it runs.
    var label: String {
        switch self {
        case .translate(let arguments): "svc bench translate " + arguments.joined(separator: " ")
        case .generate(let arguments): "svc bench generate " + arguments.joined(separator: " ")
        case .tokens(let arguments): "svc bench tokens " + arguments.joined(separator: " ")
        case .coldStart(let model, _): "svc translate --model \(model)"
        case .memory(let model, _, _, _): "svc serve --models \(model)"
        case .peer(let peer, let arguments): "\(peer.title) " + arguments.joined(separator: " ")
        }
    }
}

extension Trial {
    /// What a sentence about it says: of a peer its name alone.
    var name: String {
        switch self {
        case .peer(let peer, _): peer.title
        default: label
        }
    }
}

/// Runs trials.
struct TrialRunner: Sendable {
    let program: OwnProgram
    let peers: [Peer: PeerCommand]

    /// The sentence of the cold start: what a peer translates first should be about as long.
    static let sentence = "Please close the window before you leave the room."

    /// The figures of a trial.
    ///
    /// - Throws: `OwnProgram.Failure`, `PeerFailure`, `BenchChild.Failure`.
    func run(_ trial: Trial) async throws -> [Figure] {
        switch trial {
        case .translate(let arguments):
            let data: TranslateFigures = try await program.data(["bench", "translate"] + arguments)
            return [
                Figure(metric: "words", value: data.wordsPerSecond, unit: "words/s"),
                Figure(metric: "single", value: data.singleMsP50, unit: "ms"),
            ]
        case .generate(let arguments): return try await generate(arguments)
        case .tokens(let arguments):
            let data: TokensFigures = try await program.data(["bench", "tokens"] + arguments)
            return data.rates.map {
                Figure(metric: "batch\($0.batch)-beam\($0.beam)", value: $0.targetTokensPerSecond, unit: "tokens/s")
            }
        case .coldStart(let model, let threads):
            let outcome = try await program.run(
                ["translate", "--from", "en", "--to", "pt", "--model", model, "--threads", "\(threads)", Self.sentence])
            return [Figure(metric: "cold", value: outcome.seconds * 1000, unit: "ms")]
        case .memory(let model, let task, let weights, let threads):
            return try await memory(model, task, weights, threads)
        case .peer(let peer, let arguments):
            guard let command = peers[peer] else { return [] }
            return try await command.run(arguments, limitSeconds: program.limitSeconds, program.scratch)
        }
    }

    private func generate(_ arguments: [String]) async throws -> [Figure] {
        let data: GenerateFigures = try await program.data(["bench", "generate"] + arguments)
        let bandwidth = data.readBytesPerSecond / 1e9
        return [
            Figure(metric: "prefill", value: data.prefillTokensPerSecond, unit: "tokens/s"),
            Figure(metric: "decode", value: data.decodeTokensPerSecond, unit: "tokens/s"),
            Figure(metric: "weights-read", value: data.bandwidthShare * bandwidth, unit: "GB/s"),
            Figure(metric: "bandwidth", value: bandwidth, unit: "GB/s"),
        ]
    }

    /// A service with the model beside one without: what is left is the model's own.
    private func memory(_ model: String, _ task: ModelTask, _ weights: String, _ threads: Int) async throws -> [Figure]
    {
        let service = BenchService(program)
        let empty = try await service.with([], threads: threads) { service, _ in service.residentBytes() }
        let loaded = try await service.with([model], threads: threads) { running, _ in
            for _ in 0..<3 { try await warm(model, task, service, running) }
            return running.residentBytes()
        }
        let path = URL(fileURLWithPath: weights).resolvingSymlinksInPath().path
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        return [
            Figure(metric: "resident", value: Double(loaded - empty) / 1e6, unit: "MB"),
            Figure(metric: "weights", value: Double(size) / 1e6, unit: "MB"),
        ]
    }

    /// Short questions: what is said needs one page of keys and values, and is not taken off.
    private func warm(
        _ model: String, _ task: ModelTask, _ service: BenchService, _ running: ManagedService
    ) async throws {
        let fields: [String] =
            switch task {
            case .translation:
                // The names of translation models end in their languages, which spares a model that detects them.
                [
                    #""text":"\#(Self.sentence)""#,
                    #""source_lang":"\#(model.split(separator: "-").dropLast().last ?? "en")""#,
                    #""target_lang":"\#(model.split(separator: "-").last ?? "pt")""#,
                ]
            case .languageIdentification: [#""text":"\#(Self.sentence)""#]
            case .embedding: [#""input":"\#(Self.sentence)""#]
            case .generation: [#""prompt":"One, two, three,""#, #""max_tokens":16"#, #""temperature":0"#]
            }
        let path =
            switch task {
            case .translation: "/translate"
            case .languageIdentification: "/detect"
            case .embedding: "/v1/embeddings"
            case .generation: "/v1/completions"
            }
        let named = task == .languageIdentification ? fields : [#""model":"\#(model)""#] + fields
        let json = "{" + named.joined(separator: ",") + "}"
        try await service.ask(running, path, json: json)
    }
}
