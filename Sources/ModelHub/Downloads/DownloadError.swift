/// What cannot be done to a job of the download queue.
package enum DownloadError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no job of this name, or it ended too long ago.
    case unknown(id: String)
    /// The job is in a state in which `wanted` (`pause`, `resume`, `cancel`) means nothing.
    case conflict(id: String, state: DownloadStatus.State, wanted: String)
    /// The job that was waited for was cancelled.
    case cancelled(id: String, model: String)

    package var description: String {
        switch self {
        case .unknown(let id):
            "no download has the id \(id); those that ended are forgotten after an hour"
        case .conflict(let id, let state, let wanted):
            "the download \(id) is \(state.rawValue), so there is nothing to \(wanted)"
        case .cancelled(let id, let model):
            "the download \(id) of \(model) was cancelled; the next one goes on from what it has fetched"
        }
    }
}
