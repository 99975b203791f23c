internal import Checkpoints
internal import Compute

/// Keeps the bytes of weights alive, which are a file's as a rule.
final class MappedWeights: WeightPages, Sendable {
    private let region: ByteRegion

    init(_ region: ByteRegion) { self.region = region }

    func releasePages() { region.releasePages() }
}
