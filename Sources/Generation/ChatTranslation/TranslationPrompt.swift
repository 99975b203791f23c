/// How a chat model is asked to translate: a text with the places `{source}`, `{target}` and `{text}`, from the model's entry
/// in the catalogue. Languages are spelt out in English, which is what models are trained on.
package struct TranslationPrompt: Sendable, Equatable, Hashable {
    private enum Part: Sendable, Equatable, Hashable {
        case words(String)
        case source, target, text
    }

    /// The prompt as it is written.
    package let template: String
    private let parts: [Part]

    /// Why a text is no prompt.
    package struct Malformed: Error, Equatable, Sendable, CustomStringConvertible {
        /// The place that is missing.
        package var missing: String
        package var description: String { "the translation prompt has no \(missing)" }
    }

    /// Reads a prompt.
    ///
    /// - Throws: `Malformed` if the model would not learn what to translate, or into what.
    package init(_ template: String) throws {
        self.template = template
        var parts: [Part] = []
        var rest = template[...]
        let places: [(String, Part)] = [("{source}", .source), ("{target}", .target), ("{text}", .text)]
        var words = ""
        while let first = rest.first {
            if let (name, part) = places.first(where: { rest.hasPrefix($0.0) }) {
                if !words.isEmpty { parts.append(.words(words)) }
                words = ""
                parts.append(part)
                rest = rest.dropFirst(name.count)
            } else {
                words.append(first)
                rest = rest.dropFirst()
            }
        }
        if !words.isEmpty { parts.append(.words(words)) }
        for (name, part) in places.dropFirst() where !parts.contains(part) { throw Malformed(missing: name) }
        self.parts = parts
    }

    /// The question. What `text` says stays as it is, also where it has a place's name in it.
    ///
    /// - Parameters:
    ///   - source, target: the languages' English names; a source that is not known is left to the model.
    package func question(_ text: String, from source: String?, to target: String) -> String {
        parts.map { part in
            switch part {
            case .words(let words): words
            case .source: source ?? "its language"
            case .target: target
            case .text: text
            }
        }.joined()
    }
}
