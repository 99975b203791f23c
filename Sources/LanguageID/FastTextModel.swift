package import Checkpoints
import Foundation

/// A supervised fastText model, dense (`.bin`) or quantized (`.ftz`), of file versions 11 and 12: a linear
/// classifier of one line of text over the mean of the embeddings of its words and n-grams.
/// `models/fasttext/MODEL.md` has the equations.
///
/// The file is used where it lies: the model copies neither matrix, and keeps the region alive.
///
/// `@unchecked Sendable`: the matrices are views of `region`, whose bytes nothing writes and which lives as
/// long as the model; everything else is immutable and Sendable.
package final class FastTextModel: @unchecked Sendable {
    /// The labels without `__label__`, in the file's order: the most frequent in training first.
    package var labels: [String] { dictionary.labels }
    /// The length of the hidden vector.
    package var dimension: Int { arguments.dimension }
    /// The number of words in the dictionary, `</s>` included.
    package var wordCount: Int { dictionary.words }

    let arguments: FastTextArguments
    let dictionary: FastTextDictionary
    private let region: ByteRegion
    private let input: FastTextMatrix
    private let output: OutputLayer

    /// Reads a model. Takes time linear in the file, and memory in proportion to the dictionary.
    ///
    /// - Throws: `CheckpointError` naming the offset of whatever the file cannot mean: counts and sizes that
    ///   contradict each other or pass the end, numbers that are not finite, bytes after the end. After that,
    ///   no text leads outside the file's matrices.
    package init(_ region: ByteRegion) throws {
        var reader = ByteReader(region)
        arguments = try FastTextArguments(&reader)
        dictionary = try FastTextDictionary(&reader, arguments: arguments)

        let inputOffset = reader.offset
        let isQuantized = try reader.flag("the quantization flag of the input matrix")
        guard isQuantized || !dictionary.buckets.isPruned else {
            throw CheckpointError.unsupported(
                file: region.source, offset: inputOffset,
                reason: "the dictionary is pruned and the input matrix dense, which only faulty old versions wrote")
        }
        input = try FastTextMatrix(
            &reader, quantized: isQuantized, columns: arguments.dimension, what: "the input matrix")
        guard input.rows >= dictionary.buckets.rowsNeeded else {
            throw reader.invalid(
                "the input matrix has \(input.rows) rows, the dictionary needs \(dictionary.buckets.rowsNeeded)",
                at: inputOffset)
        }

        let outputOffset = reader.offset
        let quantizesOutput = try reader.flag("the quantization flag of the output matrix")
        let matrix = try FastTextMatrix(
            &reader, quantized: isQuantized && quantizesOutput, columns: arguments.dimension,
            what: "the output matrix")
        guard matrix.rows == dictionary.labels.count else {
            throw reader.invalid(
                "the output matrix has \(matrix.rows) rows for \(dictionary.labels.count) labels", at: outputOffset)
        }
        guard reader.remaining == 0 else {
            throw reader.invalid("\(reader.remaining) bytes follow the output matrix, where the file should end")
        }
        output = OutputLayer(matrix: matrix, loss: arguments.loss, labelCounts: dictionary.labelCounts)
        self.region = region
    }

    /// The most probable labels of one line, best first: what fastText's own `predict` answers, but for the
    /// order of labels whose probabilities are equal, which here is the file's.
    ///
    /// - Parameters:
    ///   - line: The text. What follows a newline is not read.
    ///   - k: How many labels at most, at least 1.
    ///   - threshold: Labels less probable than this are left out. Hierarchical softmax never returns labels
    ///     below 0.00001, and may return one slightly above 1; both are so in fastText too.
    /// - Returns: Nothing if the line has no feature that the model knows.
    package func predict(
        _ line: String, k: Int = 1, threshold: Float = 0
    ) -> [(label: String, probability: Float)] {
        var line = line
        return line.withUTF8 { predict($0, k: k, threshold: threshold) }
    }

    /// As `predict(_:k:threshold:)` for a string; the bytes need not be valid UTF-8.
    package func predict(
        _ line: UnsafeBufferPointer<UInt8>, k: Int = 1, threshold: Float = 0
    ) -> [(label: String, probability: Float)] {
        rank(line, k: k, threshold: threshold).labels.map { (dictionary.labels[$0.label], $0.probability) }
    }

    /// Labels by their index, best first.
    struct Ranking {
        var labels: [(label: Int, probability: Float)]
        /// How many rows of the input matrix speak for them, apart from the end of line's.
        var evidence: Int
    }

    /// The same as `predict`, without the labels' names.
    func rank(_ line: UnsafeBufferPointer<UInt8>, k: Int, threshold: Float) -> Ranking {
        precondition(k >= 1, "at least one label must be asked for")
        return withExtendedLifetime(region) {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { buffer in
                buffer.initialize(repeating: 0)
                guard let hidden = buffer.baseAddress else { return Ranking(labels: [], evidence: 0) }
                let features =
                    switch input {
                    case .dense(let matrix): sumFeatures(of: line, from: matrix, into: hidden)
                    case .quantized(let matrix): sumFeatures(of: line, from: matrix, into: hidden)
                    }
                guard features.count > 0 else { return Ranking(labels: [], evidence: 0) }
                let scale = Float(1 / Double(features.count))
                for index in 0..<dimension { hidden[index] *= scale }
                let scored = output.best(k, threshold: threshold, hidden: hidden)
                return Ranking(
                    labels: scored.map { (Int($0.label), exp($0.score)) }, evidence: features.evidence)
            }
        }
    }
}
