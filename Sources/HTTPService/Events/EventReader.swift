internal import ModelHub

/// What one client hears: the events that it asked for, from where it left off, and what it has missed of them.
struct EventReader: Sendable {
    private let subscription: EventBus.Subscription
    private let query: EventQuery
    private let epoch: String
    /// Told before all else.
    private var opening: EventMessage?
    /// The id of the event after which this begins: what a client goes on from that has heard nothing yet.
    let start: String

    /// Listens from now on, whenever the first message is taken.
    init(_ bus: EventBus, _ query: EventQuery) {
        (self.query, epoch) = (query, bus.epoch)
        let number: Int
        switch query.after {
        case nil: number = bus.lastNumber
        case let position? where position.epoch == bus.epoch: number = min(position.number, bus.lastNumber)
        default:
            // All that this process still knows is news to a client of the one before.
            number = 0
            opening = .restarted(epoch: bus.epoch)
        }
        start = "\(epoch)-\(number)"
        subscription = bus.subscribe(after: number)
    }

    /// The next message; nil when there will be none, or the task is cancelled. For one task.
    mutating func next() async -> EventMessage? {
        if let opening {
            self.opening = nil
            return opening
        }
        while let item = await subscription.next() {
            switch item {
            case .missed(let count): return .missed(count)
            case .event(let event) where query.includes(event): return EventMessage(event, epoch: epoch)
            case .event: continue
            }
        }
        return nil
    }
}
