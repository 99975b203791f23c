/// Why the files of a checkpoint do not make a translation tokenizer.
package enum TranslationTokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The model's family has no tokenizer here.
    case unknownFamily(String, known: [String])
    /// None of the files, or sets of files, that would do is there.
    case missingFiles(tokenizer: String, anyOf: [String])
    /// A vocabulary lacks an entry that the model cannot do without.
    case missingEntry(file: String, entry: String)
    /// An entry that marks a language has an id that is another entry's, or that cannot be.
    case invalidMark(file: String, mark: String, id: Int32, reason: String)
    /// The tokenizer has ids that the model has no weights for.
    case moreTokensThanModel(side: String, tokens: Int, weights: Int)

    /// What is wrong, where, and what to do.
    package var description: String {
        switch self {
        case .unknownFamily(let family, let known):
            "no translation tokenizer is known for the family '\(family)'; known are \(known.joined(separator: ", "))"
        case .missingFiles(let tokenizer, let alternatives):
            "the files of a \(tokenizer) tokenizer are missing; looked for "
                + "\(alternatives.joined(separator: ", or for ")); fetch the rest of the checkpoint"
        case .missingEntry(let file, let entry):
            "\(file): the vocabulary has no entry '\(entry)', which the model needs; it is another model's, or "
                + "is damaged"
        case .invalidMark(let file, let mark, let id, let reason):
            "\(file): '\(mark)' has the id \(id), \(reason)"
        case .moreTokensThanModel(let side, let tokens, let weights):
            "the \(side) tokenizer has \(tokens) ids, but the model has weights for \(weights); the files belong to "
                + "different models"
        }
    }
}
