internal import Architectures

/// What a search needs to know of its sentence.
struct SearchContext {
    /// The sentence's index in the batch.
    let sentence: Int
    let options: SearchOptions
    /// The most tokens generated, the end token counted.
    let limit: Int
    /// The tokens that end a hypothesis; not empty.
    let endTokens: [Int32]
    /// Which logit is which token.
    let columns: LogitColumns
    /// What changes the logits before tokens are chosen.
    let processors: LogitProcessors

    init(sentence: Int, request: SearchRequest, model: any SequenceToSequenceModel) {
        let options = request.options
        self.sentence = sentence
        self.options = options
        limit = max(1, min(options.limit(sourceLength: request.source.count), model.maximumTargetLength))
        endTokens = options.endTokens.isEmpty ? model.endTokens : options.endTokens
        columns = LogitColumns(candidates: request.candidates, vocabularySize: model.targetVocabularySize)
        processors = LogitProcessors(options, limit: limit, endTokens: endTokens, model: model, columns: columns)
    }

    func isEnd(_ token: Int32) -> Bool { endTokens.contains(token) }
}

/// Which logit of a row is which token.
struct LogitColumns {
    /// The target ids of the logits, ascending; nil where logit i is token i.
    let candidates: [Int32]?
    let vocabularySize: Int

    func token(_ index: Int) -> Int32 { candidates?[index] ?? Int32(truncatingIfNeeded: index) }

    /// Where a token stands among the logits, if it does.
    func index(of token: Int32) -> Int? {
        guard let candidates else { return contains(token) ? Int(token) : nil }
        var (low, high) = (0, candidates.count)
        while low < high {
            let middle = (low + high) / 2
            if candidates[middle] < token { low = middle + 1 } else { high = middle }
        }
        return low < candidates.count && candidates[low] == token ? low : nil
    }

    /// Whether there is such a token.
    func contains(_ token: Int32) -> Bool { token >= 0 && Int(token) < vocabularySize }
}
