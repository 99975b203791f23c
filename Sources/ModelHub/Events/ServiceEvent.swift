package import Foundation

/// Something that happened in the service and that whoever watches it may want to know. It carries names and numbers, and
/// never texts, keys or addresses of clients.
package struct ServiceEvent: Sendable, Equatable {
    /// What happened. The raw values are the names in `GET /events`.
    package enum Kind: String, Sendable, CaseIterable {
        case downloadQueued = "download.queued"
        case downloadStarted = "download.started"
        case downloadProgress = "download.progress"
        case downloadPaused = "download.paused"
        case downloadResumed = "download.resumed"
        case downloadCompleted = "download.completed"
        case downloadFailed = "download.failed"
        case downloadCancelled = "download.cancelled"
        /// A model went from one state to another.
        case modelState = "model.state"
        /// A check of a model's files and answers began, or ended well.
        case healthChecked = "health.checked"
        /// A check found a model damaged.
        case healthFailed = "health.failed"
        case repairQueued = "repair.queued"
        case repairCompleted = "repair.completed"
        case repairFailed = "repair.failed"
        /// A stand-in answers for a model, from now on.
        case fallbackBegan = "fallback.began"
        /// The model answers for itself again.
        case fallbackEnded = "fallback.ended"
        case updateAvailable = "update.available"
        case updateStarted = "update.started"
        case updateCompleted = "update.completed"
        case updateFailed = "update.failed"
        case updateRolledBack = "update.rolled_back"
    }

    /// A value of an event.
    package enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int)
        case number(Double)
        case boolean(Bool)
    }

    /// Its number in this process, from 1, without gaps.
    package let number: Int
    /// When it happened.
    package let time: Date
    /// What happened.
    package let kind: Kind
    /// The model that it is about.
    package let model: String?
    /// What else there is to say, by names in lower case with underscores.
    package let fields: [String: Value]
}
