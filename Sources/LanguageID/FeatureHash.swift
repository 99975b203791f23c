/// The 32-bit FNV-1a hash as fastText computes it: every byte is sign-extended before it is mixed in, so
/// bytes from 0x80 on (all non-ASCII text) hash otherwise than in the textbook.
enum FeatureHash {
    /// The hash of no bytes.
    static let empty: UInt32 = 2_166_136_261

    /// `hash` extended by one byte.
    @inline(__always)
    static func extended(_ hash: UInt32, by byte: UInt8) -> UInt32 {
        (hash ^ UInt32(truncatingIfNeeded: Int8(bitPattern: byte))) &* 16_777_619
    }

    /// The hash of a run of bytes.
    @inline(__always)
    static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hash = empty
        for byte in bytes { hash = extended(hash, by: byte) }
        return hash
    }
}
