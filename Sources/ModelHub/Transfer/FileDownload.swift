import Foundation

/// A file on its way; it belongs to the thread of the transfers. It says which bytes to ask for next, keeps the books of what
/// is there, hashed and on the disk, and decides what follows from a failure.
final class FileDownload {
    /// What a worker has done.
    enum Worked: Sendable {
        case hashed(to: Int)
        case recorded(ByteRangeSet)
        case emptied
        case finished(PartialFile.Digests)
        case mismatch(expected: String, found: String)
        case failed(any Error)
    }

    private static let spaceCheckBytes = 64 << 20
    /// Pieces are divided that would take longer than this, and are larger.
    private static let longSeconds = 5.0
    private static let leastDividedBytes = 1 << 20

    let id: Int
    let file: FileTransfer
    let url: TransferURL
    let partial: PartialFile
    /// The whole file's length, once it is known.
    private(set) var sizeBytes: Int?
    /// The entity tag that its bytes come with, as it comes.
    private(set) var servedTag: String?
    /// When the next request may begin.
    private(set) var notBefore = 0.0
    /// For whose turn it is.
    var lastServed = 0

    let progress: @Sendable (FileTransferProgress) -> Void
    private let completion: (Result<FileTransferResult, any Error>) -> Void
    unowned let loop: TransferLoop
    var journal: TransferJournal
    /// The bytes that are written, but for those of the pieces under way.
    var received: ByteRangeSet
    var pieces: [FilePiece] = []
    private var acceptsRanges = true
    private var hasAnswered = false
    /// Where redirects led, which saves them for the next piece.
    private var shortcut: TransferURL?
    /// How often in a row the piece that begins there brought nothing.
    private var failures: [Int: Int] = [:]
    var lastFailure: TransferError?
    private var farthest = 0
    var resumedBytes: Int
    var downloadedBytes = 0
    private var bytesSinceSpaceCheck = 0
    private var freshStarts = 0

    var isWorking = false
    var hashedBytes = 0
    var recordedBytes: Int
    var recordedAt: Double
    var mustEmpty = false
    var isFinished = false
    /// Why it ends; what is left is to note what came.
    var ending: (any Error)?
    var hasNoted = false
    var isOver = false

    var meter: RateMeter
    var lastReport: FileTransferProgress?
    var reportedAt = 0.0

    init(
        id: Int, _ order: DownloadOrder, on loop: TransferLoop,
        _ completion: @escaping (Result<FileTransferResult, any Error>) -> Void
    ) {
        self.id = id
        file = order.file
        url = order.url
        partial = order.opened.partial
        journal = order.opened.journal
        progress = order.progress
        self.loop = loop
        self.completion = completion
        received = journal.ranges
        sizeBytes = journal.sizeBytes
        // Where the file's own tag and digest are known, a host may name it otherwise than last time.
        servedTag = file.etag != nil && file.expected != nil ? nil : journal.servedTag
        resumedBytes = received.count
        recordedBytes = received.count
        let now = monotonicSeconds()
        recordedAt = now
        meter = RateMeter(now: now)
    }

    /// Begins. Where everything is here already, nothing is asked for.
    func begin() {
        do {
            try partial.checkSpace(for: (sizeBytes ?? 0) - received.count)
            advance(monotonicSeconds())
        } catch {
            end(error)
        }
    }

    // MARK: Connections

    /// How many connections it has.
    var connections: Int { pieces.count }

    /// Whether a connection would be of use to it now.
    func wantsConnection(_ now: Double) -> Bool {
        guard ending == nil, !mustEmpty, !isFinished, notBefore <= now else { return false }
        // Until the source has said what file it has, and while it refuses, one connection asks for all.
        let most = hasAnswered && acceptsRanges && failures.isEmpty ? loop.configuration.connectionsPerFile : 1
        return pieces.count < most && (nextBytes() != nil || slowPiece(now) != nil)
    }

    /// Where all is asked for: the piece that would keep the others waiting longest. The half of what it has left can come
    /// over another connection.
    private func slowPiece(_ now: Double) -> FilePiece? {
        // While it is our limit that slows it down, another connection is of no use.
        guard hasAnswered, acceptsRanges, loop.limiter.limit == nil else { return nil }
        return pieces.compactMap { piece in piece.secondsLeft(now).map { (piece, $0) } }
            .filter { $0.1 > Self.longSeconds && ($0.0.end ?? 0) - $0.0.position >= Self.leastDividedBytes }
            .max { $0.1 < $1.1 }?.0
    }

    /// The next bytes, if need be taken off a slow piece.
    private func takeBytes() -> Range<Int>? {
        if let bytes = nextBytes() { return bytes }
        guard let piece = slowPiece(monotonicSeconds()), let end = piece.end else { return nil }
        let middle = piece.position + (end - piece.position) / 2
        piece.shorten(to: middle)
        return middle..<end
    }

    /// Asks for the next bytes that nobody asks for yet.
    func connect() {
        guard let bytes = takeBytes() else { return }
        let chunk = loop.configuration.chunkBytes(forSize: sizeBytes)
        let isWhole = !acceptsRanges || bytes.count == sizeBytes && bytes.count <= chunk
        let piece = FilePiece(isWhole ? nil : bytes, shortcut: shortcut, of: self, on: loop)
        pieces.append(piece)
        if let exchange = piece.exchange { loop.begin(exchange) }
    }

    private func nextBytes() -> Range<Int>? {
        let chunk = loop.configuration.chunkBytes(forSize: sizeBytes)
        guard let sizeBytes else { return received.isEmpty && pieces.isEmpty ? 0..<chunk : nil }
        var taken = received
        for piece in pieces { taken.insert(piece.start..<min(piece.end ?? sizeBytes, sizeBytes)) }
        guard let hole = taken.firstHole(in: 0..<sizeBytes) else { return nil }
        return acceptsRanges ? hole.lowerBound..<min(hole.upperBound, hole.lowerBound + chunk) : hole
    }

    // MARK: What the pieces tell

    /// Whether an answer with the whole file serves a piece, because nothing else of it is here or under way.
    func isFirstAnswer(for piece: FilePiece) -> Bool {
        piece.start == 0 && received.isEmpty && pieces.allSatisfy { $0 === piece }
    }

    func noteNoRanges() { acceptsRanges = false }

    func learn(size: Int) throws {
        guard sizeBytes == nil else { return }
        sizeBytes = size
        journal.sizeBytes = size
        try partial.checkSpace(for: size - received.count)
    }

    func noteAnswer(_ head: ResponseHead, _ exchange: Exchange) {
        hasAnswered = true
        servedTag = servedTag ?? head.entityTag
        journal.servedTag = servedTag
        if !exchange.redirects.isEmpty { shortcut = exchange.url }
    }

    /// Counts bytes that were written. Whether there are new ones among them.
    func takes(_ bytes: Int, upTo position: Int) -> Bool {
        downloadedBytes += bytes
        bytesSinceSpaceCheck += bytes
        meter.add(bytes, now: monotonicSeconds())
        // A source without ranges sends what came before once more.
        let isNew = acceptsRanges || position > farthest
        farthest = max(farthest, position)
        if isNew { lastFailure = nil }
        return isNew
    }

    /// Throws where the disk has become too full meanwhile.
    func checkSpace() throws {
        guard bytesSinceSpaceCheck >= Self.spaceCheckBytes else { return }
        bytesSinceSpaceCheck = 0
        try partial.checkSpace(for: (sizeBytes ?? 0) - receivedNow().count)
    }

    /// A piece has come whole, or failed with `error`.
    func ended(_ piece: FilePiece, _ error: (any Error)?) {
        pieces.removeAll { $0 === piece }
        received.insert(piece.start..<piece.position)
        if piece.hasNewBytes { failures = failures.filter { !(piece.start..<piece.position).contains($0.key) } }
        let now = monotonicSeconds()
        guard let error else {
            // Without any length, the file ends where the answer did.
            if sizeBytes == nil, let end = piece.end { sizeBytes = end }
            journal.sizeBytes = sizeBytes
            return advance(now)
        }
        switch error {
        case FilePiece.Restart.withoutRanges:
            acceptsRanges = false
            startOver()
        case FilePiece.Restart.otherFile(let error):
            startAfresh(or: unexpectedContent(error))
        case let error as TransferError:
            failed(piece, error, now)
        default:
            end(error)
        }
        advance(now)
    }

    private func failed(_ piece: FilePiece, _ error: TransferError, _ now: Double) {
        if piece.usesShortcut, !piece.hasNewBytes, let status = error.status, (400..<500).contains(status),
            !error.isTransient
        {
            // Addresses that a redirect gives are valid for some time only; the source gives another.
            shortcut = nil
            return
        }
        // Another address may do better.
        if !piece.hasNewBytes { shortcut = nil }
        var error = error
        if case .receiving = error.stage { error.stage = .receiving(at: piece.position, of: sizeBytes) }
        let count = piece.hasNewBytes ? 0 : failures[piece.start, default: 0] + 1
        if count > 0 { failures[piece.start] = count }
        error.attempts = max(1, count)
        guard loop.policy.allows(error, failures: count) else { return end(error) }
        let delay = loop.policy.delay(afterFailures: max(1, count), retryAfter: error.retryAfterSeconds)
        notBefore = max(notBefore, now + delay)
        lastFailure = error
        if !acceptsRanges { startOver() }
    }

    /// Throws away what came and asks for the file once more from its beginning.
    private func startOver() {
        let count = failures[0] ?? 0
        abortPieces()
        (received, failures, resumedBytes) = (ByteRangeSet(), count > 0 ? [0: count] : [:], 0)
        (servedTag, shortcut, hasAnswered, sizeBytes) = (nil, nil, false, file.sizeBytes)
        journal = TransferJournal(file)
        mustEmpty = true
    }

    /// What is here is not the file: once everything is fetched anew, and the second time it is an error.
    func startAfresh(or error: any Error) {
        let isFirst = freshStarts == 0
        freshStarts += 1
        failures = [:]
        startOver()
        acceptsRanges = true
        farthest = 0
        if isFirst {
            notBefore = max(
                notBefore, monotonicSeconds() + loop.policy.delay(afterFailures: 1, retryAfter: nil))
        } else {
            end(error)
        }
    }

    /// The hub's error for a file that is another one, or of another length.
    private func unexpectedContent(_ error: TransferError) -> ModelHubError {
        switch error.cause {
        case .wrongLength(let expected, let found): unexpected("\(expected) bytes", "\(found) bytes")
        default: unexpected("the file that was asked for", error.reason)
        }
    }

    func unexpected(_ expected: String, _ found: String) -> ModelHubError {
        let name = url.redacted.split(separator: "/").last.map(String.init) ?? url.redacted
        return .unexpectedContent(source: url.redacted, file: name, expected: expected, found: found)
    }

    private func abortPieces() {
        for piece in pieces {
            if let exchange = piece.exchange { loop.abort(exchange) }
            piece.detach()
            received.insert(piece.start..<piece.position)
        }
        pieces = []
    }

    /// Ends it, keeping what came.
    func end(_ error: any Error) {
        guard ending == nil, !isFinished else { return }
        ending = error
        abortPieces()
        advance(monotonicSeconds())
    }

    func complete(_ result: Result<FileTransferResult, any Error>) {
        isOver = true
        partial.close()
        loop.forget(self)
        completion(result)
    }
}
