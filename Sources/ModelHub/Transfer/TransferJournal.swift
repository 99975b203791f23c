import Foundation

/// What is known of a partial: of which file it is, and which of its bytes are on the disk.
struct TransferJournal: Codable, Equatable, Sendable {
    private static let limitBytes = 1 << 20
    private static let currentVersion = 1

    private var version = currentVersion
    /// The entity tag that the source told before, without quotes.
    var etag: String?
    /// The entity tag that the bytes came with, as it came.
    var servedTag: String?
    var sizeBytes: Int?
    /// The digest that the file must have.
    var expected: String?
    var ranges = ByteRangeSet()

    private enum CodingKeys: String, CodingKey {
        case version, etag, expected, ranges
        case servedTag = "served_etag"
        case sizeBytes = "size_bytes"
    }

    init(_ file: FileTransfer) {
        etag = file.etag
        sizeBytes = file.sizeBytes
        expected = file.expected?.lowercased()
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        version = try values.decode(Int.self, forKey: .version)
        etag = try values.decodeIfPresent(String.self, forKey: .etag)
        servedTag = try values.decodeIfPresent(String.self, forKey: .servedTag)
        sizeBytes = try values.decodeIfPresent(Int.self, forKey: .sizeBytes)
        expected = try values.decodeIfPresent(String.self, forKey: .expected)
        for pair in try values.decode([[Int]].self, forKey: .ranges) {
            guard pair.count == 2, pair[0] >= 0, pair[0] <= pair[1], version == Self.currentVersion else {
                throw DecodingError.dataCorrupted(
                    DecodingError.Context(codingPath: [CodingKeys.ranges], debugDescription: "not a range: \(pair)"))
            }
            ranges.insert(pair[0]..<pair[1])
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(version, forKey: .version)
        try values.encodeIfPresent(etag, forKey: .etag)
        try values.encodeIfPresent(servedTag, forKey: .servedTag)
        try values.encodeIfPresent(sizeBytes, forKey: .sizeBytes)
        try values.encodeIfPresent(expected, forKey: .expected)
        try values.encode(ranges.ranges.map { [$0.lowerBound, $0.upperBound] }, forKey: .ranges)
    }

    /// The journal of a partial; nil if there is none that can be read, which costs a download and nothing else.
    static func read(_ partial: String) -> TransferJournal? {
        guard let bytes = try? Disk.smallFile(FileTransfer.journal(of: partial), limitBytes: limitBytes) else {
            return nil
        }
        return try? JSONDecoder().decode(TransferJournal.self, from: Data(bytes))
    }

    /// Replaces the journal in one step. What it claims must be on the disk already.
    func write(_ partial: String) throws {
        let path = FileTransfer.journal(of: partial)
        let pending = path + ".new"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(self) else {
            throw ModelHubError.io(path: path, operation: "write", reason: "it cannot be encoded")
        }
        // Only the holder of the partial's lock is here; what lies there is of one that died.
        try Disk.removeFile(pending)
        do {
            try Disk.writeFile(Array(json), to: pending)
            try Disk.move(pending, to: path)
        } catch {
            unlink(pending)
            throw error
        }
    }

    /// What of a partial can be kept for `file`: nothing where it may be of another one, or where no later check would
    /// find out.
    func kept(for file: FileTransfer, partialBytes: Int) -> TransferJournal? {
        let expected = file.expected?.lowercased()
        guard etag == file.etag, self.expected == nil || expected == nil || self.expected == expected,
            etag != nil || servedTag != nil || expected != nil && self.expected == expected,
            sizeBytes == nil || file.sizeBytes == nil || sizeBytes == file.sizeBytes,
            ranges.upperBound <= min(partialBytes, sizeBytes ?? file.sizeBytes ?? Int.max)
        else { return nil }
        var kept = self
        kept.expected = expected
        kept.sizeBytes = sizeBytes ?? file.sizeBytes
        return kept
    }
}
