import Foundation
import SelfTest

/// What a comparison has to work with.
struct ComparisonInputs: Sendable {
    /// Those that were named.
    var peers: Set<Peer>
    var threads: Int
    /// A file of sentences.
    var sentences: String
    /// The file of weights of each default model that is on this machine.
    var weights: [String: String]
    /// A checkpoint of NLLB-200 600M's shape.
    var nllb: String?
    /// A checkpoint of Aya Expanse 8B's shape.
    var aya: String?
}

/// All rows there are, in the order of the table.
struct ComparisonTable: Sendable {
    /// The models whose memory is looked at: those that the program runs on out of the box.
    static let defaultModels: [(name: String, task: ModelTask)] = [
        ("firefox-en-pt", .translation), ("firefox-pt-en", .translation), ("smollm2-135m-instruct", .generation),
        ("gemma-3-270m", .generation), ("lid-176", .languageIdentification),
    ]

    let inputs: ComparisonInputs
    private var threads: String { "\(inputs.threads)" }
    private var threadsTitle: String { inputs.threads == 1 ? "1 thread" : "\(inputs.threads) threads" }

    var rows: [ComparisonRow] {
        firefox
            + generation(
                "smollm2", "SmolLM2 135M", "smollm2-135m-instruct", prefill: 4, hasShare: true, hasStreams: true)
            + generation("gemma", "Gemma 3 270M", "gemma-3-270m", prefill: 3, hasShare: false, hasStreams: false)
            + nllb + [aya] + Self.defaultModels.map(memory)
    }

    private func missing(_ model: String) -> String? {
        inputs.weights[model] == nil ? "\(model) is not on this machine: svc pull \(model)" : nil
    }

    private func missing(_ peer: Peer) -> String? {
        inputs.peers.contains(peer) ? nil : "\(peer.title) is not given: \(peer.flag)"
    }

    // MARK: Translation

    private var firefox: [ComparisonRow] {
        let model = "firefox-en-pt"
        func ours(_ threads: String) -> Trial {
            .translate([model, "--input", inputs.sentences, "--threads", threads])
        }
        let bergamot = Trial.peer(.bergamot, ["1", inputs.sentences])
        let obstacle = missing(model) ?? missing(.bergamot)
        return [
            ComparisonRow(
                name: "firefox.batch", title: "Firefox en→pt, batch, 1 thread", reference: "Bergamot, 1 worker",
                unit: "words/s", target: .atLeast(2.5), ours: Reading(trial: ours("1"), metric: "words"),
                theirs: Reading(trial: bergamot, metric: "batch"), obstacle: obstacle),
            ComparisonRow(
                name: "firefox.threads", title: "Firefox en→pt, batch, \(threadsTitle)", reference: "svc, 1 thread",
                unit: "words/s", target: .atLeast(1.85), ours: Reading(trial: ours(threads), metric: "words"),
                theirs: Reading(trial: ours("1"), metric: "words"),
                obstacle: missing(model) ?? (inputs.threads > 1 ? nil : "--threads 1 leaves nothing to compare")),
            ComparisonRow(
                name: "firefox.single", title: "Firefox en→pt, one sentence alone, p50, 1 thread",
                reference: "Bergamot, 1 worker", unit: "ms", target: .atMost(0.4),
                ours: Reading(trial: ours("1"), metric: "single"),
                theirs: Reading(trial: bergamot, metric: "single"), obstacle: obstacle),
            ComparisonRow(
                name: "firefox.cold", title: "Firefox en→pt, process start to first translation",
                reference: "Bergamot, load and a sentence", unit: "ms", target: .atMost(1),
                ours: Reading(trial: .coldStart(model: model, threads: inputs.threads), metric: "cold"),
                theirs: Reading(trial: bergamot, metric: "cold"), obstacle: obstacle),
        ]
    }

    // MARK: Generation

    private func generation(
        _ name: String, _ title: String, _ model: String, prefill: Double, hasShare: Bool, hasStreams: Bool
    ) -> [ComparisonRow] {
        let llama = Trial.peer(.llama, [inputs.weights[model] ?? "", threads])
        let beside = missing(model) ?? missing(.llama)
        let decode = Self.decode(model, threads)
        var rows = [
            ComparisonRow(
                name: "\(name).prefill", title: "\(title), prompt of 512 tokens", reference: "llama.cpp",
                unit: "tokens/s", target: .atLeast(prefill),
                ours: Reading(
                    trial: .generate([model, "--decode-tokens", "2", "--threads", threads]), metric: "prefill"),
                theirs: Reading(trial: llama, metric: "prefill512"), obstacle: beside),
            ComparisonRow(
                name: "\(name).decode", title: "\(title), answer of 64 tokens", reference: "llama.cpp",
                unit: "tokens/s", target: .atLeast(1.6), ours: Reading(trial: decode, metric: "decode"),
                theirs: Reading(trial: llama, metric: "decode64"), obstacle: beside),
        ]
        if hasShare {
            rows.append(share("\(name).bandwidth", title, decode, obstacle: missing(model)))
        }
        if hasStreams {
            let streams = Trial.generate(
                [model, "--prompt-tokens", "4", "--streams", "8", "--threads", threads])
            rows.append(
                ComparisonRow(
                    name: "\(name).streams", title: "\(title), 8 answers together", reference: "svc, 1 answer",
                    unit: "tokens/s", target: .atLeast(4), ours: Reading(trial: streams, metric: "decode"),
                    theirs: Reading(trial: decode, metric: "decode"), obstacle: missing(model)))
        }
        return rows
    }

    /// From an empty context, as llama-bench does it.
    private static func decode(_ model: String, _ threads: String, _ more: [String] = []) -> Trial {
        .generate([model, "--prompt-tokens", "4", "--threads", threads] + more)
    }

    private func share(_ name: String, _ title: String, _ decode: Trial, obstacle: String?) -> ComparisonRow {
        ComparisonRow(
            name: name, title: "\(title), weights read while answering", reference: "read bandwidth of this machine",
            unit: "GB/s", target: .atLeast(0.75), ours: Reading(trial: decode, metric: "weights-read"),
            theirs: Reading(trial: decode, metric: "bandwidth"), obstacle: obstacle)
    }

    private var aya: ComparisonRow {
        share(
            "aya.bandwidth", "Aya 8B shape, q4",
            Self.decode(inputs.aya ?? "", threads, ["--quantize", "q4", "--decode-tokens", "32", "--repeat", "3"]),
            obstacle: inputs.aya == nil ? "no checkpoint is given: --aya" : nil)
    }

    // MARK: Encoder-decoders

    private var nllb: [ComparisonRow] {
        let directory = inputs.nllb ?? ""
        let peer = Trial.peer(.ctranslate2, [directory, threads])
        let obstacle =
            inputs.nllb == nil ? "no checkpoint is given: --nllb" : missing(.ctranslate2)
        let int8 = Trial.tokens(
            [directory, "--quantize", "int8", "--threads", threads]
                + ["1", "8", "32", "1x4"].flatMap { ["--load", $0] })
        let float32 = Trial.tokens([directory, "--threads", threads, "--load", "32"])
        func row(_ trial: Trial, _ kind: String, batch: Int, beam: Int, _ target: Double) -> ComparisonRow {
            let metric = "batch\(batch)-beam\(beam)"
            return ComparisonRow(
                name: "nllb.\(kind).\(batch)" + (beam > 1 ? "x\(beam)" : ""),
                title: "NLLB 600M shape, \(kind), batch \(batch), " + (beam > 1 ? "beam \(beam)" : "greedy"),
                reference: "CTranslate2, \(kind)", unit: "tokens/s", target: .atLeast(target),
                ours: Reading(trial: trial, metric: metric),
                theirs: Reading(trial: peer, metric: metric, variant: kind), obstacle: obstacle)
        }
        return [
            row(int8, "int8", batch: 1, beam: 1, 1.7), row(int8, "int8", batch: 8, beam: 1, 1.7),
            row(int8, "int8", batch: 32, beam: 1, 1.7), row(int8, "int8", batch: 1, beam: 4, 1.7),
            row(float32, "float32", batch: 32, beam: 1, 2),
        ]
    }

    // MARK: Memory

    private func memory(_ model: (name: String, task: ModelTask)) -> ComparisonRow {
        let trial = Trial.memory(
            model: model.name, task: model.task, weights: inputs.weights[model.name] ?? "", threads: inputs.threads)
        return ComparisonRow(
            name: "memory.\(model.name)", title: "\(model.name), resident when warm", reference: "its file of weights",
            unit: "MB", target: .atMost(1.15), ours: Reading(trial: trial, metric: "resident"),
            theirs: Reading(trial: trial, metric: "weights"), obstacle: missing(model.name))
    }
}
