internal import CPeak
internal import Compute
internal import Foundation

/// What one thread of this machine can do at most, measured by the process that is held against it (Williams, Waterman
/// and Patterson, "Roofline", 2009).
struct Roofline: Sendable {
    /// Bytes a second read from memory.
    var readBytesPerSecond: Double
    /// Multiply-adds a second of 32-bit floats in registers.
    var floatsPerSecond: Double
    /// Multiply-adds a second of 8-bit integers in registers.
    var int8PerSecond: Double

    /// Measured once, before the first operation.
    static let ofThisMachine = Roofline(
        readBytesPerSecond: ReadBandwidth.measure(threads: 1),
        floatsPerSecond: peak { isa, loops in
            var sink: Float = 0
            let count = cpeak_float(isa, loops, &sink)
            precondition(sink > 0, "sums of what is more than 0")
            return count
        },
        int8PerSecond: peak { isa, loops in
            var sink: Int32 = 0
            return cpeak_int8(isa, loops, &sink)
        })

    /// The most of ten runs of some milliseconds each: nothing makes a processor faster than it is.
    private static func peak(_ run: (cpeak_isa, UInt64) -> UInt64) -> Double {
        let isa: cpeak_isa =
            switch Backend.ofThisMachine.instructionSet {
            case .portable: cpeak_portable
            case .avx2: cpeak_avx2
            case .avx512vnni, .amx: cpeak_avx512vnni
            }
        let clock = ContinuousClock()
        return (0..<10).map { _ in
            var count: UInt64 = 0
            let seconds = clock.measure { count = run(isa, 1_000_000) } / .seconds(1)
            return Double(count) / seconds
        }.max() ?? 0
    }

    /// The share of the limit that bounds some work which took so many seconds.
    func share(of work: Work, seconds: Double) -> Double {
        let arithmetic = work.kind == .int8 ? int8PerSecond : floatsPerSecond
        let least = max(Double(work.bytes) / readBytesPerSecond, Double(work.multiplyAdds) / arithmetic)
        return seconds > 0 ? least / seconds : 0
    }

    /// Whether reading bounds the work, and not arithmetic.
    func isBoundByMemory(_ work: Work) -> Bool {
        let arithmetic = work.kind == .int8 ? int8PerSecond : floatsPerSecond
        return Double(work.bytes) / readBytesPerSecond >= Double(work.multiplyAdds) / arithmetic
    }
}

/// What an operation cannot do without.
struct Work: Sendable {
    /// What is multiplied and added.
    enum Kind: Sendable { case float, int8 }

    /// Bytes that are read or written.
    var bytes: Int
    /// Multiply-adds.
    var multiplyAdds = 0
    var kind = Kind.float
}

/// The arithmetic of this process, as `SVC_CPU_ISA` and `SVC_COMPUTE` ask for it.
enum Backend {
    static let ofThisMachine: ComputeBackend = {
        do { return try ComputeBackend(environment: ProcessInfo.processInfo.environment) } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(2)
        }
    }()
}
