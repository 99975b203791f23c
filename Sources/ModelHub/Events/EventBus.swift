internal import Foundation
internal import Synchronization

/// The events of the service: everyone publishes here, and everyone who listens hears all of them in one order. The last
/// ones are kept, so that a listener who was away hears what it missed.
///
/// Publishing never waits for a listener: one that is too slow loses its oldest events and is told how many.
package final class EventBus: Sendable {
    /// What a listener gets.
    package enum Item: Sendable, Equatable {
        case event(ServiceEvent)
        /// So many events are lost to this listener: it was too slow, or away for too long.
        case missed(Int)
    }

    /// Names this process: event numbers of another one mean nothing here.
    package let epoch: String
    private let capacity: Int
    private let state: Mutex<State>

    private struct State {
        var last = 0
        var recent: [ServiceEvent] = []
        var listeners: [Int: Listener] = [:]
        var nextListener = 0
        var isClosed = false
    }

    /// The place where a listener's events wait.
    private struct Listener {
        /// The number of the event that it gets next.
        var next: Int
        var waiting: CheckedContinuation<Void, Never>?
    }

    /// A bus that keeps the last `capacity` events.
    package init(capacity: Int = 1024) {
        precondition(capacity > 0, "an event has to live until it is heard")
        self.capacity = capacity
        epoch = String(Int(Date.now.timeIntervalSince1970 * 1000), radix: 36)
        state = Mutex(State())
    }

    /// Tells everyone.
    package func publish(_ kind: ServiceEvent.Kind, model: String? = nil, _ fields: [String: ServiceEvent.Value] = [:])
    {
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard !state.isClosed else { return [] }
            state.last += 1
            state.recent.append(
                ServiceEvent(number: state.last, time: .now, kind: kind, model: model, fields: fields))
            // Twice the capacity and then half at once: an event is moved once, not once for each that follows.
            if state.recent.count >= 2 * capacity { state.recent.removeFirst(state.recent.count - capacity) }
            return Self.takeWaiting(&state)
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Ends every listener's sequence, and takes no more events.
    package func close() {
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.isClosed = true
            return Self.takeWaiting(&state)
        }
        for continuation in waiting { continuation.resume() }
    }

    private static func takeWaiting(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        var waiting: [CheckedContinuation<Void, Never>] = []
        for key in state.listeners.keys {
            if let continuation = state.listeners[key]?.waiting { waiting.append(continuation) }
            state.listeners[key]?.waiting = nil
        }
        return waiting
    }

    /// The number of the last event; 0 before the first.
    package var lastNumber: Int { state.withLock { $0.last } }

    /// How many listen.
    package var listenerCount: Int { state.withLock { $0.listeners.count } }

    /// What happens from now on; or, with the number of the last event that the listener knows, from there on, as far as
    /// it is kept.
    package func subscribe(after number: Int? = nil) -> Subscription {
        let key = state.withLock { state in
            defer { state.nextListener += 1 }
            let next = number.map { max(0, min($0, state.last)) } ?? state.last
            state.listeners[state.nextListener] = Listener(next: next + 1)
            return state.nextListener
        }
        return Subscription(bus: self, key: key)
    }

    /// A listener's events. For one task at a time; letting go of it ends the listening.
    package final class Subscription: Sendable, AsyncSequence, AsyncIteratorProtocol {
        package typealias Element = Item
        private let bus: EventBus
        private let key: Int

        fileprivate init(bus: EventBus, key: Int) { (self.bus, self.key) = (bus, key) }

        deinit { bus.end(key) }

        package func makeAsyncIterator() -> Subscription { self }

        /// The next item; nil when the bus is closed or the task is cancelled.
        package func next() async -> Item? { await bus.next(key) }

        package func next(isolation: isolated (any Actor)?) async -> Item? { await bus.next(key) }
    }

    private func end(_ key: Int) {
        state.withLock { $0.listeners.removeValue(forKey: key) }?.waiting?.resume()
    }

    private enum Step {
        case item(Item)
        case over
        case wait
    }

    private func next(_ key: Int) async -> Item? {
        while !Task.isCancelled {
            switch state.withLock({ Self.step(&$0, key) }) {
            case .item(let item): return item
            case .over: return nil
            case .wait: await wait(key)
            }
        }
        return nil
    }

    private static func step(_ state: inout State, _ key: Int) -> Step {
        guard let listener = state.listeners[key] else { return .over }
        guard let first = state.recent.first, listener.next <= state.last else {
            return state.isClosed ? .over : .wait
        }
        if listener.next < first.number {
            state.listeners[key]?.next = first.number
            return .item(.missed(first.number - listener.next))
        }
        state.listeners[key]?.next = listener.next + 1
        return .item(.event(state.recent[listener.next - first.number]))
    }

    private func wait(_ key: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    guard let listener = state.listeners[key], !state.isClosed, listener.next > state.last,
                        !Task.isCancelled
                    else { return true }
                    state.listeners[key]?.waiting = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            state.withLock { state in
                defer { state.listeners[key]?.waiting = nil }
                return state.listeners[key]?.waiting
            }?.resume()
        }
    }
}
