internal import Checkpoints
internal import Compute
internal import Foundation

/// How the states of a text's tokens become one vector: the modules that sentence-transformers puts behind an encoder
/// (Reimers and Gurevych, "Sentence-BERT", 2019).
package struct SentencePooling: Sendable, Equatable {
    /// One way to make a vector of the states. Several together are concatenated in the order of this list.
    package enum Mode: String, Sendable, CaseIterable {
        /// The first token's state.
        case firstToken = "cls"
        /// The largest value of each feature.
        case maximum = "max"
        /// The mean.
        case mean
        /// The sum over the root of the number of tokens.
        case meanSquareRoot = "mean_sqrt_len_tokens"
        /// The mean in which the token at place i counts i + 1 times.
        case weightedMean = "weightedmean"
        /// The last token's state.
        case lastToken = "lasttoken"

        /// The truth value in `1_Pooling/config.json`.
        fileprivate var key: String {
            switch self {
            case .firstToken: "pooling_mode_cls_token"
            case .maximum: "pooling_mode_max_tokens"
            case .mean: "pooling_mode_mean_tokens"
            case .meanSquareRoot: "pooling_mode_mean_sqrt_len_tokens"
            case .weightedMean: "pooling_mode_weightedmean_tokens"
            case .lastToken: "pooling_mode_lasttoken"
            }
        }
    }

    /// What is concatenated.
    package let modes: [Mode]
    /// Whether the vector is made of length one.
    package let normalizes: Bool
    /// Tokens that the model is meant to read of a text, where its modules say it: `max_seq_length`.
    package let maximumTokens: Int?

    /// - Precondition: there is a mode.
    package init(modes: [Mode] = [.mean], normalizes: Bool, maximumTokens: Int? = nil) {
        precondition(!modes.isEmpty, "an embedding is made in some way")
        self.modes = Mode.allCases.filter(modes.contains)
        self.normalizes = normalizes
        self.maximumTokens = maximumTokens
    }

    /// Reads `modules.json` of a checkpoint's directory and the files it names. Without it the mean is taken, and its
    /// length is left as it is, as sentence-transformers does.
    ///
    /// - Throws: `CheckpointError` naming a module or a way of pooling that is not computed here.
    package init(directory: String) throws {
        func path(_ parts: String...) -> String {
            parts.reduce(URL(fileURLWithPath: directory)) { $1.isEmpty ? $0 : $0.appendingPathComponent($1) }.path
        }
        func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
        var maximum: Int?
        let sizes = path("sentence_bert_config.json")
        if exists(sizes) {
            let file = try ModelConfiguration(path: sizes)
            if file["max_seq_length"] != nil { maximum = try file.integer("max_seq_length", 1...(1 << 20)) }
        }
        let list = path("modules.json")
        guard exists(list) else {
            self.init(normalizes: false, maximumTokens: maximum)
            return
        }
        let modules = try Self.modules(list)
        guard modules.count > 1, modules[0].kind == "Transformer", modules[1].kind == "Pooling" else {
            throw CheckpointError.unsupported(
                file: list, offset: 0,
                reason: "the modules are \(modules.map(\.kind).joined(separator: ", ")); an embedding is made by "
                    + "Transformer and Pooling, and Normalize perhaps")
        }
        for module in modules.dropFirst(2) where module.kind != "Normalize" {
            throw CheckpointError.unsupported(
                file: list, offset: 0, reason: "the module \(module.kind) behind Pooling is not computed here")
        }
        let pooling = try ModelConfiguration(path: path(modules[1].path, "config.json"))
        self.init(modes: try Self.modes(pooling), normalizes: modules.count > 2, maximumTokens: maximum)
    }

    private static func modules(_ path: String) throws -> [(kind: String, path: String)] {
        guard case .array(let elements) = try JSONValue(ByteRegion(mapping: path)) else {
            throw CheckpointError.invalid(file: path, offset: 0, reason: "the file is no JSON array of modules")
        }
        return try elements.enumerated().map { index, element in
            guard case .object(let members) = element else {
                throw CheckpointError.invalid(file: path, offset: 0, reason: "module \(index) is no object")
            }
            let module = ModelConfiguration(file: "\(path): module \(index)", members: members)
            let folder = try module.string("path", default: "")
            guard !folder.hasPrefix("/"), !folder.split(separator: "/").contains("..") else {
                throw module.mismatch("path", expected: "a folder within the checkpoint")
            }
            return (String(try module.string("type").split(separator: ".").last ?? ""), folder)
        }
    }

    private static func modes(_ file: ModelConfiguration) throws -> [Mode] {
        if let named = file["pooling_mode"] {
            let names: [JSONValue] = if case .array(let list) = named { list } else { [named] }
            let modes = try names.map { name in
                guard case .string(let text) = name, let mode = Mode(rawValue: text) else {
                    throw file.mismatch(
                        "pooling_mode", expected: "of \(Mode.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                return mode
            }
            guard !modes.isEmpty else { throw file.mismatch("pooling_mode", expected: "a mode") }
            return modes
        }
        for key in file.members.keys.sorted() where key.hasPrefix("pooling_mode_") {
            guard Mode.allCases.contains(where: { $0.key == key }) || file.members[key] == .boolean(false) else {
                throw CheckpointError.unsupported(file: file.file, offset: 0, reason: "\(key) is not computed here")
            }
        }
        let modes = try Mode.allCases.filter { try file.boolean($0.key, default: false) }
        // What sentence-transformers takes where a file says nothing.
        return modes.isEmpty ? [.mean] : modes
    }

    /// The vector of a text's states `[tokens, hiddenSize]`.
    func embedding(_ states: MatrixView) -> [Float] {
        var out: [Float] = []
        out.reserveCapacity(modes.count * states.columns)
        for mode in modes { out += Self.pooled(states, mode) }
        guard normalizes else { return out }
        let length = out.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return out.map { Float(Double($0) / max(length, 1e-12)) }
    }

    private static func pooled(_ states: MatrixView, _ mode: Mode) -> [Float] {
        func row(_ index: Int) -> [Float] {
            Array(UnsafeBufferPointer(start: states.row(index), count: states.columns))
        }
        switch mode {
        case .firstToken: return row(0)
        case .lastToken: return row(states.rows - 1)
        case .maximum:
            var out = row(0)
            for r in 1..<max(1, states.rows) {
                let values = states.row(r)
                for i in out.indices { out[i] = max(out[i], values[i]) }
            }
            return out
        case .mean, .meanSquareRoot, .weightedMean:
            var sums = [Double](repeating: 0, count: states.columns)
            for r in 0..<states.rows {
                let values = states.row(r)
                let weight = mode == .weightedMean ? Double(r + 1) : 1
                for i in sums.indices { sums[i] += weight * Double(values[i]) }
            }
            let count = Double(states.rows)
            let divisor =
                switch mode {
                case .mean: count
                case .meanSquareRoot: count.squareRoot()
                default: count * (count + 1) / 2
                }
            return sums.map { Float($0 / divisor) }
        }
    }
}
