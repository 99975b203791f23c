import Architectures
import Checkpoints
import Compute
import Foundation
import TestSupport

/// What the reference computes of a small checkpoint in the layout of Hugging Face (`models/m2m100/fixtures.py`).
struct EncoderDecoderFixture: Decodable {
    struct Options: Decodable {
        var start: Int32
        var eos: [Int32]
        var banned: [Int32]
        var forcedEos: Int32?
        var renormalize: Bool
    }
    struct Input: Decodable {
        var ids: [Int32]
        var encoder: [[Float]]
        var decoderIds: [Int32]
        var logits: [[Float]]
    }
    struct Long: Decodable {
        var ids: [Int32]
        var encoderPlaces: [Int]
        var encoder: [[Float]]
        var decoderIds: [Int32]
        var decoderPlaces: [Int]
        var logits: [[Float]]
    }
    struct Greedy: Decodable {
        var input: Int
        var newTokens: Int
        var noRepeatNgram: Int
        var repetitionPenalty: Float
        var forcedBos: Int32?
        var ids: [Int32]
    }

    var options: Options
    var inputs: [Input]
    var long: [Long]?
    var greedy: [Greedy]

    /// Every small checkpoint: `family/name`, and the file of its weights.
    static let checkpoints: [(name: String, weights: String)] = [
        ("m2m100/nllb", "model.safetensors"),
        ("m2m100/nllb-sharded", "model.safetensors.index.json"),
        ("m2m100/m2m100-pytorch", "pytorch_model.bin"),
        ("m2m100/m2m100-pytorch-sharded", "pytorch_model.bin.index.json"),
        ("marian/opus-mt", "model.safetensors"),
        ("marian/opus-mt-pytorch", "pytorch_model.bin"),
        ("marian/opus-mt-two-vocabularies", "model.safetensors"),
        ("t5/t5-v1_1", "model.safetensors"),
        ("t5/t5-tied", "model.safetensors"),
        ("t5/madlad", "model.safetensors"),
    ]

    static var names: [String] { checkpoints.map(\.name) }

    init(_ name: String) throws { self = try Fixtures.json("huggingface/\(name).json") }
}

/// A small checkpoint bound to its network, and ways to run it.
struct EncoderDecoderRun {
    let model: any EncoderDecoderModel
    let workspace = Workspace()

    init(
        _ name: String, backend: ComputeBackend = ComputeBackend(), threads: Int = 2,
        quantization: PackedWeights.Quantization? = nil
    ) throws {
        let weights = EncoderDecoderFixture.checkpoints.first { $0.name == name }?.weights ?? "model.safetensors"
        try self.init(
            Checkpoint(path: Self.path(name, weights)), ModelConfiguration(path: Self.path(name, "config.json")),
            generation: ModelConfiguration(path: Self.path(name, "generation_config.json")), backend: backend,
            threads: threads, quantization: quantization)
    }

    init(
        _ checkpoint: Checkpoint, _ configuration: ModelConfiguration, generation: ModelConfiguration? = nil,
        backend: ComputeBackend = ComputeBackend(), threads: Int = 2, quantization: PackedWeights.Quantization? = nil
    ) throws {
        let pool = ThreadPool(threads: threads)
        let packed = quantization.map {
            PackedWeights(
                directory: nil, key: "", quantization: $0, activations: .rounded, pool: pool, backend: backend)
        }
        model = try SequenceToSequenceFamily.model(
            WeightBinder(
                checkpoint, quantizer: packed.map { $0.matrix }, interleaver: { $0.interleaved(on: backend, pool) }),
            configuration: configuration,
            generation: generation, backend: backend, pool: pool)
        _ = packed?.finish()
    }

    /// The model of another run, with memory of its own.
    init(_ model: any EncoderDecoderModel) { self.model = model }

    static func path(_ name: String, _ file: String) -> String { Fixtures.path("huggingface/\(name)/\(file)") }

    /// The encoder's states of each source, encoded together.
    func states(_ sources: [[Int32]]) -> [[[Float]]] {
        workspace.scoped {
            let states = model.encoderStates(of: sources, workspace)
            var row = 0
            return sources.map { source in
                source.map { _ in
                    defer { row += 1 }
                    return Array(UnsafeBufferPointer(start: states.row(row), count: states.columns))
                }
            }
        }
    }

    /// The logits behind each of the tokens that each sentence's decoder is given, the start token first, in one batch.
    func logits(_ sources: [[Int32]], given: [[Int32]], candidates: [[Int32]?]? = nil) -> [[[Float]]] {
        steps(sources, given: given, candidates: candidates) { decoding, rows in
            decoding.step(rows, workspace).map { Array($0) }
        }
    }

    /// How each of the tokens behind those that each sentence's decoder is given is shared out over its source.
    func sourceShares(_ sources: [[Int32]], given: [[Int32]]) -> [[[Float]]] {
        steps(sources, given: given) { decoding, rows in decoding.sourceShares(rows, workspace) }
    }

    private func steps(
        _ sources: [[Int32]], given: [[Int32]], candidates: [[Int32]?]? = nil,
        _ step: (any Decoding, [DecoderRow]) -> [[Float]]
    ) -> [[[Float]]] {
        workspace.scoped {
            let decoding = model.startDecoding(
                sources: sources, candidates: candidates ?? sources.map { _ in nil }, maximumRows: sources.count,
                workspace: workspace)
            var result: [[[Float]]] = sources.map { _ in [] }
            var previous: [Int] = []
            for position in 0..<(given.map(\.count).max() ?? 0) {
                let active = given.indices.filter { position < given[$0].count }
                let rows = active.map { sentence in
                    DecoderRow(
                        sentence: sentence, parent: previous.firstIndex(of: sentence) ?? 0,
                        token: given[sentence][position], position: position)
                }
                workspace.scoped {
                    for (sentence, row) in zip(active, step(decoding, rows)) { result[sentence].append(row) }
                }
                previous = active
            }
            return result
        }
    }

    /// Greedy search over raw logits.
    func greedy(_ source: [Int32], limit: Int, forcedFirst: Int32?, forcedEnd: Int32?) -> [Int32] {
        workspace.scoped {
            let decoding = model.startDecoding(
                sources: [source], candidates: [nil], maximumRows: 1, workspace: workspace)
            var ids: [Int32] = []
            while ids.count < limit {
                let next: Int32 = workspace.scoped {
                    let row = DecoderRow(sentence: 0, parent: 0, token: ids.last ?? 0, position: ids.count)
                    let logits = decoding.step([row], workspace)[0]
                    if let forcedFirst, ids.isEmpty { return forcedFirst }
                    if let forcedEnd, ids.count == limit - 1 { return forcedEnd }
                    for banned in model.bannedTokens { logits[Int(banned)] = -.infinity }
                    return Int32(logits.indices.max { logits[$0] < logits[$1] } ?? 0)
                }
                ids.append(next)
                if model.endTokens.contains(next) { break }
            }
            return ids
        }
    }
}

/// The largest difference of two lists of rows; infinite if their shapes differ or a number is none.
func largestDifference(_ a: [[Float]], _ b: [[Float]]) -> Float {
    guard a.map(\.count) == b.map(\.count) else { return .infinity }
    let differences = zip(a, b).flatMap { zip($0, $1).map { abs($0 - $1) } }
    return differences.allSatisfy(\.isFinite) ? differences.max() ?? 0 : .infinity
}
