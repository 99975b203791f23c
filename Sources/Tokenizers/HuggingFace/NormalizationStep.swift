/// One normalizer of a `tokenizer.json`.
enum NormalizationStep: Sendable {
    case form(UnicodeForm)
    case lowercase
    /// Drops all marks.
    case stripAccents
    case strip(left: Bool, right: Bool)
    case prepend([UInt8])
    case replace(TextPattern, with: [UInt8])
    case precompiled(CharacterMap)
    case bert(BertNormalization)
    /// The clean-up of SentencePiece's `nmt` rules.
    case nmt
    /// Spells every byte as a character of `ByteAlphabet`.
    case byteLevel

    /// Normalizes a text.
    func apply(to text: inout NormalizedText) {
        switch self {
        case .form(let form): form.apply(to: &text)
        case .lowercase: Self.lowercase(&text)
        case .stripAccents: Self.drop(.combining, from: &text)
        case .strip(let left, let right): text.strip(left: left, right: right)
        case .prepend(let prefix): text.prepend(prefix)
        case .replace(let pattern, let content): text.replace(pattern, with: content)
        case .precompiled(let map): map.apply(to: &text)
        case .bert(let normalization): normalization.apply(to: &text)
        case .nmt: Self.cleanNMT(&text)
        case .byteLevel: Self.spellBytes(&text)
        }
    }

    /// Turns each character into lower case by itself, without regard to its neighbours.
    static func lowercase(_ text: inout NormalizedText) {
        text.rewriteScalars { scalar, isOrigin, output in
            if scalar < 0x80 {
                let isUpper = scalar >= 0x41 && scalar <= 0x5A
                output.append(UInt8(isUpper ? scalar | 0x20 : scalar), isOrigin: isOrigin)
            } else if let unicode = Unicode.Scalar(scalar), unicode.properties.changesWhenLowercased {
                output.append(unicode.properties.lowercaseMapping.utf8, isOrigin: isOrigin)
            } else {
                output.append(scalar: scalar, isOrigin: isOrigin)
            }
        }
    }

    /// Drops characters with a trait.
    static func drop(_ trait: ScalarTrait, from text: inout NormalizedText) {
        guard text.bytes.contains(where: { $0 >= 0x80 }) else { return }
        ScalarTraits.shared.withReader { traits in
            text.rewriteScalars { scalar, isOrigin, output in
                if traits[scalar].isDisjoint(with: trait) { output.append(scalar: scalar, isOrigin: isOrigin) }
            }
        }
    }

    private static func cleanNMT(_ text: inout NormalizedText) {
        text.rewriteScalars { scalar, isOrigin, output in
            switch scalar {
            case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
            case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
                output.append(0x20, isOrigin: isOrigin)
            default: output.append(scalar: scalar, isOrigin: isOrigin)
            }
        }
    }

    private static func spellBytes(_ text: inout NormalizedText) {
        var output = text.emptied()
        for (index, byte) in text.bytes.enumerated() {
            output.append(scalar: UInt32(ByteAlphabet.characters[Int(byte)]), isOrigin: index < text.originLength)
        }
        text = output
    }
}

/// BERT's way of cleaning a text.
struct BertNormalization: Sendable {
    /// Whether control characters go and white space becomes spaces.
    var cleansText: Bool
    /// Whether Chinese characters are set apart by spaces.
    var separatesChinese: Bool
    var stripsAccents: Bool
    var lowercases: Bool

    /// Normalizes a text.
    func apply(to text: inout NormalizedText) {
        if cleansText || separatesChinese { clean(&text) }
        if stripsAccents {
            UnicodeForm.nfd.apply(to: &text)
            NormalizationStep.drop(.accent, from: &text)
        }
        if lowercases { NormalizationStep.lowercase(&text) }
    }

    private func clean(_ text: inout NormalizedText) {
        ScalarTraits.shared.withReader { traits in
            text.rewriteScalars { scalar, isOrigin, output in
                let trait = traits[scalar]
                if cleansText, trait.contains(.dropped) { return }
                if cleansText, trait.contains(.space) { return output.append(0x20, isOrigin: isOrigin) }
                let isChinese = separatesChinese && trait.contains(.chinese)
                if isChinese { output.append(0x20, isOrigin: isOrigin) }
                output.append(scalar: scalar, isOrigin: isOrigin)
                if isChinese { output.append(0x20, isOrigin: isOrigin) }
            }
        }
    }
}

extension CharacterMap {
    /// Applies the rules as the Hugging Face library does, which differs from SentencePiece: the text is taken in what a
    /// reader sees as characters; one of fewer than six bytes becomes what the shortest rule at its start says, and
    /// else each scalar by itself what the shortest rule at its start says.
    func apply(to text: inout NormalizedText) {
        var output = text.emptied()
        let originLength = text.originLength
        units.withUnsafeBufferPointer { units in
            replacements.withUnsafeBufferPointer { replacements in
                func replacement(_ part: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8>? {
                    guard let start = Self.shortestMatch(units, part) else { return nil }
                    var end = start
                    while replacements[end] != 0 { end += 1 }
                    return UnsafeBufferPointer(rebasing: replacements[start..<end])
                }
                func append(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, wasTried: Bool) {
                    var index = range.lowerBound
                    while index < range.upperBound {
                        let end = index + UTF8Decoding.announcedLength(bytes[index])
                        let part = UnsafeRawBufferPointer(rebasing: bytes[index..<end])
                        if let new = replacement(part) {
                            output.append(new, isOrigin: index < originLength)
                        } else {
                            output.append(part, isOrigin: index < originLength)
                        }
                        index = end
                    }
                }
                GraphemeRuns.forEach(text.bytes) { bytes, range in
                    let cluster = UnsafeRawBufferPointer(rebasing: bytes[range])
                    if cluster.count < 6, let new = replacement(cluster) {
                        output.append(new, isOrigin: range.lowerBound < originLength)
                    } else {
                        append(bytes, range, wasTried: false)
                    }
                }
            }
        }
        text = output
    }

    /// Where the replacement of the shortest rule begins that matches at the start of `text`.
    private static func shortestMatch(_ units: UnsafeBufferPointer<UInt32>, _ text: UnsafeRawBufferPointer) -> Int? {
        var position = offset(of: units[0])
        for byte in text {
            position ^= Int(byte)
            let unit = units[position]
            guard label(of: unit) == UInt32(byte) else { return nil }
            position ^= offset(of: unit)
            if hasValue(unit) { return value(of: units[position]) }
        }
        return nil
    }
}

/// Goes through a text in what a reader sees as characters.
enum GraphemeRuns {
    /// Calls `body` with the range of each, in order.
    static func forEach(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer, Range<Int>) -> Void) {
        bytes.withUnsafeBytes { bytes in
            var index = 0
            while index < bytes.count {
                // ASCII before ASCII stands by itself, but for a line break of two.
                if bytes[index] < 0x80, index + 1 == bytes.count || bytes[index + 1] < 0x80 {
                    let isPair = bytes[index] == 0x0D && index + 1 < bytes.count && bytes[index + 1] == 0x0A
                    body(bytes, index..<(index + (isPair ? 2 : 1)))
                    index += isPair ? 2 : 1
                    continue
                }
                // Up to the next place between two ASCII characters, where one always ends.
                var end = index + 1
                while end < bytes.count, bytes[end] >= 0x80 || bytes[end - 1] >= 0x80 { end += 1 }
                let run = String(decoding: bytes[index..<end], as: UTF8.self)
                for character in run {
                    let length = character.utf8.count
                    body(bytes, index..<(index + length))
                    index += length
                }
            }
        }
    }
}
