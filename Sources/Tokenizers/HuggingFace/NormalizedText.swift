/// A text, or a part of one between special tokens, on its way through the normalizers.
struct NormalizedText {
    /// Well-formed UTF-8.
    var bytes: [UInt8]
    /// How many bytes at the start come from the first character of the whole text; 0 in a part that begins later. The
    /// scheme "first" of `Metaspace` asks for it.
    var originLength: Int

    /// Copies a part of a text.
    ///
    /// - Parameter startsText: whether the text begins with it.
    init(_ bytes: UnsafeRawBufferPointer, startsText: Bool) {
        self.bytes = Array(bytes)
        originLength = startsText ? bytes.first.map(UTF8Decoding.announcedLength) ?? 0 : 0
    }

    /// No text, with room for one as long as this.
    func emptied() -> NormalizedText {
        var text = NormalizedText(UnsafeRawBufferPointer(start: nil, count: 0), startsText: false)
        text.bytes.reserveCapacity(bytes.count)
        return text
    }

    /// Appends a byte.
    @inline(__always) mutating func append(_ byte: UInt8, isOrigin: Bool) {
        bytes.append(byte)
        if isOrigin { originLength = bytes.count }
    }

    /// Appends a scalar.
    @inline(__always) mutating func append(scalar: UInt32, isOrigin: Bool) {
        if scalar < 0x80 {
            bytes.append(UInt8(scalar))
        } else if scalar < 0x800 {
            bytes.append(UInt8(0xC0 | scalar >> 6))
            bytes.append(UInt8(0x80 | scalar & 0x3F))
        } else if scalar < 0x10000 {
            bytes.append(UInt8(0xE0 | scalar >> 12))
            bytes.append(UInt8(0x80 | scalar >> 6 & 0x3F))
            bytes.append(UInt8(0x80 | scalar & 0x3F))
        } else {
            bytes.append(UInt8(0xF0 | scalar >> 18 & 0x07))
            bytes.append(UInt8(0x80 | scalar >> 12 & 0x3F))
            bytes.append(UInt8(0x80 | scalar >> 6 & 0x3F))
            bytes.append(UInt8(0x80 | scalar & 0x3F))
        }
        if isOrigin { originLength = bytes.count }
    }

    /// Appends bytes.
    @inline(__always) mutating func append(_ other: some Sequence<UInt8>, isOrigin: Bool) {
        bytes.append(contentsOf: other)
        if isOrigin { originLength = bytes.count }
    }

    /// Rewrites each scalar by itself; `rewrite` appends what a scalar becomes to the text it is given.
    mutating func rewriteScalars(_ rewrite: (UInt32, _ isOrigin: Bool, inout NormalizedText) -> Void) {
        var output = emptied()
        bytes.withUnsafeBytes { bytes in
            var index = 0
            while index < bytes.count {
                let (scalar, length) = UTF8Decoding.scalar(bytes, index)
                rewrite(scalar, index < originLength, &output)
                index += length
            }
        }
        self = output
    }

    /// Puts bytes before a text that is not empty.
    mutating func prepend(_ prefix: [UInt8]) {
        guard !bytes.isEmpty else { return }
        bytes.insert(contentsOf: prefix, at: 0)
        if originLength > 0 { originLength += prefix.count }
    }

    /// Writes `content` for every match of a pattern.
    mutating func replace(_ pattern: TextPattern, with content: [UInt8]) {
        let parts = bytes.withUnsafeBytes { pattern.parts($0, 0..<$0.count) }
        guard parts.contains(where: \.isMatch) else { return }
        var output = emptied()
        for part in parts {
            if part.isMatch {
                // The library takes what is written to stem from the last character of the match.
                output.append(content, isOrigin: part.range.upperBound <= originLength)
            } else {
                output.bytes += bytes[part.range]
                let kept = min(part.range.upperBound, originLength) - part.range.lowerBound
                if kept > 0 { output.originLength = output.bytes.count - part.range.count + kept }
            }
        }
        self = output
    }

    /// Takes white space off the ends.
    mutating func strip(left: Bool, right: Bool) {
        let traits = ScalarTraits.shared
        let range = bytes.withUnsafeBytes { bytes in
            traits.withReader { traits in
                var (start, end) = (0, bytes.count)
                while left, start < end {
                    let (scalar, length) = UTF8Decoding.scalar(bytes, start)
                    guard traits[scalar].contains(.space) else { break }
                    start += length
                }
                while right, end > start {
                    var before = end - 1
                    while before > start, bytes[before] & 0xC0 == 0x80 { before -= 1 }
                    guard traits[UTF8Decoding.scalar(bytes, before).scalar].contains(.space) else { break }
                    end = before
                }
                return start..<end
            }
        }
        guard range.count < bytes.count else { return }
        originLength = max(0, min(originLength, range.upperBound) - range.lowerBound)
        bytes = Array(bytes[range])
    }
}
