/// The binary tree of hierarchical softmax: Huffman's, built over the labels from their counts. The file does
/// not hold it; it follows from the counts and from the rule for ties, which must therefore be fastText's.
///
/// Nodes 0..<labels are the leaves, one for each label; the inner nodes follow in the order in which they are
/// built, the root last. Row `node - labels` of the output matrix belongs to an inner node.
struct LabelTree: Sendable {
    /// The count of an inner node that is not built yet: more than any label's.
    static let unbuiltCount: Int64 = 1_000_000_000_000_000

    let labels: Int
    /// Of inner node `labels + index`.
    let left: [Int32]
    /// Of inner node `labels + index`.
    let right: [Int32]
    /// The number of inner nodes on the longest way from the root to a leaf.
    let depth: Int

    var root: Int { 2 * labels - 2 }

    /// `counts`: at least one, each at least 0 and below `unbuiltCount`, their sum representable; in a file
    /// written by fastText they descend, which makes the tree optimal.
    init(counts: [Int64]) {
        precondition(!counts.isEmpty, "a tree needs a leaf")
        let leaves = counts.count
        let inner = leaves - 1
        var left = [Int32](repeating: 0, count: inner)
        var right = left
        var heights = left
        var sums = [Int64](repeating: Self.unbuiltCount, count: inner)

        // The rarest leaf and the first inner node that have no parent. As long as leaves remain, a leaf is
        // rarer than a node not yet built; when none remain, two built nodes do: so no node precedes its children.
        var leaf = leaves - 1
        var node = leaves
        func takeRarer() -> (node: Int, count: Int64, height: Int32) {
            if leaf >= 0, node - leaves >= inner || counts[leaf] < sums[node - leaves] {
                leaf -= 1
                return (leaf + 1, counts[leaf + 1], 0)
            }
            node += 1
            return (node - 1, sums[node - 1 - leaves], heights[node - 1 - leaves])
        }
        for index in 0..<inner {
            let first = takeRarer()
            let second = takeRarer()
            left[index] = Int32(first.node)
            right[index] = Int32(second.node)
            sums[index] = first.count + second.count
            heights[index] = 1 + max(first.height, second.height)
        }
        labels = leaves
        self.left = left
        self.right = right
        depth = Int(heights.last ?? 0)
    }
}
