internal import Synchronization

/// Hands values from several writers to one reader, without keeping more than one of each writer: a reader that is slow
/// holds the writers back.
final class Rendezvous<Value: Sendable>: Sendable {
    /// What the reader gets.
    enum Signal: Sendable {
        case value(Value)
        /// Nothing has come for a while.
        case silence
        /// Nothing more will come.
        case failure(any Error)
    }

    private struct Writer {
        var id: Int
        var value: Value
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var reader: CheckedContinuation<Signal, Never>?
        var writers: [Writer] = []
        var failure: (any Error)?
        var isClosed = false
        var nextWriter = 0
        var deliveredAt = ContinuousClock.now
    }

    private let state = Mutex(State())

    /// The next value, or what has happened instead. One reader at a time.
    func next() async -> Signal {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> (Signal, Writer?)? in
                if !state.writers.isEmpty {
                    let writer = state.writers.removeFirst()
                    state.deliveredAt = .now
                    return (.value(writer.value), writer)
                }
                if let failure = state.failure { return (.failure(failure), nil) }
                state.reader = continuation
                return nil
            }
            guard let (signal, writer) = ready else { return }
            writer?.continuation.resume(returning: true)
            continuation.resume(returning: signal)
        }
    }

    /// Hands over a value; returns when the reader has it. False if there is no reader any more, or the task has been
    /// cancelled.
    func send(_ value: Value) async -> Bool {
        let id = state.withLock { state in
            state.nextWriter += 1
            return state.nextWriter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (reader, isRefused) = state.withLock { state -> (CheckedContinuation<Signal, Never>?, Bool) in
                    guard !state.isClosed, state.failure == nil, !Task.isCancelled else { return (nil, true) }
                    if let reader = state.reader {
                        state.reader = nil
                        state.deliveredAt = .now
                        return (reader, false)
                    }
                    state.writers.append(Writer(id: id, value: value, continuation: continuation))
                    return (nil, false)
                }
                if isRefused { continuation.resume(returning: false) }
                guard let reader else { return }
                continuation.resume(returning: true)
                reader.resume(returning: .value(value))
            }
        } onCancel: {
            let writer = state.withLock { state -> Writer? in
                guard let index = state.writers.firstIndex(where: { $0.id == id }) else { return nil }
                return state.writers.remove(at: index)
            }
            writer?.continuation.resume(returning: false)
        }
    }

    /// Ends it: the reader gets the error once it has what is on its way. The first error counts.
    func fail(_ error: any Error) {
        let reader = state.withLock { state -> CheckedContinuation<Signal, Never>? in
            guard state.failure == nil else { return nil }
            state.failure = error
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: .failure(error))
    }

    /// Says so to a reader that has been waiting for so long.
    func poke(after silence: Duration) {
        let reader = state.withLock { state -> CheckedContinuation<Signal, Never>? in
            guard state.reader != nil, ContinuousClock.now - state.deliveredAt >= silence else { return nil }
            state.deliveredAt = .now
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: .silence)
    }

    /// The reader is gone; writers are told.
    func close() {
        let writers = state.withLock { state in
            state.isClosed = true
            defer { state.writers = [] }
            return state.writers
        }
        for writer in writers { writer.continuation.resume(returning: false) }
    }
}
