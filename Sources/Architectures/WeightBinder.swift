package import Checkpoints
package import Compute
internal import Foundation

/// Binds the tensors of a checkpoint to the places of a model by name, checks every shape and type, and in the end
/// tells which tensors found no place. Matrices stay where they lie in the mapped file, unless `quantizer` makes others
/// of them.
package final class WeightBinder {
    /// Whether a family has a tensor.
    package enum Presence: Sendable {
        case absent
        /// Models of the family differ: where the file has it.
        case optional
        case required
    }

    /// Makes the matrix that a model multiplies by out of a tensor of the checkpoint.
    package typealias Quantizer = (CheckpointTensor) throws -> WeightMatrix
    /// Makes a copy of a matrix that is multiplied by faster; nil where there is none.
    package typealias Interleaver = (WeightMatrix) -> WeightMatrix?

    package let checkpoint: Checkpoint
    private let quantizer: Quantizer?
    private let interleaver: Interleaver?
    /// The name in the checkpoint of what an architecture calls by a name.
    private let rename: (String) -> String
    private var used: Set<String> = []
    /// Bytes of the weights bound so far.
    package private(set) var sizeBytes = 0

    /// - Parameters:
    ///   - quantizer: makes every matrix; nil to multiply by the tensors as they are stored.
    ///   - interleaver: is handed every matrix that is multiplied by in full.
    ///   - rename: the name in the checkpoint of what the architecture calls by a name.
    package init(
        _ checkpoint: Checkpoint, quantizer: Quantizer? = nil, interleaver: Interleaver? = nil,
        rename: @escaping (String) -> String = { $0 }
    ) {
        (self.checkpoint, self.quantizer, self.interleaver) = (checkpoint, quantizer, interleaver)
        self.rename = rename
    }

    /// Whether the checkpoint has a tensor.
    package func has(_ name: String) -> Bool { checkpoint.tensors[rename(name)] != nil }

    /// The shape of a tensor, which has to be there.
    package func shape(_ name: String) throws -> [Int] { try checkpoint.tensor(rename(name)).shape }

    /// The bytes of a tensor, which has to be there.
    func bytes(_ name: String) throws -> ByteRegion { try checkpoint.tensor(rename(name)).bytes }

    /// Says that a tensor has its place although nothing is read from it: a copy of a tied matrix, a table that a
    /// formula makes. Does nothing if the checkpoint does not have it.
    package func ignore(_ name: String) { used.insert(rename(name)) }

    /// The same for all tensors whose names in the checkpoint are such.
    package func ignore(where isIgnored: (String) -> Bool) { used.formUnion(checkpoint.tensors.keys.filter(isIgnored)) }

    /// Whether two tensors of the checkpoint hold the same numbers, as copies of a tied matrix do.
    package func areEqual(_ name: String, _ other: String) throws -> Bool {
        let (one, two) = (try checkpoint.tensor(rename(name)), try checkpoint.tensor(rename(other)))
        guard one.shape == two.shape, one.type == two.type, one.bytes.count == two.bytes.count else { return false }
        let (a, b) = (one.bytes.buffer, two.bytes.buffer)
        guard let a = a.baseAddress, let b = b.baseAddress, a != b else { return true }
        return memcmp(a, b, one.bytes.count) == 0
    }

    private func mismatch(_ tensor: CheckpointTensor, _ expected: String) -> CheckpointError {
        .mismatchedTensor(
            file: checkpoint.file, name: tensor.name, expected: expected, found: "\(tensor.shape) of \(tensor.type)")
    }

    private func tensor(_ name: String, shape: [Int]) throws -> CheckpointTensor {
        let tensor = try checkpoint.tensor(rename(name))
        guard tensor.shape == shape else { throw mismatch(tensor, "\(shape)") }
        used.insert(tensor.name)
        return tensor
    }

    /// A matrix `[outputs, inputs]`.
    ///
    /// - Parameter byRow: whether rows are read of it, or few of its products computed, so that it is not interleaved.
    package func matrix(
        _ name: String, inputs: Int, outputs: Int, byRow: Bool = false
    ) throws -> WeightMatrix {
        let tensor = try tensor(name, shape: [outputs, inputs])
        let matrix = try quantizer?(tensor) ?? stored(tensor)
        sizeBytes += matrix.sizeBytes
        return byRow ? matrix : interleaved(matrix)
    }

    /// A matrix that was bound by row, as it is multiplied by in full.
    func interleaved(_ matrix: WeightMatrix) -> WeightMatrix {
        guard let interleaved = interleaver?(matrix) else { return matrix }
        matrix.releasePages()
        sizeBytes += interleaved.sizeBytes - matrix.sizeBytes
        return interleaved
    }

    /// The matrix as it lies in the file.
    private func stored(_ tensor: CheckpointTensor) throws -> WeightMatrix {
        guard let type = WeightType(rawValue: tensor.type.rawValue), let base = tensor.bytes.buffer.baseAddress else {
            throw mismatch(tensor, "a type that is multiplied here")
        }
        let columns = tensor.columns
        return WeightMatrix(
            weights: base.assumingMemoryBound(to: UInt8.self), type: type, inputs: columns, outputs: tensor.rows,
            owner: MappedWeights(tensor.bytes)
        ) { row, out in
            QuantizedBlocks.dequantize(
                tensor.type,
                bytes: UnsafeRawBufferPointer(start: row, count: tensor.type.bytes(rows: 1, columns: columns) ?? 0),
                into: UnsafeMutableBufferPointer(start: out, count: columns))
        }
    }

    /// A vector of `count` floats.
    package func vector(_ name: String, count: Int) throws -> [Float] {
        try floats(name, shape: [count])
    }

    /// A small tensor as floats, row after row.
    package func floats(_ name: String, shape: [Int]) throws -> [Float] {
        let tensor = try tensor(name, shape: shape)
        let values = tensor.floats()
        guard values.allSatisfy(\.isFinite) else {
            throw CheckpointError.mismatchedTensor(
                file: checkpoint.file, name: tensor.name, expected: "finite numbers",
                found: "NaN or infinity among them")
        }
        sizeBytes += 4 * values.count
        return values
    }

    /// A linear layer: `prefix.weight`, and `prefix.bias` where the family has one (`bias`) or the file happens to.
    func projection(_ prefix: String, inputs: Int, outputs: Int, bias: Bool = false) throws -> Projection {
        try projection(prefix, inputs: inputs, outputs: outputs, bias: bias ? .required : .optional)
    }

    /// A linear layer: `prefix.weight`, and `prefix.bias` as the family has it. A bias that it does not have stays
    /// without a place.
    func projection(_ prefix: String, inputs: Int, outputs: Int, bias: Presence) throws -> Projection {
        let weights = try matrix("\(prefix).weight", inputs: inputs, outputs: outputs)
        guard bias == .required || bias == .optional && has("\(prefix).bias") else {
            return Projection(weights: weights, bias: nil)
        }
        return Projection(weights: weights, bias: AlignedBuffer(try vector("\(prefix).bias", count: outputs)))
    }

    /// A root-mean-square normalisation of `count` features.
    func norm(_ name: String, count: Int, epsilon: Float) throws -> RMSNorm {
        RMSNorm(scale: try vector(name, count: count), epsilon: epsilon)
    }

    /// - Throws: `CheckpointError.unusedTensors` if a tensor found no place.
    package func finish() throws {
        let unused = checkpoint.tensors.keys.filter { !used.contains($0) }.sorted()
        guard unused.isEmpty else { throw CheckpointError.unusedTensors(file: checkpoint.file, names: unused) }
    }

}
