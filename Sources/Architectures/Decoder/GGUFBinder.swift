internal import Checkpoints
internal import Compute

/// Binds the tensors of a GGUF checkpoint to the places of a model by name, checks every shape and type, and in the end
/// tells which tensors found no place. Matrices stay where they lie in the mapped file.
final class GGUFBinder {
    let checkpoint: GGUFCheckpoint
    private var used: Set<String> = []
    /// Bytes of the matrices bound so far.
    private(set) var sizeBytes = 0

    init(_ checkpoint: GGUFCheckpoint) { self.checkpoint = checkpoint }

    func has(_ name: String) -> Bool { checkpoint.tensors[name] != nil }

    private func mismatch(_ tensor: CheckpointTensor, _ expected: String) -> CheckpointError {
        .mismatchedTensor(
            file: checkpoint.file, name: tensor.name, expected: expected, found: "\(tensor.shape) of \(tensor.type)")
    }

    private func tensor(_ name: String, shape: [Int]) throws -> CheckpointTensor {
        let tensor = try checkpoint.tensor(name)
        guard tensor.shape == shape else { throw mismatch(tensor, "\(shape)") }
        used.insert(name)
        return tensor
    }

    /// A matrix `[outputs, inputs]`.
    func matrix(_ name: String, inputs: Int, outputs: Int) throws -> QuantizedLinear {
        let tensor = try tensor(name, shape: [outputs, inputs])
        guard let type = WeightType(rawValue: tensor.type.rawValue), let base = tensor.bytes.buffer.baseAddress else {
            throw mismatch(tensor, "a type that is multiplied here")
        }
        guard inputs % type.columnMultiple == 0 else {
            throw mismatch(tensor, "rows of a multiple of \(type.columnMultiple)")
        }
        sizeBytes += tensor.bytes.count
        return QuantizedLinear(
            weights: base.assumingMemoryBound(to: UInt8.self), type: type, inputs: inputs, outputs: outputs,
            owner: Keeper(tensor.bytes))
    }

    /// A vector of `count` floats.
    func vector(_ name: String, count: Int) throws -> [Float] {
        let values = try tensor(name, shape: [count]).floats()
        guard values.allSatisfy(\.isFinite) else {
            throw CheckpointError.mismatchedTensor(
                file: checkpoint.file, name: name, expected: "finite numbers", found: "NaN or infinity among them")
        }
        return values
    }

    /// A linear layer: `prefix.weight`, and `prefix.bias` where the family has one (`bias`) or the file happens to.
    func projection(_ prefix: String, inputs: Int, outputs: Int, bias: Bool = false) throws -> Projection {
        let weights = try matrix("\(prefix).weight", inputs: inputs, outputs: outputs)
        guard bias || has("\(prefix).bias") else { return Projection(weights: weights, bias: nil) }
        return Projection(weights: weights, bias: AlignedBuffer(try vector("\(prefix).bias", count: outputs)))
    }

    /// A normalisation of `count` features.
    func norm(_ name: String, count: Int, epsilon: Float) throws -> RMSNorm {
        RMSNorm(scale: try vector(name, count: count), epsilon: epsilon)
    }

    /// - Throws: `CheckpointError.unusedTensors` if a tensor found no place.
    func finish() throws {
        let unused = checkpoint.tensors.keys.filter { !used.contains($0) }.sorted()
        guard unused.isEmpty else { throw CheckpointError.unusedTensors(file: checkpoint.file, names: unused) }
    }

    /// Keeps a mapped file alive.
    private final class Keeper: Sendable {
        let region: ByteRegion

        init(_ region: ByteRegion) { self.region = region }
    }
}
