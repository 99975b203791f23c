import Foundation

/// What of a file is hashed and on the disk, and what is told of it.
extension FileDownload {
    private static let journalBytes = 32 << 20
    private static let journalSeconds = 2.0
    private static let leastHashBytes = 1 << 20
    private static let mostHashBytes = 32 << 20
    private static let reportSeconds = 0.1

    /// All that is written at this moment.
    func receivedNow() -> ByteRangeSet {
        var all = received
        for piece in pieces { all.insert(piece.start..<piece.position) }
        return all
    }

    var isWhole: Bool { sizeBytes.map { pieces.isEmpty && received.prefix >= $0 } ?? false }

    /// Gives the worker what is most needed. Called whenever something has changed.
    func advance(_ now: Double) {
        guard !isWorking, !isOver else { return }
        if mustEmpty {
            return work { partial in
                try partial.empty()
                return .emptied
            }
        }
        if let ending {
            guard hasNoted || received.count == recordedBytes else {
                hasNoted = true
                return record(received)
            }
            return complete(.failure(ending))
        }
        guard let size = sizeBytes else {
            recordIfDue(now)
            return
        }
        if isWhole, hashedBytes == size { return finish(size) }
        let prefix = min(size, receivedNow().prefix)
        if isWhole || prefix - hashedBytes >= Self.leastHashBytes {
            // In parts, so that the journal has its turn, and a cancellation.
            let end = min(prefix, hashedBytes + Self.mostHashBytes)
            if !recordIfDue(now) {
                work { partial in
                    try partial.hash(upTo: end, size: size)
                    return .hashed(to: end)
                }
            }
        } else {
            recordIfDue(now)
        }
    }

    @discardableResult
    private func recordIfDue(_ now: Double) -> Bool {
        let ranges = receivedNow()
        let fresh = ranges.count - recordedBytes
        guard fresh >= Self.journalBytes || fresh > 0 && now - recordedAt >= Self.journalSeconds, !isWhole else {
            return false
        }
        record(ranges)
        return true
    }

    /// Every byte of `ranges` was handed to the system before; the worker waits until it is on the disk.
    private func record(_ ranges: ByteRangeSet) {
        var journal = journal
        journal.ranges = ranges
        let isLast = ending != nil
        work { [journal] partial in .recorded(try partial.record(journal, givingWay: isLast)) }
    }

    private func finish(_ size: Int) {
        var journal = journal
        journal.ranges = received
        work { [file, journal] partial in
            // An empty file begins no hash by itself.
            try partial.hash(upTo: size, size: size)
            let digests = partial.digests()
            if let mismatch = file.mismatch(digests) {
                return .mismatch(expected: mismatch.expected, found: mismatch.found)
            }
            try partial.finish(journal, size: size)
            return .finished(digests)
        }
    }

    private func work(_ body: @escaping @Sendable (PartialFile) throws -> Worked) {
        isWorking = true
        loop.workers.addOperation { [partial, id, mailbox = loop.mailbox] in
            do {
                mailbox.post(.worked(id, try body(partial)))
            } catch {
                mailbox.post(.worked(id, .failed(error)))
            }
        }
    }

    /// A worker is done.
    func worked(_ outcome: Worked) {
        isWorking = false
        let now = monotonicSeconds()
        switch outcome {
        case .hashed(let position): if !mustEmpty { hashedBytes = position }
        case .recorded(let ranges):
            recordedBytes = ranges.count
            recordedAt = now
        case .emptied:
            (mustEmpty, hashedBytes, recordedBytes, recordedAt) = (false, 0, 0, now)
        case .finished(let digests):
            guard ending == nil else { break }
            isFinished = true
            return complete(
                .success(
                    FileTransferResult(
                        sizeBytes: sizeBytes ?? 0, sha256: digests.sha256, gitBlobSHA1: digests.gitBlobSHA1,
                        entityTag: servedTag.map(bareTag), downloadedBytes: downloadedBytes, resumedBytes: resumedBytes)
                ))
        case .mismatch(let expected, let found):
            startAfresh(or: unexpected(expected, found))
        case .failed(let error):
            // What could not be put on the disk is not noted.
            (hasNoted, mustEmpty) = (true, false)
            end(error)
        }
        advance(now)
    }

    // MARK: Progress

    /// Looks after what is due, and tells who watches.
    func tick(_ now: Double) {
        advance(now)
        guard now - reportedAt >= Self.reportSeconds, ending == nil, !isFinished else { return }
        let state: FileTransferProgress.State
        if isWhole {
            state = .verifying
        } else if let lastFailure, notBefore > now {
            state = .retrying(reason: lastFailure.summary, seconds: notBefore - now)
        } else {
            state = pieces.contains { $0.hasNewBytes } ? .downloading : .waiting
        }
        let report = FileTransferProgress(
            state: state, completedBytes: receivedNow().count, totalBytes: sizeBytes, resumedBytes: resumedBytes,
            bytesPerSecond: meter.rate(now: now), connections: pieces.count)
        guard report != lastReport else { return }
        lastReport = report
        reportedAt = now
        progress(report)
    }
}
