/// A checkpoint as what a model needs of it: tensors by name, whatever format the files have.
package struct Checkpoint: Sendable {
    /// The file that was named, for error messages.
    package let file: String
    /// The files that hold the tensors.
    package let files: [String]
    /// The tensors that can be weights, by name.
    package let tensors: [String: CheckpointTensor]
    /// The tensors that are in the checkpoint and cannot be weights, by name.
    package let unusable: [String: UnusableTensor]

    /// What a GGUF file holds.
    package init(_ checkpoint: GGUFCheckpoint) {
        self.init(file: checkpoint.file, files: checkpoint.files, tensors: checkpoint.tensors, unusable: [:])
    }

    /// What Safetensors files hold.
    package init(_ checkpoint: SafetensorsCheckpoint) {
        self.init(
            file: checkpoint.file, files: checkpoint.files, tensors: checkpoint.tensors, unusable: checkpoint.unusable)
    }

    /// What PyTorch's files hold.
    package init(_ checkpoint: TorchCheckpoint) {
        self.init(
            file: checkpoint.file, files: checkpoint.files, tensors: checkpoint.tensors, unusable: checkpoint.unusable)
    }

    private init(
        file: String, files: [String], tensors: [String: CheckpointTensor], unusable: [String: UnusableTensor]
    ) {
        (self.file, self.files, self.tensors, self.unusable) = (file, files, tensors, unusable)
    }

    /// Opens weights by the name of their file: `….safetensors`, `….bin`, or either's `….index.json`.
    ///
    /// - Throws: `CheckpointError`.
    package init(path: String) throws {
        if path.hasSuffix(".safetensors") || path.hasSuffix(".safetensors.index.json") {
            self.init(try SafetensorsCheckpoint(path: path))
        } else if path.hasSuffix(".bin") || path.hasSuffix(".bin.index.json") {
            self.init(try TorchCheckpoint(path: path))
        } else {
            throw CheckpointError.unsupported(
                file: path, offset: 0, reason: "weights are read from .safetensors, .bin and their .index.json")
        }
    }

    /// The tensor of that name.
    ///
    /// - Throws: `CheckpointError.missingTensor`, or `.mismatchedTensor` if it cannot be a weight.
    package func tensor(_ name: String) throws -> CheckpointTensor {
        if let tensor = tensors[name] { return tensor }
        throw unusable[name]?.error(file: file) ?? CheckpointError.missingTensor(file: file, name: name)
    }
}
