/// The spelling of byte-level vocabularies: each byte is written as one printable character, so that a token is
/// text whatever bytes it stands for. Bytes that are printable in Latin-1 are written as themselves, the other
/// 68 as the characters from U+0100 on, in ascending order.
enum ByteAlphabet {
    /// For each byte, its character.
    static let characters: [UInt16] = {
        var next: UInt16 = 0x100
        return (0..<256).map { byte in
            switch byte {
            case 33...126, 161...172, 174...255: return UInt16(byte)
            default:
                defer { next += 1 }
                return next
            }
        }
    }()

    /// For each of the characters up to the last one used, its byte, or -1.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x100 + 68)
        for (byte, character) in characters.enumerated() { bytes[Int(character)] = Int16(byte) }
        return bytes
    }()

    /// The character of `byte` as UTF-8.
    static func spelling(of byte: UInt8) -> [UInt8] {
        let character = characters[Int(byte)]
        return character < 0x80
            ? [UInt8(character)] : [0xC0 | UInt8(character >> 6), 0x80 | UInt8(character & 0x3F)]
    }

    /// Appends the bytes that the token at `index` stands for. Returns false and appends nothing if it holds a
    /// character that is not of the alphabet.
    static func append(_ token: UnsafeRawBufferPointer, to output: inout [UInt8]) -> Bool {
        let before = output.count
        var index = 0
        while index < token.count {
            let lead = token[index]
            var character = Int(lead)
            if lead >= 0x80 {
                // All of the alphabet beyond ASCII is two bytes long, from C2 to C5.
                guard (0xC2...0xC5).contains(lead), index + 1 < token.count, token[index + 1] & 0xC0 == 0x80 else {
                    output.removeSubrange(before...)
                    return false
                }
                character = Int(lead & 0x1F) << 6 | Int(token[index + 1] & 0x3F)
                index += 1
            }
            guard character < bytes.count, bytes[character] >= 0 else {
                output.removeSubrange(before...)
                return false
            }
            output.append(UInt8(truncatingIfNeeded: bytes[character]))
            index += 1
        }
        return true
    }
}
