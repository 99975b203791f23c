internal import Foundation
internal import Synchronization

/// Work that blocks, on a thread of its own: the threads of tasks are as few as the cores, and one that waits for a
/// socket is missing to all others.
enum Blocking {
    /// Whether the task that waits for the work was cancelled.
    final class Flag: Sendable {
        private let state = Mutex(false)
        var isSet: Bool { state.withLock { $0 } }
        func set() { state.withLock { $0 = true } }
    }

    /// Runs the work, and waits for its end. The work looks at the flag, and ends soon once it is set.
    static func run<Result: Sendable>(
        _ work: @escaping @Sendable (Flag) throws -> Result
    ) async throws -> Result {
        let flag = Flag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let thread = Thread { continuation.resume(with: Swift.Result { try work(flag) }) }
                thread.stackSize = 512 << 10
                thread.start()
            }
        } onCancel: {
            flag.set()
        }
    }
}
