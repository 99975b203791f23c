internal import CKernels

/// Products of quantised layers on several threads. A row's result depends neither on the other rows, nor on how the
/// outputs are divided into pieces, nor on the number of threads.
extension QuantizedLinear {
    /// A piece of work for few rows reads about this many bytes of weights: little enough that the threads end together,
    /// and much beside what a kernel asks for ahead, which at the end of a thread's share another thread reads.
    private static let pieceBytes = 128 << 10
    /// A piece of work for many rows has about this many weights.
    private static let pieceWeights = 16 << 10
    /// Few rows leave the time to the reading of weights; more make it a matter of arithmetic, on expanded panels.
    private static let fewRows = 16
    /// Outputs that a tile of a panel has, at most.
    private static let tileOutputs = 4
    /// The kernels take 1, 2, 3 or 4 outputs at a time.
    private static let outputMultiple = 12

    /// `out ← x · Wᵀ`, in parallel over the pool. x `[rows, inputs]`, out `[rows, outputs]`.
    package func apply(_ x: MatrixView, into out: MatrixView, on backend: ComputeBackend, _ pool: ThreadPool) {
        Self.applyAll([(self, out)], to: x, on: backend, pool)
    }

    /// Several layers over the same x in one parallel region (query, key and value; gate and up).
    package static func applyAll(
        _ layers: [(linear: QuantizedLinear, out: MatrixView)], to x: MatrixView, on backend: ComputeBackend,
        _ pool: ThreadPool
    ) {
        guard x.rows > 0 else { return }
        forOutputs(
            of: layers, to: x, pool, share: { $0.share(rows: x.rows, pool.threads, backend.products) }
        ) { part, outputs, workspace in
            part.compute(outputs, of: x, on: backend, workspace)
        }
    }

    /// Shares the outputs of several layers over x out among threads.
    ///
    /// - Parameters:
    ///   - share: how many outputs a piece of a layer has, and how many pieces a thread takes at a time.
    ///   - body: computes some outputs of a layer, on one thread and with its scratch memory.
    static func forOutputs(
        of layers: [(linear: QuantizedLinear, out: MatrixView)], to x: MatrixView, _ pool: ThreadPool,
        share: (QuantizedLinear) -> (outputs: Int, run: Int), _ body: (Part, Range<Int>, Workspace) -> Void
    ) {
        let shares = layers.map { share($0.linear) }
        let parts = zip(layers, shares).map { layer, share in
            layer.linear.checkShapes(x, layer.out)
            return (
                part: Part(layer.linear, layer.out),
                pieces: OutputPieces(outputs: layer.linear.outputs, step: share.outputs)
            )
        }
        pool.forOutputs(of: parts, longest: shares.map(\.run).max() ?? 1, body)
    }

    func checkShapes(_ x: MatrixView, _ out: MatrixView) {
        precondition(x.columns == inputs && out.columns == outputs && x.rows == out.rows, "shapes of a linear layer")
    }

    /// How many outputs a piece of work has, and how many pieces a thread takes at a time: for many rows a whole panel,
    /// and less of it towards the end.
    private func share(rows: Int, _ threads: Int, _ products: ComputeBackend.Products) -> (outputs: Int, run: Int) {
        let (panel, tile) = (svc_quantized_panel(inputs), Self.tileOutputs)
        guard rows > Self.fewRows else {
            let even = outputs / (2 * threads)
            let multiple = Self.outputMultiple
            return (max(1, min(even, Self.pieceBytes / type.rowBytes(inputs)) / multiple) * multiple, 1)
        }
        guard products == .native else {
            // Panels of one size, as many for each thread: OpenBLAS may compute a row otherwise in a smaller panel.
            let pieces = ((outputs + panel - 1) / panel + threads - 1) / threads * threads
            return ((outputs + pieces * tile - 1) / (pieces * tile) * tile, 1)
        }
        let step = max(tile, panel / max(1, panel * inputs / Self.pieceWeights) / tile * tile)
        return (step, max(1, panel / step))
    }

    /// A layer's part of a parallel product.
    struct Part: BitwiseCopyable {
        let weights: UnsafePointer<UInt8>
        let type: WeightType
        let inputs: Int
        let scales: UnsafePointer<Float>?
        let out: MatrixView

        init(_ linear: QuantizedLinear, _ out: MatrixView) {
            (weights, type, inputs) = (linear.weights, linear.type, linear.inputs)
            (scales, self.out) = (linear.scales, out)
        }

        /// Computes outputs on this thread.
        func compute(_ range: Range<Int>, of x: MatrixView, on backend: ComputeBackend, _ workspace: Workspace) {
            let (rowBytes, kernels) = (type.rowBytes(inputs), backend.kernels)
            workspace.scoped {
                let room = (backend.products == .openblas ? range.count : svc_quantized_panel(inputs)) * inputs
                let panel = workspace.take(Float.self, count: room)
                if backend.products == .native {
                    kernels.pointee.quantized_dot(
                        type.code, weights + range.lowerBound * rowBytes, range.count, inputs, x.pointer, x.columns,
                        x.rows, out.pointer + range.lowerBound, out.columns, panel)
                } else {
                    for (row, index) in range.enumerated() {
                        kernels.pointee.expand_row(
                            type.code, weights + index * rowBytes, inputs, panel + row * inputs)
                    }
                    OpenBLAS.multiply(
                        x.pointer, lda: x.columns, panel, ldb: inputs, bTransposed: true, m: x.rows, n: range.count,
                        k: inputs, into: out.pointer + range.lowerBound, ldout: out.columns)
                }
                QuantizedLinear.scale(out, range, by: scales)
            }
        }
    }
}
