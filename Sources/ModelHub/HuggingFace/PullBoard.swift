import Synchronization

/// Where the files of a pull stand, put together to one report.
final class PullBoard: Sendable {
    private static let interval: Duration = .milliseconds(100)
    private let reporter: ProgressReporter
    private let state: Mutex<State>

    private struct State {
        var files: [String: FileProgress]
        var rates: [String: Double] = [:]
        var reported: ContinuousClock.Instant?
    }

    /// - Parameter files: all of the pull, with their sizes, before the first byte.
    init(_ files: [FileProgress], _ reporter: ProgressReporter) {
        self.reporter = reporter
        state = Mutex(State(files: Dictionary(files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })))
        report()
    }

    /// Takes what a transfer says of its file.
    func update(_ path: String, _ progress: FileTransferProgress) {
        let isDue = state.withLock { state -> Bool in
            guard var file = state.files[path] else { return false }
            let before = file.state
            file.completedBytes = min(progress.completedBytes, file.totalBytes ?? .max)
            file.reason = nil
            switch progress.state {
            case .waiting: file.state = .waiting
            case .downloading: file.state = .downloading
            case .retrying(let reason, _): (file.state, file.reason) = (.retrying, reason)
            case .verifying: file.state = .verifying
            }
            state.files[path] = file
            state.rates[path] = progress.bytesPerSecond
            let isDue = before != file.state || state.reported.map { ContinuousClock.now - $0 >= Self.interval } ?? true
            if isDue { state.reported = .now }
            return isDue
        }
        if isDue { report() }
    }

    /// Says where a file stands.
    func set(_ path: String, _ newState: FileProgress.State, completedBytes: Int? = nil) {
        state.withLock { state in
            state.files[path]?.state = newState
            state.files[path]?.reason = nil
            if let completedBytes { state.files[path]?.completedBytes = completedBytes }
            if newState == .done, let total = state.files[path]?.totalBytes {
                state.files[path]?.completedBytes = total
            }
            state.rates[path] = nil
        }
        report()
    }

    private func report() {
        let progress = state.withLock { state in
            let files = state.files.values.sorted { $0.path < $1.path }
            let sizes = files.compactMap(\.totalBytes)
            let active = files.filter { $0.state == .downloading || $0.state == .retrying }
            // Nothing comes any more, and the last bytes are hashed.
            let isHashing = files.allSatisfy { $0.state == .verifying || $0.state == .done }
            return PullProgress(
                phase: isHashing ? .verifying : .downloading,
                completedBytes: files.reduce(0) { $0 + $1.completedBytes },
                totalBytes: sizes.count == files.count ? sizes.reduce(0, +) : nil,
                file: active.count == 1 ? active[0].path : nil, files: files,
                bytesPerSecond: state.rates.values.reduce(0, +))
        }
        reporter.report(progress)
    }
}
