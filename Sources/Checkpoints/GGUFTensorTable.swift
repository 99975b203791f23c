/// The list of tensors of a GGUF file while it is read, and the check that it and the data behind it fit each other.
struct GGUFTensorTable {
    private struct Entry {
        var name: String
        /// Where the entry stands in the file.
        var position: Int
        /// Outermost first; the file has them the other way round.
        var shape: [Int]
        var type: TensorType
        /// From the start of the data.
        var offset: Int
        var size: Int
        var end: Int { offset + size }
    }

    private let alignment: Int
    private var entries: [Entry] = []
    private var names: Set<String> = []

    /// ggml has no tensors of more dimensions.
    private static let maximumRank = 4

    /// - Precondition: `alignment` is a power of two.
    init(alignment: Int) {
        self.alignment = alignment
    }

    /// Reads what follows a tensor's name: u32 number of dimensions, u64 dimensions from the innermost on, u32 type, u64
    /// offset of its data.
    mutating func readEntry(name: String, at position: Int, _ reader: inout ByteReader) throws {
        let what = "the tensor \(quoted(name))"
        guard names.insert(name).inserted else { throw reader.invalid("\(what) appears twice", at: position) }
        let shape = try Self.shape(&reader, what)
        let typeOffset = reader.offset
        let number = try reader.integer(UInt32.self, "the type of \(what)")
        guard let type = TensorType(rawValue: number) else {
            let read = TensorType.allCases.map(\.description).joined(separator: ", ")
            throw CheckpointError.unsupported(
                file: reader.region.source, offset: typeOffset,
                reason: "\(what) has the type \(Self.typeName(number)); \(read) are read")
        }
        let columns = shape.last ?? 1
        guard let size = type.bytes(rows: shape.dropLast().reduce(1, *), columns: columns) else {
            throw reader.invalid(
                "\(what) has rows of \(columns) elements, which are no whole number of \(type) blocks of "
                    + "\(type.blockElements)", at: typeOffset)
        }
        let offsetPosition = reader.offset
        let offset = try reader.count64("the offset of \(what)", limit: reader.region.count)
        guard offset.isMultiple(of: alignment) else {
            throw reader.invalid("\(what) has the offset \(offset), no multiple of \(alignment)", at: offsetPosition)
        }
        guard size <= reader.region.count - offset else {
            throw reader.invalid(
                "\(what) of shape \(shape) needs \(size) bytes from offset \(offset) on, more than the file has",
                at: offsetPosition)
        }
        entries.append(
            Entry(name: name, position: position, shape: shape, type: type, offset: offset, size: size))
    }

    /// The dimensions, outermost first. Their product is below what the file can hold, so that it never overflows: the
    /// smallest type has 2.6 bits for an element.
    private static func shape(_ reader: inout ByteReader, _ what: String) throws -> [Int] {
        let position = reader.offset
        let rank = try reader.integer(UInt32.self, "the number of dimensions of \(what)")
        guard rank <= maximumRank else {
            throw reader.invalid("\(what) has \(rank) dimensions, more than \(maximumRank)", at: position)
        }
        let limit = reader.region.count.multipliedReportingOverflow(by: 4)
        var count = 1
        var dimensions: [Int] = []
        for _ in 0..<rank {
            let offset = reader.offset
            let dimension = try reader.integer(UInt64.self, "the dimensions of \(what)")
            let (product, overflow) = count.multipliedReportingOverflow(by: Int(clamping: dimension))
            guard dimension > 0, !overflow, limit.overflow || product <= limit.partialValue else {
                throw reader.invalid("\(what) has the dimension \(dimension), which the file cannot hold", at: offset)
            }
            count = product
            dimensions.append(Int(dimension))
        }
        return dimensions.reversed()
    }

    /// The tensors with their data, which begins at the next multiple of the alignment. Apart from padding, every byte
    /// to the end of the file must belong to one tensor: a table that was read wrongly does not pass.
    func tensors(_ reader: inout ByteReader) throws -> [CheckpointTensor] {
        let region = reader.region
        guard !entries.isEmpty else {
            try checkTail(from: reader.offset, region, after: "the metadata")
            return []
        }
        let start = padded(reader.offset)
        guard start <= region.count else {
            throw CheckpointError.truncated(
                file: region.source, offset: reader.offset, what: "the data of \(entries.count) tensors",
                needed: start - reader.offset, available: reader.remaining)
        }
        var previous: Entry?
        for entry in entries.sorted(by: { $0.offset < $1.offset }) {
            let end = previous?.end ?? 0
            guard entry.offset >= end else {
                throw CheckpointError.invalid(
                    file: region.source, offset: entry.position,
                    reason: "the tensor \(quoted(entry.name)) overlaps \(quoted(previous?.name ?? "")): it begins at "
                        + "offset \(entry.offset), the other ends at \(end)")
            }
            guard entry.offset - end < alignment else {
                throw CheckpointError.invalid(
                    file: region.source, offset: start + end,
                    reason: "\(entry.offset - end) bytes before the tensor \(quoted(entry.name)) belong to no tensor")
            }
            previous = entry
        }
        try checkTail(from: start + (previous?.end ?? 0), region, after: "the last tensor")
        return try entries.map { entry in
            CheckpointTensor(
                name: entry.name, shape: entry.shape, type: entry.type,
                bytes: try region.slice(
                    offset: start + entry.offset, count: entry.size, what: "the tensor \(quoted(entry.name))"))
        }
    }

    /// Nothing but padding may follow; it may be missing.
    private func checkTail(from end: Int, _ region: ByteRegion, after what: String) throws {
        guard region.count <= padded(end) else {
            throw CheckpointError.invalid(
                file: region.source, offset: end, reason: "\(region.count - end) bytes follow \(what)")
        }
    }

    /// The next multiple of the alignment. Nothing here is larger than twice a file's size, so that it cannot overflow.
    private func padded(_ offset: Int) -> Int { (offset + alignment - 1) & ~(alignment - 1) }

    /// The names of types that exist and are not read, so that a message can say which one it is.
    private static func typeName(_ number: UInt32) -> String {
        let names: [UInt32: String] = [
            4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
            21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M",
            31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: "TQ1_0", 35: "TQ2_0", 36: "IQ4_NL_4_4",
            37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
        ]
        return names[number] ?? "\(number), which is unknown"
    }
}
