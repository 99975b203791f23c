/// Keeps what a user writes from working as a mark. A text may spell the mark of a language, and a tokenizer may find
/// it there as one entry of its vocabulary; it is then spelled character by character, which is text to the model.
struct MarkShield: Sendable {
    /// For each mark, its spelling.
    private let spellings: [Int32: [Int32]]

    /// Guards the entries `marks` of a vocabulary.
    init(_ tokenizer: any PieceTokenizer, marks: some Sequence<Int32>) {
        let marks = Set(marks)
        spellings = Dictionary(
            marks.map { id in
                let spelling = tokenizer.piece(of: id).map(tokenizer.spelling) ?? []
                return (id, spelling.filter { !marks.contains($0) })
            }, uniquingKeysWith: { first, _ in first })
    }

    /// The ids with no mark among them.
    func text(_ ids: [Int32]) -> [Int32] {
        guard !spellings.isEmpty, ids.contains(where: { spellings[$0] != nil }) else { return ids }
        return ids.flatMap { spellings[$0] ?? [$0] }
    }
}
