/// The types with 256 elements in a super-block: sub-blocks have small integer scales, which share the 16-bit floats `d`
/// and, where there is a minimum, `dmin`. In the formulas element e has n = e / 128, j = (e mod 128) / 32, l = e mod 32.
extension QuantizedBlocks {
    /// `scales[16], q[64], d, dmin`; sub-blocks of 16 elements have a byte with the scale in the low and the minimum in
    /// the high nibble, and q is two bits at 2j of byte 32n + l: d·scale·q − dmin·minimum
    static func block2K(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 80)
        let dmin = block.half(at: 82)
        for subBlock in 0..<16 {
            let packed = block.byte(subBlock)
            let scale = d * Float(packed & 15)
            let minimum = dmin * Float(packed >> 4)
            let (start, shift) = twoBits(of: subBlock)
            for index in 0..<16 {
                let q = block.byte(16 + start + index) >> shift & 3
                output[16 * subBlock + index] = scale * Float(q) - minimum
            }
        }
    }

    /// `high[32], q[64], scales[12], d`; q is as in Q2_K, less 4 where bit 4n + j of `high[l]` is 0. The 6-bit scales of
    /// 16 sub-blocks are packed: nibbles in the first 8 bytes, upper pairs of bits in the last 4: d·(scale − 32)·q
    static func block3K(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 108)
        for subBlock in 0..<16 {
            let low = block.byte(96 + subBlock % 8) >> UInt8(subBlock / 8 * 4) & 15
            let high = block.byte(104 + subBlock % 4) >> UInt8(subBlock / 4 * 2) & 3
            let scale = d * (Float(low | high << 4) - 32)
            let (start, shift) = twoBits(of: subBlock)
            let bit = UInt8(subBlock / 2)
            for index in 0..<16 {
                let q = block.byte(32 + start + index) >> shift & 3
                let isHigh = block.byte(start % 32 + index) >> bit & 1
                output[16 * subBlock + index] = scale * (Float(q | isHigh << 2) - 4)
            }
        }
    }

    /// Where the two-bit numbers of a sub-block of 16 begin, in bytes, and by how many bits they are shifted.
    @inline(__always)
    private static func twoBits(of subBlock: Int) -> (start: Int, shift: UInt8) {
        (subBlock / 8 * 32 + subBlock % 2 * 16, UInt8(subBlock % 8 / 2 * 2))
    }

    /// `d, dmin, scales[12], q[128]`; sub-blocks have 32 elements, two of them the low and the high nibbles of 32 bytes:
    /// d·scale·q − dmin·minimum
    static func block4K(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 0)
        let dmin = block.half(at: 2)
        for subBlock in 0..<8 {
            let (scale, minimum) = sixBits(block + 4, subBlock)
            let (step, offset) = (d * scale, dmin * minimum)
            let shift = UInt8(subBlock % 2 * 4)
            for index in 0..<32 {
                let q = block.byte(16 + subBlock / 2 * 32 + index) >> shift & 15
                output[32 * subBlock + index] = step * Float(q) - offset
            }
        }
    }

    /// `d, dmin, scales[12], high[32], q[128]`: as Q4_K, with bit b of `high[l]` as the fifth bit in sub-block b.
    static func block5K(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 0)
        let dmin = block.half(at: 2)
        for subBlock in 0..<8 {
            let (scale, minimum) = sixBits(block + 4, subBlock)
            let (step, offset) = (d * scale, dmin * minimum)
            let shift = UInt8(subBlock % 2 * 4)
            for index in 0..<32 {
                let low = block.byte(48 + subBlock / 2 * 32 + index) >> shift & 15
                let high = block.byte(16 + index) >> UInt8(subBlock) & 1
                output[32 * subBlock + index] = step * Float(low | high << 4) - offset
            }
        }
    }

    /// A scale and a minimum of Q4_K and Q5_K. Those of the first four sub-blocks are the low 6 bits of bytes 0…3 and
    /// 4…7; those of the last four are the nibbles of bytes 8…11, with the upper 2 bits of bytes 0…3 and 4…7 on top.
    @inline(__always)
    private static func sixBits(_ packed: UnsafeRawPointer, _ subBlock: Int) -> (scale: Float, minimum: Float) {
        guard subBlock >= 4 else {
            return (Float(packed.byte(subBlock) & 63), Float(packed.byte(subBlock + 4) & 63))
        }
        let nibbles = packed.byte(subBlock + 4)
        // Moved down from bits 6 and 7 to bits 4 and 5.
        let scaleTop = packed.byte(subBlock - 4) >> 2 & 0x30
        let minimumTop = packed.byte(subBlock) >> 2 & 0x30
        return (Float(nibbles & 15 | scaleTop), Float(nibbles >> 4 | minimumTop))
    }

    /// `low[128], high[64], scales[16], d`; sub-blocks of 16 have a signed byte as scale. q has the low (j < 2) or high
    /// nibble of `low[64n + 32(j mod 2) + l]` and above it two bits at 2j of `high[32n + l]`: d·scale·(q − 32)
    static func block6K(_ block: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>) {
        let d = block.half(at: 208)
        for subBlock in 0..<16 {
            let scale = d * Float(block.signedByte(192 + subBlock))
            let (n, j, half) = (subBlock / 8, subBlock % 8 / 2, subBlock % 2 * 16)
            let lowStart = 64 * n + 32 * (j % 2) + half
            let highStart = 128 + 32 * n + half
            let lowShift = UInt8(j / 2 * 4)
            let highShift = UInt8(2 * j)
            for index in 0..<16 {
                let low = block.byte(lowStart + index) >> lowShift & 15
                let high = block.byte(highStart + index) >> highShift & 3
                output[16 * subBlock + index] = scale * (Float(low | high << 4) - 32)
            }
        }
    }
}
