/// A question to a model whose answer is known: asked when the model was loaded, it tells a working model from one whose
/// files merely are whole.
package struct CatalogCanary: Hashable, Sendable {
    /// The text to translate, to continue, or to tell the language of.
    package let input: String
    /// The languages to translate from and to (BCP 47); nil for a model of one direction, and for other tasks.
    package let source: String?
    package let target: String?
    /// What the answer contains: the translation, the beginning of the continuation, or the language's code.
    package let answer: String

    /// A question and its answer.
    package init(input: String, source: String? = nil, target: String? = nil, answer: String) {
        (self.input, self.source, self.target, self.answer) = (input, source, target, answer)
    }
}

extension CatalogCanary: Decodable {
    private enum Key: String, CodingKey { case input, source, target, answer }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        input = try values.text(.input)
        answer = try values.text(.answer)
        source = try values.decodeIfPresent(String.self, forKey: .source)
        target = try values.decodeIfPresent(String.self, forKey: .target)
    }
}
