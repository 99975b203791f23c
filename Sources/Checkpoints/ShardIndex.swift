/// The index of a checkpoint in several files, `model.safetensors.index.json` or `pytorch_model.bin.index.json`: which
/// tensor is in which file beside it, as `{"weight_map": {"name": "file"}}`. Whatever else it has is ignored.
struct ShardIndex {
    /// The index itself, for error messages.
    let file: String
    /// The names of the files, each once, in order.
    let shards: [String]
    private let shardByTensor: [String: String]

    /// The end of an index's name.
    static let suffix = ".index.json"
    /// A hundred times what the largest models have.
    private static let maximumBytes = 1 << 26
    private static let maximumShards = 1 << 12

    /// Reads an index.
    ///
    /// - Throws: `CheckpointError` if it is no index, or names a file that is not beside it.
    init(_ region: ByteRegion) throws {
        guard region.count <= Self.maximumBytes else {
            throw CheckpointError.invalid(
                file: region.source, offset: 0,
                reason: "an index of \(region.count) bytes, more than the \(Self.maximumBytes) possible")
        }
        var reader = JSONReader(region, range: 0..<region.count)
        var map: [String: String]?
        try reader.object("the index") { reader, name, _ in
            guard name == "weight_map" else { return try reader.skip("\(quoted(name)) in the index") }
            map = try Self.weightMap(&reader)
        }
        try reader.finish("the index")
        guard let map else { throw reader.invalid("the index has no weight_map", at: 0) }
        guard !map.isEmpty else { throw reader.invalid("the weight_map of the index is empty", at: 0) }
        let shards = Set(map.values).sorted()
        guard shards.count <= Self.maximumShards else {
            throw reader.invalid("the index has \(shards.count) files, more than \(Self.maximumShards)", at: 0)
        }
        file = region.source
        self.shards = shards
        shardByTensor = map
    }

    private static func weightMap(_ reader: inout JSONReader) throws -> [String: String] {
        var map: [String: String] = [:]
        try reader.object("the weight_map") { reader, tensor, position in
            let shard = try reader.string("the file of the tensor \(quoted(tensor))")
            if let objection = RelativePath.objection(to: shard) {
                throw reader.invalid(
                    "the tensor \(quoted(tensor)) is in the file \(quoted(shard)), whose name \(objection)",
                    at: position)
            }
            guard !shard.utf8.contains(UInt8(ascii: "/")) else {
                throw reader.invalid(
                    "the tensor \(quoted(tensor)) is in the file \(quoted(shard)), which is not beside the index",
                    at: position)
            }
            map[tensor] = shard
        }
        return map
    }

    /// The path of one of `shards`.
    func path(of shard: String) -> String {
        guard let slash = file.utf8.lastIndex(of: UInt8(ascii: "/")) else { return shard }
        return String(file[...slash]) + shard
    }

    /// Opens a shard, and says of one that is not there that the index asks for it.
    func map(_ shard: String) throws -> ByteRegion {
        do {
            return try ByteRegion(mapping: path(of: shard))
        } catch CheckpointError.io(let path, let operation, let reason) {
            throw CheckpointError.io(path: path, operation: "\(operation) a file of the index", reason: reason)
        }
    }

    /// Checks that a shard has what the index says of it: its tensors, and no others.
    func check(_ shard: String, has names: [String]) throws {
        for name in names {
            guard let expected = shardByTensor[name] else {
                throw CheckpointError.invalid(
                    file: path(of: shard), offset: 0, reason: "the tensor \(quoted(name)) is not in the index")
            }
            guard expected == shard else {
                throw CheckpointError.invalid(
                    file: path(of: shard), offset: 0,
                    reason: "the tensor \(quoted(name)) is in \(quoted(expected)) by the index")
            }
        }
    }

    /// Checks that every tensor of the index was found.
    func checkAll(found: (String) -> Bool) throws {
        guard let missing = shardByTensor.keys.filter({ !found($0) }).min() else { return }
        throw CheckpointError.missingTensor(file: path(of: shardByTensor[missing] ?? ""), name: missing)
    }
}
