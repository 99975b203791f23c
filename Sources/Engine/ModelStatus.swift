package import Foundation

/// Where a model is on its way into memory and out.
package enum ModelState: String, Sendable, CaseIterable {
    /// Not in memory; `ModelStatus.isInstalled` says whether it is on disk.
    case absent
    case downloading
    case paused
    case verifying
    case loading
    /// Loaded, and a real inference has succeeded.
    case ready
    case failed
    case unloading

    /// Whether work towards `ready` is under way.
    package var isUnderWay: Bool { [.downloading, .paused, .verifying, .loading].contains(self) }
}

/// How far a stage is, in bytes.
package struct ModelProgress: Sendable, Equatable {
    /// Bytes done.
    package var completedBytes: Int
    /// Bytes in all, where that is known.
    package var totalBytes: Int?

    /// A share from 0 to 1, where it is known.
    package var fraction: Double? {
        guard let totalBytes, totalBytes > 0 else { return nil }
        return min(1, Double(completedBytes) / Double(totalBytes))
    }
}

/// Why a model cannot be used, and what to do about it.
package struct ModelFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of thing went wrong: for exit codes, statuses and whether trying again may help.
    package enum Kind: String, Sendable {
        /// The files are not on this machine, and the service does not download.
        case notInstalled = "model_not_installed"
        /// The model would not fit into the memory budget.
        case overBudget = "over_memory_budget"
        /// The source could not be reached.
        case network = "model_download_failed"
        /// This user may not read or write what has to be read or written.
        case permission = "model_not_permitted"
        /// Bytes are not what they should be.
        case integrity = "model_damaged"
        /// The files are whole, and the model says what it should not.
        case wrongAnswer = "model_answers_wrongly"
        /// Anything else.
        case other = "model_failed"
    }

    /// What kind of thing went wrong.
    package var kind: Kind
    /// The stage that failed.
    package var stage: ModelState
    /// What went wrong.
    package var reason: String
    /// What a person can do.
    package var action: String

    /// A failure at a stage.
    package init(kind: Kind = .other, stage: ModelState, reason: String, action: String) {
        self.kind = kind
        self.stage = stage
        self.reason = reason
        self.action = action
    }

    package var description: String { "\(stage.rawValue) failed: \(reason). \(action)" }
}

/// Everything there is to say of a model.
package struct ModelStatus: Sendable {
    /// What it is.
    package var descriptor: ModelDescriptor
    /// Where it is.
    package var state: ModelState
    /// Whether all its files are on this machine.
    package var isInstalled: Bool
    /// Since when.
    package var since: Date
    /// How far the stage is, where that can be counted.
    package var progress: ModelProgress?
    /// Why it failed, if it did.
    package var failure: ModelFailure?
    /// Bytes it takes in memory; 0 unless loaded.
    package var memoryBytes: Int
    /// How long its last load took, downloads and verification aside.
    package var loadSeconds: Double?
    /// Texts that it was asked for since the start of the process.
    package var requests: Int
    /// When it was last used.
    package var lastUsed: Date?
    /// Whether it was asked for at the start.
    package var isRequired: Bool
    /// The revision in memory; nil unless loaded, or for a model that is named by its path.
    package var revision: String?
    /// The model that answers in its place; nil where it answers for itself.
    package var standIn: String?
    /// What the last check found; nil if there was none.
    package var lastCheck: CheckReport?
}
