/// Tells the language of a text: a fastText model's answer, with what the writing system says for certain.
/// `models/fasttext/MODEL.md` describes both, and what is done to the text before.
package struct LanguageIdentifier: Sendable {
    /// A language that the text may be in.
    package struct Candidate: Sendable, Equatable {
        /// A BCP 47 tag.
        package var language: String
        /// The probability, 0 to 1.
        package var confidence: Float

        /// A candidate with these values.
        package init(language: String, confidence: Float) {
            self.language = language
            self.confidence = confidence
        }
    }

    /// What is known about the language of a text.
    package struct Detection: Sendable, Equatable {
        /// The best candidate's BCP 47 tag, or `und` if the language cannot be told.
        package var language: String
        /// The best candidate's probability, 0 to 1; 0 if the language cannot be told.
        package var confidence: Float
        /// Best first, up to five; none if the language cannot be told.
        package var candidates: [Candidate]

        /// The detection whose best candidate comes first; without candidates, `und`.
        package init(candidates: [Candidate]) {
            language = candidates.first?.language ?? LanguageTags.undetermined
            confidence = candidates.first?.confidence ?? 0
            self.candidates = candidates
        }
    }

    private static let mostCandidates = 5

    private let model: FastTextModel
    /// For each label of the model.
    private let languages: [(tag: String, scripts: ScriptSet)]

    /// An identifier that asks `model`, whose labels must be language codes.
    package init(model: FastTextModel) {
        self.model = model
        languages = model.labels.map { label in
            let tag = LanguageTags.tag(label: label)
            return (tag, ScriptPrior.scripts(ofTag: tag))
        }
    }

    /// The language of a text, of which the first 10,000 Unicode scalars are read.
    ///
    /// `und` if there is no letter (numbers, punctuation, emoji, nothing but web addresses), or if the model knows
    /// nothing of what is there and the script leaves more than one language.
    ///
    /// Candidates that the script rules out are left out. As long as the model's best is not among them, the
    /// others keep the model's probabilities, cut at 1. If it is, those that remain share all of the probability.
    package func detect(_ text: String) -> Detection {
        let prepared = DetectionText(text)
        guard prepared.letters.total > 0 else { return Detection(candidates: []) }

        let ranked = rank(prepared.text)
        let possible = ranked.filter { isPossible($0.label, prepared.letters) }
        guard !possible.isEmpty else { return Detection(candidates: onlyPossible(prepared.letters)) }

        // Summed from the smallest up. When the model's best stands, nothing is rescaled.
        let isBestPossible = possible[0].label == ranked[0].label
        let total = isBestPossible ? 1 : possible.reversed().reduce(0) { $0 + $1.probability }
        return Detection(
            candidates: possible.prefix(Self.mostCandidates).map { label, probability in
                Candidate(language: languages[label].tag, confidence: min(1, probability / total))
            })
    }

    /// All labels the model gives a probability, best first. A text whose words are unknown as they are written
    /// is tried in lowercase; nothing is returned if they are unknown then too, for what the model answers
    /// without evidence is only how common languages were in its training.
    private func rank(_ text: String) -> [(label: Int, probability: Float)] {
        func ranking(_ text: String) -> FastTextModel.Ranking {
            var text = text
            return text.withUTF8 { model.rank($0, k: languages.count, threshold: 0) }
        }
        let asWritten = ranking(text)
        if asWritten.evidence > 0 { return asWritten.labels }
        let lowercased = ranking(text.lowercased())
        return lowercased.evidence > 0 ? lowercased.labels : []
    }

    private func isPossible(_ label: Int, _ letters: ScriptCounts) -> Bool {
        !ScriptPrior.rulesOut(languages[label].scripts, letters: letters)
    }

    /// The one language that the script leaves, for certain, or none if it leaves several. Languages that the
    /// table does not know count as several.
    private func onlyPossible(_ letters: ScriptCounts) -> [Candidate] {
        var only: String?
        for label in languages.indices where isPossible(label, letters) {
            guard only == nil else { return [] }
            only = languages[label].tag
        }
        return only.map { [Candidate(language: $0, confidence: 1)] } ?? []
    }
}
