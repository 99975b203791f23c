import Foundation
@testable import SelfTest
import Testing

/// What was recorded, and what is made of it.
@Suite struct PerformanceBaselineTests {
    private let machine = MachineType(processor: "Test | CPU", cores: 2, memoryGB: 16, instructionSet: "avx2")

    private func baseline(_ figures: [Figure], tolerance: Double = 0.25) -> PerformanceBaseline {
        var baseline = PerformanceBaseline()
        baseline.record(
            MeasuredFigures(figures: figures, referenceMs: 10, freeShare: 0.9), model: "m", case: "translate.latency",
            machine: machine, version: "1", at: "2026-11-21T12:00:00Z")
        baseline.machines[0].tolerance = tolerance
        return baseline
    }

    private func verdict(
        _ recorded: Figure, _ found: Double, referenceMs: Double = 10, freeShare: Double = 0.9
    ) -> FigureJudge.Finding {
        var figure = recorded
        figure.value = found
        let judge = FigureJudge(baseline([recorded]).machine(machine), model: "m", case: "translate.latency")
        return judge.findings(MeasuredFigures(figures: [figure], referenceMs: referenceMs, freeShare: freeShare))[0]
    }

    @Test(arguments: [
        // Recorded, found, the reference loop's time where 10 was recorded.
        (Figure("p50", 10, .milliseconds, better: .less), 12.4, 10.0, FigureJudge.Finding.Verdict.within),
        (Figure("p50", 10, .milliseconds, better: .less), 12.6, 10, .regression),
        (Figure("p50", 10, .milliseconds, better: .less), 7.9, 10, .improvement),
        // A machine that is busy makes everything slower; one that is faster is no reason to fail.
        (Figure("p50", 10, .milliseconds, better: .less), 18.7, 15, .within),
        (Figure("p50", 10, .milliseconds, better: .less), 18.8, 15, .regression),
        (Figure("p50", 10, .milliseconds, better: .less), 12.4, 2, .within),
        (Figure("p50", 10, .milliseconds, better: .less), 51, 1000, .regression),
        (Figure("p95", 10, .milliseconds, better: .less, tolerance: 0.5), 14.9, 10, .within),
        (Figure("p95", 10, .milliseconds, better: .less, tolerance: 0.5), 15.1, 10, .regression),
        (Figure("p50", 0.1, .milliseconds, better: .less, slack: 0.2), 0.32, 10, .within),
        (Figure("p50", 0.1, .milliseconds, better: .less, slack: 0.2), 0.33, 10, .regression),
        (Figure("rate", 100, .perSecond, better: .more), 80.1, 10, .within),
        (Figure("rate", 100, .perSecond, better: .more), 79.9, 10, .regression),
        (Figure("rate", 100, .perSecond, better: .more), 40.1, 20, .within),
        (Figure("rate", 100, .perSecond, better: .more), 126, 10, .improvement),
        // Memory and processor time do not depend on who else is there.
        (Figure("memory", 100, .megabytes, better: .less), 126, 40, .regression),
        (Figure("cpu", 100, .milliseconds, better: .less, isProcessorTime: true), 126, 40, .regression),
    ]) func whatIsARegression(
        recorded: Figure, found: Double, referenceMs: Double, verdict: FigureJudge.Finding.Verdict
    ) {
        #expect(self.verdict(recorded, found, referenceMs: referenceMs).verdict == verdict)
    }

    @Test func aFailureHasBothNumbers() {
        let finding = verdict(Figure("request_p50", 2, .milliseconds, better: .less), 3)
        #expect(
            finding.complaint
                == "request_p50: expected at most 2.50 ms (baseline 2.00 ms, tolerance 25 %), found 3.00 ms, +50 %")
        let rate = verdict(Figure("clients_5", 200, .perSecond, better: .more), 100)
        #expect(
            rate.complaint
                == "clients_5: expected at least 160 /s (baseline 200 /s, tolerance 25 %), found 100 /s, -50 %")
    }

    @Test func processorsThatOthersTakeAreAllowedFor() {
        let figure = Figure("p50", 10, .milliseconds, better: .less)
        #expect(verdict(figure, 24.9, freeShare: 0.45).verdict == .within)
        #expect(verdict(figure, 25.1, freeShare: 0.45).verdict == .regression)
        #expect(verdict(figure, 12.6, freeShare: 1).verdict == .regression)
        #expect(verdict(figure, 51, freeShare: 0.05).verdict == .regression)
        // Five times as long is no neighbour's doing, and memory never is.
        #expect(
            !verdict(figure, 49, freeShare: 0.9).isBeyondDoubt && verdict(figure, 51, freeShare: 0.05).isBeyondDoubt)
        let rate = Figure("rate", 100, .perSecond, better: .more)
        #expect(!verdict(rate, 21).isBeyondDoubt && verdict(rate, 19).isBeyondDoubt)
        let memory = Figure("memory", 100, .megabytes, better: .less)
        #expect(!verdict(memory, 124).isBeyondDoubt && verdict(memory, 126).isBeyondDoubt)
        let stat = "cpu  100 10 50 1000 40 5 5 30 7 3\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
        #expect(ProcessorUse.busySeconds(stat) == 200 / Double(sysconf(Int32(_SC_CLK_TCK))))
        #expect(ProcessorUse.busySeconds("") == nil && ProcessorUse.busySeconds("cpu 1 2 3\n") == nil)
    }

    @Test func nothingRecordedIsNoFailure() {
        let figures = MeasuredFigures(figures: [Figure("p50", 5, .milliseconds, better: .less)], referenceMs: 1)
        #expect(FigureJudge(nil, model: "m", case: "c").findings(figures)[0].verdict == .unknown)
        let known = baseline([Figure("p50", 1, .milliseconds, better: .less)])
        for (model, name) in [("other", "translate.latency"), ("m", "other")] {
            let judge = FigureJudge(known.machine(machine), model: model, case: name)
            #expect(judge.findings(figures)[0].verdict == .unknown)
        }
        // Another unit is another figure.
        let judge = FigureJudge(known.machine(machine), model: "m", case: "translate.latency")
        let cores = MeasuredFigures(figures: [Figure("p50", 5, .cores, better: .less)], referenceMs: 1)
        #expect(judge.findings(cores)[0].verdict == .unknown)
        var elsewhere = machine
        elsewhere.cores = 4
        #expect(known.machine(elsewhere) == nil)
    }

    @Test func theFile() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("below/baseline.json").path
        #expect(try PerformanceBaseline(path: path) == nil)
        var written = baseline([
            Figure("p50", 1.23456789, .milliseconds, better: .less),
            Figure("p95", 2, .milliseconds, better: .less, tolerance: 0.5),
        ])
        try written.write(to: path)
        let read = try #require(try PerformanceBaseline(path: path))
        #expect(read == written)
        let entries = try #require(read.machine(machine)?.models["m"]?["translate.latency"]?.figures)
        #expect(entries["p50"]?.value == 1.2346 && entries["p95"]?.tolerance == 0.5)
        // What people have changed stays where it is recorded anew, and so does everything else.
        written.machines[0].models["m"]?["translate.latency"]?.figures["p50"]?.tolerance = 0.9
        written.machines[0].tolerance = 0.4
        for (name, value) in [("other", 9.0), ("translate.latency", 7.0)] {
            written.record(
                MeasuredFigures(figures: [Figure("p50", value, .milliseconds, better: .less)], referenceMs: 11),
                model: "m", case: name, machine: machine, version: "2", at: "2026-11-22T12:00:00Z")
        }
        let again = try #require(written.machine(machine))
        #expect(again.tolerance == 0.4 && again.version == "2" && written.machines.count == 1)
        let record = try #require(again.models["m"]?["translate.latency"])
        #expect(record.figures["p50"]?.value == 7 && record.figures["p50"]?.tolerance == 0.9)
        #expect(record.referenceMs == 11 && record.figures["p95"] == nil)
        #expect(again.models["m"]?["other"]?.figures["p50"]?.value == 9)
    }

    @Test(arguments: [
        "", "[]", "{}", "nonsense", #"{"format":2,"machines":[]}"#, #"{"format":1,"machines":[{}]}"#,
        #"{"format":1,"machines":[{"machine":{"processor":"x","cores":"two"}}]}"#,
    ]) func filesThatAreNone(text: String) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: PerformanceBaseline.Failure.self) { _ = try PerformanceBaseline(path: path) }
        #expect(error?.description.hasPrefix("\(path) is no performance baseline: ") == true)
    }

    @Test func thePage() {
        let baseline = baseline([
            Figure("clients_20", 20, .perSecond, better: .more), Figure("clients_5", 5, .perSecond, better: .more),
            Figure("p95", 2, .milliseconds, better: .less, tolerance: 0.5),
        ])
        let lines = baseline.markdown.split(separator: "\n").map(String.init)
        #expect(lines.contains(#"## Test \| CPU, 2 cores, 16 GB, avx2"#) && lines.contains("### m"))
        #expect(
            lines.suffix(3) == [
                "| `translate.latency` | `clients_5` | 5.00 /s | more |  | 90 % |",
                "| `translate.latency` | `clients_20` | 20.0 /s | more |  | 90 % |",
                "| `translate.latency` | `p95` | 2.00 ms | less | 50 % | 90 % |",
            ])
        #expect(lines.allSatisfy { $0.count <= 120 || $0.hasPrefix("|") })
    }

    @Test func percentilesAreThoseOfTheNearestRank() {
        let samples = SampleSet((1...100).map(Double.init).shuffled())
        #expect([0.5, 0.95, 0.99, 1].map(samples.percentile) == [50, 95, 99, 100] && samples.median == 50.5)
        #expect(SampleSet([3]).percentile(0.01) == 3 && SampleSet([]).percentile(0.5) == 0)
        // One round that was disturbed changes nothing.
        let figures = SampleSet.percentiles("x", seconds: [[0.001], [0.002], [9]])
        #expect(figures.map(\.name) == ["x_p50", "x_p95", "x_p99"] && figures.allSatisfy { $0.value == 2 })
    }

    @Test func theMiddleAndTheBestOfSeveralMeasurements() {
        func measurement(_ time: Double, _ rate: Double) -> MeasuredFigures {
            MeasuredFigures(
                figures: [
                    Figure("time", time, .milliseconds, better: .less), Figure("rate", rate, .perSecond, better: .more),
                ], referenceMs: time)
        }
        let all = [measurement(1, 10), measurement(5, 50), measurement(3, 20)]
        #expect(MeasuredFigures.median(all).figures.map(\.value) == [3, 20])
        #expect(MeasuredFigures.best(all).figures.map(\.value) == [1, 50])
    }

    @Test func theNamesOfProcessors() {
        #expect(
            MachineType.processorName("processor\t: 0\nmodel name\t: AMD   EPYC\n\nmodel name\t: x\n") == "AMD EPYC")
        #expect(
            MachineType.processorName("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n") == "CPU 0x41 part 0xd0c")
        #expect(MachineType.processorName("") == "unknown processor")
    }
}
