/// What the patterns of pre-tokenizers ask about a character.
struct ScalarClass: OptionSet, Sendable {
    let rawValue: UInt8

    /// `\p{L}`
    static let letter = ScalarClass(rawValue: 1)
    /// `\p{N}`
    static let number = ScalarClass(rawValue: 2)
    /// `\s`: the property White_Space.
    static let space = ScalarClass(rawValue: 4)
    /// `[\r\n]`
    static let newline = ScalarClass(rawValue: 8)
    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
    static let upper = ScalarClass(rawValue: 16)
    /// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
    static let lower = ScalarClass(rawValue: 32)

    /// What `[^\s\p{L}\p{N}]` leaves out.
    static let notOther: ScalarClass = [.letter, .number, .space]
    /// What `[^\r\n\p{L}\p{N}]` leaves out.
    static let notPrefix: ScalarClass = [.letter, .number, .newline]
}

/// The class of every Unicode scalar, in a table of two levels: a block of 256 scalars has the number of a
/// page, and blocks that are alike share one. The properties are those of the Swift standard library.
struct ScalarClasses: Sendable {
    /// For each block, its page.
    let blocks: [UInt16]
    /// The pages, 256 classes each.
    let pages: [ScalarClass]

    /// The table, which is built when it is first needed.
    static let shared = ScalarClasses()

    /// Blocks that one script fills with letters (Han, Hangul) or with private use: one lookup stands for all.
    private static let uniformBlocks: [ClosedRange<Int>] = [
        0x34...0x4C, 0x4E...0x9E, 0xAC...0xD6, 0xD8...0xF8, 0x200...0x2A5, 0x2A8...0x2B5, 0x2B9...0x2CD,
        0x2CF...0x2EA, 0x340...0xDFF, 0xE02...0x10FF,
    ]

    private init() {
        var pageOfBlock = [UInt16](repeating: 0, count: 0x1100)
        var pages: [ScalarClass] = []
        /// The number of the page that begins at the end of `pages`, which is dropped if there is one like it.
        func numberOfLastPage() -> UInt16 {
            let last = pages.count - 256
            for start in stride(from: 0, to: last, by: 256)
            where (0..<256).allSatisfy({ pages[start + $0] == pages[last + $0] }) {
                pages.removeLast(256)
                return UInt16(start / 256)
            }
            return UInt16(last / 256)
        }
        var block = 0
        while block < 0x1100 {
            if let range = Self.uniformBlocks.first(where: { $0.contains(block) }) {
                // A block of surrogates has no scalars and is never looked up.
                pages += repeatElement(Self.scalarClass(block << 8), count: 256)
                let number = numberOfLastPage()
                for uniform in range { pageOfBlock[uniform] = number }
                block = range.upperBound + 1
            } else {
                for value in block << 8..<(block + 1) << 8 { pages.append(Self.scalarClass(value)) }
                pageOfBlock[block] = numberOfLastPage()
                block += 1
            }
        }
        (blocks, self.pages) = (pageOfBlock, pages)
    }

    private static func scalarClass(_ value: Int) -> ScalarClass {
        guard let scalar = Unicode.Scalar(UInt32(value)) else { return [] }
        var result: ScalarClass =
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .titlecaseLetter: [.letter, .upper]
            case .lowercaseLetter: [.letter, .lower]
            case .modifierLetter, .otherLetter: [.letter, .upper, .lower]
            case .nonspacingMark, .spacingMark, .enclosingMark: [.upper, .lower]
            case .decimalNumber, .letterNumber, .otherNumber: .number
            default: []
            }
        // No white space lies beyond the ideographic space.
        if value <= 0x3000, scalar.properties.isWhitespace { result.insert(.space) }
        if scalar == "\r" || scalar == "\n" { result.insert(.newline) }
        return result
    }

    /// Calls `body` with the table's memory.
    func withReader<Result>(_ body: (Reader) -> Result) -> Result {
        blocks.withUnsafeBufferPointer { blocks in
            pages.withUnsafeBufferPointer { pages in
                body(Reader(blocks: blocks, pages: pages))
            }
        }
    }

    /// The table with its memory at hand. It must not leave the closure that it is given to.
    struct Reader {
        let blocks: UnsafeBufferPointer<UInt16>
        let pages: UnsafeBufferPointer<ScalarClass>

        @inline(__always) subscript(scalar: UInt32) -> ScalarClass {
            pages[Int(blocks[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
        }
    }
}
