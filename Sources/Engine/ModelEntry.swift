internal import Foundation
internal import ModelHub

/// How often a model was asked for. Apart from its entry: every request changes it, and nothing that is derived from
/// entries depends on it.
struct RequestTally {
    var requests = 0
    var lastUsed: Date?
}

/// What the engine keeps of one model. Touched by the engine alone.
struct ModelEntry {
    let descriptor: ModelDescriptor
    var state = ModelState.absent
    var since = Date.now
    var progress: ModelProgress?
    var failure: ModelFailure?
    var loaded: ResidentModel?
    /// What it takes.
    var memoryBytes = 0
    /// What is reserved for it while it is loaded, or for its next revision.
    var reservedBytes = 0
    /// Set where a check found it damaged, until it is ready again.
    var setAside: SetAside?
    /// The model that answered last in its place; nil where it answers for itself.
    var standIn: String?
    /// What the last check found.
    var lastCheck: CheckReport?
    /// Whether a check or an update of it is under way: one at a time.
    var isBusy = false
    var loadSeconds: Double?
    var isRequired = false
    /// The load under way. A later load has another number, so that what an abandoned one reports is ignored.
    var loadNumber = 0
    var loadTask: Task<Void, Never>?
    /// When the load under way, or the last one, began.
    var loadBegan = ContinuousClock.now
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]

    init(_ descriptor: ModelDescriptor) { self.descriptor = descriptor }

    /// A model that a check has taken away.
    struct SetAside: Sendable {
        var reason: String
        /// Repairs that were tried and did not help.
        var repairs = 0
        /// Whether nothing more is tried until a person has done something.
        var needsPerson = false
    }

    /// Why requests had better ask somebody else; nil where it answers, or is expected to soon.
    var unavailability: String? {
        if state == .ready { return nil }
        if let setAside { return setAside.reason }
        return state == .failed ? failure?.reason : nil
    }

    /// Whether it failed in a way that is a fault of the service: a model that nobody asked for at the start and that is
    /// merely not here, or too large, is none.
    var isFault: Bool {
        guard state == .failed, let failure else { return false }
        return isRequired || ![.notInstalled, .overBudget].contains(failure.kind)
    }

    /// Whether a request may start another attempt: what failed a moment ago would fail again, and what is repaired is
    /// tried by the repair.
    func mayRetry(at now: Date) -> Bool {
        state == .failed && setAside == nil && now.timeIntervalSince(since) >= ModelEntry.retryAfterSeconds
    }

    /// How long a failure stands before a request tries again.
    static let retryAfterSeconds = 30.0

    func status(isInstalled: Bool, _ tally: RequestTally) -> ModelStatus {
        ModelStatus(
            descriptor: descriptor, state: state, isInstalled: isInstalled, since: since, progress: progress,
            failure: failure, memoryBytes: loaded == nil ? 0 : memoryBytes, loadSeconds: loadSeconds,
            requests: tally.requests,
            lastUsed: tally.lastUsed, isRequired: isRequired, revision: loaded?.revision, standIn: standIn,
            lastCheck: lastCheck)
    }
}
