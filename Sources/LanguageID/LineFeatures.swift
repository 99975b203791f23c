extension FastTextModel {
    /// How many rows were added for a line.
    struct FeatureCount {
        /// All of them; a feature that occurs twice counts twice.
        var count = 0
        /// Those that are not the end of line's own.
        var evidence = 0
    }

    /// Adds to `sum` the input matrix's rows for every feature of a line, in fastText's order: for each token
    /// its word and its character n-grams, and after all tokens the word n-grams.
    ///
    /// - Parameters:
    ///   - line: Bytes; reading ends at a newline, or at a token that spells the end of line.
    ///   - matrix: The input matrix.
    ///   - sum: `dimension` floats.
    func sumFeatures<Matrix: EmbeddingMatrix>(
        of line: UnsafeBufferPointer<UInt8>, from matrix: Matrix, into sum: UnsafeMutablePointer<Float>
    ) -> FeatureCount {
        var features = FeatureCount()
        var tokenHashes: [UInt32] = []
        var tokens = LineTokens(line)
        dictionary.buckets.withView { buckets in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: line.count + 2) { scratch in
                while let token = tokens.next() {
                    let hash = FeatureHash.of(token)
                    let identifier = dictionary.identifier(token, hash: hash)
                    let isLabel = identifier < 0 ? LineTokens.looksLikeLabel(token) : identifier >= dictionary.words
                    if isLabel { continue }
                    let isEnd = LineTokens.isEnd(token)
                    if identifier >= 0 {
                        matrix.add(row: identifier, to: sum)
                        features.count += 1
                        features.evidence += isEnd ? 0 : 1
                    }
                    if !isEnd, arguments.longestSubword > 0 {
                        let added = addSubwords(token, scratch, buckets, matrix, sum)
                        features.count += added
                        features.evidence += added
                    }
                    if arguments.wordGrams > 1 { tokenHashes.append(hash) }
                }
            }
            let added = addWordGrams(tokenHashes, buckets, matrix, sum)
            features.count += added
            features.evidence += added
        }
        return features
    }

    /// Character n-grams of `<token>`, of every length allowed, except single characters that touch an end.
    @inline(__always)
    private func addSubwords<Matrix: EmbeddingMatrix>(
        _ token: UnsafeBufferPointer<UInt8>, _ scratch: UnsafeMutableBufferPointer<UInt8>, _ buckets: BucketRows.View,
        _ matrix: Matrix, _ sum: UnsafeMutablePointer<Float>
    ) -> Int {
        let shortest = arguments.shortestSubword
        let longest = arguments.longestSubword
        let bucketCount = arguments.buckets
        let end = token.count + 2
        scratch[0] = UInt8(ascii: "<")
        for index in 0..<token.count { scratch[index + 1] = token[index] }
        scratch[end - 1] = UInt8(ascii: ">")

        var added = 0
        for start in 0..<end where !isContinuation(scratch[start]) {
            var hash = FeatureHash.empty
            var position = start
            var length = 1
            while position < end, length <= longest {
                repeat {
                    hash = FeatureHash.extended(hash, by: scratch[position])
                    position += 1
                } while position < end && isContinuation(scratch[position])
                if length >= shortest, length > 1 || (start > 0 && position < end) {
                    let row = buckets.row(hash % bucketCount)
                    if row >= 0 {
                        matrix.add(row: row, to: sum)
                        added += 1
                    }
                }
                length += 1
            }
        }
        return added
    }

    /// Runs of two to `wordGrams` tokens, hashed from the tokens' hashes as signed 32-bit numbers.
    private func addWordGrams<Matrix: EmbeddingMatrix>(
        _ hashes: [UInt32], _ buckets: BucketRows.View, _ matrix: Matrix, _ sum: UnsafeMutablePointer<Float>
    ) -> Int {
        func widened(_ hash: UInt32) -> UInt64 { UInt64(bitPattern: Int64(Int32(bitPattern: hash))) }
        var added = 0
        for first in hashes.indices {
            var hash = widened(hashes[first])
            let end = min(hashes.count, first + arguments.wordGrams)
            for next in min(first + 1, end)..<end {
                hash = hash &* 116_049_371 &+ widened(hashes[next])
                let row = buckets.row(UInt32(hash % UInt64(arguments.buckets)))
                guard row >= 0 else { continue }
                matrix.add(row: row, to: sum)
                added += 1
            }
        }
        return added
    }
}

/// Whether a byte continues a UTF-8 sequence.
@inline(__always)
private func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

/// Cuts a line into tokens at white space and NUL. The last token is always the end of line.
struct LineTokens {
    private let line: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var ended = false

    private static let newline = UInt8(ascii: "\n")

    init(_ line: UnsafeBufferPointer<UInt8>) { self.line = line }

    /// The next token; nil after the end of line.
    @inline(__always)
    mutating func next() -> UnsafeBufferPointer<UInt8>? {
        if ended { return nil }
        while position < line.count, Self.isSeparator(line[position]), line[position] != Self.newline { position += 1 }
        let start = position
        while position < line.count, !Self.isSeparator(line[position]) { position += 1 }
        guard position > start else {
            ended = true
            return Self.endOfLine
        }
        let token = UnsafeBufferPointer(rebasing: line[start..<position])
        ended = Self.isEnd(token)
        return token
    }

    /// Whether a token spells the end of line.
    @inline(__always)
    static func isEnd(_ token: UnsafeBufferPointer<UInt8>) -> Bool {
        token.count == endOfLine.count && token.elementsEqual(endOfLine)
    }

    /// Whether a token that is not in the dictionary is a label all the same, and so no feature.
    @inline(__always)
    static func looksLikeLabel(_ token: UnsafeBufferPointer<UInt8>) -> Bool {
        token.count >= 9 && token[0] == UInt8(ascii: "_") && token.starts(with: FastTextDictionary.labelPrefix.utf8)
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) || byte == 0
    }

    /// Bytes of the program itself, which are always there.
    private static var endOfLine: UnsafeBufferPointer<UInt8> {
        let text: StaticString = "</s>"
        return UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}
