import Foundation
import SelfTest
import Synchronization

/// What people see of a self-test: each case on standard output as it ends, what takes its time on standard error. A
/// reader that goes away does not end the run: services are running, and the verdict is still wanted.
final class SelftestDisplay: Sendable {
    private let json: Bool
    private let report = Mutex<TextReport?>(nil)
    private let isRead = Mutex(true)

    init(json: Bool) { self.json = json }

    func begin(_ plan: Plan, _ options: RunOptions, url: String?) {
        guard !json else { return }
        let text = TextReport(plan, hasColour: Self.hasColour)
        report.withLock { $0 = text }
        write(text.header(budget: options.budget, url: url, version: options.version))
    }

    func show(_ event: RunEvent) {
        switch event {
        case .ended(let result): if let report = report.withLock({ $0 }) { write(report.text(result)) }
        case .progress(let line): Output.note(line)
        }
    }

    func end(_ result: RunReport) {
        if let report = report.withLock({ $0 }) { write(report.footer(result)) }
    }

    private static var hasColour: Bool {
        let environment = ProcessInfo.processInfo.environment
        return isatty(STDOUT_FILENO) == 1 && environment["TERM"] != "dumb" && environment["NO_COLOR"] ?? "" == ""
    }

    private func write(_ text: String) {
        isRead.withLock { isRead in if isRead { isRead = Output.writeIfRead(text) } }
    }
}

/// Ctrl-C, and what else ends a run from outside: what was started is stopped first. A second time, it is killed.
final class SelftestInterruption: Sendable {
    private let runner: Runner
    private let json: Bool
    private let hasCome = Mutex(false)
    private nonisolated(unsafe) static var sources: [any DispatchSourceSignal] = []

    init(_ runner: Runner, json: Bool) {
        (self.runner, self.json) = (runner, json)
        Interruption.handle { self.interrupt(CommandFailure.Code.interrupted.rawValue) }
        // A job that is cancelled gets SIGTERM, one whose terminal is closed SIGHUP.
        for number in [SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { self.interrupt(128 + number) }
            source.resume()
            Self.sources.append(source)
        }
    }

    /// What `body` gives. After an interruption nothing goes on: the process is about to end.
    func unlessInterrupted<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        while hasCome.withLock({ $0 }) { try? await Task.sleep(for: .seconds(1)) }
        return try result.get()
    }

    private func interrupt(_ code: Int32) {
        let isFirst = hasCome.withLock { hasCome in
            defer { hasCome = true }
            return !hasCome
        }
        guard isFirst else {
            ChildRegistry.shared.kill()
            _exit(code)
        }
        Output.note("svc: interrupted; stopping what was started")
        Task {
            await runner.interrupt()
            guard code == CommandFailure.Code.interrupted.rawValue else { _exit(code) }
            Output.end(
                command: "selftest",
                failure: CommandFailure(.interrupted, type: "interrupted", "interrupted; nothing is left running"),
                json: json)
        }
    }
}
