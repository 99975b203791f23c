package import Tokenizers

/// What an answer must look like, compiled: immutable, and cheap to copy.
///
/// A grammar is over bytes; what it says about JSON beyond RFC 8259 is told by `JSONRules`, and what it makes of a
/// schema by `SchemaCompiler`. Compiling takes bounded time and memory for any schema (`GrammarLimits`).
package struct Grammar: Sendable {
    private let tables: GrammarTables
    private let memos: MaskMemos

    private init(_ tables: GrammarTables) {
        self.tables = tables
        memos = MaskMemos()
    }

    /// Any JSON object.
    package static func json() -> Grammar { anyObject }

    private static let anyObject: Grammar = {
        do {
            return try Grammar(jsonSchema: ["type": "object"])
        } catch {
            preconditionFailure("the grammar of JSON objects: \(error)")
        }
    }()

    /// The values that a JSON schema allows, as far as it uses the common features.
    ///
    /// - Parameter jsonSchema: a schema in JSON's kinds of values, its keys in their order.
    /// - Throws: `GrammarError`, which names the place and the keyword that is not supported, not valid, too large or
    ///   cannot be satisfied.
    package init(jsonSchema: TemplateValue) throws(GrammarError) {
        self = try .sequence([.schema(jsonSchema)])
    }

    /// One part after the other, with nothing in between.
    ///
    /// - Throws: `GrammarError`.
    package static func sequence(_ parts: [Part]) throws(GrammarError) -> Grammar {
        Grammar(try SequenceCompiler.compile(parts))
    }

    /// A part of a sequence.
    package enum Part: Sendable {
        /// This text.
        case literal(String)
        /// A value that a JSON schema allows.
        case schema(TemplateValue)
        /// One of these sequences.
        case anyOf([[Part]])
        /// Free text, perhaps none, in which none of these strings is found. What follows may be such a string.
        case text(until: [String])
        /// These parts or nothing.
        case optional([Part])
        /// These parts several times, with a separator in between; without a maximum, any number of times.
        case repeated([Part], separator: String, minimum: Int, maximum: Int?)
    }

    /// What follows an answer from its beginning. Matchers of one grammar and one vocabulary share what they find out.
    package func matcher(for tokens: TokenTrie) -> GrammarMatcher {
        GrammarMatcher(tables, tokens, memos.memo(for: tokens))
    }
}
