internal import Compute

/// One batch in the decoder: the keys and values of the encoded sentences, their output layers, and for every
/// hypothesis the recurrent cells.
final class BergamotDecoding: Decoding {
    private let model: BergamotModel
    /// `[layer][sentence]`
    private let memories: [[AttentionMemory]]
    /// One per sentence.
    private let outputs: [Linear]
    /// `[layer]`: the cells `[maximumRows, hiddenSize]` of the last step, and room for those of the next.
    private var cells: [MatrixView]
    private var spare: [MatrixView]
    private let maximumRows: Int

    init(
        model: BergamotModel, memories: [[AttentionMemory]], outputs: [Linear], maximumRows: Int,
        workspace: Workspace
    ) {
        self.model = model
        self.memories = memories
        self.outputs = outputs
        self.maximumRows = maximumRows
        func state() -> [MatrixView] {
            memories.map { _ in workspace.matrix(rows: maximumRows, columns: model.configuration.hiddenSize) }
        }
        cells = state()
        spare = state()
    }

    func step(_ rows: [DecoderRow], _ workspace: Workspace) -> [UnsafeMutableBufferPointer<Float>] {
        logits(of: states(rows, nil, workspace), rows, workspace)
    }

    func sourceShares(_ rows: [DecoderRow], _ workspace: Workspace) -> [[Float]] {
        let record = AttentionRecord(.guided(layers: memories.count))
        _ = states(rows, record, workspace)
        return record.shares
    }

    /// The states of the decoder behind the rows' last tokens, `[rows, hiddenSize]`.
    private func states(_ rows: [DecoderRow], _ record: AttentionRecord?, _ workspace: Workspace) -> MatrixView {
        precondition(rows.count <= maximumRows, "\(rows.count) hypotheses where \(maximumRows) were announced")
        moveCells(to: rows)
        let x = workspace.matrix(rows: rows.count, columns: model.configuration.hiddenSize)
        model.embed(rows, into: x)
        let active = cells.map { $0.slice(0..<rows.count) }
        model.decode(
            x, cells: active, memory: { layer, row in memories[layer][rows[row].sentence] }, record: record, workspace)
        return x
    }

    /// The cells in the order of the new rows: each row continues its parent's, and starts with zeros.
    private func moveCells(to rows: [DecoderRow]) {
        let size = model.configuration.hiddenSize
        let inPlace = rows.indices.allSatisfy { rows[$0].position > 0 && rows[$0].parent == $0 }
        if inPlace { return }
        for layer in cells.indices {
            for (index, row) in rows.enumerated() {
                let target = spare[layer].row(index)
                if row.position == 0 {
                    target.update(repeating: 0, count: size)
                } else {
                    target.update(from: cells[layer].row(row.parent), count: size)
                }
            }
        }
        swap(&cells, &spare)
    }

    /// Each sentence's rows through its own output layer.
    private func logits(
        of x: MatrixView, _ rows: [DecoderRow], _ workspace: Workspace
    ) -> [UnsafeMutableBufferPointer<Float>] {
        var result: [UnsafeMutableBufferPointer<Float>] = []
        result.reserveCapacity(rows.count)
        var start = 0
        while start < rows.count {
            let sentence = rows[start].sentence
            var end = start + 1
            while end < rows.count, rows[end].sentence == sentence { end += 1 }
            let logits = outputs[sentence](x.slice(start..<end), on: model.backend, workspace)
            for row in 0..<logits.rows {
                result.append(UnsafeMutableBufferPointer(start: logits.row(row), count: logits.columns))
            }
            start = end
        }
        return result
    }
}
