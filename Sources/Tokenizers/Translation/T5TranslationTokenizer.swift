/// The tokenizer of T5, mT5 and MADLAD-400. What the model is to do stands before the text: a task in English
/// ("translate English to German:"), where the checkpoint's configuration has such, or the mark of the target language
/// (`<2pt>`), where the vocabulary has them. A text that spells a mark stays a text.
package struct T5TranslationTokenizer: TranslationTokenizer {
    /// A translation that the model was trained for under a name of its own.
    struct Task: Sendable, Equatable {
        var source: String
        var target: String
        /// What stands before the text.
        var prefix: String
    }

    package let languages: [TranslationLanguage]
    package let sourceVocabularySize: Int
    /// The id that ends a text.
    package let endID: Int32

    private let tokenizer: any PieceTokenizer
    private let tasks: [(task: Task, pieces: [Int32])]
    private let marks: [String: [Int32]]
    private let hidden: Set<Int32>
    private let shield: MarkShield

    package var targetVocabularySize: Int { sourceVocabularySize }

    /// - Parameters:
    ///   - tokenizer: cuts text.
    ///   - extraIDs: how many ids for gaps in a text there are behind those of `tokenizer`.
    ///   - tasks: what the configuration says of translations.
    init(_ tokenizer: any PieceTokenizer, extraIDs: Int = 0, tasks: [Task] = [], endID: Int32) {
        self.tokenizer = tokenizer
        self.endID = endID
        sourceVocabularySize = tokenizer.vocabularySize + extraIDs
        let found = Self.languageMarks(tokenizer)
        // A mark is read as it would be at the start of a text.
        marks = Dictionary(
            found.map { mark in
                let pieces = tokenizer.pieces("<2\(mark.code)>")
                return (mark.code, pieces.contains(mark.id) ? pieces : [mark.id])
            }, uniquingKeysWith: { first, _ in first })
        // The space behind a task's name is that of the text's first word.
        self.tasks = found.isEmpty ? tasks.map { ($0, tokenizer.pieces(Self.withoutSpaceBehind($0.prefix))) } : []
        hidden = Set(found.map(\.id)).union(["<pad>", "</s>", "<s>", "<unk>"].compactMap(tokenizer.id(of:))).union([
            endID
        ])
        shield = MarkShield(tokenizer, marks: hidden.subtracting(tokenizer.id(of: "<unk>").map { [$0] } ?? []))

        if found.isEmpty {
            let sources = Set(tasks.map(\.source))
            let targets = Set(tasks.map(\.target))
            languages = LanguageCodes.languages(sources.union(targets).sorted()).map { language in
                TranslationLanguage(
                    code: language.code, tag: language.tag, isSource: sources.contains(language.code),
                    isTarget: targets.contains(language.code))
            }
        } else {
            languages = LanguageCodes.languages(found.map(\.code))
        }
    }

    package func pieces(_ text: String) -> [Int32] { shield.text(tokenizer.pieces(text)) }

    package func source(_ pieces: ArraySlice<Int32>, from source: String?, to target: String?) -> [Int32] {
        guard let target else { return pieces + [endID] }
        if let mark = marks[target] { return mark + pieces + [endID] }
        let task = tasks.first { $0.task.target == target && (source == nil || $0.task.source == source) }
        return (task?.pieces ?? []) + pieces + [endID]
    }

    package func forcedFirstToken(to target: String?) -> Int32? { nil }

    package func decode(_ tokens: [Int32]) -> String { tokenizer.sentence(tokens.filter { !hidden.contains($0) }) }

    /// The marks of a vocabulary, in the order of their ids: `<2pt>`, `<2zh_Latn>`, with or without a `▁` before. There
    /// are some for other purposes; without one for a language, what looks like a mark is none.
    private static func languageMarks(_ tokenizer: any PieceTokenizer) -> [(code: String, id: Int32)] {
        let marks = (0..<Int32(tokenizer.vocabularySize)).compactMap { id -> (code: String, id: Int32)? in
            guard let piece = tokenizer.piece(of: id), piece.utf8.last == UInt8(ascii: ">") else { return nil }
            var spelling = Substring(piece)
            if spelling.utf8.starts(with: EscapedSpace.bytes) { spelling.unicodeScalars.removeFirst() }
            guard spelling.utf8.starts(with: "<2".utf8), spelling.utf8.count > 3 else { return nil }
            let code = spelling.dropFirst(2).dropLast()
            let isCode = code.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: "-")
            }
            return isCode ? (String(code), id) : nil
        }
        return marks.contains { LanguageCodes.tag($0.code) != nil } ? marks : []
    }

    private static func withoutSpaceBehind(_ text: String) -> String {
        var text = text
        while text.unicodeScalars.last?.properties.isWhitespace == true { text.unicodeScalars.removeLast() }
        return text
    }
}
