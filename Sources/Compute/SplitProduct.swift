internal import CKernels

extension ComputeBackend {
    /// Whether the rows of prompts have products of their own: those of `QuantizedLinear.applyAllSplit`. That is so where
    /// the widest multiplier takes bfloat16 (AMX).
    package var splitsPrompts: Bool { products == .native && kernels.pointee.split_dot != nil }
}

/// Products in which activations and weights are two bfloat16 each, 16 bits and the sign together. Three products of such
/// parts take a fifth of the time of one product of floats where tiles multiply them. A row's result depends neither on
/// the other rows, nor on how the outputs are divided into pieces, nor on the number of threads; but it differs in its low
/// bits from that of `applyAll`, so that which of the two a row has must not depend on its company.
enum SplitProduct {
    /// Outputs of a piece of work: what one row of tiles takes.
    private static let step = 32
    /// Rows that are split together.
    private static let rows = 16

    /// A layer's part of a parallel product.
    struct Part: BitwiseCopyable {
        let type: WeightType
        let weights: UnsafePointer<UInt8>
        /// From one row of weights to the next, or from one group of sixteen to the next.
        let stride: Int
        let isInterleaved: Bool
        let scales: UnsafePointer<Float>?
        let out: MatrixView

        /// The weights from an output on, of which a group is the first.
        func weights(from output: Int) -> UnsafePointer<UInt8> {
            weights + (isInterleaved ? output / Int(SVC_GROUP) : output) * stride
        }
    }

    /// Several layers over the same x, `out ← x · Wᵀ` for each, for rows of prompts. x `[rows, inputs]`, each out
    /// `[rows, outputs]`.
    ///
    /// - Parameter workspace: the caller's scratch memory.
    /// - Precondition: `backend.splitsPrompts`.
    static func applyAll(
        _ layers: [Part], to x: MatrixView, on backend: ComputeBackend, _ pool: ThreadPool, _ workspace: Workspace
    ) {
        guard let split = backend.kernels.pointee.split_vectors, let product = backend.kernels.pointee.split_dot else {
            preconditionFailure("the kernels for \(backend.instructionSet) split no products")
        }
        guard x.rows > 0 else { return }
        let (inputs, depth) = (x.columns, svc_split_depth(x.columns))
        let longest = svc_split_panel(inputs)
        workspace.scoped {
            let parts = workspace.take(UInt16.self, count: svc_split_numbers(x.rows, inputs))
            pool.forEach((x.rows + rows - 1) / rows) { block in
                let range = block * rows..<min(x.rows, (block + 1) * rows)
                split(
                    x.pointer + range.lowerBound * inputs, inputs, range.count, inputs,
                    parts + svc_split_numbers(range.lowerBound, inputs))
            }
            let products = layers.map { ($0, OutputPieces(outputs: $0.out.columns, step: step)) }
            pool.forOutputs(of: products, longest: longest / step) { part, outputs, own in
                own.scoped {
                    product(
                        part.type.code, part.weights(from: outputs.lowerBound), part.isInterleaved ? 0 : part.stride,
                        outputs.count, inputs, parts, x.rows, part.out.pointer + outputs.lowerBound, part.out.columns,
                        own.take(Float.self, count: (longest + Int(SVC_GROUP)) * depth))
                }
                QuantizedLinear.scale(part.out, outputs, by: part.scales)
            }
        }
    }
}

extension QuantizedLinear {
    /// Its part of `SplitProduct.applyAll`.
    func split(_ x: MatrixView, into out: MatrixView) -> SplitProduct.Part {
        checkShapes(x, out)
        return SplitProduct.Part(
            type: type, weights: weights, stride: type.rowBytes(inputs), isInterleaved: false, scales: scales, out: out)
    }
}
