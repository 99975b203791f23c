internal import Compute

/// A linear layer, `W x + b`: a matrix of weights and, in some families, a bias.
struct Projection: Sendable {
    /// W `[outputs, inputs]`
    let weights: WeightMatrix
    /// b `[outputs]`
    let bias: AlignedBuffer<Float>?

    /// Adds the bias, where there is one, to each row.
    func addBias(to out: MatrixView, _ resources: ComputeResources) {
        guard let bias else { return }
        let biasRow = MatrixView(pointer: bias.pointer, rows: 1, columns: out.columns)
        resources.forRows(out.rows, columns: out.columns) { range in
            for row in range { resources.backend.add(biasRow, to: out.slice(row..<row + 1)) }
        }
    }

    /// x `[rows, inputs]` → `[rows, outputs]`, in scratch memory.
    func callAsFunction(_ x: MatrixView, _ resources: ComputeResources) -> MatrixView {
        let out = resources.workspace.matrix(rows: x.rows, columns: weights.outputs)
        weights.apply(x, into: out, on: resources.backend, resources.pool, resources.workspace)
        addBias(to: out, resources)
        return out
    }

    /// Several layers over the same x in one parallel region (query, key and value; gate and up).
    ///
    /// - Parameter ofPrompts: whether the rows are of prompts, which may have products of their own.
    static func applyAll(
        _ layers: [(layer: Projection, out: MatrixView)], to x: MatrixView, _ resources: ComputeResources,
        ofPrompts: Bool = false
    ) {
        WeightMatrix.applyAll(
            layers.map { ($0.layer.weights, $0.out) }, to: x, on: resources.backend, resources.pool,
            resources.workspace, ofPrompts: ofPrompts)
        for (layer, out) in layers { layer.addBias(to: out, resources) }
    }
}
