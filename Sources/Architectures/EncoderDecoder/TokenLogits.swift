internal import Compute

/// The last layer: `logits = W x + b` over all tokens, W often being the embedding.
struct TokenLogits: Sendable {
    /// W `[targetVocabularySize, hiddenSize]`
    let projection: Projection

    /// The logits of each row of x `[rows, hiddenSize]` over its sentence's candidates, in scratch memory.
    func callAsFunction(
        _ x: MatrixView, _ step: TargetStep, candidates: [[Int32]?]
    ) -> [UnsafeMutableBufferPointer<Float>] {
        let workspace = step.resources.workspace
        let open = step.groups.filter { candidates[$0.sentence] == nil }
        let openRows = open.reduce(0) { $0 + $1.rows.count }
        let empty = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)
        var result = [UnsafeMutableBufferPointer<Float>](repeating: empty, count: x.rows)
        func give(_ logits: MatrixView, _ rows: some Sequence<Int>) {
            for (row, place) in zip(rows, 0..<logits.rows) {
                result[row] = UnsafeMutableBufferPointer(start: logits.row(place), count: logits.columns)
            }
        }
        if openRows == x.rows {
            give(projection(x, step.resources), 0..<x.rows)
            return result
        }
        if openRows > 0 {
            let together = workspace.matrix(rows: openRows, columns: x.columns)
            var end = 0
            for group in open {
                together.slice(end..<end + group.rows.count).copy(from: x.slice(group.rows))
                end += group.rows.count
            }
            give(projection(together, step.resources), open.lazy.flatMap(\.rows))
        }
        for group in step.groups {
            guard let ids = candidates[group.sentence] else { continue }
            give(logits(x.slice(group.rows), ids, step.resources), group.rows)
        }
        return result
    }

    /// The logits of some tokens: their rows of the weights, as floats.
    private func logits(_ x: MatrixView, _ ids: [Int32], _ resources: ComputeResources) -> MatrixView {
        let (backend, workspace) = (resources.backend, resources.workspace)
        let (inputs, outputs) = (projection.weights.inputs, projection.weights.outputs)
        precondition(ids.allSatisfy { $0 >= 0 && Int($0) < outputs }, "a candidate is not in the vocabulary")
        let out = workspace.matrix(rows: x.rows, columns: ids.count)
        workspace.scoped {
            let rows = AlignedBuffer<Float>(count: ids.count * inputs, in: workspace)
            resources.forRows(ids.count, columns: inputs) { range in
                for place in range {
                    projection.weights.expandRow(Int(ids[place]), into: rows.pointer + place * inputs, on: backend)
                }
            }
            let bytes = UnsafeRawPointer(rows.pointer).assumingMemoryBound(to: UInt8.self)
            let selected = WeightMatrix(
                weights: bytes, type: .f32, inputs: inputs, outputs: ids.count, owner: rows
            ) { row, out in
                out.update(from: UnsafeRawPointer(row).assumingMemoryBound(to: Float.self), count: inputs)
            }
            selected.apply(x, into: out, on: backend, resources.pool, workspace)
        }
        guard let bias = projection.bias?.pointer else { return out }
        for row in 0..<out.rows {
            let logits = out.row(row)
            for (place, id) in ids.enumerated() { logits[place] += bias[Int(id)] }
        }
        return out
    }
}
