internal import Compute

/// The keys and values of all tokens of all hypotheses of a batch. Each is written once, into a slot of its sentence; a
/// hypothesis is the list of the slots of its tokens. Hypotheses that begin alike share the slots of their beginning, and
/// when a beam is sorted anew only lists change.
///
/// Slots come in blocks that belong to a sentence, `[layers][heads]`, of each head first the keys `[slotsPerBlock, headDim]`
/// and then the values; a sentence that has left the batch takes its blocks along. So a batch holds no more than a
/// slot for each row of each of its steps, rounded up to a block for each sentence.
///
/// Belongs to one worker. Its threads write different rows at the same time.
final class HypothesisCache {
    private typealias Slot = UnsafePointer<Float>

    private static let slotsPerBlock = 16

    private let layers: Int
    private let heads: Int
    private let headDim: Int
    private let maximumRows: Int
    /// By sentence: its blocks, of which all but the last are full.
    private var blocks: [[AlignedBuffer<Float>]]
    /// By sentence: the slots taken.
    private var taken: [Int]
    /// Whether a sentence is in the step.
    private var isActive: [Bool]
    /// `[maximumRows, capacity]`: the slots of each row's tokens, and room for those of the next step.
    private var pasts: AlignedBuffer<UnsafePointer<Float>>
    private var spare: AlignedBuffer<UnsafePointer<Float>>
    private var capacity = 32
    /// The sentence of each row of the last step, and how many tokens it has.
    private var owners: [(sentence: Int, length: Int)] = []
    private var next: [(sentence: Int, length: Int)] = []

    init(layers: Int, heads: Int, headDim: Int, sentences: Int, maximumRows: Int) {
        (self.layers, self.heads, self.headDim, self.maximumRows) = (layers, heads, headDim, maximumRows)
        blocks = Array(repeating: [], count: sentences)
        taken = Array(repeating: 0, count: sentences)
        isActive = Array(repeating: false, count: sentences)
        pasts = AlignedBuffer(count: maximumRows * capacity)
        spare = AlignedBuffer(count: maximumRows * capacity)
        owners.reserveCapacity(maximumRows)
        next.reserveCapacity(maximumRows)
    }

    private var blockFloats: Int { layers * heads * 2 * Self.slotsPerBlock * headDim }

    /// The bytes of the keys and values.
    var sizeBytes: Int { blocks.reduce(0) { $0 + $1.count } * blockFloats * 4 }

    /// Floats from a slot to the key and to the value of a head.
    private func offsets(layer: Int, head: Int) -> (key: Int, value: Int) {
        let key = (layer * heads + head) * 2 * Self.slotsPerBlock * headDim
        return (key, key + Self.slotsPerBlock * headDim)
    }

    /// Makes room for one more token of each row, and forgets the sentences that are in none.
    func extend(_ groups: [TargetStep.Group], _ rows: [DecoderRow]) {
        for sentence in isActive.indices { isActive[sentence] = false }
        for group in groups { isActive[group.sentence] = true }
        for sentence in isActive.indices where !isActive[sentence] && taken[sentence] > 0 {
            blocks[sentence] = []
            taken[sentence] = 0
        }
        reserve((groups.map(\.position).max() ?? 0) + 1)
        next.removeAll(keepingCapacity: true)
        for (index, row) in rows.enumerated() {
            let past = spare.pointer + index * capacity
            if row.position > 0 {
                precondition(
                    owners.indices.contains(row.parent) && owners[row.parent] == (row.sentence, row.position),
                    "a hypothesis that does not continue one of its sentence")
                past.update(from: pasts.pointer + row.parent * capacity, count: row.position)
            }
            past[row.position] = takeSlot(row.sentence)
            next.append((row.sentence, row.position + 1))
        }
        swap(&owners, &next)
        swap(&pasts, &spare)
    }

    /// Makes the lists long enough for `length` slots.
    private func reserve(_ length: Int) {
        guard length > capacity else { return }
        let grown = max(length, 2 * capacity)
        let longer = AlignedBuffer<UnsafePointer<Float>>(count: maximumRows * grown)
        for (row, owner) in owners.enumerated() {
            (longer.pointer + row * grown).update(from: pasts.pointer + row * capacity, count: owner.length)
        }
        pasts = longer
        spare = AlignedBuffer(count: maximumRows * grown)
        capacity = grown
    }

    private func takeSlot(_ sentence: Int) -> UnsafePointer<Float> {
        let place = taken[sentence] % Self.slotsPerBlock
        if place == 0 { blocks[sentence].append(AlignedBuffer(count: blockFloats)) }
        taken[sentence] += 1
        return UnsafePointer(blocks[sentence][blocks[sentence].count - 1].pointer + place * headDim)
    }

    /// Writes the keys and values `[rows, heads · headDim]` of the step's tokens.
    func store(_ keys: MatrixView, _ values: MatrixView, layer: Int, _ resources: ComputeResources) {
        precondition(keys.rows == owners.count && values.rows == owners.count, "a key and a value for each row")
        let pasts = pasts.pointer
        resources.forRows(keys.rows, columns: 2 * keys.columns) { range in
            for row in range {
                // This row's slot is its own, nobody reads it before all are written.
                let slot = UnsafeMutablePointer(mutating: pasts[row * capacity + owners[row].length - 1])
                for head in 0..<heads {
                    let (key, value) = offsets(layer: layer, head: head)
                    (slot + key).update(from: keys.row(row) + head * headDim, count: headDim)
                    (slot + value).update(from: values.row(row) + head * headDim, count: headDim)
                }
            }
        }
    }

    /// Attention of a group's rows to their own tokens, in one head. queries and out have all rows of the step.
    ///
    /// - Parameter scratch: `GatheredAttention.scratchFloats` floats for the group's length.
    func attend(
        _ queries: MatrixView, _ group: TargetStep.Group, layer: Int, head: Int, scale: Float, bias: AttentionBias?,
        into out: MatrixView, scratch: UnsafeMutablePointer<Float>, on backend: ComputeBackend
    ) {
        let (key, value) = offsets(layer: layer, head: head)
        GatheredAttention(
            slots: pasts.pointer + group.rows.lowerBound * capacity, stride: capacity, length: group.position + 1,
            headDim: headDim, scale: scale
        ).attend(
            queries.slice(group.rows), head: head, keyOffset: key, valueOffset: value, bias: bias?.first,
            into: out.slice(group.rows), scratch: scratch, on: backend)
    }
}
