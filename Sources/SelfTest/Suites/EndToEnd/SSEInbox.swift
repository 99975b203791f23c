internal import Synchronization

/// Events as they come, for whoever looks at them while the stream goes on.
final class SSEInbox: Sendable {
    private let kept = Mutex<[SSEEvent]>([])

    var events: [SSEEvent] { kept.withLock { $0 } }

    func add(_ event: SSEEvent) { kept.withLock { $0.append(event) } }
}
