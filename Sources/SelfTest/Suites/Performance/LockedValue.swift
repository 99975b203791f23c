internal import Synchronization

/// A value that several tasks set and read.
final class LockedValue<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    /// Changes the value.
    func update(_ change: (inout Value) -> Void) { state.withLock { change(&$0) } }
}
