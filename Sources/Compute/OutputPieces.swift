/// The outputs of a product, cut into pieces of work.
struct OutputPieces: BitwiseCopyable {
    /// How many outputs there are.
    let outputs: Int
    /// The outputs of a piece.
    let step: Int

    /// How many pieces there are.
    var count: Int { (outputs + step - 1) / step }

    /// The outputs of some pieces.
    func outputs(of run: Range<Int>) -> Range<Int> { run.lowerBound * step..<min(run.upperBound * step, outputs) }
}

extension ThreadPool {
    /// Shares the outputs of several products out among threads.
    ///
    /// - Parameters:
    ///   - products: what the body is to know of each, and how its outputs are cut. A plain value: threads that count the
    ///     same object up and down with each piece wait for each other's processor.
    ///   - longest: how many pieces a thread takes at a time, at most.
    ///   - body: computes some outputs of a product, on one thread and with its scratch memory.
    func forOutputs<Part: BitwiseCopyable>(
        of products: [(part: Part, pieces: OutputPieces)], longest: Int,
        _ body: (Part, Range<Int>, Workspace) -> Void
    ) {
        typealias Product = (part: Part, pieces: OutputPieces)
        withUnsafeTemporaryAllocation(of: Product.self, capacity: products.count) { parts in
            _ = parts.initialize(from: products)
            let pieces = products.reduce(0) { $0 + $1.pieces.count }
            forRuns(pieces, of: longest) { run, thread in
                var first = 0
                for (part, pieces) in parts {
                    let own = run.clamped(to: first..<first + pieces.count)
                    if !own.isEmpty {
                        let outputs = pieces.outputs(of: own.lowerBound - first..<own.upperBound - first)
                        body(part, outputs, workspace(thread))
                    }
                    first += pieces.count
                }
            }
        }
    }
}
