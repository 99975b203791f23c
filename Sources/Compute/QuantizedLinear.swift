internal import CKernels

/// How weights are stored: floats, or blocks of GGUF's types, whose raw values these are.
package enum WeightType: UInt32, Sendable, CaseIterable, BitwiseCopyable {
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
    /// 8-bit integers, whose rows' scales are kept beside them.
    case i8 = 24
    case bf16 = 30

    /// Elements that a block holds.
    package var blockElements: Int {
        switch self {
        case .f32, .f16, .bf16, .i8: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_NL: 32
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K: 256
        }
    }

    /// Bytes of a block.
    package var blockBytes: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .i8: 1
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

    /// Bytes of a row of `columns` elements, which must be a multiple of the block.
    package func rowBytes(_ columns: Int) -> Int { columns / blockElements * blockBytes }

    /// What `columns` must be a multiple of for the kernels: the block, and at least one vector.
    package var columnMultiple: Int { max(16, blockElements) }

    var code: svc_weight_type { svc_weight_type(rawValue: rawValue) }
}

/// The owner of weights that can be read again from where they are.
package protocol WeightPages: AnyObject {
    /// Lets go of their memory.
    func releasePages()
}

/// A linear layer whose weights stay quantised in memory, usually where they lie in a mapped file. Activations are not
/// rounded: each block is expanded in registers and multiplied by floats, so the result is that of the expanded weights
/// but for the order of additions.
///
/// `@unchecked Sendable`: the weights are immutable as long as `owner` lives.
package struct QuantizedLinear: @unchecked Sendable {
    /// Inputs of a row.
    package let inputs: Int
    /// Outputs of a row.
    package let outputs: Int
    /// How the weights are stored.
    package let type: WeightType
    let weights: UnsafePointer<UInt8>
    /// What each output is multiplied by besides, one for each.
    let scales: UnsafePointer<Float>?
    private let owner: AnyObject

    /// A layer over weights `[outputs, inputs]`.
    ///
    /// - Parameters:
    ///   - scales: what each row of weights is multiplied by; ones where nil.
    ///   - owner: what keeps the memory alive.
    package init(
        weights: UnsafePointer<UInt8>, type: WeightType, inputs: Int, outputs: Int,
        scales: UnsafePointer<Float>? = nil, owner: AnyObject
    ) {
        precondition(inputs % type.columnMultiple == 0, "\(inputs) inputs in blocks of \(type.columnMultiple)")
        self.weights = weights
        self.type = type
        self.inputs = inputs
        self.outputs = outputs
        self.scales = scales
        self.owner = owner
    }

    /// The layer of some of the outputs.
    func rows(_ range: Range<Int>) -> QuantizedLinear {
        precondition(range.lowerBound >= 0 && range.upperBound <= outputs, "outputs \(range) of \(outputs)")
        return QuantizedLinear(
            weights: weights + range.lowerBound * type.rowBytes(inputs), type: type, inputs: inputs,
            outputs: range.count, scales: scales.map { $0 + range.lowerBound }, owner: owner)
    }

    /// Lets go of the memory of the file that the weights lie in.
    func releasePages() { (owner as? any WeightPages)?.releasePages() }

    /// The bytes of the weights.
    package var sizeBytes: Int { type.rowBytes(inputs) * outputs + (scales == nil ? 0 : 4 * outputs) }

    /// `out ← x · Wᵀ`. x `[rows, inputs]`, out `[rows, outputs]`. A row's result does not depend on the other rows.
    package func apply(_ x: MatrixView, into out: MatrixView, on backend: ComputeBackend) {
        precondition(x.columns == inputs && out.columns == outputs && x.rows == out.rows, "shapes of a linear layer")
        backend.kernels.pointee.quantized_dot(
            type.code, weights, outputs, inputs, x.pointer, x.columns, x.rows, out.pointer, out.columns,
            nil)
        Self.scale(out, 0..<outputs, by: scales)
    }

    /// Multiplies outputs by their scales, where there are some.
    static func scale(_ out: MatrixView, _ range: Range<Int>, by scales: UnsafePointer<Float>?) {
        guard let scales else { return }
        for row in 0..<out.rows {
            let values = out.row(row)
            for index in range { values[index] *= scales[index] }
        }
    }

    /// `out` ← row `index` of the weights as floats: the embedding of a token where the matrix is tied.
    package func expandRow(_ index: Int, into out: UnsafeMutablePointer<Float>, on backend: ComputeBackend) {
        precondition((0..<outputs).contains(index), "row \(index) of \(outputs)")
        backend.kernels.pointee.expand_row(type.code, weights + index * type.rowBytes(inputs), inputs, out)
        guard let scales else { return }
        for k in 0..<inputs { out[k] *= scales[index] }
    }
}
