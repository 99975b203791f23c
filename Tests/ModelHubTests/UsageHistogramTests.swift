import Foundation
import Testing

@testable import ModelHub

/// Percentiles of times that were kept as histograms, on several days and by several writers.
@Suite struct UsageHistogramTests {
    /// Times of a service: most of them short, some much longer.
    enum Shape: String, CaseIterable, CustomTestStringConvertible {
        case uniform, exponential, heavyTail, twoHumps, constant, fewValues

        func seconds(_ generator: inout some RandomNumberGenerator) -> Double {
            let chance = Double.random(in: 1e-9..<1, using: &generator)
            switch self {
            case .uniform: return 0.001 + chance * 2
            case .exponential: return -0.08 * log(chance)
            case .heavyTail: return min(0.02 * pow(chance, -1.2), 7200)
            case .twoHumps: return chance < 0.9 ? 0.01 + chance / 50 : 3 + chance
            case .constant: return 0.1234
            case .fewValues: return [0.005, 0.5, 50][Int(chance * 3)]
            }
        }

        var testDescription: String { rawValue }
    }

    struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ (state >> 31)) &* 0x9e37_79b9_7f4a_7c15
        }
    }

    @Test(arguments: Shape.allCases)
    func percentilesOverDaysAreThoseOfAllTimes(_ shape: Shape) async throws {
        try await UsageFixture.with { fixture async throws in
            var generator = Generator(state: 42)
            var all: [Double] = []
            for day in 0..<12 {
                // Each day is written by a store of its own, in several pieces.
                let store = fixture.open()
                for piece in 0..<3 {
                    for _ in 0..<700 {
                        let seconds = shape.seconds(&generator) * (1 + Double(day) / 4)
                        all.append(seconds)
                        store.record(.some(target: ["pt", "de"][piece % 2], day: -day, seconds: seconds))
                    }
                    await store.flush()
                }
                await store.close()
            }
            all.sort()
            let latency = try #require(try UsageHistory(path: fixture.path).report(.ever).total.latencySeconds)
            for (percent, found) in [(50.0, latency.p50), (95, latency.p95), (99, latency.p99)] {
                let exact = all[Int((percent / 100 * Double(all.count)).rounded(.up)) - 1]
                #expect(abs(found - exact) <= 0.02 * exact, "p\(percent): \(found), exactly \(exact)")
            }
        }
    }

    /// Failures end early or late for reasons of their own.
    @Test func failuresAreNotTimed() async throws {
        try await UsageFixture.with { fixture async throws in
            let store = fixture.open()
            for _ in 0..<9 { store.record(.some(seconds: 1e-4, failure: "queue_full")) }
            store.record(.some(seconds: 2))
            let latency = try #require(try await store.report(.ever).total.latencySeconds)
            #expect(latency.p50 == latency.p99 && abs(latency.p50 - 2) < 0.02)
            await store.close()
        }
    }

    @Test func bytesAreTheHistogram() throws {
        var generator = Generator(state: 7)
        var histogram = LatencyHistogram()
        #expect(histogram.encoded() == [1, 0])
        #expect(LatencyHistogram(encoded: [1, 0])?.total == 0)
        for _ in 0..<20_000 { histogram.record(seconds: Shape.heavyTail.seconds(&generator), requests: 3) }
        histogram.record(seconds: 0, requests: 1)
        histogram.record(seconds: 1e9, requests: 1 << 40)
        let bytes = histogram.encoded()
        let copy = try #require(LatencyHistogram(encoded: bytes))
        #expect(copy.total == histogram.total)
        #expect(copy.encoded() == bytes)
        let percents = [0, 10, 50, 99.9, 100]
        let times = try #require(histogram.percentiles(percents))
        for (left, right) in zip(try #require(copy.percentiles(percents)), times) {
            #expect(abs(left - right) <= 0.01 * right)
        }
        #expect(times == times.sorted())
    }

    /// However many requests, and however different.
    @Test func bytesAreBounded() {
        var histogram = LatencyHistogram()
        var microseconds = 1.0
        while microseconds < 1e12 {
            histogram.record(seconds: microseconds / 1e6, requests: 1 << 38)
            microseconds *= 1.001
        }
        #expect(histogram.encoded().count <= 40_000)
        var usual = LatencyHistogram()
        var generator = Generator(state: 3)
        for _ in 0..<100_000 { usual.record(seconds: Shape.exponential.seconds(&generator), requests: 1) }
        #expect(usual.encoded().count < 4000)
    }

    @Test func otherBytesAreNoHistogram() {
        var histogram = LatencyHistogram()
        for number in 1...50 { histogram.record(seconds: Double(number) / 10, requests: number) }
        let bytes = histogram.encoded()
        for length in 0..<bytes.count { #expect(LatencyHistogram(encoded: Array(bytes.prefix(length))) == nil) }
        #expect(LatencyHistogram(encoded: bytes + [0]) == nil)
        #expect(LatencyHistogram(encoded: [2] + bytes.dropFirst()) == nil)
        #expect(LatencyHistogram(encoded: [1, 1, 5, 0]) == nil, "a range without a count")
        #expect(LatencyHistogram(encoded: [1, 2, 5, 1, 0, 1]) == nil, "the same range twice")
        #expect(LatencyHistogram(encoded: [1, 1] + [UInt8](repeating: 0xff, count: 12)) == nil)
        #expect(LatencyHistogram(encoded: [1] + [UInt8](repeating: 0xff, count: 8) + [0x7f]) == nil)
        // Numbers that would not fit: far values, and counts whose sum overflows.
        let far: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0x07]
        #expect(LatencyHistogram(encoded: [1, 2] + far + [1] + far + [1]) == nil)
        let most: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]
        #expect(LatencyHistogram(encoded: [1, 2, 1] + most + [1] + most) == nil)
        var generator = Generator(state: 9)
        for _ in 0..<5000 {
            var random = bytes
            for _ in 0..<3 {
                random[Int.random(in: 0..<random.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            // Whatever it is, reading it and asking it does not trap.
            _ = LatencyHistogram(encoded: random)?.percentiles([0, 99, 100])
        }
    }
}
