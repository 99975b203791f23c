package import Architectures
package import Checkpoints
internal import Compute

/// The memory that the weights of a checkpoint take, by the way they are kept.
package struct MemoryEstimate: Sendable, Equatable {
    /// As they are stored: mapped from their files.
    package var storedBytes: Int
    /// One byte a weight of each matrix, and a scale for each row.
    package var int8Bytes: Int
    /// Four bits a weight.
    package var q4Bytes: Int
    /// The number of weights.
    package var parameters: Int

    /// Adds up a checkpoint's tensors. Tied matrices that a file names twice count once.
    package init(_ checkpoint: Checkpoint) {
        (storedBytes, int8Bytes, q4Bytes, parameters) = (0, 0, 0, 0)
        var seen: Set<UnsafeRawPointer> = []
        for tensor in checkpoint.tensors.values {
            if let base = tensor.bytes.buffer.baseAddress, !seen.insert(base).inserted { continue }
            parameters += tensor.count
            storedBytes += tensor.bytes.count
            guard tensor.shape.count == 2 else {
                int8Bytes += 4 * tensor.count
                q4Bytes += 4 * tensor.count
                continue
            }
            func bytes(_ quantization: PackedWeights.Quantization) -> Int {
                let format = PackedWeights.format(of: tensor, quantization, .float)
                return PackedLayout(format, rows: tensor.rows, columns: tensor.columns)?.bytes ?? tensor.bytes.count
            }
            int8Bytes += bytes(.int8)
            q4Bytes += bytes(.q4)
        }
    }

    /// The bytes for a quantisation; nil for none.
    package func bytes(_ quantization: PackedWeights.Quantization?) -> Int {
        switch quantization {
        case nil: storedBytes
        case .int8: int8Bytes
        case .q4: q4Bytes
        }
    }
}
