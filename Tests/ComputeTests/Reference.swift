import Compute
import Synchronization
import TestSupport
import Testing

/// A small deterministic generator, so that a failing case can be run again (SplitMix64).
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func floats(_ count: Int, in range: ClosedRange<Float> = -3...3) -> [Float] {
        (0..<count).map { _ in Float.random(in: range, using: &self) }
    }

    mutating func bytes(_ count: Int) -> [Int8] {
        (0..<count).map { _ in Int8.random(in: -127...127, using: &self) }
    }
}

/// Keeps what tests point into alive to the end of the run: a view does not own its memory.
private let kept = Mutex<[AlignedBuffer<Float>]>([])

/// A workspace that lives to the end of the run, for results that are read after the operation.
func lastingWorkspace() -> Workspace {
    Unmanaged.passRetained(Workspace()).takeUnretainedValue()
}

/// A matrix on the heap.
struct TestMatrix {
    let buffer: AlignedBuffer<Float>
    let view: MatrixView

    init(_ values: [Float], rows: Int, columns: Int) {
        precondition(values.count == rows * columns)
        let buffer = AlignedBuffer(values)
        self.buffer = buffer
        kept.withLock { $0.append(buffer) }
        view = MatrixView(pointer: buffer.pointer, rows: rows, columns: columns)
    }

    init(rows: Int, columns: Int) {
        self.init([Float](repeating: .nan, count: rows * columns), rows: rows, columns: columns)
    }

    var values: [Float] { (0..<buffer.count).map { buffer.pointer[$0] } }
    var bits: [UInt32] { values.map(\.bitPattern) }
}

/// The kernels of every instruction set. Those of AMX run everywhere where AVX-512 does: where the processor has no tiles,
/// their instructions are emulated, one by one.
let nativeBackends: [ComputeBackend] =
    InstructionSet.available.map { ComputeBackend(instructionSet: $0) } + [emulatedTiles].compactMap(\.self)
/// Those, and OpenBLAS.
let everyBackend: [ComputeBackend] = nativeBackends + [ComputeBackend(products: .openblas)]

extension ComputeBackend: CustomTestStringConvertible {
    /// How a test names it.
    public var testDescription: String { "\(instructionSet) \(products)" }
}
