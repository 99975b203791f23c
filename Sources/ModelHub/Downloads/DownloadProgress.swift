import Foundation
import Synchronization

/// How far a running job is. The pull reports from any thread, without waiting for the queue; the queue reads it when
/// somebody asks.
final class DownloadProgress: Sendable {
    private static let eventInterval: Duration = .seconds(1)

    private struct State {
        var report = PullProgress(phase: .waiting, completedBytes: 0)
        var isUnderWay = false
        /// Whether the job was paused or ended: what a pull says while it winds down is no news.
        var isHeld = false
        var rate = ProgressRate()
        var lastEvent: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let publish: @Sendable (DownloadProgress) -> Void

    /// `publish` is called at most once a second, when something came.
    init(publish: @escaping @Sendable (DownloadProgress) -> Void) { self.publish = publish }

    /// Takes a report.
    func report(_ progress: PullProgress) {
        let isDue = state.withLock { state in
            if state.isHeld { return false }
            let now = ContinuousClock.now
            if state.report.phase != progress.phase || !state.isUnderWay { state.rate.reset() }
            if progress.phase == .downloading { state.rate.record(progress.completedBytes, at: now) }
            // A report without the files is about something else that is done meanwhile.
            let files = progress.files.isEmpty ? state.report.files : progress.files
            state.report = progress
            state.report.files = files
            state.isUnderWay = true
            if let last = state.lastEvent, now - last < Self.eventInterval { return false }
            state.lastEvent = now
            return true
        }
        if isDue { publish(self) }
    }

    /// Takes no more reports until `resume`.
    func hold() { state.withLock { $0.isHeld = true } }

    /// Takes reports again, of a pull that begins.
    func resume() { state.withLock { $0.isHeld = false } }

    /// Puts what was reported into `status`, for a job that runs.
    func fill(_ status: inout DownloadStatus) {
        state.withLock { state in
            guard state.isUnderWay else { return }
            let report = state.report
            status.phase = report.phase
            status.state =
                switch report.phase {
                case .waiting, .downloading: .downloading
                case .verifying, .extracting, .done: .verifying
                }
            status.completedBytes = report.completedBytes
            status.totalBytes = report.totalBytes
            status.file = report.file
            status.files = report.files
            status.bytesPerSecond = 0
            status.secondsLeft = nil
            guard report.phase == .downloading else { return }
            let rate = report.bytesPerSecond ?? state.rate.bytesPerSecond(at: .now)
            status.bytesPerSecond = rate
            if rate > 0, let total = report.totalBytes {
                status.secondsLeft = Double(max(0, total - report.completedBytes)) / rate
            }
        }
    }
}
