internal import Foundation

/// A case that measures: it takes figures, and holds them against what was recorded on such a machine. What is worse
/// is measured again before it is called a regression: on a machine that others use too, one slow moment is none.
struct PerformanceCase: Sendable {
    /// How often something that is worse is measured in all.
    static let attempts = 3
    /// How often a figure that is recorded is measured; the middle one counts.
    static let recordedMeasurements = 3
    /// The share of the processors below which a machine is too busy to say that something became slower.
    static let judgedShare = 0.5
    /// The share below which a recording is advised against.
    private static let quietShare = 0.9

    let context: CaseContext
    let name: String
    let model: PortfolioModel

    /// A case of the suite, from what measures.
    static func testCase(
        _ name: String, _ purpose: String, on tasks: Set<ModelTask>, isDestructive: Bool = false,
        _ measure: @escaping @Sendable (CaseContext) async throws -> [Figure]
    ) -> TestCase {
        TestCase(.performance, name, purpose, on: .model(tasks), isDestructive: isDestructive) { context in
            let performance = PerformanceCase(context: context, name: name, model: try context.theModel())
            try await performance.run { try await measure(context) }
        }
    }

    private func run(_ measure: @escaping @Sendable () async throws -> [Figure]) async throws {
        let type = try await MachineType.current(try context.client())
        let choice = context.baseline
        if choice.isRecorded {
            var all: [MeasuredFigures] = []
            for _ in 0..<Self.recordedMeasurements { all.append(try await measured(type, measure)) }
            return try await record(.median(all), type)
        }
        let baseline = choice.path.isEmpty ? nil : try PerformanceBaseline(path: choice.path)
        noteOtherInstructionSets(baseline, type)
        let judge = FigureJudge(baseline?.machine(type), model: model.name, case: name)
        var all = [try await measured(type, measure)]
        while choice.isCompared, all.count < Self.attempts, judge.findings(.best(all)).contains(where: \.isRegression) {
            all.append(try await measured(type, measure))
        }
        let result = MeasuredFigures.best(all)
        let findings = judge.findings(result)
        for finding in findings { context.note(finding.text) }
        note(judge, type, result, findings, attempts: all.count)
        let regressions = findings.filter(\.isRegression)
        guard choice.isCompared, !regressions.isEmpty else { return }
        let complaints = regressions.map(\.complaint).joined(separator: "; ")
        if result.freeShare < Self.judgedShare, !regressions.contains(where: \.isBeyondDoubt) {
            throw CaseGated(
                "other programs left only \(Self.percent(result.freeShare)) of the processors free, which is too little "
                    + "to judge by (\(complaints))")
        }
        throw CaseFailure(
            "\(complaints), at best of \(all.count) measurements",
            evidence: findings.map(\.text) + ["machine: \(type.text)", "baseline: \(choice.path)"])
    }

    /// Measures once, with an eye on the machine.
    private func measured(
        _ type: MachineType, _ measure: @Sendable () async throws -> [Figure]
    ) async throws -> MeasuredFigures {
        let before = try await ReferenceLoop.measure(threads: type.cores)
        let earlier = context.service?.process.map(ProcessorUse.init)
        let figures = try await measure()
        let later = context.service?.process.map(ProcessorUse.init)
        let after = try await ReferenceLoop.measure(threads: type.cores)
        var share = 1.0
        if let earlier, let later { share = later.freeShare(since: earlier) }
        return MeasuredFigures(figures: figures, referenceMs: (before + after) / 2, freeShare: share)
    }

    // MARK: What the report says besides

    /// A processor that the program uses otherwise than before is not another machine to those who wait for it.
    private func noteOtherInstructionSets(_ baseline: PerformanceBaseline?, _ type: MachineType) {
        let others = (baseline?.machines ?? []).map(\.machine).filter { other in
            var same = other
            same.instructionSet = type.instructionSet
            return other != type && same == type
        }
        guard !others.isEmpty else { return }
        context.note(
            "the service computes with \(type.instructionSet) here; there are also figures of this machine with "
                + others.map(\.instructionSet).sorted().joined(separator: ", "))
    }

    private func note(
        _ judge: FigureJudge, _ type: MachineType, _ result: MeasuredFigures, _ findings: [FigureJudge.Finding],
        attempts: Int
    ) {
        if judge.record == nil {
            context.note(
                "nothing is recorded for this model on this kind of machine (\(type.text)): figures are only reported")
            return
        }
        let unknown = findings.filter { $0.verdict == .unknown }.map(\.figure.name)
        if !unknown.isEmpty { context.note("nothing is recorded for \(unknown.joined(separator: ", "))") }
        let slowness = judge.slowness(result)
        if slowness > 1.1 {
            context.note(
                String(format: "the machine is %.1f times slower than at the recording", slowness)
                    + " (\(Self.percent(result.freeShare)) of the processors free); this is allowed for")
        }
        if attempts > 1 { context.note("measured \(attempts) times; the best counts") }
        let better = findings.filter { $0.verdict == .improvement }.map(\.figure.name)
        if !better.isEmpty {
            context.note("better than recorded by more than the tolerance: \(better.joined(separator: ", "))")
        }
        let worse = findings.filter(\.isRegression).map(\.figure.name)
        if !context.baseline.isCompared, !worse.isEmpty {
            context.note("worse than recorded, which this run does not judge: \(worse.joined(separator: ", "))")
        }
    }

    /// Cases that measure run one at a time, so nobody else writes the file meanwhile.
    private func record(_ result: MeasuredFigures, _ type: MachineType) async throws {
        let path = context.baseline.path
        guard !path.isEmpty else { throw CaseFailure("there is no file to record the figures in") }
        let answer = try await context.client().request("GET", "/version").expecting(status: 200)
        var baseline = try PerformanceBaseline(path: path) ?? PerformanceBaseline()
        baseline.record(
            result, model: model.name, case: name, machine: type, version: try answer.json()["version"].string,
            at: Date.now.ISO8601Format())
        try baseline.write(to: path)
        for figure in result.figures { context.note("\(figure.name) \(figure.text)") }
        context.note("recorded for \(type.text)")
        if result.freeShare < Self.quietShare {
            context.note(
                "other programs left only \(Self.percent(result.freeShare)) of the processors free: "
                    + "record again when the machine is quiet")
        }
    }

    private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
}
