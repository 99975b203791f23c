import Foundation
import Synchronization

/// How far one file of a pull is.
package struct FileProgress: Equatable, Sendable {
    /// What is done with it.
    package enum State: String, Sendable, Hashable {
        /// Its turn has not come.
        case waiting
        /// Its bytes come.
        case downloading
        /// Something went wrong, and it is tried again in a moment.
        case retrying
        /// Its bytes are here and are hashed.
        case verifying
        /// It is whole.
        case done
    }

    /// Its path in the model.
    package var path: String
    /// How many of its bytes are here, those of earlier attempts included.
    package var completedBytes: Int
    /// How many it has, where that is known.
    package var totalBytes: Int?
    /// What is done with it.
    package var state: State
    /// Why it is tried again, in words; nil in other states.
    package var reason: String?

    /// Creates a report.
    package init(
        path: String, completedBytes: Int = 0, totalBytes: Int? = nil, state: State = .waiting, reason: String? = nil
    ) {
        self.path = path
        self.completedBytes = completedBytes
        self.totalBytes = totalBytes
        self.state = state
        self.reason = reason
    }
}

/// How far a pull is.
package struct PullProgress: Equatable, Sendable {
    /// What a pull does, in the order it does it; a pull that finds work done skips to `done`.
    package enum Phase: String, Sendable, Hashable {
        /// Another process pulls the same model. `completedBytes` is how far that one is.
        case waiting
        /// Bytes come from the source.
        case downloading
        /// Files already in the store are hashed.
        case verifying
        /// Files are taken out of what was downloaded, hashed, and put into the store.
        case extracting
        /// The model is whole.
        case done
    }

    /// What is being done.
    package var phase: Phase
    /// How many bytes of this phase are done.
    package var completedBytes: Int
    /// How many bytes this phase has, where that is known.
    package var totalBytes: Int?
    /// The file being worked on, by its path in the model; nil where it is all of them.
    package var file: String?
    /// How far each file is, in the order of their paths; empty where they are not fetched one by one.
    package var files: [FileProgress]
    /// How fast bytes come, over the last seconds; nil where that is not known.
    package var bytesPerSecond: Double?

    /// Creates a report.
    package init(
        phase: Phase, completedBytes: Int, totalBytes: Int? = nil, file: String? = nil, files: [FileProgress] = [],
        bytesPerSecond: Double? = nil
    ) {
        self.phase = phase
        self.completedBytes = completedBytes
        self.totalBytes = totalBytes
        self.file = file
        self.files = files
        self.bytesPerSecond = bytesPerSecond
    }
}

/// Passes reports on at most ten times a second, and always where the phase or the file changes, so that whoever
/// listens may draw or log each one.
final class ProgressReporter: Sendable {
    private static let interval: Duration = .milliseconds(100)
    private let receiver: @Sendable (PullProgress) -> Void
    private let last = Mutex<(progress: PullProgress, time: ContinuousClock.Instant)?>(nil)

    init(_ receiver: @escaping @Sendable (PullProgress) -> Void) { self.receiver = receiver }

    func report(_ progress: PullProgress) {
        let passes = last.withLock { last in
            let now = ContinuousClock.now
            if let last, last.progress.phase == progress.phase, last.progress.file == progress.file,
                now - last.time < Self.interval, progress.completedBytes != progress.totalBytes
            {
                return false
            }
            if last?.progress == progress { return false }
            last = (progress, now)
            return true
        }
        if passes { receiver(progress) }
    }
}
