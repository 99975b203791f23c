internal import Architectures
internal import Compute

/// Which piece of a sentence each token of its translation translates. The decoder reads the translation once more and
/// says where it looks: searches stay as they are, and only sentences that need it pay for it.
enum TokenAlignment {
    /// A sentence, or a part of one, and its translation.
    struct Request {
        /// What the encoder reads.
        var source: [Int32]
        /// Where the sentence's pieces are in it: the rest are marks.
        var pieces: Range<Int>
        /// The translation, without an end token.
        var target: [Int32]
    }

    /// What a token translates.
    struct Link: Equatable {
        /// The piece, counted from the first of `Request.pieces`.
        var piece: Int
        /// How much of the token's attention it has, 0 to 1.
        var share: Float
    }

    /// For each request a link for each token of its target. None of the requests may be without pieces.
    static func links(
        _ requests: [Request], model: any SequenceToSequenceModel, workspace: Workspace
    ) -> [[Link]] {
        var links = requests.map { _ in [Link]() }
        workspace.scoped {
            // No logit is wanted; a single candidate makes the output layers small.
            let decoding = model.startDecoding(
                sources: requests.map(\.source), candidates: requests.map { _ in [model.endOfSequence] },
                maximumRows: requests.count, workspace: workspace)
            var parents = Array(requests.indices)
            for position in 0..<(requests.map(\.target.count).max() ?? 0) {
                let active = requests.indices.filter { requests[$0].target.count > position }
                let rows = active.map { index in
                    DecoderRow(
                        sentence: index, parent: parents[index],
                        token: position > 0 ? requests[index].target[position - 1] : 0, position: position)
                }
                for (row, index) in active.enumerated() { parents[index] = row }
                let shares = workspace.scoped { decoding.sourceShares(rows, workspace) }
                for (index, shares) in zip(active, shares) {
                    links[index].append(link(shares[requests[index].pieces]))
                }
            }
        }
        return links
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

extension TokenAlignment.Link: Sendable {}
