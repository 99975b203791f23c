package import Generation

/// Why the engine does not do what was asked. The messages are shown to clients as they are.
package indirect enum EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// No model has this name.
    case unknownModel(name: String, known: [String])
    /// A path that the configuration names holds no model.
    case unusablePath(path: String, reason: String)
    /// The model does something else.
    case wrongTask(model: String, task: String, wanted: String)
    /// No model knows the language.
    case unsupportedLanguage(String)
    /// Both languages are known, and no model translates the one into the other.
    case unsupportedPair(source: String, target: String)
    /// The model translates, but not texts of this kind.
    case formatNotTranslated(TranslationFormat, model: String)
    /// The model is not ready yet; asking again helps.
    case notReady(model: String, state: ModelState, retryAfterSeconds: Int)
    /// The model could not be loaded.
    case failed(model: String, ModelFailure)
    /// The model's files are not on this machine, and the service does not download.
    case notInstalled(model: String)
    /// The model would not fit.
    case overBudget(model: String, neededBytes: Int, usedBytes: Int, budgetBytes: Int)
    /// What was asked does not go with what the model is doing.
    case conflict(model: String, state: ModelState, wanted: String)
    /// The model cannot answer, and no other can in its place; `hints` are those that would if they were here.
    case withoutStandIn(cause: EngineError, hints: [String])
    /// The model comes from where there are no revisions.
    case noRevisions(model: String, source: String)
    /// The model is held at a revision.
    case pinned(model: String, revision: String)
    /// A newer revision was tried and is not used; the one before goes on answering.
    case updateFailed(model: String, revision: String, reason: String)
    /// There is no revision to go back to.
    case nothingToRollBack(model: String)
    /// No language identification model is known.
    case noLanguageIdentification
    /// The model has no chat template: it continues text and knows no conversations.
    case noChatTemplate(model: String)
    /// The model's chat template cannot be read.
    case unusableChatTemplate(model: String, reason: String)

    package var description: String {
        switch self {
        case .unknownModel(let name, let known):
            "there is no model \(name); known models: \(known.joined(separator: ", "))"
        case .unusablePath(let path, let reason):
            "\(path) cannot be used as a model: \(reason)"
        case .wrongTask(let model, let task, let wanted):
            "the model \(model) is for \(task), not for \(wanted)"
        case .unsupportedLanguage(let language):
            "\(language) is not supported"
        case .unsupportedPair(let source, let target):
            "no model translates from \(source) to \(target); GET /languages lists the pairs"
        case .formatNotTranslated(let format, let model):
            "the model \(model) translates by prompts, which do not say where the tags of \(format.rawValue) go; send text, or "
                + "name a model that is made for translation"
        case .notReady(let model, let state, let seconds):
            "the model \(model) is \(state.rawValue); try again in \(seconds) s"
        case .failed(let model, let failure):
            "the model \(model) cannot be used: \(failure)"
        case .notInstalled(let model):
            "the model \(model) is not on this machine and downloads are off; run `svc pull \(model)`"
        case .overBudget(let model, let needed, let used, let budget):
            "the model \(model) needs about \(megabytes(needed)), \(megabytes(used)) of the budget of "
                + "\(megabytes(budget)) are in use; raise --memory-budget or unload a model"
        case .conflict(let model, let state, let wanted):
            "the model \(model) is \(state.rawValue) and cannot \(wanted) now"
        case .withoutStandIn(let cause, let hints):
            hints.isEmpty ? "\(cause)" : "\(cause). In its place would answer: \(hints.joined(separator: ", "))"
        case .noRevisions(let model, let source):
            "the model \(model) comes from \(source), which has no revisions: the catalogue lists the one there is"
        case .pinned(let model, let revision):
            "the model \(model) is held at \(revision); release it with `svc pin \(model) --release`, or update to a named "
                + "revision"
        case .updateFailed(let model, let revision, let reason):
            "the revision \(revision) of \(model) is not used: \(reason). The one before goes on answering"
        case .nothingToRollBack(let model):
            "the model \(model) has no earlier revision on this machine"
        case .noChatTemplate(let model):
            "the model \(model) has no chat template: it continues text and knows no conversations; "
                + "use POST /v1/completions"
        case .unusableChatTemplate(let model, let reason):
            "the chat template of the model \(model) cannot be read: \(reason); use POST /v1/completions"
        case .noLanguageIdentification:
            "no model for language identification is known; name the source language"
        }
    }
}

extension EngineError {
    /// What is the matter with a model, for those whom another one answers.
    var reason: String {
        switch self {
        case .failed(_, let failure): failure.reason
        case .notReady(_, let state, _): "it is \(state.rawValue)"
        case .notInstalled: "it is not on this machine"
        default: description
        }
    }
}

/// A size for people, in MB of a million bytes.
func megabytes(_ bytes: Int) -> String {
    bytes < 10_000_000 ? "\(Double(bytes / 100_000) / 10) MB" : "\(bytes / 1_000_000) MB"
}
