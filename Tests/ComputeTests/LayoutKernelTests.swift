import CKernels
import Testing

@testable import Compute

/// Layouts of weights and keys: on every instruction set what the definition says, byte for byte, and not a byte beyond.
@Suite struct LayoutKernelTests {
    private static let guardBytes = 64

    /// Depths and columns around a square of 16 × 64 bytes, and rows that are chosen, repeated or in their order.
    @Test(
        arguments: nativeBackends,
        [(1, 1), (3, 5), (4, 16), (15, 17), (63, 31), (64, 16), (65, 33), (127, 2), (256, 100), (1536, 16)])
    func int8Panels(backend: ComputeBackend, shape: (depth: Int, columns: Int)) {
        let (depth, columns) = shape
        var generator = Generator(state: UInt64(depth * 7919 + columns))
        let distance = depth + 5, count = 40
        // All 256 values, -128 too: sums must not saturate.
        let rows = (0..<(count * distance)).map { _ in Int8.random(in: .min ... .max, using: &generator) }
        let chosen = (0..<columns).map { _ in Int32.random(in: 0..<Int32(count), using: &generator) }
        let whole = (columns + 15) / 16 * 16, groups = (depth + 3) / 4
        for ids in columns <= count ? [nil, chosen] : [chosen] {
            for zero in [0, 127] as [Int32] {
                var packed = [Int8](repeating: 99, count: whole * groups * 4 + Self.guardBytes)
                var sums = [Int32](repeating: 99, count: whole + 16), corrections = sums
                rows.withUnsafeBufferPointer { rows in
                    backend.kernels.pointee.pack_int8(
                        rows.baseAddress, distance, ids, columns, depth, zero, &packed, &sums, &corrections)
                }
                var expected = [Int8](repeating: 0, count: whole * groups * 4)
                var expectedSums = [Int32](repeating: 0, count: whole)
                for column in 0..<columns {
                    let row = ids.map { Int($0[column]) } ?? column
                    for k in 0..<depth {
                        let value = rows[row * distance + k]
                        expected[((column / 16 * groups + k / 4) * 16 + column % 16) * 4 + k % 4] = value
                        expectedSums[column] += Int32(value)
                    }
                }
                #expect(packed == expected + [Int8](repeating: 99, count: Self.guardBytes))
                #expect(sums == expectedSums.map { $0 * zero } + [Int32](repeating: 99, count: 16))
                #expect(corrections == expectedSums.map { $0 * (zero - 128) } + [Int32](repeating: 99, count: 16))
            }
        }
    }

    @Test(arguments: nativeBackends, [(1, 1), (5, 3), (16, 16), (17, 15), (26, 256), (31, 70), (48, 33)])
    func transposition(backend: ComputeBackend, shape: (rows: Int, columns: Int)) {
        let (rows, columns) = shape
        var generator = Generator(state: UInt64(rows * 31 + columns))
        let distance = columns + 3, padded = (rows + 15) / 16 * 16
        var source = generator.floats((rows - 1) * distance + columns)
        // Bits, not numbers: a NaN with something in it comes through as it is, and so does the sign of a zero.
        source[0] = Float(bitPattern: 0x7fc1_2345)
        source[source.count - 1] = -0.0
        var out = [Float](repeating: 99, count: columns * padded + 16)
        backend.kernels.pointee.transpose(source, distance, rows, columns, padded, &out)
        var expected = [Float](repeating: 0, count: columns * padded)
        for row in 0..<rows {
            for column in 0..<columns { expected[column * padded + row] = source[row * distance + column] }
        }
        #expect(out.map(\.bitPattern) == (expected + [Float](repeating: 99, count: 16)).map(\.bitPattern))
    }
}
