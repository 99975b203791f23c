import Foundation
import Synchronization

/// Fetches over HTTP, many things at once, on one thread of its own that begins with the first request and ends with the
/// client.
package final class TransferClient: Sendable {
    private let configuration: TransferConfiguration
    let mailbox: TransferMailbox

    /// A client.
    package init(_ configuration: TransferConfiguration) {
        self.configuration = configuration
        mailbox = TransferMailbox(configuration)
    }

    /// A request holds on to its client, so nothing is under way here.
    deinit { mailbox.post(.stop) }

    /// Asks, and waits for the whole answer. Broken connections, 429 and 5xx are tried again as the configuration says;
    /// after that a status is an answer.
    ///
    /// - Throws: `TransferError`; `CancellationError`.
    package func send(_ request: TransferRequest) async throws -> TransferResponse {
        try await perform { id, completion in .send(id, request, completion) }
    }

    /// Fetches a file into its partial, going on from what is there and known to be of this file.
    ///
    /// When it returns, the bytes have the expected digest and are on the disk; the caller renames the file
    /// (`FileTransfer.place`). When it throws, what came is kept for the next time, but for bytes that are of another file.
    /// `progress` is told at most ten times a second, on the thread of the transfers: it must not wait.
    ///
    /// - Throws: `TransferError` where the source fails; `ModelHubError.notEnoughSpace`, `.diskFull`, `.io`,
    ///   `.storeNotWritable` where the disk does; `ModelHubError.unexpectedContent` where what came is, twice, not what it
    ///   should be; `CancellationError`.
    package func download(
        _ file: FileTransfer, progress: @escaping @Sendable (FileTransferProgress) -> Void = { _ in }
    ) async throws -> FileTransferResult {
        let url = try TransferURL(file.url)
        let opened = try await blocking { _ in try PartialFile.open(file) }
        do {
            return try await perform { id, completion in
                .download(id, DownloadOrder(file: file, url: url, opened: opened, progress: progress), completion)
            }
        } catch {
            opened.partial.close()
            throw error
        }
    }

    /// Changes how many bytes per second may come from now on, all transfers together; nil for as many as can.
    package func setBandwidthLimit(_ bytesPerSecond: Int?) {
        mailbox.setLimit(bytesPerSecond.map { max(1, $0) })
    }

    /// How many bytes per second may come.
    package var bandwidthLimit: Int? { mailbox.limit }

    /// How many bytes per second come, over the last seconds.
    package var bytesPerSecond: Double { mailbox.bytesPerSecond }

    private func perform<Value: Sendable>(
        _ command: (Int, @escaping @Sendable (Result<Value, any Error>) -> Void) -> TransferMailbox.Command
    ) async throws -> Value {
        let id = mailbox.makeIdentifier()
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                mailbox.post(command(id) { continuation.resume(with: $0) })
                // A cancellation that came before the command found nothing to cancel.
                if Task.isCancelled { mailbox.post(.cancel(id)) }
            }
        } onCancel: {
            mailbox.post(.cancel(id))
        }
    }
}
