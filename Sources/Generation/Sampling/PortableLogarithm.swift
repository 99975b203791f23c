/// ln x for a positive, normal x, to 2 ulp, out of additions, multiplications and divisions alone. The system's
/// function takes another path where the processor can fuse operations, and a last bit could decide which token falls
/// out of a filter; this one gives the same bits everywhere.
func portableLogarithm(_ x: Double) -> Double {
    // x = 2^exponent · m with m in [√½, √2), and ln m = 2 artanh((m − 1) / (m + 1)).
    var exponent = Double(x.exponent)
    var m = x.significand
    if m > 1.414_213_562_373_095_1 {
        m *= 0.5
        exponent += 1
    }
    let s = (m - 1) / (m + 1)
    let square = s * s
    // |s| < 0.172, so that the first term left out is below 2^−56 of the sum.
    var series = 1.0 / 21
    series = series * square + 1.0 / 19
    series = series * square + 1.0 / 17
    series = series * square + 1.0 / 15
    series = series * square + 1.0 / 13
    series = series * square + 1.0 / 11
    series = series * square + 1.0 / 9
    series = series * square + 1.0 / 7
    series = series * square + 1.0 / 5
    series = series * square + 1.0 / 3
    return exponent * 0.693_147_180_559_945_3 + 2 * (s + s * square * series)
}
