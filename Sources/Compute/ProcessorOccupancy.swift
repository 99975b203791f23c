internal import Foundation
internal import Synchronization

/// How many threads compute at the moment, each on a processor of its own as far as there are enough. A computation that
/// could be spread over several threads leaves to the others what they occupy: where two threads take turns on a processor,
/// every fork waits for the one that does not have it.
///
/// `@unchecked Sendable`: the key is only read, and what it stands for belongs to a thread each.
package final class ProcessorOccupancy: @unchecked Sendable {
    private let computing = Atomic<Int>(0)
    /// Not nil in threads that are counted.
    private let isCounted: pthread_key_t

    /// Nobody computes.
    package init() {
        var key = pthread_key_t()
        guard pthread_key_create(&key, nil) == 0 else { fatalError("the system has no key for thread variables left") }
        isCounted = key
    }

    deinit { pthread_key_delete(isCounted) }

    /// Counts the calling thread as long as `body` runs.
    package func hold<Result>(_ body: () throws -> Result) rethrows -> Result {
        guard pthread_getspecific(isCounted) == nil else { return try body() }
        pthread_setspecific(isCounted, Unmanaged.passUnretained(self).toOpaque())
        computing.wrappingAdd(1, ordering: .relaxed)
        defer {
            computing.wrappingSubtract(1, ordering: .relaxed)
            pthread_setspecific(isCounted, nil)
        }
        return try body()
    }

    /// Threads that are counted, but for the calling one.
    package var others: Int {
        computing.load(ordering: .relaxed) - (pthread_getspecific(isCounted) == nil ? 0 : 1)
    }
}
