/// A list of byte strings in one piece of memory: the tokens of a vocabulary, or its merges.
///
/// Bytes and not `String`, whose equality is canonical equivalence: two spellings of one character are two
/// different tokens.
package struct ByteStrings: Sendable {
    /// The strings, one after the other.
    private(set) var bytes: [UInt8] = []
    /// Where each string begins in `bytes`, and one more for where the last ends.
    private(set) var starts: [Int] = [0]

    /// An empty list.
    package init() {}

    /// The strings of a sequence.
    package init(_ strings: some Sequence<some Collection<UInt8>>) {
        for string in strings { append(string) }
    }

    /// How many strings there are.
    package var count: Int { starts.count - 1 }

    /// Makes room for strings that are about to be appended.
    package mutating func reserveCapacity(count: Int, bytes: Int) {
        starts.reserveCapacity(starts.count + count)
        self.bytes.reserveCapacity(self.bytes.count + bytes)
    }

    /// Appends a string.
    package mutating func append(_ string: some Collection<UInt8>) {
        bytes.append(contentsOf: string)
        starts.append(bytes.count)
    }

    /// Appends the bytes that a token in the spelling of `ByteAlphabet` stands for. Returns false and appends
    /// nothing if the token is not spelled so.
    mutating func append(spelledInAlphabet token: UnsafeRawBufferPointer) -> Bool {
        guard ByteAlphabet.append(token, to: &bytes) else { return false }
        starts.append(bytes.count)
        return true
    }

    /// Appends a token of a SentencePiece vocabulary with spaces for its `▁`.
    mutating func append(unescaping token: UnsafeRawBufferPointer) {
        var index = 0
        while index < token.count {
            if EscapedSpace.stands(token, at: index) {
                bytes.append(0x20)
                index += 3
            } else {
                bytes.append(token[index])
                index += 1
            }
        }
        starts.append(bytes.count)
    }

    /// The string at `index`, which must be below `count`.
    package subscript(index: Int) -> ArraySlice<UInt8> { bytes[starts[index]..<starts[index + 1]] }

    /// Where the string at `index` stands in `bytes`.
    @inline(__always) func range(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }
}
