/// What a component looks for in a text: a string or a regular expression.
enum TextPattern: Sendable {
    case literal([UInt8])
    case regex(RegexProgram)

    /// A match, or a stretch between matches.
    typealias Part = RegexMatcher.Part

    /// The parts of `text[range]` from its start to its end: matches, and what stands between them.
    func parts(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> [Part] {
        switch self {
        case .regex(let program): return RegexMatcher.parts(program, text, range)
        case .literal(let literal): return Self.parts(literal, text, range)
        }
    }

    private static func parts(_ literal: [UInt8], _ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> [Part] {
        guard let first = literal.first, !range.isEmpty else {
            return range.isEmpty ? [] : [Part(range: range, isMatch: false)]
        }
        return literal.withUnsafeBytes { literal in
            var parts: [Part] = []
            var previousEnd = range.lowerBound
            var index = range.lowerBound
            while index + literal.count <= range.upperBound {
                guard text[index] == first,
                    ByteHash.equal(
                        UnsafeRawBufferPointer(rebasing: text[index..<(index + literal.count)]), literal)
                else {
                    index += 1
                    continue
                }
                if previousEnd < index { parts.append(Part(range: previousEnd..<index, isMatch: false)) }
                parts.append(Part(range: index..<(index + literal.count), isMatch: true))
                index += literal.count
                previousEnd = index
            }
            if previousEnd < range.upperBound {
                parts.append(Part(range: previousEnd..<range.upperBound, isMatch: false))
            }
            return parts
        }
    }

    /// Parts by a property of single characters, each of which is a match by itself.
    static func parts(
        _ text: UnsafeRawBufferPointer, _ range: Range<Int>, where isMatch: (UInt32) -> Bool
    ) -> [Part] {
        var parts: [Part] = []
        var previousEnd = range.lowerBound
        var index = range.lowerBound
        while index < range.upperBound {
            let (scalar, length) = UTF8Decoding.scalar(text, index)
            if isMatch(scalar) {
                if previousEnd < index { parts.append(Part(range: previousEnd..<index, isMatch: false)) }
                parts.append(Part(range: index..<(index + length), isMatch: true))
                previousEnd = index + length
            }
            index += length
        }
        if previousEnd < range.upperBound {
            parts.append(Part(range: previousEnd..<range.upperBound, isMatch: false))
        }
        return parts
    }
}

/// What becomes of the matches where a text is split.
enum SplitBehavior: String, Sendable, CaseIterable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    /// Appends the pieces that the parts of a text make, none of them empty.
    func append(_ parts: [TextPattern.Part], inverted: Bool = false, to pieces: inout [Range<Int>]) {
        switch self {
        case .isolated:
            for part in parts where !part.range.isEmpty { pieces.append(part.range) }
        case .removed:
            for part in parts where part.isMatch == inverted && !part.range.isEmpty { pieces.append(part.range) }
        case .contiguous, .mergedWithPrevious:
            let first = pieces.count
            var previous = false
            for part in parts {
                let isMatch = part.isMatch != inverted
                let joins = self == .contiguous ? isMatch == previous : isMatch && !previous
                previous = isMatch
                if joins, pieces.count > first {
                    pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<part.range.upperBound
                } else {
                    pieces.append(part.range)
                }
            }
            dropEmpty(from: first, &pieces)
        case .mergedWithNext:
            let first = pieces.count
            var previous = false
            for part in parts.reversed() {
                let isMatch = part.isMatch != inverted
                if isMatch, !previous, pieces.count > first {
                    pieces[pieces.count - 1] = part.range.lowerBound..<pieces[pieces.count - 1].upperBound
                } else {
                    pieces.append(part.range)
                }
                previous = isMatch
            }
            pieces[first...].reverse()
            dropEmpty(from: first, &pieces)
        }
    }

    private func dropEmpty(from first: Int, _ pieces: inout [Range<Int>]) {
        guard pieces[first...].contains(where: \.isEmpty) else { return }
        let kept = pieces[first...].filter { !$0.isEmpty }
        pieces.replaceSubrange(first..., with: kept)
    }
}
