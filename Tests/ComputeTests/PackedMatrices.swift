import Compute
import Testing

/// Matrices that a test quantises.
enum PackedMatrices {
    /// What a range of rows becomes, all of it in memory.
    static func pack(
        _ layout: PackedLayout, _ weights: [Float], on backend: ComputeBackend = ComputeBackend(), pieceRows: Int = 64
    ) throws -> AlignedBuffer<UInt8> {
        let source = AlignedBuffer(weights.flatMap { withUnsafeBytes(of: $0, Array.init) })
        return try pack(layout, source, type: .f32, on: backend, pieceRows: pieceRows)
    }

    static func pack(
        _ layout: PackedLayout, _ source: AlignedBuffer<UInt8>, type: WeightType,
        on backend: ComputeBackend = ComputeBackend(), pieceRows: Int = 64
    ) throws -> AlignedBuffer<UInt8> {
        let packed = AlignedBuffer<UInt8>([UInt8](repeating: 0, count: layout.bytes))
        let quantizer = WeightQuantizer(layout, from: type, on: backend)
        let target = UnsafeMutableRawBufferPointer(start: packed.pointer, count: layout.bytes)
        func copy(_ bytes: UnsafeRawBufferPointer, _ offset: Int) {
            if !bytes.isEmpty { UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: bytes) }
        }
        for first in stride(from: 0, to: layout.rows, by: pieceRows) {
            let rows = first..<min(layout.rows, first + pieceRows)
            let start = source.pointer + first * quantizer.sourceRowBytes
            try quantizer.quantize(rows, from: start, in: Workspace()) { piece in
                copy(piece.scales, layout.scalesOffset + first * 4)
                copy(piece.corrections, layout.correctionsOffset + first * 4)
                copy(piece.weights, layout.weightsOffset + first * layout.rowBytes)
            }
        }
        return packed
    }

    static func matrix(_ layout: PackedLayout, _ packed: AlignedBuffer<UInt8>) -> WeightMatrix {
        WeightMatrix(layout, packed.pointer, owner: packed)
    }

    static func layout(_ format: PackedFormat, _ rows: Int, _ columns: Int) throws -> PackedLayout {
        try #require(PackedLayout(format, rows: rows, columns: columns))
    }
}
