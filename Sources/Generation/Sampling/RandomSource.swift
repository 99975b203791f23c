/// The random numbers of one answer: xoshiro256** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number
/// Generators", 2021) with a state that SplitMix64 spreads from the seed. The same seed and choice give the same
/// numbers on every machine and in every version of the standard library.
struct RandomSource: Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// The numbers of the `choice`-th answer to a request with this seed; without one, of a seed that nobody knows.
    init(seed: UInt64?, choice: Int) {
        var spread = Self.scrambled(seed ?? UInt64.random(in: 0 ... .max))
        spread ^= Self.scrambled(UInt64(truncatingIfNeeded: choice) &+ 0x632b_e59b_d9b4_e019)
        func word() -> UInt64 {
            spread &+= 0x9e37_79b9_7f4a_7c15
            return Self.scrambled(spread)
        }
        state = (word(), word(), word(), word())
    }

    /// Uniform in [0, 1), a multiple of 2^−53.
    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// 64 random bits.
    mutating func next() -> UInt64 {
        let result = Self.rotated(state.1 &* 5, by: 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = Self.rotated(state.3, by: 45)
        return result
    }

    private static func rotated(_ word: UInt64, by bits: UInt64) -> UInt64 { word << bits | word >> (64 &- bits) }

    /// SplitMix64's finaliser: neighbouring numbers become unrelated ones.
    private static func scrambled(_ word: UInt64) -> UInt64 {
        var z = word
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
