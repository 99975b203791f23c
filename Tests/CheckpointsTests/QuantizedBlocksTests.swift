import Checkpoints
import TestSupport
import Testing

/// The decoding of blocks, against what the format's own package makes of the same bytes.
@Suite struct QuantizedBlocksTests {
    static func dequantized(_ type: TensorType, _ bytes: [UInt8], count: Int) -> [Float] {
        var values = [Float](repeating: .nan, count: count)
        bytes.withUnsafeBytes { input in
            values.withUnsafeMutableBufferPointer { QuantizedBlocks.dequantize(type, bytes: input, into: $0) }
        }
        return values
    }

    /// Random blocks, half of them with scales at the edges of 16-bit floats: subnormals, infinities, NaNs.
    @Test(arguments: TensorType.allCases) func everyBitIsThatOfTheReference(type: TensorType) throws {
        let checkpoint = try GGUFCheckpoint(path: Fixtures.path("gguf/blocks.gguf"))
        let blocks = try checkpoint.tensor("\(type).blocks")
        #expect(blocks.type == type)
        let expected = try checkpoint.tensor("\(type).values")
        #expect(expected.type == .f32 && expected.shape == blocks.shape)
        let values = blocks.floats()
        // The reference's floats are compared as they lie in the file, not as this module reads them.
        let wanted = (0..<expected.count).map {
            Float(
                bitPattern: UInt32(
                    littleEndian: expected.bytes.buffer.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
        }
        #expect(values.count == wanted.count)
        var different = 0
        for (value, reference) in zip(values, wanted) {
            // A NaN's payload is up to the processor.
            let isSame = reference.isNaN ? value.isNaN : value.bitPattern == reference.bitPattern
            if !isSame { different += 1 }
        }
        #expect(different == 0)
        #expect(wanted.contains { $0.isNaN } && wanted.contains { $0.isInfinite } && wanted.contains { $0 > 0.01 })
    }

    /// Every 16-bit float, against its definition.
    @Test func everyHalfIsExact() {
        for bits in UInt16.min...UInt16.max {
            let value = QuantizedBlocks.float(half: bits)
            let exponent = Int(bits >> 10 & 31)
            let fraction = Float(bits & 1023) / 1024
            let magnitude: Float =
                switch exponent {
                case 0: Float(sign: .plus, exponent: -14, significand: 1) * fraction
                case 31: fraction == 0 ? .infinity : .nan
                default: Float(sign: .plus, exponent: exponent - 15, significand: 1) * (1 + fraction)
                }
            let isSame = magnitude.isNaN ? value.isNaN : abs(value) == magnitude
            #expect(isSame && (value.sign == .minus) == (bits >= 0x8000), "\(bits): \(value)")
        }
    }

    /// Blocks worked out by hand, so that the fixture is not the only witness.
    @Test func blocksByHand() {
        // d = 0.5, the first nibbles 0 and 15.
        let q4 = [0x00, 0x38, 0xf0] + [UInt8](repeating: 0x88, count: 15)
        let values = Self.dequantized(.q4_0, q4, count: 32)
        #expect(values[0] == -4 && values[16] == 3.5 && values[1] == 0 && values[31] == 0)
        let levels = Self.dequantized(.iq4_NL, q4, count: 32)
        #expect(levels[0] == -63.5 && levels[16] == 56.5 && levels[1] == 0.5)
        // d = 2, bytes −128, 127, 0…
        let q8 = [0x00, 0x40, 0x80, 0x7f] + [UInt8](repeating: 0, count: 30)
        #expect(Self.dequantized(.q8_0, q8, count: 32).prefix(3) == [-256, 254, 0])
        #expect(Self.dequantized(.bf16, [0x80, 0x3f, 0x20, 0xc0], count: 2) == [1, -2.5])
    }

    @Test func severalBlocksAndNone() {
        for type in TensorType.allCases {
            #expect(Self.dequantized(type, [], count: 0).isEmpty)
            let zeros = [UInt8](repeating: 0, count: 3 * type.blockBytes)
            #expect(Self.dequantized(type, zeros, count: 3 * type.blockElements).allSatisfy { $0 == 0 })
        }
    }

    /// Blocks begin at any byte of a file whose alignment is 8.
    @Test(arguments: TensorType.allCases) func blocksMayBeUnaligned(type: TensorType) {
        var random = SplitMix64(state: 3)
        let bytes = (0..<(2 * type.blockBytes)).map { _ in UInt8.random(in: 0...255, using: &random) }
        let aligned = Self.dequantized(type, bytes, count: 2 * type.blockElements).map(\.bitPattern)
        var shifted = [Float](repeating: 0, count: aligned.count)
        ([0] + bytes).withUnsafeBytes { input in
            shifted.withUnsafeMutableBufferPointer {
                QuantizedBlocks.dequantize(type, bytes: UnsafeRawBufferPointer(rebasing: input[1...]), into: $0)
            }
        }
        #expect(shifted.map(\.bitPattern) == aligned)
    }

    @Test func sizesAreThoseOfWholeBlocks() {
        #expect(TensorType.q4_K.bytes(rows: 3, columns: 512) == 3 * 2 * 144)
        #expect(TensorType.q8_0.bytes(rows: 1, columns: 32) == 34)
        #expect(TensorType.f16.bytes(rows: 5, columns: 7) == 70)
        #expect(TensorType.q6_K.bytes(rows: 0, columns: 256) == 0)
        #expect(TensorType.q6_K.bytes(rows: 1, columns: 255) == nil)
        #expect(TensorType.q4_0.bytes(rows: 1, columns: -32) == nil)
        #expect(TensorType.f32.bytes(rows: .max, columns: 2) == nil)
        #expect(TensorType.f32.bytes(rows: 1, columns: .max) == nil)
        #expect(TensorType.allCases.count == 14)
    }
}
