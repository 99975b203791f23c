/// Cuts text into sentences and keeps what lies between them, so that sentences can be translated one by one
/// and put back in place.
///
/// Every line is a paragraph of its own. Within a line a sentence ends at a mark such as `.`, `!`, `。` or `।`
/// with the quotes and brackets that close behind it. Latin marks need white space behind them, and a letter
/// in lower case after that shows that the sentence goes on. Abbreviations, initials, ordinals and numbers of
/// lists are told from the ends of sentences by rules and by short lists per language.
package struct SentenceSplitter: Sendable {
    /// One sentence and what lies before it.
    package struct Segment: Sendable, Equatable {
        /// The white space between the sentence before and this one; may be empty.
        package var gap: String
        /// The sentence: not empty, and without white space at either end.
        package var text: String

        /// - Parameters:
        ///   - gap: the white space before the sentence.
        ///   - text: the sentence.
        package init(gap: String, text: String) {
            self.gap = gap
            self.text = text
        }
    }

    /// A text cut up. All `gap` and `text` one after the other, then `trailing`, give the text back, byte for
    /// byte.
    package struct Split: Sendable, Equatable {
        /// The sentences in the order of the text.
        package var segments: [Segment]
        /// The white space behind the last sentence.
        package var trailing: String

        /// - Parameters:
        ///   - segments: the sentences.
        ///   - trailing: the white space behind the last.
        package init(segments: [Segment], trailing: String) {
            self.segments = segments
            self.trailing = trailing
        }
    }

    private let rules: SentenceRules

    /// - Parameter language: the BCP 47 tag of the text's language; the language alone counts, not script or
    ///   region. nil, and a language without rules of its own, use what holds for all.
    package init(language: String?) {
        rules = SentenceRules.rules(for: language)
    }

    /// Cuts `text` into sentences, in time proportional to its length.
    package func split(_ text: String) -> Split {
        var text = text
        return text.withUTF8 { bytes in
            var split = Split(segments: [], trailing: "")
            var end = 0
            var scanner = SentenceScanner(bytes: bytes, rules: rules)
            while let sentence = scanner.next() {
                split.segments.append(
                    Segment(
                        gap: Self.string(bytes[end..<sentence.lowerBound]), text: Self.string(bytes[sentence])))
                end = sentence.upperBound
            }
            split.trailing = Self.string(bytes[end...])
            return split
        }
    }

    private static func string(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes), as: UTF8.self)
    }
}
