import Checkpoints

/// What a post-processor of a `tokenizer.json` puts around the ids of a text.
struct PostProcessingStep: Sendable, Equatable {
    var before: [Int32]
    var after: [Int32]
    /// How many times the text itself comes: once, but for odd templates.
    var repetitions = 1

    /// Puts the marks around ids.
    func apply(to ids: [Int32]) -> [Int32] {
        before + repeatElement(ids, count: repetitions).joined() + after
    }

    /// The steps of a post-processor; those that only move offsets are none.
    ///
    /// - Throws: `CheckpointError` for what is not known, and for options of the wrong type.
    static func read(
        _ component: TokenizerComponent, vocabularySize: Int, nesting: Int = 0
    ) throws -> [PostProcessingStep] {
        func mark(_ key: String) throws -> Int32 {
            guard case .array(let pair)? = component.options[key], pair.count == 2, case .string = pair[0],
                case .number(let number) = pair[1], let id = Int32(exactly: number), id >= 0, id < vocabularySize
            else { throw component.options.mismatch(key, expected: "a token and its id below \(vocabularySize)") }
            return id
        }
        switch component.type {
        case "Sequence":
            guard nesting < 8 else { throw component.unsupported("sequences within each other") }
            return try component.parts("processors").flatMap {
                try read($0, vocabularySize: vocabularySize, nesting: nesting + 1)
            }
        case "ByteLevel": return []
        case "BertProcessing", "RobertaProcessing":
            return [PostProcessingStep(before: [try mark("cls")], after: [try mark("sep")])]
        case "TemplateProcessing": return [try template(component, vocabularySize)]
        default: throw component.unknownType("post-processor")
        }
    }

    private static func template(_ component: TokenizerComponent, _ vocabularySize: Int) throws -> PostProcessingStep {
        guard case .array(let pieces)? = component.options["single"] else {
            throw component.options.mismatch("single", expected: "a list")
        }
        let tokens = try component.options.object("special_tokens")
        var step = PostProcessingStep(before: [], after: [], repetitions: 0)
        for (index, piece) in pieces.enumerated() {
            guard case .object(let members) = piece, members.count == 1 else {
                throw component.unsupported("single[\(index)] is \(piece.summary)")
            }
            let part = ModelConfiguration(file: "\(component.options.file): single[\(index)]", members: members)
            if let sequence = try part.object("Sequence") {
                guard try sequence.string("id") == "A", step.after.isEmpty else {
                    throw component.unsupported("single[\(index)] is not the text itself, once")
                }
                step.repetitions += 1
            } else if let special = try part.object("SpecialToken") {
                let name = try special.string("id")
                guard let token = try tokens?.object(name) else {
                    throw component.unsupported("single[\(index)] is a token that special_tokens does not have")
                }
                let ids = try token.tokens("ids")
                guard ids.allSatisfy({ $0 < vocabularySize }) else {
                    throw token.mismatch("ids", expected: "ids below \(vocabularySize)")
                }
                if step.repetitions == 0 { step.before += ids } else { step.after += ids }
            } else {
                throw component.unsupported("single[\(index)] is neither a text nor a token")
            }
        }
        return step
    }
}
