internal import Synchronization

/// Carries a request's events from the model's thread to whoever reads them. The sender never waits; it looks at
/// `pending` and holds the request's work back while its reader is behind.
final class GenerationChannel: Sendable {
    private struct State {
        var events: [GenerationEvent] = []
        /// Where the next event to read stands in `events`.
        var head = 0
        var reader: CheckedContinuation<GenerationEvent?, any Error>?
        var end: Result<Void, any Error>?
        var isCancelled = false
    }

    private let state = Mutex(State())
    /// Called when the reader leaves, or has caught up.
    private let wake: @Sendable () -> Void

    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// Events that nobody has read yet.
    var pending: Int { state.withLock { $0.events.count - $0.head } }

    /// Whether nobody will read any more.
    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    func send(_ event: GenerationEvent) {
        let reader = state.withLock { state -> CheckedContinuation<GenerationEvent?, any Error>? in
            guard state.end == nil, !state.isCancelled else { return nil }
            if let reader = state.reader {
                state.reader = nil
                return reader
            }
            state.events.append(event)
            return nil
        }
        reader?.resume(returning: event)
    }

    /// The last of it: an error after which nothing comes, or nil.
    func finish(throwing error: (any Error)? = nil) {
        let reader = state.withLock { state in
            if state.end == nil { state.end = error.map { .failure($0) } ?? .success(()) }
            defer { state.reader = nil }
            return state.reader
        }
        if let error { reader?.resume(throwing: error) } else { reader?.resume(returning: nil) }
    }

    /// Nobody will read any more.
    func cancel() {
        let reader = state.withLock { state in
            state.isCancelled = true
            state.events = []
            state.head = 0
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(throwing: CancellationError())
        wake()
    }

    func next() async throws -> GenerationEvent? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (ready, caughtUp) = state.withLock { state -> (Result<GenerationEvent?, any Error>?, Bool) in
                    if state.isCancelled { return (.failure(CancellationError()), false) }
                    if state.head < state.events.count {
                        let event = state.events[state.head]
                        state.head += 1
                        guard state.head == state.events.count else { return (.success(event), false) }
                        state.events.removeAll(keepingCapacity: true)
                        state.head = 0
                        return (.success(event), true)
                    }
                    if let end = state.end { return (end.map { nil }, false) }
                    precondition(state.reader == nil, "one reader at a time")
                    state.reader = continuation
                    return (nil, true)
                }
                if caughtUp { wake() }
                if let ready { continuation.resume(with: ready) }
            }
        } onCancel: {
            cancel()
        }
    }
}

/// The events of one request, for one reader. Letting go of it ends the request at the model's next step.
package final class GenerationEvents: AsyncSequence, Sendable {
    private let channel: GenerationChannel
    /// Who makes the events; there as long as somebody reads them.
    private let source: any AnyObject & Sendable

    init(_ channel: GenerationChannel, from source: any AnyObject & Sendable) {
        self.channel = channel
        self.source = source
    }

    deinit { channel.cancel() }

    /// Reads the events in order.
    package struct Iterator: AsyncIteratorProtocol {
        private let events: GenerationEvents

        fileprivate init(_ events: GenerationEvents) { self.events = events }

        /// The next event; nil after the last.
        ///
        /// - Throws: `CancellationError`, also where the model was unloaded meanwhile.
        package mutating func next() async throws -> GenerationEvent? { try await events.channel.next() }
    }

    package func makeAsyncIterator() -> Iterator { Iterator(self) }
}
