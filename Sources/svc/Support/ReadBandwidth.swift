import Compute

/// How fast this machine reads memory: what bounds a model that reads all of its weights for each token.
enum ReadBandwidth {
    /// More than any cache holds.
    private static let bufferBytes = 512 << 20
    private static let passes = 10

    /// Bytes a second that so many threads read together: the best of ten passes over 512 MB, each thread summing its
    /// part in vectors. Takes the memory for as long as it measures.
    static func measure(threads: Int) -> Double {
        let pool = ThreadPool(threads: threads)
        defer { pool.stop() }
        let buffer = AlignedBuffer<SIMD8<UInt64>>(count: bufferBytes / MemoryLayout<SIMD8<UInt64>>.size)
        let share = buffer.count / threads
        let sums = AlignedBuffer<UInt64>(count: threads)
        func read() {
            pool.forEach(threads) { thread in
                sums.pointer[thread] = sum(buffer.pointer + thread * share, count: share)
            }
        }
        // Written first: memory that was never written is one page of zeros, and lies in the cache.
        pool.forEach(threads) { thread in
            let value = SIMD8<UInt64>(repeating: UInt64(truncatingIfNeeded: thread))
            (buffer.pointer + thread * share).update(repeating: value, count: share)
        }
        let clock = ContinuousClock()
        let seconds = (0..<passes).map { _ in clock.measure(read) / .seconds(1) }.min() ?? 0
        // What is read must matter, or nothing is.
        let total = (0..<threads).reduce(UInt64(0)) { $0 &+ sums.pointer[$1] }
        let expected = (0..<threads).reduce(UInt64(0)) { $0 &+ UInt64($1) &* UInt64(share * 8) }
        precondition(total == expected, "the memory does not hold what was written")
        return seconds > 0 ? Double(threads * share * MemoryLayout<SIMD8<UInt64>>.size) / seconds : 0
    }

    /// Four sums at a time: each addition waits for the one before it.
    @inline(never)
    private static func sum(_ values: UnsafePointer<SIMD8<UInt64>>, count: Int) -> UInt64 {
        var (a, b) = (SIMD8<UInt64>.zero, SIMD8<UInt64>.zero)
        var (c, d) = (SIMD8<UInt64>.zero, SIMD8<UInt64>.zero)
        var index = 0
        while index + 4 <= count {
            a &+= values[index]
            b &+= values[index + 1]
            c &+= values[index + 2]
            d &+= values[index + 3]
            index += 4
        }
        while index < count {
            a &+= values[index]
            index += 1
        }
        return (a &+ b &+ c &+ d).wrappedSum()
    }
}
