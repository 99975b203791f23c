internal import Benchmark

/// All operations, which the tool finds by this name. `swift package benchmark --filter REGEX` runs some of them.
let benchmarks: @Sendable () -> Void = {
    registerRoofs()
    let operations =
        QuantizedProducts.operations + LinearLayers.operations + DecoderAttention.operations + Elementwise.operations
        + TextOperations.operations + FileOperations.operations
    for operation in operations { operation.register() }
}

/// The limits themselves, so that a report says what its shares are shares of.
private func registerRoofs() {
    let metrics = ["read MB/s", "float MFMA/s", "int8 MMA/s"].map {
        BenchmarkMetric.custom($0, polarity: .prefersLarger, useScalingFactor: false)
    }
    Benchmark(
        "roofs of one thread",
        configuration: .init(metrics: metrics, warmupIterations: 0, maxDuration: .seconds(30), maxIterations: 1)
    ) { benchmark in
        let roofline = Roofline.ofThisMachine
        let values = [roofline.readBytesPerSecond, roofline.floatsPerSecond, roofline.int8PerSecond]
        for (metric, value) in zip(metrics, values) { benchmark.measurement(metric, Int(value / 1e6)) }
    }
}
