import Checkpoints

/// The entries that a checkpoint's files add to its vocabulary, with the ids that they say: those of
/// `added_tokens.json`, and of `added_tokens_decoder` in `tokenizer_config.json`.
struct AddedTokens: Sendable {
    /// The file of each entry, for error messages, and its id.
    private(set) var tokens: [String: (file: String, id: Int32)] = [:]

    /// Reads what there is of the two.
    ///
    /// - Throws: `CheckpointError` for a file that is not what it should be.
    init(files: [String: String], configuration: ModelConfiguration?) throws {
        if let configuration, let decoder = try configuration.object("added_tokens_decoder") {
            for key in decoder.members.keys {
                guard let id = Int32(key), id >= 0, id < TokenVocabulary.maximumCount else {
                    throw CheckpointError.invalid(file: decoder.file, offset: 0, reason: "'\(key)' is no id")
                }
                guard let token = try decoder.object(key) else { continue }
                tokens[try token.string("content")] = (configuration.file, id)
            }
        }
        if let path = files["added_tokens.json"] {
            var reader = VocabularyFileReader(try ByteRegion(mapping: path))
            try reader.forEach { name, id, _ in tokens[String(decoding: name, as: UTF8.self)] = (path, id) }
        }
    }
}
