internal import Checkpoints
internal import Compute

/// Binds the tensors of a Marian checkpoint to the places of a model by name, checks every shape, and in the end tells
/// which tensors found no place.
final class MarianBinder {
    let checkpoint: MarianCheckpoint
    let backend: ComputeBackend
    private var used: Set<String> = []

    init(_ checkpoint: MarianCheckpoint, backend: ComputeBackend) {
        self.checkpoint = checkpoint
        self.backend = backend
    }

    func has(_ name: String) -> Bool { checkpoint.tensors[name] != nil }

    /// The tensor `name`, which must have this shape.
    func tensor(_ name: String, shape: [Int]) throws -> MarianTensor {
        guard let tensor = checkpoint.tensors[name] else {
            throw CheckpointError.missingTensor(file: checkpoint.file, name: name)
        }
        guard tensor.shape == shape else { throw mismatch(tensor, expected: "\(shape)") }
        used.insert(name)
        return tensor
    }

    private func mismatch(_ tensor: MarianTensor, expected: String) -> CheckpointError {
        .mismatchedTensor(
            file: checkpoint.file, name: tensor.name, expected: expected, found: "\(tensor.shape) of \(tensor.type)")
    }

    /// A vector stored as a `[1, count]` float tensor.
    func vector(_ name: String, count: Int) throws -> [Float] {
        let tensor = try tensor(name, shape: [1, count])
        guard tensor.type == .float32 else { throw mismatch(tensor, expected: "float32") }
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            for i in 0..<count {
                buffer[i] = tensor.elements.buffer.loadUnaligned(fromByteOffset: i * 4, as: Float.self)
            }
            initialized = count
        }
    }

    /// The activation multiplier stored for a weight under the first of these names that exists: a float, or a one
    /// element integer tensor where the name made the exporter quantise it.
    func activationQuantization(of weights: String...) throws -> ActivationQuantization {
        for weight in weights {
            let name = weight + "_QuantMultA"
            guard has(name) else { continue }
            let tensor = try tensor(name, shape: [1, 1])
            let value: Float
            switch (tensor.type, tensor.multiplier) {
            case (.float32, _): value = tensor.elements.buffer.loadUnaligned(as: Float.self)
            case (.intgemm8, let multiplier?):
                value = Float(tensor.elements.buffer.loadUnaligned(as: Int8.self)) / multiplier
            default: throw mismatch(tensor, expected: "float32 or intgemm8")
            }
            guard value.isFinite, value > 0 else {
                throw CheckpointError.mismatchedTensor(
                    file: checkpoint.file, name: name, expected: "a positive multiplier", found: "\(value)")
            }
            return .fixed(multiplier: value)
        }
        return .dynamic
    }

    /// A linear layer from a weight of logical shape `[inputs, outputs]`: integers are stored transposed, floats as is.
    func linear(_ weight: String, bias: String?, inputs: Int, outputs: Int) throws -> Linear {
        let tensor = try tensor(weight, shape: [inputs, outputs])
        let bias = try bias.map { AlignedBuffer(try vector($0, count: outputs), paddedTo: 16) }
        let elements = tensor.elements
        switch (tensor.type, tensor.multiplier) {
        case (.intgemm8, let multiplier?):
            let activations = try activationQuantization(of: weight)
            return try elements.withElements(Int8.self) {
                .int8(
                    Int8Linear(
                        weights: $0, inputs: inputs, outputs: outputs, weightMultiplier: multiplier,
                        activations: activations, bias: bias, for: backend))
            }
        case (.float32, _):
            return try elements.withElements(Float.self) {
                .float32(
                    FloatLinear(
                        weights: $0, transposed: false, inputs: inputs, outputs: outputs, bias: bias, for: backend))
            }
        default: throw mismatch(tensor, expected: "intgemm8 or float32")
        }
    }

    /// The normalisation whose tensors are `prefix_ln_scale suffix` and `prefix_ln_bias suffix`.
    func layerNorm(_ prefix: String, suffix: String = "", count: Int) throws -> LayerNorm {
        LayerNorm(
            scale: try vector("\(prefix)_ln_scale\(suffix)", count: count),
            bias: try vector("\(prefix)_ln_bias\(suffix)", count: count), epsilon: 1e-6)
    }

    /// An embedding table `[tokens, hiddenSize]`, never transposed.
    func embedding(_ name: String, tokens: Int, hiddenSize: Int) throws -> EmbeddingTable {
        let tensor = try tensor(name, shape: [tokens, hiddenSize])
        switch (tensor.type, tensor.multiplier) {
        case (.intgemm8, let multiplier?):
            return EmbeddingTable(tensor.elements, hiddenSize: hiddenSize, weights: .int8(multiplier: multiplier))
        case (.float32, _): return EmbeddingTable(tensor.elements, hiddenSize: hiddenSize, weights: .float32)
        default: throw mismatch(tensor, expected: "intgemm8 or float32")
        }
    }

    /// - Throws: `CheckpointError.unusedTensors` if a tensor was bound to nothing. Multipliers of activations
    ///   whose weight does not need them are not weights and may stay.
    func requireAllUsed() throws {
        let unused = checkpoint.tensors.keys.filter { !used.contains($0) && !$0.hasSuffix("_QuantMultA") }
        guard unused.isEmpty else {
            throw CheckpointError.unusedTensors(file: checkpoint.file, names: unused.sorted())
        }
    }
}

extension ByteRegion {
    /// The bytes as elements of a type. Marian aligns tensors to 256 bytes, but a file need not be Marian's own, so
    /// bytes that are not aligned are copied to where they are.
    func withElements<Element: BitwiseCopyable, Result>(
        _: Element.Type, _ body: (UnsafePointer<Element>) throws -> Result
    ) throws -> Result {
        guard let base = buffer.baseAddress else {
            throw CheckpointError.invalid(file: source, offset: 0, reason: "a tensor without elements")
        }
        if Int(bitPattern: base) % MemoryLayout<Element>.alignment == 0 {
            return try body(base.assumingMemoryBound(to: Element.self))
        }
        let copy = AlignedBuffer<Element>(count: count / MemoryLayout<Element>.stride)
        return try withExtendedLifetime(copy) {
            UnsafeMutableRawPointer(copy.pointer).copyMemory(
                from: base, byteCount: copy.count * MemoryLayout<Element>.stride)
            return try body(copy.pointer)
        }
    }
}
