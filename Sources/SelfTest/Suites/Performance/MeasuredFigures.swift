/// What a case has measured, and how the machine was meanwhile.
package struct MeasuredFigures: Sendable, Equatable {
    /// The figures.
    package var figures: [Figure]
    /// The time of the reference loop, in milliseconds.
    package var referenceMs: Double
    /// The share of the processors that other programs left free.
    package var freeShare: Double

    /// What was measured.
    package init(figures: [Figure], referenceMs: Double, freeShare: Double = 1) {
        (self.figures, self.referenceMs, self.freeShare) = (figures, referenceMs, freeShare)
    }

    /// For each figure the middle of several measurements.
    static func median(_ measurements: [Self]) -> Self {
        combine(measurements) { values, _ in SampleSet(values).median }
    }

    /// For each figure the best of several measurements: what was bad only once is no regression.
    static func best(_ measurements: [Self]) -> Self {
        combine(measurements) { values, better in (better == .less ? values.min() : values.max()) ?? 0 }
    }

    private static func combine(_ measurements: [Self], _ choose: ([Double], Figure.Better) -> Double) -> Self {
        var combined = Self(
            figures: [], referenceMs: SampleSet(measurements.map(\.referenceMs)).median,
            freeShare: SampleSet(measurements.map(\.freeShare)).median)
        for figure in measurements.first?.figures ?? [] {
            var figure = figure
            let values = measurements.compactMap { measurement in
                measurement.figures.first { $0.name == figure.name }?.value
            }
            figure.value = choose(values, figure.better)
            combined.figures.append(figure)
        }
        return combined
    }
}
