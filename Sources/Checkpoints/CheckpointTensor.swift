/// How the elements of a tensor are stored. The raw values are ggml's, as they stand in GGUF files.
///
/// Rows of the quantised types are cut into blocks of `blockElements` elements which share their scales.
package enum TensorType: UInt32, Sendable, CaseIterable, CustomStringConvertible {
    case f32 = 0
    case f16 = 1
    case q4_0 = 2
    case q4_1 = 3
    case q5_0 = 6
    case q5_1 = 7
    case q8_0 = 8
    case q2_K = 10
    case q3_K = 11
    case q4_K = 12
    case q5_K = 13
    case q6_K = 14
    case iq4_NL = 20
    case bf16 = 30

    /// Elements in a block; 1 for the float types.
    package var blockElements: Int {
        switch self {
        case .f32, .f16, .bf16: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_NL: 32
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K: 256
        }
    }

    /// Bytes of a block.
    package var blockBytes: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .q4_0, .iq4_NL: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q2_K: 84
        case .q3_K: 110
        case .q4_K: 144
        case .q5_K: 176
        case .q6_K: 210
        }
    }

    /// Bytes of a matrix. Nil if a row is not a whole number of blocks, a dimension is negative, or the product does not
    /// fit an integer.
    package func bytes(rows: Int, columns: Int) -> Int? {
        guard rows >= 0, columns >= 0, columns.isMultiple(of: blockElements) else { return nil }
        let (rowBytes, rowOverflows) = (columns / blockElements).multipliedReportingOverflow(by: blockBytes)
        let (bytes, overflows) = rowBytes.multipliedReportingOverflow(by: rows)
        return rowOverflows || overflows ? nil : bytes
    }

    /// The name that ggml's tools print, for example `Q4_K`.
    package var description: String {
        switch self {
        case .f32: "F32"
        case .f16: "F16"
        case .q4_0: "Q4_0"
        case .q4_1: "Q4_1"
        case .q5_0: "Q5_0"
        case .q5_1: "Q5_1"
        case .q8_0: "Q8_0"
        case .q2_K: "Q2_K"
        case .q3_K: "Q3_K"
        case .q4_K: "Q4_K"
        case .q5_K: "Q5_K"
        case .q6_K: "Q6_K"
        case .iq4_NL: "IQ4_NL"
        case .bf16: "BF16"
        }
    }
}

/// One named tensor of a checkpoint, where it lies in the file.
package struct CheckpointTensor: Sendable {
    /// The parameter's name, for example `blk.0.attn_q.weight`.
    package let name: String
    /// The dimensions, outermost first: a linear layer's weight is `[out, in]`. Empty for a single number.
    package let shape: [Int]
    /// How the elements are stored.
    package let type: TensorType
    /// The elements, row after row, as many bytes as `type.bytes(rows:columns:)` says.
    package let bytes: ByteRegion

    /// Describes a tensor that a reader has found in a file.
    ///
    /// - Precondition: no dimension is below 1, the last is a multiple of the type's block, and `bytes` has exactly the
    ///   size that follows. A reader checks this first and throws.
    package init(name: String, shape: [Int], type: TensorType, bytes: ByteRegion) {
        self.name = name
        self.shape = shape
        self.type = type
        self.bytes = bytes
        precondition(shape.allSatisfy { $0 > 0 }, "\(name) has an empty dimension")
        precondition(bytes.count == type.bytes(rows: rows, columns: columns), "\(name) has another size than its shape")
    }

    /// The length of the innermost dimension: a linear layer's inputs.
    package var columns: Int { shape.last ?? 1 }
    /// The product of all other dimensions.
    package var rows: Int { shape.dropLast().reduce(1, *) }
    /// The number of elements.
    package var count: Int { shape.reduce(1, *) }

    /// All elements as floats.
    package func floats() -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { values, initialized in
            QuantizedBlocks.dequantize(
                type, bytes: bytes.buffer, into: UnsafeMutableBufferPointer(rebasing: values[..<count]))
            initialized = count
        }
    }
}
