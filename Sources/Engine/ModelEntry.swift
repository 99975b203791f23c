internal import Foundation
internal import ModelHub

/// What the engine keeps of one model. Touched by the engine alone.
struct ModelEntry {
    let descriptor: ModelDescriptor
    var state = ModelState.absent
    var since = Date.now
    var progress: ModelProgress?
    var failure: ModelFailure?
    var loaded: LoadedModel?
    /// What it takes, or while it is being loaded what is reserved for it.
    var memoryBytes = 0
    var loadSeconds: Double?
    var requests = 0
    var lastUsed: Date?
    var isRequired = false
    /// The load under way. A later load has another number, so that what an abandoned one reports is ignored.
    var loadNumber = 0
    var loadTask: Task<Void, Never>?
    /// When the load under way, or the last one, began.
    var loadBegan = ContinuousClock.now
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]

    init(_ descriptor: ModelDescriptor) { self.descriptor = descriptor }

    /// Whether it failed in a way that is a fault of the service: a model that nobody asked for at the start and that is
    /// merely not here, or too large, is none.
    var isFault: Bool {
        guard state == .failed, let failure else { return false }
        return isRequired || ![.notInstalled, .overBudget].contains(failure.kind)
    }

    /// Whether a request may start another attempt: what failed a moment ago would fail again.
    func mayRetry(at now: Date) -> Bool {
        state == .failed && now.timeIntervalSince(since) >= ModelEntry.retryAfterSeconds
    }

    /// How long a failure stands before a request tries again.
    static let retryAfterSeconds = 30.0

    func status(isInstalled: Bool) -> ModelStatus {
        ModelStatus(
            descriptor: descriptor, state: state, isInstalled: isInstalled, since: since, progress: progress,
            failure: failure, memoryBytes: loaded == nil ? 0 : memoryBytes, loadSeconds: loadSeconds,
            requests: requests,
            lastUsed: lastUsed, isRequired: isRequired)
    }
}
