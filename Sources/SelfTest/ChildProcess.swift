package import SystemPackage
internal import Foundation
internal import Subprocess
internal import Synchronization

/// A program that runs beside this one. It has only the descriptors that it is given: a descriptor that a neighbour
/// inherits by accident would keep a pipe or a port open for as long as the neighbour lives.
package final class ChildProcess: Sendable {
    /// The process id.
    package let pid: Int32
    private let progress: Progress

    /// What is known of the child, shared with the task that waits for it.
    private final class Progress: Sendable {
        private struct State {
            var code: Int32?
            var waiting: [CheckedContinuation<Int32, Never>] = []
        }

        private let state = Mutex(State())

        var code: Int32? { state.withLock { $0.code } }

        func end(_ code: Int32) {
            let waiting = state.withLock { state in
                state.code = code
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume(returning: code) }
        }

        func wait() async -> Int32 {
            await withCheckedContinuation { continuation in
                let code = state.withLock { state in
                    if state.code == nil { state.waiting.append(continuation) }
                    return state.code
                }
                if let code { continuation.resume(returning: code) }
            }
        }
    }

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - executable: its path.
    ///   - environment: all of its environment.
    ///   - input, output, error: its standard descriptors, which stay the caller's; nothing where nil.
    /// - Throws: if it cannot be started.
    package init(
        _ executable: String, _ arguments: [String], environment: [String: String], input: FileDescriptor? = nil,
        output: FileDescriptor? = nil, error: FileDescriptor? = nil
    ) async throws {
        var variables: [Environment.Key: String] = [:]
        for (key, value) in environment { variables[Environment.Key(stringLiteral: key)] = value }
        let configuration = Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments), environment: .custom(variables))
        let nothing = try FileDescriptor.open("/dev/null", .readWrite)
        let progress = Progress()
        let (pids, started) = AsyncThrowingStream<Int32, any Swift.Error>.makeStream()
        Task {
            defer { try? nothing.close() }
            do {
                let result = try await Subprocess.run(
                    configuration,
                    input: .fileDescriptor(input ?? nothing, closeAfterSpawningProcess: false),
                    output: .fileDescriptor(output ?? nothing, closeAfterSpawningProcess: false),
                    error: .fileDescriptor(error ?? nothing, closeAfterSpawningProcess: false)
                ) { execution in
                    started.yield(execution.processIdentifier.value)
                }
                switch result.terminationStatus {
                case .exited(let code): progress.end(Int32(code))
                case .signaled(let signal): progress.end(-Int32(signal))
                }
                started.finish()
            } catch {
                started.finish(throwing: error)
                progress.end(-1)
            }
        }
        var first: Int32?
        for try await pid in pids {
            first = pid
            break
        }
        guard let first else { throw CancellationError() }
        pid = first
        self.progress = progress
    }

    /// Whether it has not ended.
    package var isRunning: Bool { progress.code == nil }

    /// Sends a signal, unless it has ended.
    package func send(_ signal: Int32) { if isRunning { kill(pid, signal) } }

    /// Waits for the end: the exit code, or the number of the signal that ended it, negative.
    package func end() async -> Int32 { await progress.wait() }
}
