import Checkpoints

/// One decoder of a `tokenizer.json`: rewrites the texts of tokens, which are put together in the end.
enum DecodingStep: Sendable {
    case replace(TextPattern, with: [UInt8])
    /// Puts the bytes of tokens such as `<0x0A>` together to characters.
    case byteFallback
    /// Makes one text of all.
    case fuse
    /// Takes up to `start` and `stop` of a character off the ends.
    case strip([UInt8], start: Int, stop: Int)
    case byteLevel
    case metaspace(Metaspace)
    /// Puts a space before tokens that do not go on with a word.
    case wordPiece(prefix: [UInt8], cleansUp: Bool)
    /// Drops repetitions and the pad token.
    case ctc(pad: [UInt8], delimiter: [UInt8], cleansUp: Bool)
    /// Writes a space for what ends a word.
    case endOfWord([UInt8])

    /// U+FFFD.
    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// Rewrites the texts of tokens.
    func apply(to texts: [[UInt8]]) -> [[UInt8]] {
        switch self {
        case .replace(let pattern, let content): return texts.map { Self.replacing(pattern, in: $0, with: content) }
        case .byteFallback: return Self.joiningBytes(texts)
        case .fuse: return [Array(texts.joined())]
        case .strip(let character, let start, let stop): return texts.map { Self.stripped($0, character, start, stop) }
        case .byteLevel:
            var bytes: [UInt8] = []
            for text in texts { Self.appendBytes(text, to: &bytes) }
            return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
        case .metaspace(let metaspace):
            return texts.enumerated().map { index, text in
                let content: [UInt8] = index == 0 && metaspace.scheme != .never ? [] : [0x20]
                return Self.replacing(.literal(metaspace.replacement), in: text, with: content)
            }
        case .wordPiece(let prefix, let cleansUp):
            return texts.enumerated().map { index, text in
                let word = index == 0 ? text : Self.continued(text, prefix)
                return cleansUp ? Self.cleanedUp(word) : word
            }
        case .ctc(let pad, let delimiter, let cleansUp):
            var results: [[UInt8]] = []
            for (index, text) in texts.enumerated() where index == 0 || text != texts[index - 1] {
                let result = Self.frame(text, pad, delimiter, cleansUp)
                if !result.isEmpty { results.append(result) }
            }
            return results
        case .endOfWord(let suffix):
            return texts.enumerated().map { index, text in
                let content: [UInt8] = index == texts.count - 1 ? [] : [0x20]
                return Self.replacing(.literal(suffix), in: text, with: content)
            }
        }
    }

    /// What one token adds to a text that has begun, in bytes that need not be whole characters.
    func applyWithin(_ text: [UInt8]) -> [UInt8] {
        switch self {
        case .replace(let pattern, let content): return Self.replacing(pattern, in: text, with: content)
        case .byteFallback: return HuggingFaceVocabulary.byte(text).map { [$0] } ?? text
        case .fuse, .strip: return text
        case .byteLevel:
            var bytes: [UInt8] = []
            Self.appendBytes(text, to: &bytes)
            return bytes
        case .metaspace(let metaspace):
            return Self.replacing(.literal(metaspace.replacement), in: text, with: [0x20])
        case .wordPiece(let prefix, let cleansUp):
            let word = Self.continued(text, prefix)
            return cleansUp ? Self.cleanedUp(word) : word
        case .ctc(let pad, let delimiter, let cleansUp): return Self.frame(text, pad, delimiter, cleansUp)
        case .endOfWord(let suffix): return Self.replacing(.literal(suffix), in: text, with: [0x20])
        }
    }

    /// Whether a space at the start of a text is none of the text.
    var dropsFirstSpace: Bool {
        switch self {
        case .strip(let character, let start, _): character == [0x20] && start > 0
        case .metaspace(let metaspace): metaspace.scheme != .never
        case .wordPiece: true
        default: false
        }
    }

    // MARK: - Rewriting

    private static func replacing(_ pattern: TextPattern, in text: [UInt8], with content: [UInt8]) -> [UInt8] {
        if case .literal(let literal) = pattern, !contains(text, literal) { return text }
        let parts = text.withUnsafeBytes { pattern.parts($0, 0..<$0.count) }
        guard parts.contains(where: \.isMatch) else { return text }
        var result: [UInt8] = []
        for part in parts {
            if part.isMatch { result += content } else { result += text[part.range] }
        }
        return result
    }

    /// Whether a text has a literal in it.
    private static func contains(_ text: [UInt8], _ literal: [UInt8]) -> Bool {
        guard let first = literal.first, literal.count <= text.count else { return false }
        return text.withUnsafeBufferPointer { text in
            literal.withUnsafeBufferPointer { literal in
                for start in 0...(text.count - literal.count) where text[start] == first {
                    var length = 1
                    while length < literal.count, text[start + length] == literal[length] { length += 1 }
                    if length == literal.count { return true }
                }
                return false
            }
        }
    }

    private static func appendBytes(_ text: [UInt8], to bytes: inout [UInt8]) {
        if !text.withUnsafeBytes({ ByteAlphabet.append($0, to: &bytes) }) { bytes += text }
    }

    private static func joiningBytes(_ texts: [[UInt8]]) -> [[UInt8]] {
        var results: [[UInt8]] = []
        var bytes: [UInt8] = []
        func flush() {
            guard !bytes.isEmpty else { return }
            if bytes.withUnsafeBytes({ UTF8Decoding.isText($0) }) {
                results.append(bytes)
            } else {
                results += repeatElement(replacement, count: bytes.count)
            }
            bytes = []
        }
        for text in texts {
            if let byte = HuggingFaceVocabulary.byte(text) {
                bytes.append(byte)
            } else {
                flush()
                results.append(text)
            }
        }
        flush()
        return results
    }

    private static func stripped(_ text: [UInt8], _ character: [UInt8], _ start: Int, _ stop: Int) -> [UInt8] {
        var rest = text[...]
        var count = 0
        while count < start, rest.starts(with: character) {
            rest = rest.dropFirst(character.count)
            count += 1
        }
        count = 0
        while count < stop, rest.count >= character.count, rest.suffix(character.count).elementsEqual(character) {
            rest = rest.dropLast(character.count)
            count += 1
        }
        return Array(rest)
    }

    private static func continued(_ text: [UInt8], _ prefix: [UInt8]) -> [UInt8] {
        text.starts(with: prefix) ? Array(text.dropFirst(prefix.count)) : [0x20] + text
    }

    private static func frame(
        _ text: [UInt8], _ pad: [UInt8], _ delimiter: [UInt8], _ cleansUp: Bool
    ) -> [UInt8] {
        let padless = replacing(.literal(pad), in: text, with: [])
        return cleansUp ? replacing(.literal(delimiter), in: cleanedUp(padless), with: [0x20]) : padless
    }

    /// What is written without a space before it in English, in this order.
    private static let cleanUps: [(from: [UInt8], to: [UInt8])] = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
        (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    private static func cleanedUp(_ text: [UInt8]) -> [UInt8] {
        guard text.contains(0x20) else { return text }
        return cleanUps.reduce(text) { replacing(.literal($1.from), in: $0, with: $1.to) }
    }

    // MARK: - Reading

    /// The steps of a decoder.
    ///
    /// - Throws: `CheckpointError` for what is not known, and for options of the wrong type.
    static func read(_ component: TokenizerComponent, nesting: Int = 0) throws -> [DecodingStep] {
        let options = component.options
        switch component.type {
        case "Sequence":
            guard nesting < 8 else { throw component.unsupported("sequences within each other") }
            return try component.parts("decoders").flatMap { try read($0, nesting: nesting + 1) }
        case "Replace": return [.replace(try component.pattern(), with: try component.bytes("content"))]
        case "ByteFallback": return [.byteFallback]
        case "Fuse": return [.fuse]
        case "Strip":
            return [
                .strip(
                    try component.character("content"), start: try options.integer("start", 0...1024),
                    stop: try options.integer("stop", 0...1024))
            ]
        case "ByteLevel": return [.byteLevel]
        case "Metaspace": return [.metaspace(try Metaspace(component))]
        case "WordPiece":
            return [
                .wordPiece(
                    prefix: try component.bytes("prefix", default: "##"),
                    cleansUp: try options.boolean("cleanup", default: true))
            ]
        case "CTC":
            return [
                .ctc(
                    pad: try component.bytes("pad_token", default: "<pad>"),
                    delimiter: try component.bytes("word_delimiter_token", default: "|"),
                    cleansUp: try options.boolean("cleanup", default: true))
            ]
        case "BPEDecoder": return [.endOfWord(try component.bytes("suffix", default: "</w>"))]
        default: throw component.unknownType("decoder")
        }
    }
}
