import Dispatch
import Synchronization

/// Tells work on another thread that nobody waits for it any more.
final class Cancellation: Sendable {
    private let cancelled = Atomic<Bool>(false)

    func cancel() { cancelled.store(true, ordering: .relaxed) }

    /// Throws `CancellationError` once cancelled, here or through the current task.
    func check() throws {
        if cancelled.load(ordering: .relaxed) || Task.isCancelled { throw CancellationError() }
    }
}

/// Runs work that blocks, such as hashing gigabytes, on a thread outside Swift's cooperative pool, whose few
/// threads must stay free for everyone else. Cancelling the task cancels the token that `body` checks.
func blocking<Result: Sendable>(_ body: @escaping @Sendable (Cancellation) throws -> Result) async throws -> Result {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global(qos: .utility).async {
                continuation.resume(with: Swift.Result { try body(cancellation) })
            }
        }
    } onCancel: {
        cancellation.cancel()
    }
}
