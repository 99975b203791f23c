package import Architectures
package import Compute

/// Runs the searches of a batch of sentences together. A sentence's result does not depend on the others, nor on the
/// number of threads.
package enum BatchSearch {
    /// Logits in a step from which on the model's threads share the choice of tokens.
    private static let sharedLogits = 1 << 16

    /// Translates a batch.
    ///
    /// - Parameter isCancelled: asked for every sentence at each step; a cancelled one leaves the batch, with the
    ///   results it has so far.
    /// - Returns: for each sentence its hypotheses, best first: at least one, unless it was cancelled.
    package static func run(
        _ batch: [SearchRequest], model: any SequenceToSequenceModel, workspace: Workspace,
        isCancelled: (Int) -> Bool = { _ in false }
    ) -> [[Hypothesis]] {
        workspace.scoped {
            let searches = batch.enumerated().map { index, request in
                search(SearchContext(sentence: index, request: request, model: model))
            }
            let decoding = model.startDecoding(
                sources: batch.map(\.source), candidates: batch.map(\.candidates),
                maximumRows: batch.reduce(0) { $0 + $1.options.beamSize }, workspace: workspace)
            var active = Array(batch.indices)
            /// Where each sentence's rows began in the last step.
            var firstRows = [Int](repeating: 0, count: batch.count)
            while true {
                active.removeAll { searches[$0].rows.isEmpty || isCancelled($0) }
                if active.isEmpty { break }
                step(active, searches, decoding, &firstRows, model, workspace)
            }
            var results = searches.map(\.results)
            TokenAlignment.link(&results, of: batch, in: decoding, workspace)
            return results
        }
    }

    private static func search(_ context: SearchContext) -> any SentenceSearch {
        if context.options.beamSize == 1 { return GreedySearch(context) }
        return context.options.style == .marian ? MarianBeamSearch(context) : PooledBeamSearch(context)
    }

    private static func step(
        _ active: [Int], _ searches: [any SentenceSearch], _ decoding: any Decoding, _ firstRows: inout [Int],
        _ model: any SequenceToSequenceModel, _ workspace: Workspace
    ) {
        var rows: [DecoderRow] = []
        /// For each row its place among its sentence's.
        var places: [Int] = []
        var ranges: [Range<Int>] = []
        for sentence in active {
            let start = rows.count
            for var row in searches[sentence].rows {
                row.parent += firstRows[sentence]
                rows.append(row)
                places.append(rows.count - 1 - start)
            }
            firstRows[sentence] = start
            ranges.append(start..<rows.count)
        }
        workspace.scoped {
            let logits = decoding.step(rows, workspace)
            let continuations = [[Continuation]](unsafeUninitializedCapacity: rows.count) { found, count in
                // Each call initializes an element of its own.
                func choose(_ row: Int) {
                    found.initializeElement(
                        at: row,
                        to: searches[rows[row].sentence].continuations(
                            ofRow: places[row], logits[row], on: model.backend))
                }
                if let pool = model.searchPool, logits.reduce(0, { $0 + $1.count }) >= sharedLogits {
                    pool.forEach(rows.count, choose)
                } else {
                    for row in rows.indices { choose(row) }
                }
                count = rows.count
            }
            for (sentence, range) in zip(active, ranges) { searches[sentence].advance(continuations[range]) }
        }
    }

    /// The log-probability of each token of `target` (which ends in the end token), given the ones before it.
    package static func forcedLogProbabilities(
        _ request: SearchRequest, target: [Int32], model: any SequenceToSequenceModel, workspace: Workspace
    ) -> [Float] {
        let columns = LogitColumns(candidates: request.candidates, vocabularySize: model.targetVocabularySize)
        return workspace.scoped {
            let decoding = model.startDecoding(
                sources: [request.source], candidates: [request.candidates], maximumRows: 1, workspace: workspace)
            return target.indices.map { position in
                workspace.scoped {
                    let row = DecoderRow(
                        sentence: 0, parent: 0, token: position > 0 ? target[position - 1] : 0, position: position)
                    let logits = decoding.step([row], workspace)[0]
                    guard let base = logits.baseAddress, let index = columns.index(of: target[position]) else {
                        return -.infinity
                    }
                    return logits[index] - model.backend.logSumExp(base, count: logits.count)
                }
            }
        }
    }
}
