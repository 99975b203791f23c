import Checkpoints

/// The entries of a `vocab.json`: pieces and marks with the ids that the model's weights were trained with.
struct PieceVocabulary: Sendable {
    /// The file, for error messages.
    let file: String
    /// The number of entries.
    let count: Int
    /// One more than the highest id.
    let size: Int

    private let spellings: ByteStrings
    private let table: ByteStringTable
    private let exists: [Bool]

    /// As many ids more than entries as a file may have.
    private static let maximumGaps = 1 << 16

    /// Reads the file at `path`.
    ///
    /// - Throws: `CheckpointError` for what is no JSON object of names and ids, and for ids or names that occur twice.
    init(path: String) throws { try self.init(ByteRegion(mapping: path)) }

    /// Reads a file's bytes.
    ///
    /// - Throws: `CheckpointError`.
    init(_ region: ByteRegion) throws {
        file = region.source
        func invalid(_ offset: Int, _ reason: String) -> CheckpointError {
            .invalid(file: region.source, offset: offset, reason: reason)
        }
        var entries: [(name: [UInt8], id: Int32, offset: Int)] = []
        var reader = VocabularyFileReader(region)
        try reader.forEach { entries.append(($0, $1, $2)) }
        guard let highest = entries.map(\.id).max() else { throw invalid(0, "the vocabulary is empty") }
        guard Int(highest) < entries.count + Self.maximumGaps else {
            throw invalid(0, "the highest of \(entries.count) ids is \(highest)")
        }
        count = entries.count
        size = Int(highest) + 1

        var places = [Int](repeating: -1, count: size)
        for (index, entry) in entries.enumerated() {
            let id = Int(entry.id)
            guard places[id] < 0 else {
                let (name, other) = (Self.text(entry.name), Self.text(entries[places[id]].name))
                throw invalid(entry.offset, "the id \(id) is that of both \(other) and \(name)")
            }
            places[id] = index
        }
        var spellings = ByteStrings()
        spellings.reserveCapacity(count: size, bytes: region.count / 2)
        for place in places { spellings.append(place < 0 ? [] : entries[place].name) }
        exists = places.map { $0 >= 0 }
        let exists = exists
        let table = ByteStringTable(spellings) { exists[$0] }
        for entry in entries where table.id(entry.name) != entry.id {
            throw invalid(entry.offset, "the entry \(Self.text(entry.name)) occurs twice")
        }
        (self.spellings, self.table) = (spellings, table)
    }

    /// The id of an entry.
    func id(_ spelling: some Collection<UInt8>) -> Int32? {
        let id = table.id(spelling)
        return id < 0 ? nil : id
    }

    /// The id of an entry that the model cannot do without.
    ///
    /// - Throws: `TranslationTokenizerError.missingEntry`.
    func required(_ name: String) throws -> Int32 {
        guard let id = id(name.utf8) else { throw TranslationTokenizerError.missingEntry(file: file, entry: name) }
        return id
    }

    /// How the entry of an id is spelled; empty for an id without one.
    func spelling(_ id: Int32) -> ArraySlice<UInt8> {
        contains(id) ? spellings[Int(id)] : []
    }

    /// Whether there is an entry with this id.
    func contains(_ id: Int32) -> Bool { id >= 0 && Int(id) < size && exists[Int(id)] }

    private static func text(_ name: [UInt8]) -> String { "'\(String(decoding: name, as: UTF8.self))'" }
}
