import Foundation
import ModelHub

/// The events of a bus, in order.
final class EventLog: Sendable {
    private let storage = Storage()

    private final class Storage: Sendable {
        private let lock = NSLock()
        private nonisolated(unsafe) var stored: [ServiceEvent] = []
        var events: [ServiceEvent] { lock.withLock { stored } }
        func append(_ event: ServiceEvent) { lock.withLock { stored.append(event) } }
    }

    init(_ bus: EventBus) {
        let subscription = bus.subscribe()
        Task { [storage] in for await case .event(let event) in subscription { storage.append(event) } }
    }

    var events: [ServiceEvent] { storage.events }
    var kinds: [ServiceEvent.Kind] { events.map(\.kind).filter { $0 != .downloadProgress } }
}
