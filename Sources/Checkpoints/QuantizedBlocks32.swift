/// The types with 32 elements in a block. Of the 16 bytes of 4-bit numbers, low nibbles are the elements 0…15 and high
/// nibbles 16…31. `d` and `m` are 16-bit floats.
extension QuantizedBlocks {
    /// `d, q[16]`: d·(q − 8)
    static func block4_0(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 0)
        for index in 0..<16 {
            let q = block.byte(2 + index)
            output[index] = d * (Float(q & 15) - 8)
            output[index + 16] = d * (Float(q >> 4) - 8)
        }
    }

    /// `d, m, q[16]`: d·q + m
    static func block4_1(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 0)
        let m = block.half(at: 2)
        for index in 0..<16 {
            let q = block.byte(4 + index)
            output[index] = d * Float(q & 15) + m
            output[index + 16] = d * Float(q >> 4) + m
        }
    }

    /// `d, high u32, q[16]`, the fifth bit of element i being bit i of `high`: d·(q − 16)
    static func block5_0(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 0)
        let high = block.littleEndian(at: 2, as: UInt32.self)
        for index in 0..<16 {
            let (first, second) = fiveBits(block.byte(6 + index), high, index)
            output[index] = d * (first - 16)
            output[index + 16] = d * (second - 16)
        }
    }

    /// `d, m, high u32, q[16]`: d·q + m
    static func block5_1(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 0)
        let m = block.half(at: 2)
        let high = block.littleEndian(at: 4, as: UInt32.self)
        for index in 0..<16 {
            let (first, second) = fiveBits(block.byte(8 + index), high, index)
            output[index] = d * first + m
            output[index + 16] = d * second + m
        }
    }

    /// The elements `index` and `index + 16`, each a nibble and a bit of `high`.
    @inline(__always)
    private static func fiveBits(_ nibbles: UInt8, _ high: UInt32, _ index: Int) -> (Float, Float) {
        let first = UInt32(nibbles & 15) | (high >> UInt32(index) & 1) << 4
        let second = UInt32(nibbles >> 4) | (high >> UInt32(index + 16) & 1) << 4
        return (Float(first), Float(second))
    }

    /// `d, q[32]`, the bytes signed: d·q
    static func block8_0(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 0)
        for index in 0..<32 { output[index] = d * Float(block.signedByte(2 + index)) }
    }

    /// `d, q[16]`, q being an index into unevenly spaced levels: d·level(q)
    static func blockNonlinear4(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 0)
        for index in 0..<16 {
            let q = block.byte(2 + index)
            output[index] = d * nonlinearLevels[Int(q & 15)]
            output[index + 16] = d * nonlinearLevels[Int(q >> 4)]
        }
    }

    /// The levels of IQ4_NL: denser around zero, where weights are.
    private static let nonlinearLevels: [Float] = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]
}
