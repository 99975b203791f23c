/// UTF-8 as the SentencePiece library reads it.
enum UTF8Decoding {
    /// The length of the character at the start of `text`, or nil if the bytes there are not well-formed
    /// UTF-8 (overlong, a surrogate, above U+10FFFF, cut off, or not the start of a character).
    @inline(__always)
    static func characterLength(_ text: UnsafeRawBufferPointer, at index: Int) -> Int? {
        let lead = text[index]
        if lead < 0x80 { return 1 }
        func trail(_ distance: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            index + distance < text.count && range.contains(text[index + distance])
        }
        switch lead {
        case 0xC2...0xDF: return trail(1) ? 2 : nil
        case 0xE0: return trail(1, 0xA0...0xBF) && trail(2) ? 3 : nil
        case 0xED: return trail(1, 0x80...0x9F) && trail(2) ? 3 : nil
        case 0xE1...0xEF: return trail(1) && trail(2) ? 3 : nil
        case 0xF0: return trail(1, 0x90...0xBF) && trail(2) && trail(3) ? 4 : nil
        case 0xF1...0xF3: return trail(1) && trail(2) && trail(3) ? 4 : nil
        case 0xF4: return trail(1, 0x80...0x8F) && trail(2) && trail(3) ? 4 : nil
        default: return nil
        }
    }

    /// How many bytes a first byte announces, whatever follows; 1 for what cannot begin a character.
    @inline(__always)
    static func announcedLength(_ lead: UInt8) -> Int {
        switch lead {
        case ..<0xC0: 1
        case ..<0xE0: 2
        case ..<0xF0: 3
        default: 4
        }
    }
}

extension UTF8Decoding {
    /// The scalar that begins at `index`, where the text is well-formed, and its length.
    @inline(__always)
    static func scalar(_ text: UnsafeRawBufferPointer, _ index: Int) -> (scalar: UInt32, length: Int) {
        let lead = text[index]
        if lead < 0x80 { return (UInt32(lead), 1) }
        func trail(_ distance: Int) -> UInt32 { UInt32(text[index + distance] & 0x3F) }
        if lead < 0xE0 { return (UInt32(lead & 0x1F) << 6 | trail(1), 2) }
        if lead < 0xF0 { return (UInt32(lead & 0x0F) << 12 | trail(1) << 6 | trail(2), 3) }
        return (UInt32(lead & 0x07) << 18 | trail(1) << 12 | trail(2) << 6 | trail(3), 4)
    }
}

extension UTF8Decoding {
    /// Whether `text` is well-formed UTF-8.
    static func isText(_ text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < text.count {
            guard let length = characterLength(text, at: index) else { return false }
            index += length
        }
        return true
    }
}
