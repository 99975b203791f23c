internal import Foundation
internal import Synchronization
internal import SystemPackage

/// Every process that a self-test has started and that has not been seen to end: what an interruption has to stop.
/// Nothing else is ever sent a signal.
package final class ChildRegistry: Sendable {
    /// The one of this process.
    package static let shared = ChildRegistry()

    private struct State {
        var children: [Int32: ChildProcess] = [:]
        var starting = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Starts a program and keeps it.
    ///
    /// - Throws: if it cannot be started; `CancellationError` once the registry is closed.
    func start(
        _ executable: String, _ arguments: [String], environment: [String: String], input: FileDescriptor? = nil,
        output: FileDescriptor? = nil, error: FileDescriptor? = nil
    ) async throws -> ChildProcess {
        let isOpen = state.withLock { state in
            if !state.isClosed { state.starting += 1 }
            return !state.isClosed
        }
        guard isOpen else { throw CancellationError() }
        do {
            let child = try await ChildProcess(
                executable, arguments, environment: environment, input: input, output: output, error: error)
            let isStillOpen = state.withLock { state in
                state.starting -= 1
                state.children[child.pid] = child
                return !state.isClosed
            }
            if !isStillOpen { child.send(SIGTERM) }
            return child
        } catch {
            state.withLock { $0.starting -= 1 }
            throw error
        }
    }

    /// Forgets a process that has ended.
    func remove(_ child: ChildProcess) {
        state.withLock { state in
            if state.children[child.pid] === child { state.children[child.pid] = nil }
        }
    }

    /// Starts nothing any more, and ends all that runs: SIGTERM first, SIGKILL after the time of grace. Returns when
    /// none is left.
    package func close(graceSeconds: Double = 30) async {
        let children = state.withLock { state in
            state.isClosed = true
            return Array(state.children.values)
        }
        for child in children { child.send(SIGTERM) }
        let begun = ContinuousClock.now
        while true {
            let (running, starting) = state.withLock { state in
                (state.children.values.filter(\.isRunning), state.starting)
            }
            if running.isEmpty, starting == 0 { return }
            let seconds = begun.secondsUntilNow
            if seconds > graceSeconds { for child in running { child.send(SIGKILL) } }
            if seconds > graceSeconds + 10 { return }
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Ends all that runs at once.
    package func kill() {
        let children = state.withLock { state in
            state.isClosed = true
            return Array(state.children.values)
        }
        for child in children { child.send(SIGKILL) }
    }
}

extension ChildProcess {
    /// Waits for the end for so long: the exit code, or nil if it still runs then.
    func end(withinSeconds limit: Double) async -> Int32? {
        let begun = ContinuousClock.now
        var pause = 2.0
        while isRunning {
            if begun.secondsUntilNow >= limit { return nil }
            // Short commands are timed, so the first looks are close together.
            await Self.pause(milliseconds: pause)
            pause = min(50, pause * 1.5)
        }
        return await end()
    }

    /// Asks it to end, and ends it after the time of grace. Returns whether that was necessary.
    @discardableResult func stop(graceSeconds: Double) async -> Bool {
        send(SIGTERM)
        guard await end(withinSeconds: graceSeconds) == nil else { return false }
        send(SIGKILL)
        _ = await end()
        return true
    }

    /// Waits also in a task that has been cancelled: what was started has to be stopped then too.
    private static func pause(milliseconds: Double) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + milliseconds / 1000) { continuation.resume() }
        }
    }
}
