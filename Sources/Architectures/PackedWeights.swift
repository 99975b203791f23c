package import Checkpoints
package import Compute
internal import Foundation
internal import Synchronization

/// Quantises a checkpoint's matrices as they are asked for, and keeps the result in a file from which the next start maps
/// them at once.
///
/// Rows are read from the mapped checkpoint some at a time, quantised on all threads, and written to the packed file; the
/// pages of either stay in memory no longer than that, so that the peak is what is in use of the result. Where no file can
/// be kept, the matrices are in memory, and the outcome says why.
///
/// One thread uses it: the one that loads the model.
package final class PackedWeights {
    /// What becomes of float weights.
    package enum Quantization: String, Sendable, CaseIterable {
        /// 8 bits, a scale for each row.
        case int8
        /// 4 bits in blocks of 32, and 8 for the matrices whose errors weigh most: the embedding, the output layer, value
        /// projections, and, but for large models, what leads out of the feed-forward layers.
        case q4
    }

    /// What 8-bit weights are multiplied by.
    package enum Activations: String, Sendable, CaseIterable {
        /// Activations rounded to 8 bits, row by row: the fastest, and what translation models bear.
        case rounded
        /// Activations as they are: for models that are to say exactly what they would say with float weights.
        case float
    }

    /// Where the matrices are in the end.
    package struct Outcome: Sendable, Equatable {
        package enum Origin: String, Sendable {
            /// Mapped from a packed file that was there.
            case opened
            /// Quantised now, and kept in a packed file.
            case packed
            /// Quantised now, and kept in memory only.
            case memory
        }

        /// Where the matrices are.
        package let origin: Origin
        /// Bytes of the matrices.
        package let sizeBytes: Int
        /// What the operator should know: a file that was damaged, a directory that cannot be written.
        package let notes: [String]
    }

    /// Bytes of weights that one piece of work quantises.
    private static let pieceBytes = 512 << 10
    /// Bytes of weights between two reports of progress, after which their pages are let go.
    private static let batchBytes = 32 << 20

    private let quantization: Quantization
    private let activations: Activations
    private let backend: ComputeBackend
    private let pool: ThreadPool
    private let advanced: (Int) throws -> Void
    private let opened: PackedCheckpoint?
    /// Whether the file that was opened is not all that the model needs.
    private var lacksMatrices = false
    private var writer: PackedCheckpointWriter?
    private var made: [String: Made] = [:]
    private var sizeBytes = 0
    private var notes: [String] = []

    /// A matrix that was made once, for those who ask for it again.
    private struct Made {
        let layout: PackedLayout
        let base: UnsafeRawPointer
        /// What is in memory only goes with the last who has it, as a faster copy may have taken its place by then.
        weak var owner: MappedWeights?
        /// What is a file's takes no memory.
        let mapped: MappedWeights?
    }

    /// Opens the packed file in a directory, or begins it.
    ///
    /// - Parameters:
    ///   - directory: the model's directory for packed files, made where it is missing; nil to keep nothing.
    ///   - key: what identifies the checkpoint's bytes, for example the SHA-256 of its files' SHA-256. A packed file with
    ///     another key is replaced.
    ///   - advanced: told of bytes of the checkpoint that are done; what it throws ends the packing.
    package init(
        directory: String?, key: String, quantization: Quantization, activations: Activations, pool: ThreadPool,
        backend: ComputeBackend, advanced: @escaping (_ bytes: Int) throws -> Void = { _ in }
    ) {
        (self.quantization, self.activations) = (quantization, activations)
        (self.pool, self.backend, self.advanced) = (pool, backend, advanced)
        let scheme = quantization == .q4 ? "q4" : "int8-\(activations.rawValue)"
        guard let directory else {
            opened = nil
            return
        }
        let path = "\(directory)/\(scheme)\(Self.suffix)"
        let identity = "\(scheme) \(key)"
        do {
            opened = try PackedCheckpoint(path: path, identity: identity, size: Self.size)
        } catch {
            opened = nil
            unlink(path)
            notes.append("packed anew, because of the packed file: \(error)")
        }
        guard opened == nil else { return }
        do {
            writer = try PackedCheckpointWriter(path: path, identity: identity)
        } catch {
            notes.append("quantised at every start, because nothing can be kept: \(error)")
        }
    }

    /// How packed files are named.
    private static let suffix = ".packed"

    /// Reads all packed files of a model's directory, and removes those that are not what was written: a model that has
    /// mapped one goes on with it, and the next load packs anew.
    ///
    /// - Returns: what was wrong, a sentence for each file.
    /// - Throws: `CancellationError`; `CheckpointError` if a file cannot be read.
    package static func removeDamaged(in directory: String) throws -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return try names.sorted().filter { $0.hasSuffix(suffix) }.compactMap { name in
            let path = "\(directory)/\(name)"
            guard let damage = try PackedCheckpoint.damage(inFile: path) else { return nil }
            unlink(path)
            return damage
        }
    }

    /// The bytes of a matrix in a packed file.
    private static func size(format: UInt32, rows: Int, columns: Int) -> Int? {
        PackedFormat(rawValue: format).flatMap { PackedLayout($0, rows: rows, columns: columns)?.bytes }
    }

    /// The matrix that a tensor becomes: a `WeightBinder`'s quantizer.
    ///
    /// - Throws: `CheckpointError` for a tensor that holds NaN or infinity or cannot be packed; what `advanced` throws.
    package func matrix(_ tensor: CheckpointTensor) throws -> WeightMatrix {
        if let known = made[tensor.name], let owner = known.owner {
            return WeightMatrix(known.layout, known.base, owner: owner)
        }
        guard let type = WeightType(rawValue: tensor.type.rawValue),
            let layout = PackedLayout(
                Self.format(of: tensor, quantization, activations), rows: tensor.rows, columns: tensor.columns)
        else { throw mismatch(tensor, "a matrix that can be quantised", "\(tensor.shape) of \(tensor.type)") }
        let stored = try stored(tensor, layout)
        let bytes = try stored ?? pack(tensor, WeightQuantizer(layout, from: type, on: backend))
        guard let base = bytes.buffer.baseAddress else { throw mismatch(tensor, "a matrix", "nothing") }
        let owner = MappedWeights(bytes)
        let matrix = WeightMatrix(layout, base, owner: owner)
        if made[tensor.name] == nil { sizeBytes += matrix.sizeBytes }
        let isFile = stored != nil || writer != nil
        made[tensor.name] = Made(layout: layout, base: base, owner: owner, mapped: isFile ? owner : nil)
        return matrix
    }

    /// Puts what was packed in its place. To be called when the model is bound.
    package func finish() -> Outcome {
        if let opened {
            if lacksMatrices {
                unlink(opened.file)
                notes.append(
                    "\(opened.file) lacked matrices of the model and was removed; the next start packs it anew")
            }
            return Outcome(origin: .opened, sizeBytes: sizeBytes, notes: notes)
        }
        guard let writer else { return Outcome(origin: .memory, sizeBytes: sizeBytes, notes: notes) }
        self.writer = nil
        do {
            try writer.finish()
            return Outcome(origin: .packed, sizeBytes: sizeBytes, notes: notes)
        } catch {
            notes.append("quantised at every start, because nothing can be kept: \(error)")
            return Outcome(origin: .memory, sizeBytes: sizeBytes, notes: notes)
        }
    }

    /// Feed-forward layers as wide as this belong to models of 7 billion weights and more, which bear 4 bits better than
    /// small ones, and whose size decides whether they can be used at all.
    private static let largeFeedForward = 8192

    /// Rows of so few weights have nothing to average the errors of 4 bits over, and take no room worth saving: they keep 8.
    /// With 4 bits small networks of 32 features diverged by up to 0.27 nats.
    package static let narrowRows = 256

    /// What a tensor's matrix becomes; its `PackedLayout` says how many bytes it takes.
    package static func format(
        of tensor: CheckpointTensor, _ quantization: Quantization, _ activations: Activations
    ) -> PackedFormat {
        guard quantization == .q4 else { return activations == .rounded ? .int8Panels : .int8Rows }
        guard tensor.columns >= narrowRows else { return .int8Rows }
        switch place(of: tensor.name) {
        case .vocabulary, .value: return .int8Rows
        case .down: return tensor.columns < largeFeedForward ? .int8Rows : .blocks4
        case .other: return .blocks4
        }
    }

    /// Where in a model a matrix has its place, as far as it matters here. With 4 bits everywhere but in the vocabulary the
    /// divergence of SmolLM2 (135 million weights) was 0.28 nats, of Gemma 3 (270 million) 0.11; of these the value
    /// projections, 3 % of the weights, made up about a fifth, and what leads out of the feed-forward layers, a fourth of
    /// the weights, a third and more. With 8 bits there it is 0.095 and 0.061.
    package enum Place: Sendable {
        case vocabulary, value, down, other
    }

    /// The place of a matrix by its name, in any family's naming.
    package static func place(of name: String) -> Place {
        let parts = name.split(separator: ".").dropLast().map(String.init)
        guard let layer = parts.last else { return .other }
        switch layer {
        case "embed_tokens", "token_embd", "shared", "word_embeddings", "lm_head": return .vocabulary
        case "output": return parts.count == 1 ? .vocabulary : .other
        case "attn_v", "v_proj", "value", "v": return .value
        case "ffn_down", "down_proj", "fc2", "wo": return .down
        default: return .other
        }
    }

    /// The matrix in the packed file that was opened.
    private func stored(_ tensor: CheckpointTensor, _ layout: PackedLayout) throws -> ByteRegion? {
        guard let opened else { return nil }
        guard let entry = opened.entries[tensor.name], entry.format == layout.format.rawValue,
            entry.rows == layout.rows, entry.columns == layout.columns
        else {
            lacksMatrices = true
            return nil
        }
        try advanced(tensor.bytes.count)
        return try opened.bytes(of: entry)
    }

    /// Quantises into the file, or into memory where that fails.
    private func pack(_ tensor: CheckpointTensor, _ quantizer: WeightQuantizer) throws -> ByteRegion {
        let layout = quantizer.layout
        if let writer {
            do {
                let section = writer.section(
                    name: tensor.name, format: layout.format.rawValue, rows: layout.rows, columns: layout.columns,
                    count: layout.bytes)
                return try fill(section, from: tensor, quantizer)
            } catch let error as CheckpointError {
                guard case .io = error else { throw error }
                // What was packed before stays mapped, also of the file that is removed now.
                self.writer = nil
                notes.append("quantised at every start, because nothing can be kept: \(error)")
            }
        }
        return try fill(PackedSection(inMemory: layout.bytes), from: tensor, quantizer)
    }

    private func fill(
        _ section: PackedSection, from tensor: CheckpointTensor, _ quantizer: WeightQuantizer
    ) throws -> ByteRegion {
        guard let base = tensor.bytes.buffer.baseAddress else { throw mismatch(tensor, "a matrix", "nothing") }
        let layout = quantizer.layout, rowBytes = quantizer.sourceRowBytes
        let multiple = PackedLayout.rowMultiple
        let pieceRows = max(1, Self.pieceBytes / rowBytes / multiple) * multiple
        let batchRows = max(1, Self.batchBytes / (rowBytes * pieceRows)) * pieceRows
        for batch in stride(from: 0, to: layout.rows, by: batchRows) {
            let end = min(layout.rows, batch + batchRows)
            let source = try tensor.bytes.slice(
                offset: batch * rowBytes, count: (end - batch) * rowBytes, what: tensor.name)
            defer { source.releasePages() }
            source.prefetchPages()
            let failure = Mutex<(any Error)?>(nil)
            pool.forEach((end - batch + pieceRows - 1) / pieceRows) { piece, thread in
                guard failure.withLock({ $0 == nil }) else { return }
                let rows = (batch + piece * pieceRows)..<min(end, batch + (piece + 1) * pieceRows)
                do {
                    let first = (base + rows.lowerBound * rowBytes).assumingMemoryBound(to: UInt8.self)
                    try quantizer.quantize(rows, from: first, in: pool.workspace(thread)) { quantized in
                        try section.write(quantized.scales, at: layout.scalesOffset + rows.lowerBound * 4)
                        try section.write(quantized.corrections, at: layout.correctionsOffset + rows.lowerBound * 4)
                        try section.write(
                            quantized.weights, at: layout.weightsOffset + rows.lowerBound * layout.rowBytes)
                    }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
            if let error = failure.withLock({ $0 }) { throw translated(error, tensor) }
            try advanced(source.count)
        }
        return try section.finish()
    }

    private func translated(_ error: any Error, _ tensor: CheckpointTensor) -> any Error {
        switch error as? WeightQuantizer.Refusal {
        case .notFinite(let row): mismatch(tensor, "finite numbers", "NaN or infinity in row \(row)")
        case .tooLarge(let row): mismatch(tensor, "numbers up to 7400000 for 4 bits", "a larger one in row \(row)")
        case nil: error
        }
    }

    private func mismatch(_ tensor: CheckpointTensor, _ expected: String, _ found: String) -> CheckpointError {
        .mismatchedTensor(file: tensor.bytes.source, name: tensor.name, expected: expected, found: found)
    }
}
