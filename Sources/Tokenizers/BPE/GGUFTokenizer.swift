package import Checkpoints

/// Builds the tokenizer that a GGUF file carries in its metadata.
package enum GGUFTokenizer {
    /// The tokenizer of a file: `tokenizer.ggml.model` is `gpt2` (byte-level merges) or `llama` (SentencePiece merges).
    ///
    /// - Throws: `GGUFMetadataError`, `TokenVocabularyError`; `CheckpointError.unsupported` for another kind.
    package static func tokenizer(_ metadata: GGUFMetadata) throws -> any TextTokenizer {
        let marks = try marks(metadata)
        let model = try metadata.string("tokenizer.ggml.model")
        switch model {
        case "gpt2":
            let name = try metadata.stringIfPresent("tokenizer.ggml.pre") ?? "gpt-2"
            return try ByteLevelBPETokenizer(
                vocabulary: vocabulary(metadata, scores: nil),
                merges: strings(metadata.strings("tokenizer.ggml.merges")),
                preTokenizer: PreTokenizer(named: name == "default" ? "gpt-2" : name), marks: marks)
        case "llama":
            return try SentencePieceBPETokenizer(
                vocabulary: vocabulary(metadata, scores: metadata.floats("tokenizer.ggml.scores")),
                addsSpacePrefix: metadata.booleanIfPresent("tokenizer.ggml.add_space_prefix") ?? true, marks: marks)
        default:
            throw CheckpointError.unsupported(
                file: metadata.file, offset: 0,
                reason: "tokenizer.ggml.model is \(model); read are gpt2 and llama")
        }
    }

    private static func vocabulary(_ metadata: GGUFMetadata, scores: [Float]?) throws -> TokenVocabulary {
        let tokens = try strings(metadata.strings("tokenizer.ggml.tokens"))
        let key = "tokenizer.ggml.token_type"
        let kinds = try metadata.integersIfPresent(key)?.map { value in
            guard let kind = Int32(exactly: value).flatMap(TokenKind.init) else {
                throw GGUFMetadataError.mismatched(
                    file: metadata.file, key: key, expected: "types from 1 to 6", found: "\(value)")
            }
            return kind
        }
        return try TokenVocabulary(
            tokens: tokens, kinds: kinds ?? Array(repeating: .normal, count: tokens.count), scores: scores)
    }

    private static func strings(_ array: GGUFStringArray) -> ByteStrings {
        var strings = ByteStrings()
        for index in 0..<array.count { strings.append(array.bytes(at: index)) }
        return strings
    }

    private static func marks(_ metadata: GGUFMetadata) throws -> SequenceMarks {
        func id(_ name: String) throws -> Int32? {
            let key = "tokenizer.ggml.\(name)_token_id"
            return try metadata.integerIfPresent(key).map { value in
                guard let id = Int32(exactly: value) else {
                    throw GGUFMetadataError.mismatched(
                        file: metadata.file, key: key, expected: "a token's id", found: "\(value)")
                }
                return id
            }
        }
        return SequenceMarks(
            beginOfSequence: try id("bos"), endOfSequence: try id("eos"), endOfTurn: try id("eot"),
            endOfMessage: try id("eom"), unknown: try id("unknown"),
            addsBeginOfSequence: try metadata.booleanIfPresent("tokenizer.ggml.add_bos_token"))
    }
}
