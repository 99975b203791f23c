package import Foundation

/// What is known of a job of the download queue.
package struct DownloadStatus: Sendable, Equatable, Identifiable {
    /// Why a model is downloaded.
    package enum Purpose: String, Sendable, Hashable, CaseIterable {
        /// Somebody wants it.
        case pull
        /// Files of it are damaged.
        case repair
        /// There is a newer revision of it.
        case update
    }

    /// Which job comes first; among equals it is the one that was queued first.
    package enum Priority: String, Sendable, Hashable, CaseIterable, Comparable {
        case low
        case normal
        case high

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

        package static func < (left: Priority, right: Priority) -> Bool { left.rank < right.rank }
    }

    /// What a job does.
    package enum State: String, Sendable, Hashable, CaseIterable {
        /// It waits for its turn.
        case queued
        /// Bytes come, or another process fetches them.
        case downloading
        /// It waits for somebody to resume it. What was downloaded is kept.
        case paused
        /// What is here is hashed and put in its place.
        case verifying
        /// The model is here, whole and right.
        case completed
        /// It ended with `failure`.
        case failed
        /// Somebody ended it. What was downloaded is kept for a while.
        case cancelled

        /// Whether nothing follows.
        package var hasEnded: Bool { [.completed, .failed, .cancelled].contains(self) }
    }

    /// Why a job failed.
    package struct Failure: Sendable, Equatable {
        /// The kind.
        package let category: ModelHubError.Category
        /// What was tried, on what, and what to do next.
        package let message: String

        init(_ error: any Error) {
            category = (error as? ModelHubError)?.category ?? .other
            message = "\(error)"
        }
    }

    /// Its name: letters, digits and `-`, and no other job's.
    package let id: String
    /// The model's name.
    package let model: String
    /// The revision that was asked for, nil for what the source calls its newest; of a completed job the one that came.
    package var revision: String?
    /// Why.
    package var purpose: Purpose
    /// When its turn is.
    package var priority: Priority
    /// What it does.
    package var state: State = .queued
    /// What the pull does; nil before it began.
    package var phase: PullProgress.Phase?
    /// How many bytes of this phase are done, those from before a pause included.
    package var completedBytes = 0
    /// How many bytes this phase has, where that is known.
    package var totalBytes: Int?
    /// How fast bytes come, over the last ten seconds; 0 unless it is downloading.
    package var bytesPerSecond = 0.0
    /// How long the rest takes at this rate; nil where nobody knows.
    package var secondsLeft: Double?
    /// The file being worked on, by its path in the model; nil where it is all of them.
    package var file: String?
    /// How far each file is, in the order of their paths; empty where they are not fetched one by one.
    package var files: [FileProgress] = []
    /// When it was queued.
    package let queuedAt: Date
    /// When it began; nil before.
    package var startedAt: Date?
    /// When it ended; nil before.
    package var endedAt: Date?
    /// Why it failed; nil unless it did.
    package var failure: Failure?
}
