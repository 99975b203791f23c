/// The writing systems that tell languages apart. Not all there are: letters of any other are `.other`.
enum Script: UInt8, CaseIterable, Sendable {
    case latin, greek, cyrillic, armenian, hebrew, arabic, thaana, devanagari, bengali, gurmukhi, gujarati, odia
    case tamil, telugu, kannada, malayalam, sinhala, thai, lao, tibetan, myanmar, georgian, ethiopic, khmer
    case mongolian, hangul, kana, bopomofo, han, other

    /// The script of a letter; nil for what is no letter, or a letter that every script shares.
    ///
    /// Combining marks and vowel signs are not letters here: counting them too would only weigh some scripts more.
    init?(letter scalar: Unicode.Scalar) {
        if scalar.isASCII {
            guard (scalar.value | 0x20) >= 0x61, (scalar.value | 0x20) <= 0x7A else { return nil }
            self = .latin
            return
        }
        let category = scalar.properties.generalCategory
        switch category {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .otherLetter, .modifierLetter: break
        default: return nil
        }
        if let script = Self.block(scalar.value) {
            self = script
        } else if category == .modifierLetter || Self.sharedLetters.contains(where: { $0.contains(scalar.value) }) {
            return nil
        } else {
            self = .other
        }
    }

    /// Letters of no one script: the micro sign, and signs such as ohm, kelvin and script l.
    private static let sharedLetters: [ClosedRange<UInt32>] = [0xB5...0xB5, 0x2100...0x214F]

    private static func block(_ value: UInt32) -> Script? {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].last < value { low = middle + 1 } else { high = middle }
        }
        guard low < blocks.count, blocks[low].first <= value else { return nil }
        return blocks[low].script
    }

    /// Blocks of the Unicode standard, ascending.
    private static let blocks: [(first: UInt32, last: UInt32, script: Script)] = [
        (0xAA, 0xAA, .latin), (0xBA, 0xBA, .latin), (0xC0, 0x2AF, .latin),
        (0x370, 0x3FF, .greek),
        (0x400, 0x52F, .cyrillic),
        (0x530, 0x58F, .armenian),
        (0x590, 0x5FF, .hebrew),
        (0x600, 0x6FF, .arabic), (0x750, 0x77F, .arabic),
        (0x780, 0x7BF, .thaana),
        (0x860, 0x8FF, .arabic),
        (0x900, 0x97F, .devanagari),
        (0x980, 0x9FF, .bengali),
        (0xA00, 0xA7F, .gurmukhi),
        (0xA80, 0xAFF, .gujarati),
        (0xB00, 0xB7F, .odia),
        (0xB80, 0xBFF, .tamil),
        (0xC00, 0xC7F, .telugu),
        (0xC80, 0xCFF, .kannada),
        (0xD00, 0xD7F, .malayalam),
        (0xD80, 0xDFF, .sinhala),
        (0xE00, 0xE7F, .thai),
        (0xE80, 0xEFF, .lao),
        (0xF00, 0xFFF, .tibetan),
        (0x1000, 0x109F, .myanmar),
        (0x10A0, 0x10FF, .georgian),
        (0x1100, 0x11FF, .hangul),
        (0x1200, 0x139F, .ethiopic),
        (0x1780, 0x17FF, .khmer),
        (0x1800, 0x18AF, .mongolian),
        (0x1C80, 0x1C8F, .cyrillic),
        (0x1C90, 0x1CBF, .georgian),
        (0x1D00, 0x1DBF, .latin), (0x1E00, 0x1EFF, .latin),
        (0x1F00, 0x1FFF, .greek),
        (0x2C60, 0x2C7F, .latin),
        (0x2D00, 0x2D2F, .georgian),
        (0x2D80, 0x2DDF, .ethiopic),
        (0x2DE0, 0x2DFF, .cyrillic),
        (0x2E80, 0x2FDF, .han), (0x3005, 0x3007, .han),
        (0x3041, 0x30FF, .kana),
        (0x3100, 0x312F, .bopomofo),
        (0x3130, 0x318F, .hangul),
        (0x31A0, 0x31BF, .bopomofo),
        (0x31F0, 0x31FF, .kana),
        (0x3400, 0x4DBF, .han), (0x4E00, 0x9FFF, .han),
        (0xA640, 0xA69F, .cyrillic),
        (0xA720, 0xA7FF, .latin),
        (0xA8E0, 0xA8FF, .devanagari),
        (0xA960, 0xA97F, .hangul),
        (0xA9E0, 0xA9FF, .myanmar), (0xAA60, 0xAA7F, .myanmar),
        (0xAB00, 0xAB2F, .ethiopic),
        (0xAB30, 0xAB6F, .latin),
        (0xAC00, 0xD7FF, .hangul),
        (0xF900, 0xFAFF, .han),
        (0xFB00, 0xFB06, .latin),
        (0xFB13, 0xFB17, .armenian),
        (0xFB1D, 0xFB4F, .hebrew),
        (0xFB50, 0xFDFF, .arabic), (0xFE70, 0xFEFE, .arabic),
        (0xFF21, 0xFF3A, .latin), (0xFF41, 0xFF5A, .latin),
        (0xFF66, 0xFF9F, .kana),
        (0xFFA0, 0xFFDC, .hangul),
        (0x1B000, 0x1B16F, .kana),
        (0x20000, 0x323AF, .han),
    ]
}

/// A set of scripts.
struct ScriptSet: OptionSet, Sendable {
    let rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }

    init(_ script: Script) { rawValue = 1 << UInt32(script.rawValue) }

    func contains(_ script: Script) -> Bool { rawValue & (1 << UInt32(script.rawValue)) != 0 }
}

/// How many letters of each script a text has.
struct ScriptCounts: Sendable {
    private(set) var total = 0
    private var counts = [Int](repeating: 0, count: Script.allCases.count)

    mutating func add(_ script: Script) {
        total += 1
        counts[Int(script.rawValue)] += 1
    }

    /// The letters of one script.
    subscript(_ script: Script) -> Int { counts[Int(script.rawValue)] }

    /// The letters of all scripts in a set.
    subscript(_ scripts: ScriptSet) -> Int {
        var sum = 0
        for script in Script.allCases where scripts.contains(script) { sum += counts[Int(script.rawValue)] }
        return sum
    }
}
