internal import Synchronization

/// Gathers the results of groups that may run side by side.
final class ResultCollector: Sendable {
    private struct State {
        var results: [CaseResult] = []
        var notRun = 0
        var hasFailed = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let options: RunOptions
    private let observe: @Sendable (RunEvent) -> Void

    init(options: RunOptions, observe: @escaping @Sendable (RunEvent) -> Void) {
        (self.options, self.observe) = (options, observe)
    }

    /// Whether nothing new is to be begun.
    var isOver: Bool { state.withLock { $0.isClosed || ($0.hasFailed && options.failsFast) } }

    var results: [CaseResult] { state.withLock { $0.results } }
    var notRun: Int { state.withLock { $0.notRun } }

    /// Takes a result, judged by what is known of its model.
    func add(_ result: CaseResult) {
        let result = judged(result)
        // Told under the lock, so that what people see has the order of what is kept.
        state.withLock { state in
            guard !state.isClosed else { return }
            state.results.append(result)
            if result.outcome == .failed { state.hasFailed = true }
            observe(.ended(result))
        }
    }

    /// Counts a case that is not begun.
    func skip() { state.withLock { $0.notRun += 1 } }

    func progress(_ line: String) { if !state.withLock({ $0.isClosed }) { observe(.progress(line)) } }

    /// Takes nothing any more: the run has been interrupted.
    func close() { state.withLock { $0.isClosed = true } }

    private func judged(_ result: CaseResult) -> CaseResult {
        var result = result
        if let entry = result.model.flatMap({ options.knownBad.models[$0] }) {
            if result.outcome == .failed {
                let message = result.message ?? ""
                result.message =
                    entry.isExpected
                    ? "expected of this model, which is known to be bad (\(entry.reason)): \(message)"
                    : "\(message) (the model is known to be bad: \(entry.reason))"
                if entry.isExpected { result.outcome = .gated }
            } else if result.outcome == .passed, entry.isExpected {
                result.notes.append("passes although the model is listed as known to be bad: \(entry.reason)")
            }
        }
        if result.outcome == .gated, options.requiresAll {
            result.outcome = .failed
            result.message = "gated, and everything is required: \(result.message ?? "")"
        }
        return result
    }
}
