import Foundation
import TestSupport
import Testing

@testable import svc

/// `svc bench growth`: the fit on series whose growth is known, and the real program on models that take no time.
@Suite struct BenchGrowthTests {
    private static let work: [Double] = [1, 2, 4, 8, 16, 32, 64, 128]

    @Test(arguments: [0.0, 0.5, 1.0, 1.5, 2.0]) func thePowerOfASeriesIsFound(exponent: Double) throws {
        let fit = try #require(GrowthFit(Self.work.map { ($0, 3e-4 * pow($0, exponent)) }))
        #expect(abs(fit.exponent - exponent) < 1e-9)
        #expect(fit.points == 4)
        #expect(fit.isAtMostLinear == (exponent <= 1))
    }

    @Test func fixedCostsAndOrderDoNotMatter() throws {
        // A second before anything, then proportional: the whole would look like much less.
        let points = Self.work.map { (work: $0 * 1000, seconds: 1 + $0 * 1000) }
        #expect(try #require(GrowthFit(points)).exponent > 0.99)
        #expect(GrowthFit(points.reversed()) == GrowthFit(points))
        let noisy = points.enumerated().map {
            ($0.element.work, $0.element.seconds * ($0.offset.isMultiple(of: 2) ? 1.05 : 0.95))
        }
        #expect(try #require(GrowthFit(noisy)).isAtMostLinear)
        let quadratic = Self.work.map { (work: $0, seconds: 1e-3 * $0 + 1e-4 * $0 * $0) }
        #expect(try #require(GrowthFit(quadratic)).isAtMostLinear == false)
    }

    @Test func whatHasNoGrowthHasNoFit() {
        #expect(GrowthFit([]) == nil)
        #expect(GrowthFit([(1, 1)]) == nil)
        #expect(GrowthFit([(4, 1), (4, 2)]) == nil)
        #expect(GrowthFit([(1, 0), (2, 1)]) == nil)
        #expect(GrowthFit([(1, .nan), (2, 1)]) == nil)
        #expect(GrowthFit([(1, .infinity), (2, 1)]) == nil)
    }

    @Test func promptsAreNotJudged() {
        let points = Self.work.map { GrowthSeries.Point(work: $0, seconds: $0 * $0) }
        #expect(GrowthSeries(plan: .prompt, points: points).verdict == .notJudged)
        #expect(GrowthSeries(plan: .batch, points: points).verdict == .fasterThanLinear)
        #expect(GrowthSeries(plan: .batch, points: [points[0]]).verdict == .notMeasured)
    }

    @Test func linesHaveTheWordsThatWereAskedFor() {
        let lines = BenchTexts.lines(5, words: 7).split(separator: "\n")
        #expect(lines.count == 5 && Set(lines).count == 5)
        #expect(lines.allSatisfy { $0.split(separator: " ").count == 7 })
    }

    @Test func seriesOfSmallModels() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let (page, chart) = (
                directory.appendingPathComponent("p.md").path, directory.appendingPathComponent("c.svg").path
            )
            let outcome = try await Programs.run([
                "bench", "growth", "--quick", "--checkpoint", Fixtures.path("huggingface/m2m100/nllb"), "--model",
                RunTests.tiny("llama-untied-q8_0"), "--series", "batch", "--series", "prompt", "--series", "models",
                "--threads", "1", "--markdown", page, "--svg", chart, "--json",
            ])
            #expect(outcome.code == 0, "\(outcome.error)\(outcome.output)")
            #expect(try BenchFixture.problems(outcome, schema: "bench-growth.json") == [])
            let series = try #require(try CommandTests.data(outcome)["series"] as? [[String: Any]])
            #expect(series.map { $0["name"] as? String } == ["batch", "prompt", "models"])
            for one in series {
                let points = try #require(one["points"] as? [[String: Any]])
                #expect(points.count >= 2, "\(one)")
                #expect(points.allSatisfy { ($0["seconds"] as? Double ?? 0) > 0 })
                #expect(one["exponent"] as? Double != nil)
            }
            #expect(series[1]["verdict"] as? String == "not_judged")
            #expect(
                (series[2]["points"] as? [[String: Any]])?.allSatisfy {
                    ($0["resident_bytes"] as? Int ?? 0) > 1_000_000
                } == true)
            let svg = try #require(BenchFixture.elements(ofXML: try String(contentsOfFile: chart, encoding: .utf8)))
            #expect(svg.names["polyline"] == 3)
            #expect(try String(contentsOfFile: page, encoding: .utf8).contains("## Models loaded at once"))
        }
    }

    @Test func whatIsNotThereIsSaid() async throws {
        let outcome = try await Programs.run(["bench", "growth", "--series", "prompt", "--model", "nllb"])
        #expect(outcome.code == 0, "\(outcome.error)")
        #expect(outcome.output.contains("not measured: nllb is not on this machine"), "\(outcome.output)")
        let broken = try await Programs.run(
            ["bench", "growth", "--quick", "--series", "batch", "--checkpoint", "/no/such/directory", "--json"])
        #expect(broken.code == 1)
        #expect(try BenchFixture.problems(broken, schema: "bench-growth.json") == [])
        #expect(try CommandTests.envelope(broken).error?.message.contains("/no/such/directory") == true)
    }

    @Test(arguments: [
        (["--series", "heat"], Int32(2), "sentence, batch, prompt, streams, models"),
        (["--threads", "0"], 2, "--threads must be"), (["--model", "no-such-model"], 3, "no-such-model"),
        (["--model", "/no/such/file.gguf"], 3, "--model /no/such/file.gguf"),
        (["--markdown", "/no/such/x.md"], 2, "--markdown"),
    ])
    func wrongFlags(flags: [String], code: Int32, says: String) async throws {
        let outcome = try await Programs.run(["bench", "growth"] + flags)
        #expect(outcome.code == code, "\(outcome.error)")
        #expect(outcome.error.contains(says), "\(outcome.error)")
    }
}
