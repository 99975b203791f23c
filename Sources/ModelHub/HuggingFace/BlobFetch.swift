import Foundation

/// Fetches one file to its blob: into the partial that an earlier attempt may have left, checked as its bytes come, and
/// in its place once it is on the disk.
struct BlobFetch: Sendable {
    /// What it is; its digest names the blob.
    let file: CatalogFile
    let url: String
    let credential: Credential?
    let repository: ModelRepository
    let transfers: TransferClient

    /// - Parameter tag: the entity tag that the source told before; nil where it did not.
    /// - Throws: `TransferError`, `ModelHubError`, `CancellationError`.
    func run(tag: String?, progress: @escaping @Sendable (FileTransferProgress) -> Void) async throws {
        let partial = repository.partial(file.sha256)
        _ = try await transfers.download(
            FileTransfer(
                url: url, credential: credential, partial: partial, sizeBytes: file.sizeBytes, etag: tag,
                digests: [file.sha256.isGitDigest ? .gitBlobSHA1 : .sha256], expected: file.sha256),
            progress: progress)
        let (repository, digest) = (repository, file.sha256)
        try await blocking { _ in
            PlacedBlobs.note(digest, repository)
            try FileTransfer.place(partial, at: repository.blob(digest))
            // It was hashed as it came.
            if let status = Disk.status(repository.blob(digest)) { VerifiedRecord.write(digest, status, repository) }
        }
    }
}

/// Fetches the one file at an address into our own store.
struct AddressPull: Sendable {
    let address: String
    let file: CatalogFile
    let repository: ModelRepository
    let transfers: TransferClient
    /// Sent if the address is of its origin.
    let credential: Credential?
    let reporter: ProgressReporter

    /// Puts the blob in its place. The caller links it.
    ///
    /// - Throws: `ModelHubError`, `CancellationError`.
    func run() async throws {
        let source = TransferURL.withoutQuery(address)
        try repository.checkSpace(for: [file])
        let board = PullBoard(
            [
                FileProgress(
                    path: file.path, completedBytes: repository.keptBytes(of: file), totalBytes: file.sizeBytes)
            ], reporter)
        let path = file.path
        do {
            try await BlobFetch(
                file: file, url: address, credential: credential, repository: repository, transfers: transfers
            ).run(tag: nil) { board.update(path, $0) }
        } catch let error as TransferError {
            switch error.status {
            case 401, 403: throw ModelHubError.refused(source: source, reason: error.summary)
            case 429:
                throw ModelHubError.rateLimited(
                    source: source, retryAfterSeconds: error.retryAfterSeconds.map { Int($0.rounded(.up)) })
            default: throw error.modelHubError(source: source)
            }
        }
        board.set(file.path, .done)
    }
}

extension ModelRepository {
    private static let spaceReserveBytes = 64 << 20

    /// How many bytes of a file an earlier attempt has left.
    func keptBytes(of file: CatalogFile) -> Int {
        min(file.sizeBytes, FileTransfer.recordedBytes(of: partial(file.sha256)))
    }

    /// Refuses to begin what cannot end: all of `files` have to fit, with some room left.
    ///
    /// - Throws: `ModelHubError.notEnoughSpace`.
    func checkSpace(for files: [CatalogFile]) throws {
        guard let free = Disk.freeBytes(blobs) else { return }
        let needed = files.reduce(Double(Self.spaceReserveBytes)) { $0 + Double($1.sizeBytes - keptBytes(of: $1)) }
        guard needed > Double(free) else { return }
        throw ModelHubError.notEnoughSpace(
            path: blobs, neededBytes: Int(min(needed, 1e18)), availableBytes: free)
    }
}
