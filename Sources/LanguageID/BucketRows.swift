import Checkpoints

/// From the bucket of a hashed n-gram to its row of the input matrix. A pruned model keeps rows for some
/// buckets only, and n-grams of the others are no features.
struct BucketRows: Sendable {
    /// The rows that the input matrix must have.
    let rowsNeeded: Int
    private let firstRow: Int
    private let keepsAll: Bool
    private let slots: [Slot]

    /// A place of the open-addressing table from a kept bucket to its row.
    fileprivate struct Slot: Sendable {
        var bucket: UInt32 = .max
        var row: Int32 = -1
    }

    /// Reads `kept` pairs of a bucket and a row, the row counted from `firstRow`. -1 means that every bucket is kept.
    init(_ reader: inout ByteReader, kept: Int, arguments: FastTextArguments, firstRow: Int) throws {
        self.firstRow = firstRow
        keepsAll = kept < 0
        guard kept >= 0 else {
            rowsNeeded = firstRow + (arguments.hashesFeatures ? Int(arguments.buckets) : 0)
            slots = []
            return
        }
        rowsNeeded = firstRow + kept
        let offset = reader.offset
        let pairs = try reader.bytes(kept * 8, "the kept n-grams").buffer
        var slots = [Slot](repeating: Slot(), count: HashTable.capacity(kept))
        let mask = slots.count - 1
        for index in 0..<kept {
            let bucket = Int32(littleEndian: pairs.loadUnaligned(fromByteOffset: index * 8, as: Int32.self))
            let row = Int32(littleEndian: pairs.loadUnaligned(fromByteOffset: index * 8 + 4, as: Int32.self))
            guard bucket >= 0, UInt32(bucket) < arguments.buckets, row >= 0, Int(row) < kept else {
                throw reader.invalid(
                    "kept n-gram \(index) is bucket \(bucket) in row \(row), of \(arguments.buckets) buckets and"
                        + " \(kept) rows", at: offset + index * 8)
            }
            let key = UInt32(bucket)
            var place = HashTable.place(key, mask)
            var probes = 0
            while slots[place].row >= 0 {
                guard slots[place].bucket != key else {
                    throw reader.invalid("the bucket \(bucket) is kept twice", at: offset + index * 8)
                }
                place = (place + 1) & mask
                probes += 1
                guard probes < HashTable.mostProbes else {
                    throw reader.invalid("too many kept n-grams share a hash", at: offset + index * 8)
                }
            }
            slots[place] = Slot(bucket: key, row: row)
        }
        self.slots = slots
    }

    /// Whether some buckets have no row.
    var isPruned: Bool { !keepsAll }

    /// Calls `body` with a view whose look-ups touch no reference count.
    func withView<Result>(_ body: (View) -> Result) -> Result {
        slots.withUnsafeBufferPointer { slots in
            body(View(slots: slots, mask: slots.count - 1, firstRow: firstRow, keepsAll: keepsAll))
        }
    }

    /// Valid inside `withView`.
    struct View {
        fileprivate let slots: UnsafeBufferPointer<Slot>
        fileprivate let mask: Int
        fileprivate let firstRow: Int
        fileprivate let keepsAll: Bool

        /// The row of the input matrix, or -1.
        @inline(__always)
        func row(_ bucket: UInt32) -> Int {
            if keepsAll { return firstRow + Int(bucket) }
            var place = HashTable.place(bucket, mask)
            while slots[place].row >= 0 {
                if slots[place].bucket == bucket { return firstRow + Int(slots[place].row) }
                place = (place + 1) & mask
            }
            return -1
        }
    }
}
