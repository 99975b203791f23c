/// Turns stored elements into floats, one plain expression per type: the definition that faster kernels are held
/// against. Products and sums are rounded in the order that ggml's reference has, so results agree to the last bit.
///
/// Scales of infinity and NaN are legal bit patterns; they give infinities and NaNs by the rules of IEEE 754.
package enum QuantizedBlocks {
    /// Writes the elements that `bytes` holds to `output`.
    ///
    /// - Precondition: `output` has a whole number of blocks, and `bytes` exactly their size.
    package static func dequantize(
        _ type: TensorType, bytes: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            bytes.count == type.bytes(rows: 1, columns: output.count),
            "\(bytes.count) bytes of \(type) are not \(output.count) elements")
        guard let input = bytes.baseAddress, let values = output.baseAddress else { return }
        let count = output.count
        switch type {
        case .f32:
            for index in 0..<count {
                values[index] = Float(bitPattern: input.littleEndian(at: 4 * index, as: UInt32.self))
            }
        case .f16:
            for index in 0..<count { values[index] = input.half(at: 2 * index) }
        case .bf16:
            for index in 0..<count {
                values[index] = Float(bitPattern: UInt32(input.littleEndian(at: 2 * index, as: UInt16.self)) << 16)
            }
        case .q4_0: forEachBlock(type, input, values, count, block4_0)
        case .q4_1: forEachBlock(type, input, values, count, block4_1)
        case .q5_0: forEachBlock(type, input, values, count, block5_0)
        case .q5_1: forEachBlock(type, input, values, count, block5_1)
        case .q8_0: forEachBlock(type, input, values, count, block8_0)
        case .iq4_NL: forEachBlock(type, input, values, count, blockNonlinear4)
        case .q2_K: forEachBlock(type, input, values, count, block2K)
        case .q3_K: forEachBlock(type, input, values, count, block3K)
        case .q4_K: forEachBlock(type, input, values, count, block4K)
        case .q5_K: forEachBlock(type, input, values, count, block5K)
        case .q6_K: forEachBlock(type, input, values, count, block6K)
        }
    }

    @inline(__always)
    private static func forEachBlock(
        _ type: TensorType, _ input: UnsafeRawPointer, _ output: UnsafeMutablePointer<Float>, _ count: Int,
        _ dequantize: (UnsafeRawPointer, UnsafeMutablePointer<Float>) -> Void
    ) {
        let elements = type.blockElements
        let bytes = type.blockBytes
        for block in 0..<(count / elements) { dequantize(input + block * bytes, output + block * elements) }
    }

    /// The value of a 16-bit IEEE 754 number, exactly. In integers, so that it is the same on processors without the
    /// type and under any setting for subnormal numbers.
    package static func float(half: UInt16) -> Float {
        let sign = UInt32(half & 0x8000) << 16
        let magnitude = UInt32(half & 0x7fff)
        let bits: UInt32
        switch half & 0x7c00 {
        case 0: bits = (Float(magnitude) * 0x1p-24).bitPattern
        // Infinity and NaN keep their fraction and take the largest exponent.
        case 0x7c00: bits = magnitude << 13 | 0x7f80_0000
        // The exponent's bias goes from 15 to 127.
        default: bits = magnitude << 13 + 112 << 23
        }
        return Float(bitPattern: sign | bits)
    }
}

extension UnsafeRawPointer {
    /// An integer at any address, little-endian.
    @inline(__always)
    func littleEndian<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as: T.Type) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// A 16-bit float, as all scales of blocks are.
    @inline(__always)
    func half(at offset: Int) -> Float { QuantizedBlocks.float(half: littleEndian(at: offset, as: UInt16.self)) }

    /// An unsigned byte.
    @inline(__always)
    func byte(_ offset: Int) -> UInt8 { load(fromByteOffset: offset, as: UInt8.self) }

    /// A signed byte.
    @inline(__always)
    func signedByte(_ offset: Int) -> Int8 { load(fromByteOffset: offset, as: Int8.self) }
}
