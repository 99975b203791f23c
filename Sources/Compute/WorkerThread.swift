internal import Foundation

/// Threads for work that computes or blocks, which must stay off the threads that serve requests.
package enum WorkerThread {
    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - niceness: added to the thread's scheduling priority number; a compute thread with a few points more leaves
    ///     the processor to a health answer at once and loses nothing when the machine is otherwise idle.
    package static func start(name: String, niceness: Int32 = 0, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread {
            #if os(Linux)
                if niceness != 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
            #endif
            body()
        }
        thread.name = name
        thread.stackSize = 4 << 20
        thread.start()
    }

    /// Runs blocking `body` on a thread of its own and returns its result.
    package static func run<Value: Sendable>(
        name: String, niceness: Int32 = 0, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            start(name: name, niceness: niceness) { continuation.resume(with: Result { try body() }) }
        }
    }
}
