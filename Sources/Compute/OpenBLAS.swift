internal import COpenBLAS

/// Single-precision matrix products by OpenBLAS, one thread a call: the work is split by us, and OpenBLAS' own
/// threads would serialise our workers behind one lock.
package enum OpenBLAS {
    private static let limited: Void = openblas_set_num_threads(1)

    /// Sets OpenBLAS to one thread per call, once for the process.
    package static func useOneThreadPerCall() { _ = limited }

    /// The library's version and the processor family that it chose its kernels for.
    package static var configuration: String {
        "\(String(cString: openblas_get_config())) core \(String(cString: openblas_get_corename()))"
    }

    /// `out[m][n] = alpha · Σ_k a[m][k] · b(k, n)`, where b is `[k, n]`, or `[n, k]` if `bTransposed`.
    /// `lda`, `ldb`, `ldout` are the distances between rows in elements.
    package static func multiply(
        _ a: UnsafePointer<Float>, lda: Int, _ b: UnsafePointer<Float>, ldb: Int, bTransposed: Bool,
        m: Int, n: Int, k: Int, alpha: Float = 1, into out: UnsafeMutablePointer<Float>, ldout: Int
    ) {
        guard m > 0, n > 0 else { return }
        useOneThreadPerCall()
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans, blasint(m), blasint(n), blasint(k),
            alpha, a, blasint(lda), b, blasint(ldb), 0, out, blasint(ldout))
    }
}
