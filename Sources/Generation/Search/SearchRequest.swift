/// One sentence to translate.
package struct SearchRequest: Sendable {
    /// Source tokens, ending in the end token.
    package var source: [Int32]
    /// The target ids that may be generated, ascending; nil for all. A forced token need not be among them.
    package var candidates: [Int32]?
    /// How to search.
    package var options: SearchOptions
    /// Where the sentence's pieces are among `source`, if the tokens of its results are to be linked to them; not empty.
    package var alignedPieces: Range<Int>?

    /// A sentence with its candidates.
    package init(
        source: [Int32], candidates: [Int32]?, options: SearchOptions = SearchOptions(),
        alignedPieces: Range<Int>? = nil
    ) {
        self.source = source
        self.alignedPieces = alignedPieces
        self.candidates = candidates
        self.options = options
    }
}
