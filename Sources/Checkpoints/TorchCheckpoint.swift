/// A checkpoint that PyTorch 1.6 or later has saved, `pytorch_model.bin`, in one file or in several with an index
/// beside them. What it says is data here: nothing in it is executed, and whatever is not needed to describe tensors is
/// refused.
///
/// The tensors stay where they are in the mapped files. Those whose elements are in another order there (a transposed
/// view), and those of compressed archives, are copied, within bounds that follow from the file's size.
package struct TorchCheckpoint: Sendable {
    /// The file that was named, for error messages.
    package let file: String
    /// The files that hold the tensors: the one that was named, or those of the index, by name.
    package let files: [String]
    /// The tensors that can be weights (F32, F16 and BF16) by name. Tied weights are two tensors over the same bytes.
    package let tensors: [String: CheckpointTensor]
    /// The tensors that are in the checkpoint and cannot be weights, by name.
    package let unusable: [String: UnusableTensor]

    /// Maps a file of `torch.save`, or the files of an index, whose name ends in `.index.json`, and reads what they
    /// describe.
    ///
    /// - Throws: `CheckpointError` naming the file, and the byte where it stops making sense; for a pickle with
    ///   anything but tensors `.unsupported`, with the opcode or the global it asks for.
    package init(path: String) throws {
        let region = try ByteRegion(mapping: path)
        guard path.hasSuffix(ShardIndex.suffix) else {
            try self.init(region)
            return
        }
        let index = try ShardIndex(region)
        let parts = try index.shards.map { shard in
            let part = try TorchTensorTable(index.map(shard))
            try index.check(shard, has: part.tensors.map(\.name) + part.unusable.map(\.name))
            return part
        }
        self.init(file: path, files: index.shards.map(index.path(of:)), parts: parts)
        let checkpoint = self
        try index.checkAll { checkpoint.tensors[$0] != nil || checkpoint.unusable[$0] != nil }
    }

    /// Reads a checkpoint of one file.
    ///
    /// - Throws: `CheckpointError`.
    package init(_ region: ByteRegion) throws {
        self.init(file: region.source, files: [region.source], parts: [try TorchTensorTable(region)])
    }

    /// - Precondition: no name is in two parts. Within a file the table sees to it, across files the index.
    private init(file: String, files: [String], parts: [TorchTensorTable]) {
        self.file = file
        self.files = files
        tensors = Dictionary(uniqueKeysWithValues: parts.flatMap(\.tensors).map { ($0.name, $0) })
        unusable = Dictionary(uniqueKeysWithValues: parts.flatMap(\.unusable).map { ($0.name, $0) })
    }

    /// The tensor of that name.
    ///
    /// - Throws: `CheckpointError.missingTensor`, or `.mismatchedTensor` if it cannot be a weight.
    package func tensor(_ name: String) throws -> CheckpointTensor {
        if let tensor = tensors[name] { return tensor }
        throw unusable[name]?.error(file: file) ?? CheckpointError.missingTensor(file: file, name: name)
    }
}
