import Architectures
import Checkpoints
import Foundation
import TestSupport

/// What transformers says of a small checkpoint in the layout of Hugging Face: see `models/huggingface/decoders.py` and
/// `models/m2m100/fixtures.py`, which write these files.
struct HuggingFaceFixture: Decodable {
    struct Input: Decodable {
        var ids: [Int32]
        /// The states behind the last norm.
        var encoder: [[Float]]
        var logits: [[Float]]
    }

    struct Greedy: Decodable {
        /// Index of the input.
        var input: Int
        var ids: [Int32]
        var noRepeatNgram: Int?
        var repetitionPenalty: Double?
    }

    struct Options: Decodable { var eos: [Int32] }

    var inputs: [Input]
    var greedy: [Greedy]
    var options: Options?

    /// The fixture of a checkpoint, `family/name`.
    init(_ name: String) throws { self = try Fixtures.json("huggingface/\(name).json") }

    /// The greedy continuations that nothing but the model decides.
    var plainGreedy: [Greedy] { greedy.filter { $0.noRepeatNgram ?? 0 == 0 && $0.repetitionPenalty ?? 1 == 1 } }

    /// The checkpoints, one for each variant of the families.
    static let decoders = [
        "llama/llama", "llama/llama-linear", "llama/llama-dynamic", "llama/llama-yarn", "llama/llama-yarn-mscale",
        "llama/llama3", "llama/mistral", "qwen2/qwen2", "qwen2/qwen2-no-window", "qwen3/qwen3", "gemma3/gemma3-text",
        "gemma3/gemma3-multimodal", "cohere/aya", "cohere/command-r-plus", "cohere/cohere2", "cohere/cohere2-sharded",
    ]
    /// Copies of checkpoints as GGUF.
    static let ggufCopies = ["llama/llama-yarn", "cohere/aya", "cohere/command-r-plus", "cohere/cohere2"]

    static func directory(_ name: String) -> URL { URL(fileURLWithPath: Fixtures.path("huggingface/\(name)")) }

    static func configuration(_ name: String) throws -> ModelConfiguration {
        try ModelConfiguration(path: directory(name).appendingPathComponent("config.json").path)
    }

    /// The checkpoint's configuration with some values changed; `.null` takes a key away.
    static func configuration(_ name: String, changing changes: [String: JSONValue]) throws -> ModelConfiguration {
        let file = try configuration(name)
        return ModelConfiguration(file: file.file, members: file.members.merging(changes) { $1 }.filter { $1 != .null })
    }

    static func weights(_ name: String) throws -> Checkpoint {
        let files = [
            "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
        ]
        let paths = files.map { directory(name).appendingPathComponent($0).path }
        return try Checkpoint(path: paths.first { FileManager.default.fileExists(atPath: $0) } ?? paths[0])
    }

    static func decoder(_ name: String) throws -> any CausalLanguageModel {
        try CausalModelFamily.model(configuration(name), weights(name))
    }

    /// Writes tensors as a Safetensors file.
    static func write(_ tensors: [(name: String, shape: [Int], values: [Float])], to url: URL) throws {
        var entries: [String] = []
        var data = Data()
        for (name, shape, values) in tensors {
            let begin = data.count
            for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) } }
            entries.append(
                "\"\(name)\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(data.count)]}")
        }
        let header = Data("{\(entries.joined(separator: ","))}".utf8)
        var file = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        file.append(header)
        file.append(data)
        try file.write(to: url)
    }

    /// The tensors of a checkpoint, to be changed and written.
    static func tensors(_ name: String) throws -> [(name: String, shape: [Int], values: [Float])] {
        try weights(name).tensors.values.sorted { $0.name < $1.name }.map { ($0.name, $0.shape, $0.floats()) }
    }

    /// Calls `body` with a checkpoint of such tensors.
    static func withCheckpoint<Result>(
        _ tensors: [(name: String, shape: [Int], values: [Float])], _ body: (Checkpoint) throws -> Result
    ) async throws -> Result {
        try await Fixtures.withTemporaryDirectory { directory in
            let url = directory.appendingPathComponent("model.safetensors")
            try write(tensors, to: url)
            return try body(try Checkpoint(path: url.path))
        }
    }
}

/// The largest difference between numbers of two tables of one shape; infinity if the shapes differ.
func maximumDifference(_ a: [[Float]], _ b: [[Float]]) -> Float {
    guard a.map(\.count) == b.map(\.count) else { return .infinity }
    return zip(a.joined(), b.joined()).map { abs($0 - $1) }.reduce(0) { $0.isNaN || $1.isNaN ? .infinity : max($0, $1) }
}
