import Foundation

/// The output matrix and the rule that turns its inner products with the hidden vector into scores: natural
/// logarithms of probabilities. Holds views only, as `FastTextMatrix` does.
struct OutputLayer {
    private let matrix: FastTextMatrix
    private let loss: FastTextArguments.Loss
    private let tree: LabelTree?
    private let labels: Int

    /// - Parameter labelCounts: One for each row of `matrix`.
    init(matrix: FastTextMatrix, loss: FastTextArguments.Loss, labelCounts: [Int64]) {
        self.matrix = matrix
        self.loss = loss
        labels = labelCounts.count
        tree = loss == .hierarchicalSoftmax ? LabelTree(counts: labelCounts) : nil
    }

    /// The `k` best labels that reach `threshold`, best first. Empty if finite weights led to a sum that is not.
    func best(_ k: Int, threshold: Float, hidden: UnsafePointer<Float>) -> [BestLabels.Entry] {
        switch matrix {
        case .dense(let matrix): best(k, threshold, hidden, matrix)
        case .quantized(let matrix): best(k, threshold, hidden, matrix)
        }
    }

    private func best<Matrix: EmbeddingMatrix>(
        _ k: Int, _ threshold: Float, _ hidden: UnsafePointer<Float>, _ matrix: Matrix
    ) -> [BestLabels.Entry] {
        var best = BestLabels(limit: min(k, labels))
        let isFinite =
            if let tree {
                descend(tree, threshold, hidden, matrix, into: &best)
            } else {
                scoreAll(threshold, hidden, matrix, into: &best)
            }
        return isFinite ? best.sorted() : []
    }

    /// The logarithm as fastText smooths it, which keeps it finite at 0 and lets a sum of them exceed 0 a little.
    private static func smoothLog(_ probability: Float) -> Float { Float(log(Double(probability) + 1e-5)) }

    /// Softmax, or one logistic function for each label (one-versus-all, and negative sampling, whose
    /// training differs but whose answers do not).
    private func scoreAll<Matrix: EmbeddingMatrix>(
        _ threshold: Float, _ hidden: UnsafePointer<Float>, _ matrix: Matrix, into best: inout BestLabels
    ) -> Bool {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: labels) { probabilities in
            for label in 0..<labels {
                let logit = matrix.dot(row: label, hidden)
                guard logit.isFinite else { return false }
                probabilities[label] = loss == .softmax ? logit : LogisticTable.value(logit)
            }
            if loss == .softmax { Self.softmax(probabilities) }
            for label in 0..<labels where probabilities[label] >= threshold {
                best.insert(score: Self.smoothLog(probabilities[label]), label: Int32(label))
            }
            return true
        }
    }

    private static func softmax(_ values: UnsafeMutableBufferPointer<Float>) {
        let highest = values.max() ?? 0
        var sum: Float = 0
        for index in values.indices {
            values[index] = Float(exp(Double(values[index] - highest)))
            sum += values[index]
        }
        for index in values.indices { values[index] /= sum }
    }

    /// Hierarchical softmax: a label's probability is the product of the decisions on the way to it. Goes down
    /// depth first, left before right, and turns back where neither the threshold nor the k best can be reached.
    private func descend<Matrix: EmbeddingMatrix>(
        _ tree: LabelTree, _ threshold: Float, _ hidden: UnsafePointer<Float>, _ matrix: Matrix,
        into best: inout BestLabels
    ) -> Bool {
        let lowest = Self.smoothLog(threshold)
        // Each step down takes one node off and puts two on.
        return withUnsafeTemporaryAllocation(of: (node: Int32, score: Float).self, capacity: tree.depth + 1) { stack in
            stack[0] = (Int32(tree.root), 0)
            var count = 1
            while count > 0 {
                count -= 1
                let (node, score) = stack[count]
                if score < lowest || best.excludes(score) { continue }
                guard node >= labels else {
                    best.insert(score: score, label: node)
                    continue
                }
                let inner = Int(node) - labels
                let logit = matrix.dot(row: inner, hidden)
                guard logit.isFinite else { return false }
                let right = Float(1 / Double(1 + exp(-logit)))
                stack[count] = (tree.right[inner], score + Self.smoothLog(right))
                stack[count + 1] = (tree.left[inner], score + Self.smoothLog(Float(1 - Double(right))))
                count += 2
            }
            return true
        }
    }
}

/// The logistic function as fastText computes it outside the tree: read from a table of 512 steps over
/// [-8, 8] without interpolation, 0 and 1 beyond. Its steps show in the third decimal.
enum LogisticTable {
    private static let steps = 512
    private static let bound: Float = 8
    private static let values: [Float] = (0...steps).map { step in
        let x = Float(step * 16) / Float(steps) - bound
        return Float(1 / (1 + Double(exp(-x))))
    }

    /// `logit` must be finite.
    static func value(_ logit: Float) -> Float {
        if logit < -bound { return 0 }
        if logit > bound { return 1 }
        return values[Int((logit + bound) * Float(steps) / bound / 2)]
    }
}
