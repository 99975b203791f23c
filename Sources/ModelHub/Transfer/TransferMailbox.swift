import CCurl
import Foundation
import Synchronization

/// A file to fetch, with its partial open.
struct DownloadOrder: Sendable {
    let file: FileTransfer
    let url: TransferURL
    let opened: PartialFile.Opened
    let progress: @Sendable (FileTransferProgress) -> Void
}

/// What everybody may tell the thread of the transfers, and ask about it. All else belongs to that thread alone.
final class TransferMailbox: Sendable {
    enum Command: Sendable {
        case send(Int, TransferRequest, @Sendable (Result<TransferResponse, any Error>) -> Void)
        case download(Int, DownloadOrder, @Sendable (Result<FileTransferResult, any Error>) -> Void)
        case cancel(Int)
        /// A worker has done what a download gave it.
        case worked(Int, FileDownload.Worked)
        /// The client is gone.
        case stop
    }

    /// A multi handle; `curl_multi_wakeup` is the one function that any thread may call on it.
    struct Multi: @unchecked Sendable {
        // Only woken from other threads, and only under the lock that `detach` takes before the handle is freed.
        let handle: UnsafeMutableRawPointer
    }

    private struct State {
        var commands: [Command] = []
        var multi: Multi?
        var isRunning = false
        var lastIdentifier = 0
        var limit: Int?
        var meter = RateMeter(now: monotonicSeconds())
    }

    private let configuration: TransferConfiguration
    private let state: Mutex<State>

    init(_ configuration: TransferConfiguration) {
        self.configuration = configuration
        state = Mutex(State(limit: configuration.bandwidthLimit))
    }

    /// A number for a request.
    func makeIdentifier() -> Int {
        state.withLock { state in
            state.lastIdentifier += 1
            return state.lastIdentifier
        }
    }

    /// Hands a command to the thread, which begins with the first.
    func post(_ command: Command) {
        let begins = state.withLock { state in
            if !state.isRunning {
                // Nothing is under way, so there is nothing to stop.
                switch command {
                case .send, .download: break
                case .cancel, .worked, .stop: return false
                }
            }
            state.commands.append(command)
            if let multi = state.multi { curl_multi_wakeup(multi.handle) }
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard begins else { return }
        let thread = Thread { [self, configuration] in
            Thread.current.name = "transfers"
            TransferLoop(self, configuration).run()
        }
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// The commands since the last call.
    func take() -> [Command] {
        state.withLock { state in
            defer { state.commands.removeAll(keepingCapacity: true) }
            return state.commands
        }
    }

    /// Lets the thread be woken through its handle.
    func attach(_ multi: Multi) { state.withLock { $0.multi = multi } }

    /// Forgets the handle before it is freed.
    func detach() { state.withLock { $0.multi = nil } }

    var limit: Int? { state.withLock { $0.limit } }

    func setLimit(_ limit: Int?) {
        state.withLock { state in
            state.limit = limit
            if let multi = state.multi { curl_multi_wakeup(multi.handle) }
        }
    }

    var bytesPerSecond: Double { state.withLock { $0.meter.rate(now: monotonicSeconds()) } }

    func count(_ bytes: Int, now: Double) { state.withLock { $0.meter.add(bytes, now: now) } }
}
