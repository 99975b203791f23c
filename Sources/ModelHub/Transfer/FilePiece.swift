import Foundation

/// Some bytes of a file that one connection fetches. It holds every answer against what is known of the file.
final class FilePiece: ExchangeOwner {
    /// What an answer can say that makes all that is there worthless.
    enum Restart: Error {
        /// The source cannot give a part of the file.
        case withoutRanges
        /// The file is not the one that it was, or should be.
        case otherFile(TransferError)
    }

    /// Thrown where a piece has what is left to it, though more would come.
    private struct Enough: Error {}

    private static let observedSeconds = 2.0
    private static let longestRefusal = 64 << 10
    let start: Int
    /// Where the next byte belongs.
    private(set) var position: Int
    /// Where it ends; nil where only the source knows, and has not said.
    private(set) var end: Int?
    /// Whether a part of the file was asked for.
    let isRanged: Bool
    /// Whether it was asked where an earlier redirect led.
    let usesShortcut: Bool
    /// Whether a byte came that was not there before.
    private(set) var hasNewBytes = false
    private(set) var exchange: Exchange?
    private var refusal: TransferError?
    private var refusalBytes = 0
    /// Whether another piece brings what came after its end.
    private var isShortened = false
    private let began = monotonicSeconds()
    private unowned let download: FileDownload

    /// - Parameter bytes: which to ask for; nil for the whole file.
    init(_ bytes: Range<Int>?, shortcut: TransferURL?, of download: FileDownload, on loop: TransferLoop) {
        start = bytes?.lowerBound ?? 0
        position = start
        end = bytes?.upperBound ?? download.sizeBytes
        isRanged = bytes != nil
        usesShortcut = shortcut != nil
        self.download = download
        var headers: [String] = []
        if let bytes {
            headers.append("Range: bytes=\(bytes.lowerBound)-\(bytes.upperBound - 1)")
            // Only a strong tag names bytes.
            if let tag = download.servedTag, !tag.hasPrefix("W/") { headers.append("If-Range: \(tag)") }
        }
        exchange = Exchange(
            Exchange.Question(headers: headers, credential: download.file.credential),
            to: shortcut ?? download.url, for: self, on: loop)
    }

    /// Forgets its exchange, which is over.
    func detach() { exchange = nil }

    /// Leaves everything from `position` on to another piece.
    func shorten(to position: Int) {
        end = position
        isShortened = true
    }

    /// How long it takes at its own speed to bring the rest; nil where it is too early to tell.
    func secondsLeft(_ now: Double) -> Double? {
        guard isRanged, let end, position > start, now - began > Self.observedSeconds else { return nil }
        return Double(end - position) * (now - began) / Double(position - start)
    }

    private var wantedBytes: String { isRanged ? "bytes \(start) to \((end ?? 0) - 1)" : "the whole file" }

    func answered(_ head: ResponseHead, _ exchange: Exchange) throws {
        guard [200, 206, 416].contains(head.status) else {
            // Its few words are read, so that the connection can be used again.
            refusal = .status(head, exchange.url)
            return
        }
        func malformed(_ reason: String) -> TransferError {
            var error = TransferError(
                url: exchange.url.redacted, stage: .waiting, cause: .malformed, reason: reason)
            error.isTransient = true
            return error
        }
        if let encoding = head.headers["content-encoding"], encoding.lowercased() != "identity" {
            throw malformed("the answer is encoded as \(encoding), which was not asked for")
        }
        try checkTags(head, exchange)
        let total =
            head.status == 200
            ? head.headers["transfer-encoding"] == nil ? head.contentLength : nil : head.contentRange?.total
        if let total, let size = download.sizeBytes, size != total {
            throw Restart.otherFile(
                TransferError(
                    url: exchange.url.redacted, stage: .waiting, cause: .wrongLength(expected: size, found: total),
                    reason: "it has \(total) bytes, not \(size)"))
        }
        switch head.status {
        case 200:
            guard !isRanged || download.isFirstAnswer(for: self) else { throw Restart.withoutRanges }
            end = download.sizeBytes ?? total
            if isRanged { download.noteNoRanges() }
        case 206:
            guard isRanged, let range = head.contentRange, let bytes = range.bytes else {
                throw malformed("the answer is a part of the file without a legible Content-Range")
            }
            guard bytes.lowerBound == start, bytes.upperBound < end ?? Int.max else {
                throw malformed("asked for \(wantedBytes), it answers with \(bytes.lowerBound) to \(bytes.upperBound)")
            }
            // It may give fewer than it was asked for.
            end = bytes.upperBound + 1
        default:
            guard isRanged else { throw malformed("the whole file was asked for, and the answer is status 416") }
            // Of an empty file there is no part.
            if download.sizeBytes == nil, start == 0 { throw Restart.withoutRanges }
            throw malformed("the answer to \(wantedBytes) is that there are no such bytes (status 416)")
        }
        if let total { try download.learn(size: total) }
        download.noteAnswer(head, exchange)
    }

    /// The file's tag, as the Hub or a host that the Hub names tells it, must be the one that was told before.
    private func checkTags(_ head: ResponseHead, _ exchange: Exchange) throws {
        func changed(_ old: String, _ new: String) -> Restart {
            .otherFile(
                TransferError(
                    url: exchange.url.redacted, stage: .waiting, cause: .changed,
                    reason: "the file at the source is another one: its entity tag is \(new), not \(old)"))
        }
        let heads = exchange.redirects.map(\.head) + [head]
        if let told = download.file.etag {
            let linked = heads.compactMap { $0.headers["x-linked-etag"] }
            // Another host's own tag is of its own making.
            let own = linked.isEmpty && exchange.redirects.isEmpty && !usesShortcut ? head.entityTag : nil
            for tag in linked + [own].compactMap({ $0 }) where bareTag(tag) != told {
                throw changed(told, bareTag(tag))
            }
        }
        if let served = download.servedTag, let tag = head.entityTag, bareTag(tag) != bareTag(served) {
            throw changed(bareTag(served), bareTag(tag))
        }
    }

    func received(_ bytes: UnsafeRawBufferPointer, _ exchange: Exchange) throws {
        if let refusal {
            refusalBytes += bytes.count
            if refusalBytes > Self.longestRefusal { throw refusal }
            return
        }
        if exchange.head?.status == 416 { return }
        let room = (end ?? Int.max) - position
        if isShortened, bytes.count >= room {
            try take(UnsafeRawBufferPointer(rebasing: bytes[..<max(0, room)]))
            throw Enough()
        }
        guard bytes.count <= room else {
            var error = TransferError(
                url: exchange.url.redacted, stage: .receiving(at: position, of: download.sizeBytes), cause: .malformed,
                reason: "more bytes come than there should be")
            if let size = download.sizeBytes, !isRanged || exchange.head?.status == 200 {
                error.cause = .wrongLength(expected: size, found: position + bytes.count)
                throw Restart.otherFile(error)
            }
            error.isTransient = true
            throw error
        }
        try take(bytes)
    }

    private func take(_ bytes: UnsafeRawBufferPointer) throws {
        try download.partial.write(bytes, at: position)
        position += bytes.count
        if download.takes(bytes.count, upTo: position) { hasNewBytes = true }
        try download.checkSpace()
    }

    func ended(_ exchange: Exchange, _ error: (any Error)?) {
        detach()
        if let error, !(error is Enough) { return download.ended(self, error) }
        if let refusal { return download.ended(self, refusal) }
        // Without a length the end of the connection is the end of the file.
        if end == nil { end = position }
        guard position == end else {
            var short = TransferError(
                url: exchange.url.redacted, stage: .receiving(at: position, of: download.sizeBytes),
                cause: .interrupted,
                reason: "the answer ended before it was whole")
            short.isTransient = true
            return download.ended(self, short)
        }
        download.ended(self, nil)
    }
}
