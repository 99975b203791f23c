/// What can go wrong between a model's name and its files on this disk. The message of every case says what was
/// tried, on what, and what to do next.
package enum ModelHubError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No catalogue entry has this name; `suggestions` are the names nearest to it.
    case unknownModel(name: String, suggestions: [String])
    /// The catalogue at `path` is not what it should be. `entry` is the model's name, or its index where the
    /// name cannot be read, or nil for the document itself.
    case malformedCatalog(path: String, entry: String?, key: String, reason: String)
    /// A text that should name a source does not.
    case invalidSource(text: String, reason: String)
    /// The source is well formed, but of a kind that cannot be downloaded.
    case unsupportedSource(model: String, source: String)
    /// The source does not have what was asked for.
    case sourceNotFound(source: String, reason: String)
    /// The model is not in the store.
    case notInstalled(model: String)
    /// Files of the model are missing from the store.
    case incomplete(model: String, missing: [String])
    /// The source could not be reached, or stopped answering.
    case network(source: String, reason: String)
    /// No Python interpreter was found, which packages are downloaded with.
    case pythonMissing(looked: String)
    /// The Python interpreter has no pip.
    case pipMissing(interpreter: String)
    /// pip failed for another reason; `reason` ends with what it said last.
    case pipFailed(source: String, reason: String)
    /// The store cannot be written: permissions, or a read-only file system.
    case storeNotWritable(path: String, operation: String, reason: String)
    /// The operating system refused an operation on the store.
    case io(path: String, operation: String, reason: String)
    /// The store's file system has too little room for the download and the files.
    case notEnoughSpace(path: String, neededBytes: Int, availableBytes: Int)
    /// The disk, or this user's share of it, became full. `path` is a file, or a source that was being downloaded.
    case diskFull(path: String, operation: String)
    /// Something went wrong with one of the parts that a file is put together from: part `number`, from 1, of
    /// `count`, in the phase `stage`. Nothing of the file was kept.
    indirect case part(file: String, number: Int, count: Int, stage: PullProgress.Phase, cause: ModelHubError)
    /// A file in the store is not the one that was put there. `expected` and `found` are SHA-256.
    case corrupted(model: String, file: String, expected: String, found: String)
    /// The source gave another file than the catalogue lists: nothing of it was kept. `expected` and `found` are
    /// SHA-256, or sizes.
    case unexpectedContent(source: String, file: String, expected: String, found: String)
    /// What the source gave cannot be read.
    case damagedDownload(source: String, reason: String)
    /// Another process is changing the model's files.
    case busy(model: String)

    /// The kinds of failure a caller tells apart: for exit codes and HTTP statuses.
    package enum Category: Sendable, Hashable {
        /// The model, the source or the file does not exist.
        case notFound
        /// The source could not be reached; trying again later may help.
        case network
        /// This user may not do it.
        case permission
        /// Bytes are not what they should be.
        case integrity
        /// Anything else.
        case other
    }

    /// The kind of this failure.
    package var category: Category {
        switch self {
        case .unknownModel, .sourceNotFound, .notInstalled: .notFound
        case .network: .network
        case .storeNotWritable: .permission
        case .incomplete, .corrupted, .unexpectedContent, .damagedDownload: .integrity
        case .malformedCatalog, .invalidSource, .unsupportedSource, .pythonMissing, .pipMissing, .pipFailed, .io,
            .notEnoughSpace, .diskFull, .busy:
            .other
        case .part(_, _, _, _, let cause): cause.category
        }
    }

    package var description: String {
        switch self {
        case .unknownModel(let name, let suggestions):
            suggestions.isEmpty
                ? "no model is named \(name); `svc list` shows the names"
                : "no model is named \(name); did you mean \(suggestions.joined(separator: " or "))?"
        case .malformedCatalog(let path, let entry, let key, let reason):
            "\(path): \(entry.map { "the model \($0): " } ?? "")\(key) \(reason)"
        case .invalidSource(let text, let reason):
            "\(text) names no source of a model: \(reason)"
        case .unsupportedSource(let model, let source):
            "\(model) cannot be pulled: the source \(source) is not supported yet; pip: and file: are"
        case .sourceNotFound(let source, let reason):
            "\(source) was not found: \(reason)"
        case .notInstalled(let model):
            "\(model) is not installed; `svc pull \(model)` downloads it"
        case .incomplete(let model, let missing):
            "\(model) is not whole; missing: \(missing.isEmpty ? "some files" : missing.joined(separator: ", ")). "
                + "`svc pull \(model)` completes it"
        case .network(let source, let reason):
            "\(source) could not be downloaded: \(reason). Check the connection and proxy, then try again"
        case .pythonMissing(let looked):
            "no Python interpreter (\(looked)); packages are downloaded with pip: install python3 and python3-pip, "
                + "or name the interpreter in SVC_PYTHON"
        case .pipMissing(let interpreter):
            "\(interpreter) has no pip, which packages are downloaded with: install python3-pip"
        case .pipFailed(let source, let reason):
            "pip could not download \(source): \(reason)"
        case .storeNotWritable(let path, let operation, let reason):
            "the model store cannot be written: \(operation) \(path): \(reason). "
                + "SVC_HOME names the directory to use instead"
        case .io(let path, let operation, let reason):
            "cannot \(operation) \(path): \(reason)"
        case .notEnoughSpace(let path, let needed, let available):
            "\(path) has \(available / 1_000_000) MB free and \(needed / 1_000_000) MB are needed: free some, "
                + "or name another directory in SVC_HOME"
        case .diskFull(let path, let operation):
            "no space is left on the disk to \(operation) \(path): free some, or name another directory in SVC_HOME, "
                + "then try again. Nothing half-finished was kept"
        case .part(let file, let number, let count, let stage, let cause):
            "\(stage.rawValue) part \(number) of \(count) of \(file) failed: \(cause)"
                + (cause.category == .notFound
                    ? ". Nothing of the file was kept; see that pip finds this package, then pull again" : "")
        case .corrupted(let model, let file, let expected, let found):
            "\(file) is damaged: its SHA-256 is \(found), not \(expected); `svc pull \(model) --repair` fetches it anew"
        case .unexpectedContent(let source, let file, let expected, let found):
            "\(source) has another \(file) than the catalogue lists: found \(found), expected \(expected). "
                + "Nothing was kept; the source may have been tampered with"
        case .damagedDownload(let source, let reason):
            "what \(source) gave cannot be read: \(reason). Nothing was kept; try again"
        case .busy(let model):
            "\(model) is being changed by another process; try again when it has finished"
        }
    }
}
