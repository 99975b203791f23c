internal import Synchronization
package import LanguageID

/// A translated sentence, with what stands before it.
package struct TranslatedSentence: Sendable {
    /// Which of the query's texts it belongs to.
    package var index: Int
    /// The sentence; the texts of all sentences of a text, one after the other, are the translation.
    package var text: String
    /// The source language that was used; `und` if it could not be told.
    package var source: String
    /// The target language.
    package var target: String
    /// What the detection said, if the source was not named.
    package var detected: LanguageIdentifier.Candidate?
}

/// Passes the sentences of several texts, which are translated at once, on in the order of the texts.
final class SentenceOrder: Sendable {
    private struct State {
        /// The text whose sentences are passed on as they come.
        var current = 0
        /// Those of later ones.
        var waiting: [Int: [TranslatedSentence]] = [:]
        var ended: Set<Int> = []
    }

    private let receive: @Sendable (TranslatedSentence) -> Void
    private let state = Mutex(State())

    /// - Parameter receive: returns at once.
    init(_ receive: @escaping @Sendable (TranslatedSentence) -> Void) { self.receive = receive }

    /// A sentence has come.
    func add(_ sentence: TranslatedSentence) {
        state.withLock { state in
            if sentence.index == state.current {
                receive(sentence)
            } else {
                state.waiting[sentence.index, default: []].append(sentence)
            }
        }
    }

    /// All sentences of a text have come.
    func end(_ index: Int) {
        state.withLock { state in
            state.ended.insert(index)
            while state.ended.remove(state.current) != nil {
                state.current += 1
                for sentence in state.waiting.removeValue(forKey: state.current) ?? [] { receive(sentence) }
            }
        }
    }
}
