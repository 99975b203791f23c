import Compute
import Foundation
import Testing

/// Weights in blocks: expanded exactly, and multiplied within the bound of float summation, on every instruction set.
@Suite struct QuantizedLinearTests {
    /// Random bytes as blocks, or one byte throughout, with scales that are ordinary halves (random ones would be infinite
    /// now and then).
    static func blocks(
        _ type: WeightType, rows: Int, columns: Int, of byte: UInt8? = nil, _ generator: inout Generator
    ) -> [UInt8] {
        var bytes = (0..<(type.rowBytes(columns) * rows)).map { _ in
            byte ?? UInt8.random(in: 0...255, using: &generator)
        }
        func putHalf(_ value: Float, at offset: Int) {
            let bits = halfBits(value)
            bytes[offset] = UInt8(bits & 0xff)
            bytes[offset + 1] = UInt8(bits >> 8)
        }
        for block in 0..<(bytes.count / type.blockBytes) {
            let start = block * type.blockBytes
            let scale = Float.random(in: 0.001...0.1, using: &generator)
            switch type {
            case .f32:
                for (i, byte) in withUnsafeBytes(of: scale, Array.init).enumerated() { bytes[start + i] = byte }
            case .f16: putHalf(scale - 0.05, at: start)
            case .bf16: bytes[start + 1] = 0x3c
            case .i8: break
            case .q4_0, .q5_0, .q8_0, .iq4_NL: putHalf(scale, at: start)
            case .q4_1, .q5_1, .q4_K, .q5_K:
                putHalf(scale, at: start)
                putHalf(-scale * 3, at: start + 2)
            case .q2_K:
                putHalf(scale, at: start + 80)
                putHalf(scale / 2, at: start + 82)
            case .q3_K: putHalf(scale, at: start + 108)
            case .q6_K: putHalf(scale, at: start + 208)
            }
        }
        return bytes
    }

    /// A half for values that halves hold nearly: sign, exponent and the upper bits of the fraction.
    static func halfBits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
        let exponent = Int((bits >> 23) & 0xff) - 112
        return exponent <= 0 ? sign : sign | UInt16(exponent << 10) | UInt16((bits >> 13) & 0x3ff)
    }

    static func half(_ b: [UInt8], _ at: Int) -> Float {
        let bits = UInt16(b[at]) | UInt16(b[at + 1]) << 8
        let exponent = Int(bits >> 10) & 31, fraction = Float(bits & 0x3ff)
        let magnitude =
            exponent == 0
            ? fraction * Float(sign: .plus, exponent: -24, significand: 1)
            : (1 + fraction / 1024) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
        return bits & 0x8000 == 0 ? magnitude : -magnitude
    }

    /// The format's formulas, element by element: element `e` of the block at the start of `b`.
    static func element(_ type: WeightType, _ b: [UInt8], _ e: Int) -> Float {
        let nibble = { (start: Int) in Int(e < 16 ? b[start + e] & 15 : b[start + e - 16] >> 4) }
        let fifth = { (start: Int) in
            Int((b[start + e / 8] >> UInt8(e % 8)) & 1) << 4
        }
        let (n, j, l) = (e / 128, e % 128 / 32, e % 32)
        let s = 8 * n + 2 * j + l / 16
        switch type {
        case .f32: return Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(b[$1]) << UInt32(8 * $1) })
        case .f16: return half(b, 0)
        case .i8: return Float(Int8(bitPattern: b[0]))
        case .bf16: return Float(bitPattern: UInt32(b[0]) << 16 | UInt32(b[1]) << 24)
        case .q4_0: return half(b, 0) * Float(nibble(2) - 8)
        case .q4_1: return half(b, 0) * Float(nibble(4)) + half(b, 2)
        case .q5_0: return half(b, 0) * Float((nibble(6) | fifth(2)) - 16)
        case .q5_1: return half(b, 0) * Float(nibble(8) | fifth(4)) + half(b, 2)
        case .q8_0: return half(b, 0) * Float(Int8(bitPattern: b[2 + e]))
        case .iq4_NL:
            let table: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
            return half(b, 0) * table[nibble(2)]
        case .q2_K:
            let q = Int(b[16 + 32 * n + l] >> UInt8(2 * j)) & 3
            return half(b, 80) * Float(b[s] & 15) * Float(q) - half(b, 82) * Float(b[s] >> 4)
        case .q3_K:
            let q = Int(b[32 + 32 * n + l] >> UInt8(2 * j)) & 3
            let bit = Int(b[l] >> UInt8(4 * n + j)) & 1
            let low = s < 8 ? Int(b[96 + s] & 15) : Int(b[96 + s - 8] >> 4)
            let high = Int(b[96 + 8 + s % 4] >> UInt8(2 * (s / 4))) & 3
            return half(b, 108) * Float((low | high << 4) - 32) * Float(q - (bit == 1 ? 0 : 4))
        case .q4_K, .q5_K:
            let i = e / 32
            let p = Array(b[4..<16])
            let scale = i < 4 ? p[i] & 63 : (p[i + 4] & 15) | (p[i - 4] >> 6) << 4
            let minimum = i < 4 ? p[i + 4] & 63 : (p[i + 4] >> 4) | (p[i] >> 6) << 4
            let byte = b[(type == .q4_K ? 16 : 48) + 32 * (i / 2) + l]
            var q = Int(i % 2 == 0 ? byte & 15 : byte >> 4)
            if type == .q5_K { q += 16 * (Int(b[16 + l] >> UInt8(i)) & 1) }
            return half(b, 0) * Float(scale) * Float(q) - half(b, 2) * Float(minimum)
        case .q6_K:
            let byte = b[64 * n + l + 32 * (j & 1)]
            let low = Int(j < 2 ? byte & 15 : byte >> 4)
            let high = Int(b[128 + 32 * n + l] >> UInt8(2 * j)) & 3
            return half(b, 208) * Float(Int8(bitPattern: b[192 + s])) * Float((low | high << 4) - 32)
        }
    }

    static func layer(_ bytes: [UInt8], _ type: WeightType, inputs: Int, outputs: Int) -> QuantizedLinear {
        let buffer = AlignedBuffer(bytes)
        return QuantizedLinear(weights: buffer.pointer, type: type, inputs: inputs, outputs: outputs, owner: buffer)
    }

    @Test(arguments: WeightType.allCases) func rowsAreExpandedAsTheFormatSays(type: WeightType) {
        let columns = 512, rows = 7
        var generator = Generator(state: UInt64(type.rawValue))
        let bytes = Self.blocks(type, rows: rows, columns: columns, &generator)
        let linear = Self.layer(bytes, type, inputs: columns, outputs: rows)
        for backend in nativeBackends {
            for row in 0..<rows {
                let out = TestMatrix(rows: 1, columns: columns)
                linear.expandRow(row, into: out.view.pointer, on: backend)
                let start = row * type.rowBytes(columns)
                let expected = (0..<columns).map { column in
                    let block = start + column / type.blockElements * type.blockBytes
                    return Self.element(
                        type, Array(bytes[block..<(block + type.blockBytes)]), column % type.blockElements)
                }
                #expect(out.values == expected, "\(backend.testDescription)")
            }
        }
    }

    @Test(arguments: WeightType.allCases, [1, 2, 4, 5, 9])
    func productsAreThoseOfTheExpandedWeights(type: WeightType, count: Int) {
        let columns = 768, rows = 5
        var generator = Generator(state: UInt64(type.rawValue) + 100)
        let bytes = Self.blocks(type, rows: rows, columns: columns, &generator)
        let linear = Self.layer(bytes, type, inputs: columns, outputs: rows)
        let x = generator.floats(count * columns)
        var bits: [[UInt32]] = []
        for backend in nativeBackends {
            let out = TestMatrix(rows: count, columns: rows)
            linear.apply(TestMatrix(x, rows: count, columns: columns).view, into: out.view, on: backend)
            bits.append(out.bits)
            for row in 0..<rows {
                let weights = TestMatrix(rows: 1, columns: columns)
                linear.expandRow(row, into: weights.view.pointer, on: backend)
                for t in 0..<count {
                    var sum = 0.0, magnitude = 0.0
                    for (k, weight) in weights.values.enumerated() {
                        let product = Double(weight) * Double(x[t * columns + k])
                        sum += product
                        magnitude += abs(product)
                    }
                    let bound = Double(columns) * 0x1p-24 * magnitude
                    #expect(abs(Double(out.values[t * rows + row]) - sum) <= bound)
                }
            }
            // Alone or in company, the same bits.
            let alone = TestMatrix(rows: 1, columns: rows)
            linear.apply(
                TestMatrix(Array(x.suffix(columns)), rows: 1, columns: columns).view, into: alone.view, on: backend)
            #expect(alone.bits == Array(out.bits.suffix(rows)))
        }
        // Plain C rounds products before adding them; the others fuse.
        #expect(bits.dropFirst().allSatisfy { $0 == bits[1] })
    }

    /// Every half there is: subnormals, infinities and NaN too.
    @Test(arguments: nativeBackends) func everyHalfIsConvertedExactly(backend: ComputeBackend) {
        let all = (0..<65_536).flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
        let linear = Self.layer(all, .f16, inputs: 65_536, outputs: 1)
        let out = TestMatrix(rows: 1, columns: 65_536)
        linear.expandRow(0, into: out.view.pointer, on: backend)
        for (bits, value) in out.values.enumerated() {
            if bits & 0x7c00 == 0x7c00 {
                #expect(bits & 0x3ff == 0 ? value.isInfinite : value.isNaN)
                #expect((value.sign == .minus) == (bits & 0x8000 != 0))
            } else {
                #expect(value == Self.half([UInt8(bits & 0xff), UInt8(bits >> 8)], 0))
            }
        }
    }
}
