/// Runs the cases of a group one after the other, on a service that they share.
struct GroupRunner: Sendable {
    let group: PlannedGroup
    let cases: CaseRunner
    let collector: ResultCollector
    let options: RunOptions
    /// The service that was there before, where it is not ours.
    let given: ServiceUnderTest?

    func run() async {
        guard case .started(let models) = group.server, let path = cases.programPath else {
            for planned in group.cases { await run(planned, on: given) }
            return
        }
        let slot = ServiceSlot(
            manager: ServiceManager(program: path, keptLogs: cases.keptLogs), models: models,
            progress: collector.progress)
        var hasStarted = false
        for planned in group.cases {
            guard !collector.isOver else {
                collector.skip()
                continue
            }
            let service: ServiceUnderTest
            do {
                service = try await slot.service()
                if !hasStarted { await reportStart(slot, nil) }
                hasStarted = true
            } catch {
                if !hasStarted { await reportStart(slot, error) }
                hasStarted = true
                collector.add(
                    CaseResult(planned, .failed, message: "not run, because there is no service to run it on: \(error)")
                )
                continue
            }
            let result = await cases.run(planned, on: service)
            collector.add(result)
            await slot.release(isDoubtful: planned.testCase.isDestructive || result.outcome == .failed)
        }
        if hasStarted {
            await slot.stop()
            await reportStop(slot)
        }
    }

    private func run(_ planned: PlannedCase, on service: ServiceUnderTest?) async {
        if collector.isOver {
            collector.skip()
        } else {
            collector.add(await cases.run(planned, on: service))
        }
    }

    private func reportStart(_ slot: ServiceSlot, _ error: (any Error)?) async {
        guard error != nil || options.matchesPattern(BuiltInCases.start) else { return }
        var result = CaseResult(
            BuiltInCases.planned(BuiltInCases.start, group.model, index: 0), error == nil ? .passed : .failed,
            seconds: await slot.startSeconds ?? 0, message: error.map { "\($0)" })
        result.evidence = (error as? any ExplainedFailure)?.evidence ?? []
        result.notes = await slot.startNotes
        collector.add(result)
    }

    private func reportStop(_ slot: ServiceSlot) async {
        let problem = await slot.stopProblem
        guard problem != nil || options.matchesPattern(BuiltInCases.stop) else { return }
        var result = CaseResult(
            BuiltInCases.planned(BuiltInCases.stop, group.model, index: .max - 1), problem == nil ? .passed : .failed,
            message: problem?.message)
        result.log = problem?.log ?? []
        collector.add(result)
    }
}
