internal import CKernels

/// How float activations become 8-bit integers: `a = clamp(rint(x · multiplier), −127, 127)`.
package enum ActivationQuantization: Sendable, Equatable {
    /// One multiplier measured offline for this layer; values beyond ±127 are clipped.
    case fixed(multiplier: Float)
    /// 127 / max|x| over the rows of one sequence, or over each row where none are named. Marian takes the maximum of
    /// the whole batch; a sentence's own is what it takes for a sentence alone, and keeps the answer independent of what
    /// shares the batch.
    case dynamic
}

/// A linear layer with 8-bit weights and activations:
/// `y[j] = (Σ_k a[k] · w[j][k]) / (activationMultiplier · weightMultiplier) + b[j]`, the sum exact in 32 bits.
///
/// With a fixed multiplier the rounding is Marian's, operation by operation: it sums the activations shifted by 127 to
/// be unsigned and takes the shift back in the bias, in floats. The shortest way would be as good, but now and then
/// falls on the other side of a rounding further on, and the translation is another one.
package struct Int8Linear: Sendable {
    /// Inputs of a row.
    package let inputs: Int
    /// Outputs of a row.
    package let outputs: Int
    private let activations: ActivationQuantization
    private let weightMultiplier: Float
    private let paddedInputs: Int
    private static let shift: Int32 = 127
    private let packed: AlignedBuffer<Int8>
    private let offset: AlignedBuffer<Int32>
    private let correction: AlignedBuffer<Int32>
    /// One per output, padded to whole panels: the layer's bias, and what takes a shift back.
    private let bias: AlignedBuffer<Float>?
    /// The weights as floats `[outputs, inputs]`, kept only where OpenBLAS multiplies.
    private let floats: AlignedBuffer<Float>?

    /// Packs the layer.
    ///
    /// - Parameters:
    ///   - weights: `[outputs, inputs]`, each output's weights together, `real = int / weightMultiplier`.
    ///   - selecting: the rows of `weights` that become the outputs, in this order; all where nil.
    ///   - bias: one value per output, in the order of the outputs.
    ///   - workspace: where to pack a layer that lives only as long as one batch; on the heap where nil.
    package init(
        weights: UnsafePointer<Int8>, inputs: Int, outputs: Int, selecting ids: UnsafePointer<Int32>? = nil,
        weightMultiplier: Float, activations: ActivationQuantization, bias: AlignedBuffer<Float>?,
        for backend: ComputeBackend, in workspace: Workspace? = nil
    ) {
        let panels = (outputs + Int(SVC_PANEL) - 1) / Int(SVC_PANEL)
        let group = Int(SVC_DEPTH_GROUP)
        self.inputs = inputs
        self.outputs = outputs
        self.activations = activations
        self.weightMultiplier = weightMultiplier
        self.paddedInputs = (inputs + group - 1) / group * group
        let packedCount = panels * Int(SVC_PANEL) * paddedInputs
        let columns = panels * Int(SVC_PANEL)
        self.packed = workspace.map { AlignedBuffer(count: packedCount, in: $0) } ?? AlignedBuffer(count: packedCount)
        self.offset = workspace.map { AlignedBuffer(count: columns, in: $0) } ?? AlignedBuffer(count: columns)
        self.correction = workspace.map { AlignedBuffer(count: columns, in: $0) } ?? AlignedBuffer(count: columns)
        if let bias { precondition(bias.count >= panels * Int(SVC_PANEL), "a bias is padded to whole panels") }
        if case .fixed(let multiplier) = activations {
            backend.kernels.pointee.pack_int8(
                weights, inputs, ids, outputs, inputs, Self.shift, packed.pointer, offset.pointer, correction.pointer)
            let prepared =
                workspace.map { AlignedBuffer<Float>(count: columns, in: $0) } ?? AlignedBuffer(count: columns)
            let shift = Float(Self.shift)
            let unit = -((shift / multiplier) * (shift / weightMultiplier)) / shift
            for j in 0..<columns {
                let sum = Float(offset.pointer[j] / Self.shift)
                prepared.pointer[j] = sum * unit + (bias?.pointer[j] ?? 0)
            }
            self.bias = prepared
        } else {
            backend.kernels.pointee.pack_int8(
                weights, inputs, ids, outputs, inputs, 0, packed.pointer, offset.pointer, correction.pointer)
            self.bias = bias
        }
        if backend.products == .openblas {
            let copy = AlignedBuffer<Float>(count: outputs * inputs)
            for output in 0..<outputs {
                let row = weights + (ids.map { Int($0[output]) } ?? output) * inputs
                for k in 0..<inputs { copy.pointer[output * inputs + k] = Float(row[k]) }
            }
            floats = copy
        } else {
            floats = nil
        }
    }

    /// The bytes that the packed layer takes.
    package var sizeBytes: Int {
        packed.count + (offset.count + correction.count) * 4 + (bias?.count ?? 0) * 4 + (floats?.count ?? 0) * 4
    }

    /// Whether the rows of a sequence share a multiplier that is measured over them.
    package var isDynamic: Bool { activations == .dynamic }

    func apply(
        _ x: MatrixView, sequences: [Range<Int>]?, into out: MatrixView, on backend: ComputeBackend,
        _ workspace: Workspace
    ) {
        workspace.scoped {
            let quantized = workspace.take(UInt8.self, count: x.rows * paddedInputs)
            let scales = workspace.take(Float.self, count: x.rows)
            quantize(x, sequences: sequences, into: quantized, scales: scales, on: backend)
            if let floats {
                multiplyByOpenBLAS(quantized, scales, floats, into: out, workspace)
                return
            }
            var matrix = svc_int8_matrix(
                packed: packed.pointer, offset: offset.pointer, correction: correction.pointer, scales: nil,
                columns: outputs, padded_depth: paddedInputs, streamed: 0)
            backend.kernels.pointee.int8_gemm(
                quantized, paddedInputs, &matrix, x.rows, scales, bias?.pointer, out.pointer, out.columns)
        }
    }

    /// `scales[row]` = 1 / (activationMultiplier · weightMultiplier), what turns a sum back into a real number.
    private func quantize(
        _ x: MatrixView, sequences: [Range<Int>]?, into quantized: UnsafeMutablePointer<UInt8>,
        scales: UnsafeMutablePointer<Float>, on backend: ComputeBackend
    ) {
        let kernels = backend.kernels.pointee
        switch activations {
        case .fixed(let multiplier):
            quantize(x, 0..<x.rows, multiplier, into: quantized, scales: scales, on: backend)
        case .dynamic:
            for rows in sequences ?? (0..<x.rows).map({ $0..<($0 + 1) }) {
                let magnitude = kernels.max_magnitude(x.row(rows.lowerBound), rows.count * inputs)
                let multiplier = magnitude > 0 ? 127 / magnitude : 127
                quantize(x, rows, multiplier, into: quantized, scales: scales, on: backend)
            }
        }
    }

    private func quantize(
        _ x: MatrixView, _ rows: Range<Int>, _ multiplier: Float, into quantized: UnsafeMutablePointer<UInt8>,
        scales: UnsafeMutablePointer<Float>, on backend: ComputeBackend
    ) {
        let kernels = backend.kernels.pointee
        (scales + rows.lowerBound).update(repeating: 1 / (multiplier * weightMultiplier), count: rows.count)
        if paddedInputs == inputs {
            let start = rows.lowerBound * inputs
            kernels.quantize(x.pointer + start, multiplier, quantized + start, rows.count * inputs)
            return
        }
        for row in rows {
            let target = quantized + row * paddedInputs
            kernels.quantize(x.row(row), multiplier, target, inputs)
            // The weights are zero there; any value will do, but it has to be one.
            for k in inputs..<paddedInputs { target[k] = UInt8(SVC_ACTIVATION_ZERO) }
        }
    }

    /// The same sums through `sgemm`: products of at most 127 · 127 over at most 1024 inputs stay below 2^24, where
    /// floats hold every integer, so each partial sum is exact whatever the order of additions.
    private func multiplyByOpenBLAS(
        _ quantized: UnsafePointer<UInt8>, _ scales: UnsafePointer<Float>, _ weights: AlignedBuffer<Float>,
        into out: MatrixView, _ workspace: Workspace
    ) {
        let rows = out.rows
        let x = workspace.matrix(rows: rows, columns: inputs)
        for row in 0..<rows {
            let source = quantized + row * paddedInputs, target = x.row(row)
            for k in 0..<inputs { target[k] = Float(Int32(source[k]) - Int32(SVC_ACTIVATION_ZERO)) }
        }
        let sums = workspace.take(Int32.self, count: rows * outputs)
        for row in 0..<rows { (sums + row * outputs).update(from: offset.pointer, count: outputs) }
        let partial = workspace.matrix(rows: rows, columns: outputs)
        for start in stride(from: 0, to: inputs, by: 1024) {
            OpenBLAS.multiply(
                x.pointer + start, lda: inputs, weights.pointer + start, ldb: inputs, bTransposed: true, m: rows,
                n: outputs, k: min(1024, inputs - start), into: partial.pointer, ldout: outputs)
            for i in 0..<(rows * outputs) { sums[i] += Int32(partial.pointer[i]) }
        }
        for row in 0..<rows {
            let target = out.row(row)
            for j in 0..<outputs {
                let product = Float(sums[row * outputs + j]) * scales[row]
                target[j] = bias.map { product + $0.pointer[j] } ?? product
            }
        }
    }
}
