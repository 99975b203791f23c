/// Turns merges as a file spells them, "left right", into a table of ids.
struct MergeListReader {
    let vocabulary: TokenVocabulary
    /// The tokens by their spelling.
    let spellings: ByteStringTable

    /// - Throws: `TokenVocabularyError` for a merge without a space, and for one of tokens that the vocabulary
    ///   does not have.
    func table(_ merges: ByteStrings) throws(TokenVocabularyError) -> PairTable {
        guard merges.count <= PairTable.maximumMerges else { throw .tooManyMerges(merges.count) }
        var table = PairTable(count: merges.count)
        let failure: TokenVocabularyError? = spellings.withReader { spellings in
            merges.bytes.withUnsafeBytes { bytes in
                var joined: [UInt8] = []
                for index in 0..<merges.count {
                    let merge = UnsafeRawBufferPointer(rebasing: bytes[merges.range(index)])
                    guard let space = merge.firstIndex(of: 0x20), space > 0, space + 1 < merge.count else {
                        return .malformedMerge(index: index, text: String(decoding: merge, as: UTF8.self))
                    }
                    let left = UnsafeRawBufferPointer(rebasing: merge[..<space])
                    let right = UnsafeRawBufferPointer(rebasing: merge[(space + 1)...])
                    joined.removeAll(keepingCapacity: true)
                    joined.append(contentsOf: left)
                    joined.append(contentsOf: right)
                    let (leftID, rightID) = (spellings.id(left), spellings.id(right))
                    let id = joined.withUnsafeBytes { spellings.id($0) }
                    guard leftID >= 0, rightID >= 0, id >= 0 else {
                        let missing = leftID < 0 ? Array(left) : rightID < 0 ? Array(right) : joined
                        return .mergeWithoutToken(index: index, token: String(decoding: missing, as: UTF8.self))
                    }
                    table.append(leftID, rightID, into: isText(id) ? id : nil)
                }
                return nil
            }
        }
        if let failure { throw failure }
        return table
    }

    /// Whether merges may lead to `id`. Plain text must not turn into a control token.
    private func isText(_ id: Int32) -> Bool {
        !vocabulary.isKind(.control, id) && !vocabulary.isKind(.unknown, id)
    }
}
