internal import Architectures
internal import Compute

/// Which piece of a sentence each token of its translation translates. The decoder reads the translation once more and
/// says where it looks: searches stay as they are, and only sentences that need it pay for it.
package enum TokenAlignment {
    /// What a token translates.
    package struct Link: Sendable, Equatable {
        /// The piece of the sentence, counted from its first.
        package var piece: Int
        /// How much of the token's attention it has, 0 to 1.
        package var share: Float

        /// A token's piece.
        package init(piece: Int, share: Float) { (self.piece, self.share) = (piece, share) }
    }

    /// A translation on its second reading.
    private struct Reading {
        var sentence: Int
        var rank: Int
        var pieces: Range<Int>
        /// Its row in the last step.
        var row = 0
    }

    /// Gives the hypotheses of the sentences that want it their links.
    ///
    /// - Parameter decoding: what the hypotheses came of, at whatever step.
    static func link(
        _ results: inout [[Hypothesis]], of batch: [SearchRequest], in decoding: any Decoding, _ workspace: Workspace
    ) {
        var readings = batch.indices.flatMap { sentence in
            batch[sentence].alignedPieces.map { pieces in
                results[sentence].indices.prefix(batch[sentence].options.results).map {
                    Reading(sentence: sentence, rank: $0, pieces: pieces)
                }
            } ?? []
        }
        for position in 0..<(results.joined().map(\.tokens.count).max() ?? 0) {
            readings.removeAll { results[$0.sentence][$0.rank].tokens.count <= position }
            guard !readings.isEmpty else { return }
            let rows = readings.map { reading in
                DecoderRow(
                    sentence: reading.sentence, parent: reading.row,
                    token: position > 0 ? results[reading.sentence][reading.rank].tokens[position - 1] : 0,
                    position: position)
            }
            let shares = workspace.scoped { decoding.sourceShares(rows, workspace) }
            for (row, shares) in shares.enumerated() {
                let reading = readings[row]
                results[reading.sentence][reading.rank].links.append(link(shares[reading.pieces]))
                readings[row].row = row
            }
        }
    }

    private static func link(_ shares: ArraySlice<Float>) -> Link {
        var best = shares.startIndex
        for index in shares.indices where shares[index] > shares[best] { best = index }
        return Link(piece: best - shares.startIndex, share: shares[best])
    }
}

/// A token of a translation as text, and what it translates.
struct AlignedText: Sendable, Equatable {
    /// The token's characters; none where they come with a later token.
    var text: String
    /// Which of the sentence's pieces it translates, and how surely.
    var link: TokenAlignment.Link

    /// The texts of tokens, which together are the text of all of them.
    ///
    /// - Parameter decode: the text of tokens.
    static func texts(
        of tokens: [Int32], _ links: [TokenAlignment.Link], decode: ([Int32]) -> String
    ) -> [AlignedText] {
        let whole = Array(decode(tokens).utf8)
        var end = 0
        return tokens.indices.map { index in
            var next = whole.count
            if index + 1 < tokens.count {
                // What is decoded of a part may end otherwise: a character that is not whole, a space that is dropped.
                next = zip(whole, decode(Array(tokens[...index])).utf8).prefix { $0 == $1 }.count
                while next > 0, next < whole.count, whole[next] & 0xC0 == 0x80 { next -= 1 }
            }
            defer { end = max(end, next) }
            return AlignedText(text: String(decoding: whole[end..<max(end, next)], as: UTF8.self), link: links[index])
        }
    }
}
