/// A checkpoint in GGUF, the format of llama.cpp, versions 2 and 3: metadata and tensors, which stay where they are in
/// the mapped file or files. Every count, length and offset is checked before it is used, and memory beyond the file's own
/// is a small multiple of the metadata's size at most.
package struct GGUFCheckpoint: Sendable {
    /// The file that was named, for error messages.
    package let file: String
    /// The files that the checkpoint was read from, in their order: one, or the parts of a split checkpoint.
    package let files: [String]
    /// The version of the format.
    package let version: UInt32
    /// The metadata; of a split checkpoint, that of the first part.
    package let metadata: GGUFMetadata
    /// The tensors of all parts by name.
    package let tensors: [String: CheckpointTensor]

    /// Maps the file at `path` and reads its table of contents. Of a split checkpoint any part may be named; the others
    /// are found beside it.
    ///
    /// - Throws: `CheckpointError` naming the file, and the byte where it stops making sense.
    package init(path: String) throws {
        let named = try GGUFFile(ByteRegion(mapping: path))
        let parts = try GGUFSplit.parts(of: named) { try GGUFFile(ByteRegion(mapping: $0)) }
        try self.init(named: named, parts: parts)
    }

    /// Reads a checkpoint of one file.
    ///
    /// - Throws: `CheckpointError`, also if the bytes are a part of a split checkpoint.
    package init(_ region: ByteRegion) throws {
        let file = try GGUFFile(region)
        let parts = try GGUFSplit.parts(of: file) { path in
            throw CheckpointError.unsupported(
                file: region.source, offset: 0, reason: "a part of a split checkpoint without \(path) beside it")
        }
        try self.init(named: file, parts: parts)
    }

    private init(named: GGUFFile, parts: [GGUFFile]) throws {
        var tensors: [String: CheckpointTensor] = [:]
        for part in parts {
            for tensor in part.tensors {
                if let other = tensors.updateValue(tensor, forKey: tensor.name) {
                    throw CheckpointError.invalid(
                        file: part.file, offset: 0,
                        reason: "the tensor \(quoted(tensor.name)) is in \(other.bytes.source) too")
                }
            }
        }
        self.tensors = tensors
        file = named.file
        files = parts.map(\.file)
        version = named.version
        metadata = GGUFMetadata(file: files.first ?? file, values: (parts.first ?? named).metadata.mapValues(\.value))
    }

    /// The tensor of that name.
    ///
    /// - Throws: `CheckpointError.missingTensor`.
    package func tensor(_ name: String) throws -> CheckpointTensor {
        guard let tensor = tensors[name] else { throw CheckpointError.missingTensor(file: file, name: name) }
        return tensor
    }
}
