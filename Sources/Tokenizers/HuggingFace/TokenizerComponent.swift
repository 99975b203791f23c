import Checkpoints

/// A component as a `tokenizer.json` describes it: its type, and its options with their types checked. Errors name the
/// file and where in it the component stands.
struct TokenizerComponent {
    /// `BPE`, `ByteLevel` and so on.
    let type: String
    /// Its options.
    let options: ModelConfiguration

    /// - Throws: `CheckpointError` for a value that is no object with a type.
    init(_ value: JSONValue, file: String, path: String) throws {
        guard case .object(let members) = value else {
            throw CheckpointError.invalid(
                file: file, offset: 0, reason: "\(path) is \(value.summary); expected an object")
        }
        options = ModelConfiguration(file: "\(file): \(path)", members: members)
        type = try options.string("type")
    }

    /// An error that names the type of the component.
    func unknownType(_ kind: String) -> CheckpointError {
        .unsupported(
            file: options.file, offset: 0, reason: "the \(kind) \(JSONValue.string(type).summary) is not known")
    }

    /// An error about an option that is known, with a value that is not.
    func unsupported(_ reason: String) -> CheckpointError {
        .unsupported(file: options.file, offset: 0, reason: "\(type): \(reason)")
    }

    /// The components that a sequence holds under a name.
    func parts(_ name: String) throws -> [TokenizerComponent] {
        guard case .array(let values)? = options[name] else { throw options.mismatch(name, expected: "a list") }
        return try values.enumerated().map { index, value in
            try TokenizerComponent(value, file: options.file, path: "\(name)[\(index)]")
        }
    }

    /// An option's bytes.
    func bytes(_ key: String, default fallback: String? = nil) throws -> [UInt8] {
        Array(try options.string(key, default: fallback).utf8)
    }

    /// An option that is one character.
    func character(_ key: String, default fallback: String? = nil) throws -> [UInt8] {
        let text = try options.string(key, default: fallback)
        guard text.unicodeScalars.count == 1 else { throw options.mismatch(key, expected: "one character") }
        return Array(text.utf8)
    }

    /// An option that is one of a few words.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, default fallback: Choice? = nil
    ) throws -> Choice where Choice.RawValue == String {
        let word = try options.string(key, default: fallback?.rawValue)
        guard let choice = Choice(rawValue: word) else {
            let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw options.mismatch(key, expected: "one of \(words)")
        }
        return choice
    }

    /// `{"String": …}` or `{"Regex": …}`.
    func pattern() throws -> TextPattern {
        guard let pattern = try options.object("pattern"), pattern.members.count == 1 else {
            throw options.mismatch("pattern", expected: "{\"String\": …} or {\"Regex\": …}")
        }
        if pattern["String"] != nil {
            let literal = Array(try pattern.string("String").utf8)
            // Nothing is found everywhere, which an expression can say.
            return literal.isEmpty ? .regex(try regex("", pattern)) : .literal(literal)
        }
        return .regex(try regex(try pattern.string("Regex"), pattern))
    }

    private func regex(_ expression: String, _ pattern: ModelConfiguration) throws -> RegexProgram {
        do {
            return try RegexProgram(expression)
        } catch {
            throw CheckpointError.unsupported(
                file: pattern.file, offset: 0,
                reason: "the expression \(JSONValue.string(expression).summary) has \(error)")
        }
    }

    /// Checks that no option has a value other than one that changes nothing.
    func expect(_ key: String, toBe values: JSONValue...) throws {
        guard let value = options[key], !values.contains(value) else { return }
        throw unsupported("\(key) is \(value.summary), which is not supported")
    }
}

extension Metaspace {
    /// Reads the pre-tokenizer or the decoder of this name, with the options of any version.
    init(_ component: TokenizerComponent) throws {
        var scheme: PrependScheme = try component.choice("prepend_scheme", default: .always)
        if try component.options.boolean("add_prefix_space", default: true) == false {
            guard scheme == .never || component.options["prepend_scheme"] == nil else {
                throw component.options.mismatch("prepend_scheme", expected: "\"never\" as add_prefix_space is false")
            }
            scheme = .never
        }
        self.init(
            replacement: try component.character("replacement"), scheme: scheme,
            splits: try component.options.boolean("split", default: true))
    }
}

extension NormalizationStep {
    /// The steps of a normalizer.
    ///
    /// - Throws: `CheckpointError` for what is not known, and for options of the wrong type.
    static func read(_ component: TokenizerComponent, nesting: Int = 0) throws -> [NormalizationStep] {
        let options = component.options
        switch component.type {
        case "Sequence":
            guard nesting < 8 else { throw component.unsupported("sequences within each other") }
            return try component.parts("normalizers").flatMap { try read($0, nesting: nesting + 1) }
        case "NFC", "NFD", "NFKC", "NFKD": return UnicodeForm(rawValue: component.type).map { [.form($0)] } ?? []
        case "Lowercase": return [.lowercase]
        case "StripAccents": return [.stripAccents]
        case "Strip":
            return [.strip(left: try options.boolean("strip_left"), right: try options.boolean("strip_right"))]
        case "Prepend": return [.prepend(try component.bytes("prepend"))]
        case "Replace": return [.replace(try component.pattern(), with: try component.bytes("content"))]
        case "Precompiled":
            // A model without rules has an empty map.
            guard let map = options["precompiled_charsmap"], map != .string("") else { return [] }
            return [.precompiled(try charactersMap(component))]
        case "BertNormalizer", "Bert":
            let lowercases = try options.boolean("lowercase", default: true)
            return [
                .bert(
                    BertNormalization(
                        cleansText: try options.boolean("clean_text", default: true),
                        separatesChinese: try options.boolean("handle_chinese_chars", default: true),
                        stripsAccents: try options.boolean("strip_accents", default: lowercases),
                        lowercases: lowercases))
            ]
        case "Nmt": return [.nmt]
        case "ByteLevel": return [.byteLevel]
        default: throw component.unknownType("normalizer")
        }
    }

    private static func charactersMap(_ component: TokenizerComponent) throws -> CharacterMap {
        guard let bytes = Base64.decode(try component.options.string("precompiled_charsmap")) else {
            throw component.options.mismatch("precompiled_charsmap", expected: "base 64")
        }
        return try CharacterMap(ByteRegion(copying: bytes, source: component.options.file), fileOffset: 0)
    }
}

extension PreTokenizationStep {
    /// The steps of a pre-tokenizer.
    ///
    /// - Throws: `CheckpointError` for what is not known, and for options of the wrong type.
    static func read(_ component: TokenizerComponent, nesting: Int = 0) throws -> [PreTokenizationStep] {
        let options = component.options
        switch component.type {
        case "Sequence":
            guard nesting < 8 else { throw component.unsupported("sequences within each other") }
            return try component.parts("pretokenizers").flatMap { try read($0, nesting: nesting + 1) }
        case "Split":
            return [
                .split(
                    try component.pattern(), try component.choice("behavior"),
                    inverted: try options.boolean("invert", default: false))
            ]
        case "ByteLevel":
            return [
                .byteLevel(
                    addsPrefixSpace: try options.boolean("add_prefix_space"),
                    splits: try options.boolean("use_regex", default: true))
            ]
        case "Metaspace": return [.metaspace(try Metaspace(component))]
        case "Digits": return [.digits(individually: try options.boolean("individual_digits"))]
        case "Punctuation": return [.punctuation(try component.choice("behavior", default: .isolated))]
        case "Whitespace": return [.whitespace]
        case "WhitespaceSplit": return [.whitespaceSplit]
        case "BertPreTokenizer": return [.bert]
        default: throw component.unknownType("pre-tokenizer")
        }
    }
}

/// Base 64 with or without its padding.
enum Base64 {
    /// The bytes that a text stands for; nil if it is no base 64.
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3 / 4)
        var (bits, count, isPadded) = (UInt32(0), 0, 0)
        for byte in text.utf8 {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="):
                isPadded += 1
                continue
            default: return nil
            }
            guard isPadded == 0 else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 1
            if count % 4 == 0 {
                bytes += [UInt8(bits >> 16 & 0xFF), UInt8(bits >> 8 & 0xFF), UInt8(bits & 0xFF)]
                bits = 0
            }
        }
        switch count % 4 {
        case 1: return nil
        case 2: bytes.append(UInt8(bits >> 4 & 0xFF))
        case 3: bytes += [UInt8(bits >> 10 & 0xFF), UInt8(bits >> 2 & 0xFF)]
        default: break
        }
        return isPadded <= 2 ? bytes : nil
    }
}
