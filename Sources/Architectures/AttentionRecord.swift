internal import Compute

/// Notes, while a step is computed, how its rows attend to the tokens of their sources: in the heads of one layer that
/// say best which word is translated by which.
final class AttentionRecord {
    /// Where a family's decoder looks at what it translates.
    struct Place: Sendable, Equatable {
        /// Of the decoder's layers.
        var layer: Int
        /// Heads whose shares are averaged.
        var heads: Range<Int>

        /// Marian trains the first head of the last layer to align (`--guided-alignment`), and reads alignments there.
        static func guided(layers: Int) -> Place { Place(layer: layers - 1, heads: 0..<1) }

        /// Where no head was trained to: all heads of the layer before the last (Garg et al., "Jointly Learning to Align
        /// and Translate with Transformer Models", 2019, §4.2).
        static func averaged(layers: Int, heads: Int) -> Place { Place(layer: max(0, layers - 2), heads: 0..<heads) }
    }

    let place: Place
    /// For each row the shares of its source's tokens.
    private(set) var shares: [[Float]] = []

    init(_ place: Place) { self.place = place }

    /// Notes rows of a layer's queries `[rows, heads · headDim]`.
    ///
    /// - Parameter share: writes the shares of a row in a head.
    func note(
        layer: Int, rows: Int, length: (_ row: Int) -> Int,
        _ share: (_ row: Int, _ head: Int, UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        guard layer == place.layer else { return }
        shares = (0..<rows).map { row in
            var sum = [Float](repeating: 0, count: length(row))
            var one = sum
            for head in place.heads {
                one.withUnsafeMutableBufferPointer { share(row, head, $0) }
                for position in sum.indices { sum[position] += one[position] / Float(place.heads.count) }
            }
            return sum
        }
    }
}
