/// Why a file cannot be read as what it claims to be. Every case names the file and, where there is one,
/// the byte offset, so that the message can be acted on without a debugger.
package enum CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operating system refused an operation on the file.
    case io(path: String, operation: String, reason: String)
    /// The file ends before what should stand at `offset`.
    case truncated(file: String, offset: Int, what: String, needed: Int, available: Int)
    /// The bytes at `offset` cannot be what the format asks for.
    case invalid(file: String, offset: Int, reason: String)
    /// The file is well formed but uses something this reader does not read.
    case unsupported(file: String, offset: Int, reason: String)
    /// A tensor that the model needs is not in the file.
    case missingTensor(file: String, name: String)
    /// A tensor in the file has no place in the model.
    case unusedTensors(file: String, names: [String])
    /// A tensor's shape or type is not what the model needs.
    case mismatchedTensor(file: String, name: String, expected: String, found: String)

    package var description: String {
        switch self {
        case .io(let path, let operation, let reason):
            "\(path): cannot \(operation): \(reason)"
        case .truncated(let file, let offset, let what, let needed, let available):
            "\(file): truncated at byte \(offset): \(what) needs \(needed) bytes, \(available) are left"
        case .invalid(let file, let offset, let reason):
            "\(file): invalid at byte \(offset): \(reason)"
        case .unsupported(let file, let offset, let reason):
            "\(file): not supported, at byte \(offset): \(reason)"
        case .missingTensor(let file, let name):
            "\(file): the tensor \(name) is missing"
        case .unusedTensors(let file, let names):
            "\(file): \(names.count) tensors have no place in the model: \(names.prefix(5).joined(separator: ", "))"
        case .mismatchedTensor(let file, let name, let expected, let found):
            "\(file): the tensor \(name) is \(found), expected \(expected)"
        }
    }
}
