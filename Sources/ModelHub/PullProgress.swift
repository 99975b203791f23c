import Foundation
import Synchronization

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

    /// Creates a report.
    package init(phase: Phase, completedBytes: Int, totalBytes: Int? = nil, file: String? = nil) {
        self.phase = phase
        self.completedBytes = completedBytes
        self.totalBytes = totalBytes
        self.file = file
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
