internal import Compute
internal import Foundation

/// The positions of tokens as waves, `P(p) = [sin(p f_0) … sin(p f_{n−1}), cos(p f_0) … cos(p f_{n−1})]`, n half the hidden
/// size (Vaswani et al., 2017, §3.5), or a table of a checkpoint in their place.
struct PositionWaves: Sendable {
    /// Which frequencies, and with what precision: that of the implementation which the models were trained with.
    enum Frequencies: Sendable {
        /// f_i = 10000^(−i / (n − 1)), in single precision.
        case fairseq
        /// f_i = 10000^(−2i / hiddenSize), in double precision.
        case original
    }

    /// Positions whose waves are kept; those of others are computed when they are asked for.
    private static let kept = 512

    private let hiddenSize: Int
    /// Added to a position.
    private let offset: Int
    private let frequencies: Frequencies
    private let table: AlignedBuffer<Float>
    private let prepared: Int

    /// The waves of positions from `offset` on.
    ///
    /// - Parameter limit: how many positions there are.
    init(hiddenSize: Int, offset: Int = 0, limit: Int, _ frequencies: Frequencies) {
        (self.hiddenSize, self.offset, self.frequencies) = (hiddenSize, offset, frequencies)
        prepared = min(limit, Self.kept)
        table = AlignedBuffer(count: hiddenSize * prepared)
        for position in 0..<prepared {
            Self.add(position + offset, frequencies, hiddenSize, to: table.pointer + position * hiddenSize, from: 0)
        }
    }

    /// The rows `[positions, hiddenSize]` of a table.
    init(table: [Float], hiddenSize: Int) {
        (self.hiddenSize, offset, frequencies) = (hiddenSize, 0, .original)
        self.table = AlignedBuffer(table)
        prepared = table.count / hiddenSize
    }

    /// The bytes of the positions kept.
    var sizeBytes: Int { 4 * table.count }

    /// x ← x + P(position).
    func add(_ position: Int, to x: UnsafeMutablePointer<Float>) {
        guard position < prepared else {
            Self.add(position + offset, frequencies, hiddenSize, to: x, from: 1)
            return
        }
        let wave = table.pointer + position * hiddenSize
        for i in 0..<hiddenSize { x[i] += wave[i] }
    }

    /// x ← share · x + P(position).
    private static func add(
        _ position: Int, _ frequencies: Frequencies, _ hiddenSize: Int, to x: UnsafeMutablePointer<Float>,
        from share: Float
    ) {
        let half = hiddenSize / 2
        let step = Float(log(10000.0) / Double(max(1, half - 1)))
        for i in 0..<half {
            let angle =
                switch frequencies {
                case .fairseq: Double(Float(position) * exp(Float(i) * -step))
                case .original: Double(position) / pow(10000, Double(2 * i) / Double(hiddenSize))
                }
            x[i] = (share == 0 ? 0 : x[i]) + Float(sin(angle))
            x[half + i] = (share == 0 ? 0 : x[half + i]) + Float(cos(angle))
        }
    }
}
