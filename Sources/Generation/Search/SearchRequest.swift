/// One sentence to translate.
package struct SearchRequest: Sendable {
    /// Source tokens, ending in the end token.
    package var source: [Int32]
    /// The target ids that may be generated, ascending; nil for all. A forced token need not be among them.
    package var candidates: [Int32]?
    /// How to search.
    package var options: SearchOptions

    /// A sentence with its candidates.
    package init(source: [Int32], candidates: [Int32]?, options: SearchOptions = SearchOptions()) {
        self.source = source
        self.candidates = candidates
        self.options = options
    }
}
