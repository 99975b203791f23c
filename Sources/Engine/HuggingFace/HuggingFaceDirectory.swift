internal import Checkpoints
internal import Foundation

/// A checkpoint in the layout of the Hugging Face Hub: files by their names, whatever mixture of them is there.
struct HuggingFaceDirectory: Sendable {
    /// The directory or what stands for it, for error messages.
    let name: String
    /// The path of each file, by its name relative to the directory: `config.json`, `1_Pooling/config.json`.
    let files: [String: String]

    /// The names that weights have, best first: Safetensors can be mapped and checked at once.
    private static let weightNames = [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    ]
    /// What people have besides, by the ends of the names.
    private static let otherFormats = [
        (".h5", "TensorFlow"), (".msgpack", "Flax"), (".onnx", "ONNX"), (".ot", "Rust"),
        (".gguf", "GGUF: name the file"),
        (".pth", "PyTorch's own names"), (".npz", "Marian"),
    ]

    /// - Parameter files: paths by name.
    init(name: String, files: [String: String]) { (self.name, self.files) = (name, files) }

    /// The files of a directory and of its direct subdirectories.
    ///
    /// - Throws: `EngineError.unusablePath` if it cannot be listed.
    init(path: String) throws {
        var files: [String: String] = [:]
        do {
            for name in try FileManager.default.contentsOfDirectory(atPath: path) {
                let inside = "\(path)/\(name)"
                var isDirectory: ObjCBool = false
                guard FileManager.default.fileExists(atPath: inside, isDirectory: &isDirectory) else { continue }
                if !isDirectory.boolValue {
                    files[name] = inside
                } else if !name.hasPrefix(".") {
                    for child in try FileManager.default.contentsOfDirectory(atPath: inside) {
                        files["\(name)/\(child)"] = "\(inside)/\(child)"
                    }
                }
            }
        } catch {
            throw EngineError.unusablePath(path: path, reason: "it cannot be listed: \(error.localizedDescription)")
        }
        self.init(name: path, files: files)
    }

    /// Whether files are a checkpoint of this layout.
    static func isOne(_ names: some Collection<String>) -> Bool { names.contains("config.json") }

    /// The path of the weights, or of their index.
    ///
    /// - Throws: `CheckpointError.unsupported` saying what there is instead.
    func weights() throws -> String {
        for name in Self.weightNames { if let path = files[name] { return path } }
        let others = Self.otherFormats.filter { format in files.keys.contains { $0.hasSuffix(format.0) } }
        let found = others.isEmpty ? "" : "; what is there, \(others.map(\.1).joined(separator: ", ")), is not read"
        throw CheckpointError.unsupported(
            file: name, offset: 0, reason: "it has none of \(Self.weightNames.joined(separator: ", "))\(found)")
    }

    /// A file that has to be there.
    ///
    /// - Throws: `CheckpointError`.
    func configuration(_ name: String = "config.json") throws -> ModelConfiguration {
        guard let path = files[name] else {
            throw CheckpointError.io(path: "\(self.name)/\(name)", operation: "open", reason: "no such file")
        }
        return try ModelConfiguration(path: path)
    }

    /// A file that may be there.
    ///
    /// - Throws: `CheckpointError` if it is damaged.
    func configurationIfPresent(_ name: String) throws -> ModelConfiguration? {
        try files[name].map { try ModelConfiguration(path: $0) }
    }

    /// A text file that may be there.
    ///
    /// - Throws: `CheckpointError` if it is not UTF-8.
    func textIfPresent(_ name: String) throws -> String? {
        guard let path = files[name] else { return nil }
        let region = try ByteRegion(mapping: path)
        guard let text = String(validating: region.buffer, as: UTF8.self) else {
            throw CheckpointError.invalid(file: path, offset: 0, reason: "the text is not UTF-8")
        }
        return text
    }

    /// The chat template: a file of its own in newer checkpoints, in `tokenizer_config.json` in older ones, where it may be
    /// one of several by name.
    ///
    /// - Throws: `CheckpointError`.
    func chatTemplate() throws -> String? {
        if let text = try textIfPresent("chat_template.jinja") { return text }
        if let file = try configurationIfPresent("chat_template.json"), let text = try Self.template(file) {
            return text
        }
        return try configurationIfPresent("tokenizer_config.json").flatMap { try Self.template($0) }
    }

    private static func template(_ configuration: ModelConfiguration) throws -> String? {
        switch configuration["chat_template"] {
        case nil: return nil
        case .string(let text): return text
        case .array(let templates):
            for case .object(let members) in templates {
                if members["name"] == .string("default"), case .string(let text) = members["template"] { return text }
            }
            throw configuration.mismatch("chat_template", expected: "a list with a template named default")
        default: throw configuration.mismatch("chat_template", expected: "a text, or a list of named templates")
        }
    }
}
