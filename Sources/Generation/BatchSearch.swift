package import Architectures
package import Compute

/// One sentence to translate.
package struct SearchRequest: Sendable {
    /// Source tokens, ending in the end token.
    package var source: [Int32]
    /// The target ids that may be generated, ascending; nil for all.
    package var candidates: [Int32]?
    /// How to search.
    package var options: SearchOptions

    /// A sentence with its candidates.
    package init(source: [Int32], candidates: [Int32]?, options: SearchOptions = SearchOptions()) {
        self.source = source
        self.candidates = candidates
        self.options = options
    }
}

/// Runs the searches of a batch of sentences together. A sentence's result does not depend on the others.
package enum BatchSearch {
    /// Translates a batch.
    ///
    /// - Parameter isCancelled: asked for every sentence at each step; a cancelled one leaves the batch, with the
    ///   results it has so far.
    /// - Returns: for each sentence its hypotheses, best first.
    package static func run(
        _ batch: [SearchRequest], model: any SequenceToSequenceModel, workspace: Workspace,
        isCancelled: (Int) -> Bool = { _ in false }
    ) -> [[Hypothesis]] {
        workspace.scoped {
            let searches: [any SentenceSearch] = batch.enumerated().map { index, request in
                let context = SearchContext(
                    sentence: index, source: request.source, candidates: request.candidates, options: request.options,
                    model: model)
                return request.options.beamSize == 1 ? GreedySearch(context) : BeamSearch(context)
            }
            let decoding = model.startDecoding(
                sources: batch.map(\.source), candidates: batch.map(\.candidates),
                maximumRows: batch.reduce(0) { $0 + $1.options.beamSize }, workspace: workspace)
            var active = Array(batch.indices)
            /// Where each sentence's rows began in the last step.
            var firstRows = [Int](repeating: 0, count: batch.count)
            while true {
                active.removeAll { searches[$0].rows.isEmpty || isCancelled($0) }
                if active.isEmpty { return searches.map(\.results) }
                step(active, searches, decoding, &firstRows, model.backend, workspace)
            }
        }
    }

    private static func step(
        _ active: [Int], _ searches: [any SentenceSearch], _ decoding: any Decoding, _ firstRows: inout [Int],
        _ backend: ComputeBackend, _ workspace: Workspace
    ) {
        var rows: [DecoderRow] = []
        var ranges: [Range<Int>] = []
        for sentence in active {
            let start = rows.count
            for var row in searches[sentence].rows {
                row.parent += firstRows[sentence]
                rows.append(row)
            }
            firstRows[sentence] = start
            ranges.append(start..<rows.count)
        }
        workspace.scoped {
            let logits = decoding.step(rows, workspace)
            for (sentence, range) in zip(active, ranges) { searches[sentence].advance(logits[range], on: backend) }
        }
    }

    /// The log-probability of each token of `target` (which ends in the end token), given the ones before it.
    package static func forcedLogProbabilities(
        _ request: SearchRequest, target: [Int32], model: any SequenceToSequenceModel, workspace: Workspace
    ) -> [Float] {
        workspace.scoped {
            let decoding = model.startDecoding(
                sources: [request.source], candidates: [request.candidates], maximumRows: 1, workspace: workspace)
            return target.indices.map { position in
                workspace.scoped {
                    let row = DecoderRow(
                        sentence: 0, parent: 0, token: position > 0 ? target[position - 1] : 0, position: position)
                    let logits = decoding.step([row], workspace)[0]
                    let index = request.candidates.map { $0.firstIndex(of: target[position]) } ?? Int(target[position])
                    guard let base = logits.baseAddress, let index else { return -.infinity }
                    return logits[index] - model.backend.logSumExp(base, count: logits.count)
                }
            }
        }
    }
}
