internal import Benchmark

/// An operation that is held against what the machine can do at most.
struct Operation {
    /// What is measured, ready to be run: the closure gets the number of the run.
    typealias Body = (_ run: Int) -> Void

    /// What it is called.
    var name: String
    /// What a run cannot do without.
    var work: Work
    /// Runs of a sample: more than one where a run is not much longer than a look at the clock.
    var runs = 1
    /// Makes what it works on. In a closure, because a process registers all operations and measures one.
    var prepare: () throws -> Body

    /// An operation.
    init(_ name: String, _ work: Work, runs: Int = 1, prepare: @escaping () throws -> Body) {
        (self.name, self.work, self.runs, self.prepare) = (name, work, runs, prepare)
    }

    /// Thousandths, because the values of a metric are integers.
    private static func metric(_ bound: String) -> BenchmarkMetric {
        .custom("‰ of \(bound)", polarity: .prefersLarger, useScalingFactor: false)
    }
    private static let bandwidth = metric("read bandwidth")
    private static let floats = metric("float multiply-adds")
    private static let integers = metric("int8 multiply-adds")

    /// What is prepared, and how often it has run.
    private final class Prepared {
        let body: Body
        let roofline: Roofline
        var number = 0

        init(_ body: @escaping Body, _ roofline: Roofline) { (self.body, self.roofline) = (body, roofline) }
    }

    /// Adds it to those that the tool knows.
    func register() {
        let arithmetic = work.kind == .int8 ? Self.integers : Self.floats
        let configuration = Benchmark.Configuration(
            metrics: [.wallClock, Self.bandwidth] + (work.multiplyAdds > 0 ? [arithmetic] : []), warmupIterations: 3,
            maxDuration: .milliseconds(600), maxIterations: 2000)
        // The tool's time is that of a sample.
        Benchmark(
            runs > 1 ? "\(name), \(runs) times" : name, configuration: configuration,
            closure: { (benchmark: Benchmark, prepared: Prepared) in
                let clock = ContinuousClock()
                let began = clock.now
                for _ in 0..<runs {
                    prepared.body(prepared.number)
                    prepared.number += 1
                }
                let seconds = (clock.now - began) / .seconds(1) / Double(runs)
                // Both where there are both: the larger one is the bound.
                let roofline = prepared.roofline
                let read = Work(bytes: work.bytes)
                benchmark.measurement(Self.bandwidth, Self.thousandths(roofline.share(of: read, seconds: seconds)))
                if work.multiplyAdds > 0 {
                    let compute = Work(bytes: 0, multiplyAdds: work.multiplyAdds, kind: work.kind)
                    benchmark.measurement(arithmetic, Self.thousandths(roofline.share(of: compute, seconds: seconds)))
                }
            },
            setup: { Prepared(try prepare(), .ofThisMachine) })
    }

    private static func thousandths(_ share: Double) -> Int { Int((share * 1000).rounded()) }
}
