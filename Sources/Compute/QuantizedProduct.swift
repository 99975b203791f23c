internal import CKernels

/// Products of quantised layers on several threads. A row's result depends neither on the other rows, nor on how the
/// outputs are divided into pieces, nor on the number of threads.
extension QuantizedLinear {
    /// A piece of work for few rows reads about this many bytes of weights: little enough that the threads end together,
    /// and much beside what a kernel asks for ahead, which at a piece's end is the next one's: read by another processor.
    private static let pieceBytes = 128 << 10
    /// Few rows leave the time to the reading of weights; more make it a matter of arithmetic, on expanded panels.
    private static let fewRows = 16
    /// Outputs that a tile of a panel has, at most.
    private static let tileOutputs = 4
    /// The kernels take 1, 2, 3 or 4 outputs at a time.
    private static let outputMultiple = 12

    /// `out ← x · Wᵀ`, in parallel over the pool. x `[rows, inputs]`, out `[rows, outputs]`.
    package func apply(_ x: MatrixView, into out: MatrixView, on backend: ComputeBackend, _ pool: ThreadPool) {
        checkShapes(x, out)
        guard x.rows > 0 else { return }
        let step = pieceOutputs(rows: x.rows, pool.threads)
        pool.forEach((outputs + step - 1) / step) { piece, thread in
            let first = piece * step
            apply(x, to: first..<min(first + step, outputs), of: out, on: backend, pool.workspace(thread))
        }
    }

    /// Several layers over the same x in one parallel region (query, key and value; gate and up).
    package static func applyAll(
        _ layers: [(linear: QuantizedLinear, out: MatrixView)], to x: MatrixView, on backend: ComputeBackend,
        _ pool: ThreadPool
    ) {
        var pieces = 0
        for (linear, out) in layers {
            linear.checkShapes(x, out)
            let step = linear.pieceOutputs(rows: x.rows, pool.threads)
            pieces += (linear.outputs + step - 1) / step
        }
        guard x.rows > 0 else { return }
        pool.forEach(pieces) { piece, thread in
            var piece = piece
            for (linear, out) in layers {
                let step = linear.pieceOutputs(rows: x.rows, pool.threads)
                let first = piece * step
                guard first >= linear.outputs else {
                    let end = min(first + step, linear.outputs)
                    linear.apply(x, to: first..<end, of: out, on: backend, pool.workspace(thread))
                    return
                }
                piece -= (linear.outputs + step - 1) / step
            }
        }
    }

    private func checkShapes(_ x: MatrixView, _ out: MatrixView) {
        precondition(x.columns == inputs && out.columns == outputs && x.rows == out.rows, "shapes of a linear layer")
    }

    /// How many outputs a piece of work has.
    private func pieceOutputs(rows: Int, _ threads: Int) -> Int {
        guard rows <= Self.fewRows else {
            // Panels of one size, as many for each thread, so that the threads end together.
            let panel = svc_quantized_panel(inputs)
            let pieces = ((outputs + panel - 1) / panel + threads - 1) / threads * threads
            return (outputs + pieces * Self.tileOutputs - 1) / (pieces * Self.tileOutputs) * Self.tileOutputs
        }
        let even = outputs / (2 * threads)
        let multiple = Self.outputMultiple
        return max(1, min(even, Self.pieceBytes / type.rowBytes(inputs)) / multiple) * multiple
    }

    /// The outputs of a range, on this thread.
    private func apply(
        _ x: MatrixView, to range: Range<Int>, of out: MatrixView, on backend: ComputeBackend, _ workspace: Workspace
    ) {
        workspace.scoped {
            let room = (backend.products == .openblas ? range.count : svc_quantized_panel(inputs)) * inputs
            let panel = workspace.take(Float.self, count: room)
            guard backend.products == .openblas else {
                backend.kernels.pointee.quantized_dot(
                    type.code, weights + range.lowerBound * type.rowBytes(inputs), range.count, inputs, x.pointer,
                    x.columns, x.rows, out.pointer + range.lowerBound, out.columns, panel)
                scale(out, range)
                return
            }
            for (row, index) in range.enumerated() { expandRow(index, into: panel + row * inputs, on: backend) }
            OpenBLAS.multiply(
                x.pointer, lda: x.columns, panel, ldb: inputs, bTransposed: true, m: x.rows, n: range.count, k: inputs,
                into: out.pointer + range.lowerBound, ldout: out.columns)
        }
    }
}
