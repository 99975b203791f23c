/// One file in Safetensors: u64 length of the header, the header in JSON, and the data of the tensors. The header gives
/// each tensor's `dtype`, `shape` and `data_offsets`, from the start of the data; together they must cover the data
/// without overlaps and holes, so that no byte of the file is unexplained.
struct SafetensorsFile {
    /// The strings of `__metadata__`; empty if there is none.
    let metadata: [String: String]
    /// The tensors that can be weights, in the order of the header.
    let tensors: [CheckpointTensor]
    /// All others.
    let unusable: [UnusableTensor]

    /// The format's own bound.
    private static let maximumHeader = 100_000_000
    private static let metadataName = "__metadata__"

    private struct Entry {
        var name: String
        /// Where the entry stands in the file.
        var position: Int
        var type: ElementType
        var shape: [Int]
        /// From the start of the data.
        var range: Range<Int>
    }

    init(_ region: ByteRegion) throws {
        var reader = ByteReader(region)
        let length = try reader.count64("the length of the header", limit: Self.maximumHeader)
        let header = try reader.bytes(length, "the header")
        guard header.buffer.first == UInt8(ascii: "{") else {
            throw reader.invalid("the header does not begin with a brace: not a Safetensors file", at: 8)
        }
        let start = reader.offset
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
        var json = JSONReader(region, range: 8..<start)
        try json.object("the header") { json, name, position in
            if name == Self.metadataName {
                metadata = try Self.metadata(&json)
            } else {
                entries.append(try Self.entry(name, position, &json, data: region.count - start))
            }
        }
        try json.finish("the header")
        try Self.checkCover(entries, start: start, region)
        var tensors: [CheckpointTensor] = []
        var unusable: [UnusableTensor] = []
        for entry in entries {
            guard let type = entry.type.weight, !entry.range.isEmpty else {
                unusable.append(UnusableTensor(name: entry.name, shape: entry.shape, type: entry.type.name))
                continue
            }
            tensors.append(
                CheckpointTensor(
                    name: entry.name, shape: entry.shape, type: type,
                    bytes: try region.slice(
                        offset: start + entry.range.lowerBound, count: entry.range.count,
                        what: "the tensor \(quoted(entry.name))")))
        }
        self.metadata = metadata
        self.tensors = tensors
        self.unusable = unusable
    }

    private static func metadata(_ json: inout JSONReader) throws -> [String: String] {
        var metadata: [String: String] = [:]
        try json.object(metadataName) { json, key, _ in
            metadata[key] = try json.string("the metadata \(quoted(key))")
        }
        return metadata
    }

    private static func entry(
        _ name: String, _ position: Int, _ json: inout JSONReader, data: Int
    ) throws -> Entry {
        let what = "the tensor \(quoted(name))"
        guard !name.isEmpty else { throw json.invalid("a tensor's name is empty", at: position) }
        var type: ElementType?
        var shape: [Int]?
        var offsets: [Int]?
        try json.object(what) { json, key, position in
            switch key {
            case "dtype": type = try Self.type(&json, what)
            case "shape": shape = try numbers(&json, "the shape of \(what)", limit: ElementType.maximumRank)
            case "data_offsets": offsets = try numbers(&json, "the offsets of \(what)", limit: 2)
            default: throw json.invalid("\(what) has \(quoted(key)), which the format does not have", at: position)
            }
        }
        guard let type, let shape, let offsets else {
            let missing = type == nil ? "dtype" : shape == nil ? "shape" : "data_offsets"
            throw json.invalid("\(what) has no \(missing)", at: position)
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw json.invalid("\(what) has the offsets \(offsets), not a begin and an end after it", at: position)
        }
        guard offsets[1] <= data else {
            throw json.invalid("\(what) ends at \(offsets[1]), the data has \(data) bytes", at: position)
        }
        guard let size = type.bytes(shape: shape), size == offsets[1] - offsets[0] else {
            let size = type.bytes(shape: shape).map { "\($0)" } ?? "no possible number of"
            throw json.invalid(
                "\(what) of \(type.name) and shape \(shape) needs \(size) bytes, its offsets give "
                    + "\(offsets[1] - offsets[0])", at: position)
        }
        return Entry(name: name, position: position, type: type, shape: shape, range: offsets[0]..<offsets[1])
    }

    private static func type(_ json: inout JSONReader, _ what: String) throws -> ElementType {
        let name = try json.string("the dtype of \(what)")
        guard let type = ElementType.byName[name] else {
            throw json.invalid("\(what) has the dtype \(quoted(name)), which is unknown")
        }
        return type
    }

    private static func numbers(_ json: inout JSONReader, _ what: String, limit: Int) throws -> [Int] {
        var numbers: [Int] = []
        try json.array(what) { json in
            guard numbers.count < limit else { throw json.invalid("\(what) are more than \(limit) numbers") }
            numbers.append(try json.count(what))
        }
        return numbers
    }

    private static func checkCover(_ entries: [Entry], start: Int, _ region: ByteRegion) throws {
        var end = 0
        var previous = ""
        // Empty tensors may stand between others, where a neighbour begins.
        let order = entries.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        for entry in order {
            guard entry.range.lowerBound >= end else {
                throw CheckpointError.invalid(
                    file: region.source, offset: entry.position,
                    reason: "the tensor \(quoted(entry.name)) overlaps \(quoted(previous)): it begins at "
                        + "\(entry.range.lowerBound), the other ends at \(end)")
            }
            guard entry.range.lowerBound == end else {
                throw CheckpointError.invalid(
                    file: region.source, offset: start + end,
                    reason: "\(entry.range.lowerBound - end) bytes before the tensor \(quoted(entry.name)) belong to "
                        + "no tensor")
            }
            end = entry.range.upperBound
            previous = entry.name
        }
        guard start + end == region.count else {
            throw CheckpointError.invalid(
                file: region.source, offset: start + end,
                reason: "\(region.count - start - end) bytes follow the last tensor")
        }
    }
}
