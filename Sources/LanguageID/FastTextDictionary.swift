import Checkpoints

/// The words and labels of a model, and the rows of its input matrix that they and the hashed n-grams name.
struct FastTextDictionary: Sendable {
    /// The token that ends every line.
    static let endOfLine = "</s>"
    /// What labels begin with in the file.
    static let labelPrefix = "__label__"

    /// The number of words; a word's identifier is its row of the input matrix.
    let words: Int
    /// The labels without their prefix, in the order of the output matrix's rows.
    let labels: [String]
    /// How often each label was seen in training.
    let labelCounts: [Int64]
    /// Where the rows of hashed n-grams are.
    let buckets: BucketRows

    private let entries: ByteRegion
    /// Where each entry's bytes begin in `entries`, and one more, where the entry after the last would.
    private let starts: [Int]
    private let slots: [Slot]

    /// A place of the open-addressing table from a word's hash to its identifier.
    private struct Slot: Sendable {
        var hash: UInt32 = 0
        var identifier: Int32 = -1
    }

    /// What stands between the bytes of two entries: a NUL, a 64-bit count and a byte for the type.
    private static let entryTail = 10

    init(_ reader: inout ByteReader, arguments: FastTextArguments) throws {
        // An entry has at least its tail, so the rest of the file bounds how many there can be.
        let headSize = 3 * 4 + 2 * 8
        let most = min(Int(Int32.max), max(0, reader.remaining - headSize) / Self.entryTail)
        let start = reader.offset
        let size = try reader.count(Int32.self, "the number of dictionary entries", in: 1...max(1, most))
        let words = try reader.count(Int32.self, "the number of words", in: 0...size)
        let labelCount = try reader.count(Int32.self, "the number of labels", in: 1...size)
        guard words + labelCount == size else {
            throw reader.invalid("\(words) words and \(labelCount) labels are not the \(size) entries", at: start)
        }
        _ = try reader.integer(Int64.self, "the number of training tokens")
        let kept = try reader.count(Int64.self, "the number of kept n-grams", in: -1...reader.remaining / 8)

        self.words = words
        entries = reader.region
        var labels: [String] = []
        var counts: [Int64] = []
        var total: Int64 = 0
        var starts: [Int] = []
        labels.reserveCapacity(labelCount)
        counts.reserveCapacity(labelCount)
        starts.reserveCapacity(size + 1)
        for identifier in 0..<size {
            starts.append(reader.offset)
            let name = try reader.cString("a dictionary entry")
            let countOffset = reader.offset
            let count = try reader.integer(Int64.self, "the count of a dictionary entry")
            let type = try reader.integer(UInt8.self, "the type of a dictionary entry")
            guard type == (identifier < words ? 0 : 1) else {
                throw reader.invalid(
                    "entry \(identifier) has type \(type); the first \(words) are words (0), the others labels (1)",
                    at: reader.offset - 1)
            }
            // The label tree compares counts with 10^15, which stands for "not built yet".
            let sum = total.addingReportingOverflow(type == 1 ? count : 0)
            guard count >= 0, type == 0 || (count < LabelTree.unbuiltCount && !sum.overflow) else {
                throw reader.invalid("the count of entry \(identifier) is \(count)", at: countOffset)
            }
            guard type == 1 else { continue }
            total = sum.partialValue
            let label = String(decoding: name.buffer, as: UTF8.self)
            labels.append(label.hasPrefix(Self.labelPrefix) ? String(label.dropFirst(Self.labelPrefix.count)) : label)
            counts.append(count)
        }
        starts.append(reader.offset)
        self.labels = labels
        self.labelCounts = counts
        self.starts = starts
        self.slots = try Self.table(reader, starts: starts)
        buckets = try BucketRows(&reader, kept: kept, arguments: arguments, firstRow: words)
    }

    /// The identifier of the word or label with these bytes, or -1. Labels follow the words.
    func identifier(_ token: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Int {
        slots.withUnsafeBufferPointer { slots in
            let mask = slots.count - 1
            var place = HashTable.place(hash, mask)
            while slots[place].identifier >= 0 {
                if slots[place].hash == hash, Self.equal(token, bytes(Int(slots[place].identifier))) {
                    return Int(slots[place].identifier)
                }
                place = (place + 1) & mask
            }
            return -1
        }
    }

    private func bytes(_ identifier: Int) -> UnsafeRawBufferPointer {
        Self.bytes(entries.buffer, starts, identifier)
    }

    private static func bytes(
        _ buffer: UnsafeRawBufferPointer, _ starts: [Int], _ identifier: Int
    ) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: buffer[starts[identifier]..<(starts[identifier + 1] - entryTail)])
    }

    private static func equal(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeRawBufferPointer) -> Bool {
        left.count == right.count && left.elementsEqual(right)
    }

    private static func table(_ reader: ByteReader, starts: [Int]) throws -> [Slot] {
        let count = starts.count - 1
        var slots = [Slot](repeating: Slot(), count: HashTable.capacity(count))
        let mask = slots.count - 1
        for identifier in 0..<count {
            let word = bytes(reader.region.buffer, starts, identifier).bindMemory(to: UInt8.self)
            let hash = FeatureHash.of(word)
            var place = HashTable.place(hash, mask)
            var probes = 0
            // Of two equal entries the later one counts.
            while slots[place].identifier >= 0 {
                let other = bytes(reader.region.buffer, starts, Int(slots[place].identifier))
                if slots[place].hash == hash, equal(word, other) { break }
                place = (place + 1) & mask
                probes += 1
                guard probes < HashTable.mostProbes else {
                    throw reader.invalid("too many dictionary entries share a hash", at: starts[identifier])
                }
            }
            slots[place] = Slot(hash: hash, identifier: Int32(identifier))
        }
        return slots
    }
}

/// What the open-addressing tables have in common: a power of two places, at most half of them taken,
/// linear probing.
enum HashTable {
    /// A table that needs more probes than this was made to be slow: at half load, chance gives a few dozen.
    static let mostProbes = 1024

    /// The number of places for `count` entries.
    static func capacity(_ count: Int) -> Int {
        var capacity = 2
        while capacity < 2 * count { capacity *= 2 }
        return capacity
    }

    /// Where to look first for `hash`. The multiplication spreads keys that differ only in high bits, or are dense.
    @inline(__always)
    static func place(_ hash: UInt32, _ mask: Int) -> Int {
        Int((UInt64(hash) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    }
}
