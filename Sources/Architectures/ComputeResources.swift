package import Compute

/// What a step of a model computes with: who does the arithmetic, the threads, and scratch memory.
package struct ComputeResources {
    /// Who does the arithmetic.
    package let backend: ComputeBackend
    /// The threads that share each operation.
    package let pool: ThreadPool
    /// Scratch memory of the thread that runs the step.
    package let workspace: Workspace

    package init(backend: ComputeBackend, pool: ThreadPool, workspace: Workspace) {
        (self.backend, self.pool, self.workspace) = (backend, pool, workspace)
    }

    /// What makes a piece of `forRows` worth handing to another thread, which itself takes some of a microsecond: features
    /// that are changed in a microsecond or two.
    private static let pieceFeatures = 4096
    /// Pieces for each thread at most; more would only be counted.
    private static let mostPiecesPerThread = 8

    /// Runs `body` over ranges that together are all rows: on the caller alone where the work is too small to share.
    ///
    /// - Parameter columns: the features that are touched in a row, times what it costs to change one beside an addition.
    func forRows(_ count: Int, columns: Int, _ body: (Range<Int>) -> Void) {
        let pieces = min(count, count * columns / Self.pieceFeatures, Self.mostPiecesPerThread * pool.threads)
        guard pieces > 1 else {
            body(0..<count)
            return
        }
        pool.forEach(pieces) { piece in body(count * piece / pieces..<count * (piece + 1) / pieces) }
    }
}
