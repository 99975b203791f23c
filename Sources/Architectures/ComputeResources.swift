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

    /// Runs `body` over ranges that together are all rows: on the caller alone where the work is too small to share.
    ///
    /// - Parameter columns: the features that are touched in a row.
    func forRows(_ count: Int, columns: Int, _ body: (Range<Int>) -> Void) {
        let chunk = max(1, 32_768 / max(1, columns))
        guard count > chunk else {
            body(0..<count)
            return
        }
        pool.forEach((count + chunk - 1) / chunk) { piece in
            body(piece * chunk..<min(count, (piece + 1) * chunk))
        }
    }
}
