internal import CKernels

/// Quantises rows of float weights, some at a time, into the parts of a `PackedLayout`. The bytes are the same on every
/// instruction set and with any division into pieces.
package struct WeightQuantizer: Sendable {
    /// Why rows cannot be quantised.
    package enum Refusal: Error, Sendable, Equatable {
        /// NaN or infinity stands in a row.
        case notFinite(row: Int)
        /// A row has numbers that the scales of 4-bit blocks cannot reach.
        case tooLarge(row: Int)
    }

    /// What rows became: bytes for each part of the layout, from the first row on.
    package struct Piece {
        /// Empty where the format has none.
        package let scales: UnsafeRawBufferPointer
        /// Empty where the format has none.
        package let corrections: UnsafeRawBufferPointer
        package let weights: UnsafeRawBufferPointer
    }

    /// 113 times the largest half.
    private static let largestIn4Bits: Float = 7_400_000
    /// A row whose numbers are all smaller is zeros: 127 divided by them would be infinite, or nearly.
    private static let smallestIn8Bits: Float = 1e-30

    /// What the weights become.
    package let layout: PackedLayout
    private let type: WeightType
    private let backend: ComputeBackend

    /// - Parameter type: how the weights are stored that are to be quantised; whole blocks make a row.
    package init(_ layout: PackedLayout, from type: WeightType, on backend: ComputeBackend) {
        precondition(layout.columns % type.blockElements == 0, "\(layout.columns) columns in blocks of \(type)")
        (self.layout, self.type, self.backend) = (layout, type, backend)
    }

    /// Bytes of a row as it is before.
    package var sourceRowBytes: Int { type.rowBytes(layout.columns) }

    /// Quantises a range of rows and hands the result to `body`, in scratch memory of the workspace.
    ///
    /// - Parameters:
    ///   - rows: from a multiple of 16 to a multiple of 16, or the last row.
    ///   - source: the first of these rows.
    /// - Throws: `Refusal`, and what `body` throws.
    package func quantize(
        _ rows: Range<Int>, from source: UnsafePointer<UInt8>, in workspace: Workspace, _ body: (Piece) throws -> Void
    ) throws {
        let multiple = PackedLayout.rowMultiple
        precondition(
            rows.lowerBound % multiple == 0 && (rows.upperBound % multiple == 0 || rows.upperBound == layout.rows),
            "rows in groups of \(multiple)")
        try workspace.scoped {
            let floats = workspace.take(Float.self, count: layout.paddedColumns + 16)
            floats.update(repeating: 0, count: layout.paddedColumns + 16)
            if layout.format == .blocks4 {
                try body(try blocks(rows, source, floats, workspace))
            } else {
                try body(try integers(rows, source, floats, workspace))
            }
        }
    }

    private func blocks(
        _ rows: Range<Int>, _ source: UnsafePointer<UInt8>, _ floats: UnsafeMutablePointer<Float>,
        _ workspace: Workspace
    ) throws(Refusal) -> Piece {
        let weights = workspace.take(UInt8.self, count: rows.count * layout.rowBytes)
        for (index, row) in rows.enumerated() {
            expand(source + index * sourceRowBytes, into: floats)
            guard try magnitude(floats, row) <= Self.largestIn4Bits else { throw .tooLarge(row: row) }
            backend.kernels.pointee.quantize_iq4_nl(floats, layout.paddedColumns, weights + index * layout.rowBytes)
        }
        return Piece(
            scales: UnsafeRawBufferPointer(start: nil, count: 0),
            corrections: UnsafeRawBufferPointer(start: nil, count: 0),
            weights: UnsafeRawBufferPointer(start: weights, count: rows.count * layout.rowBytes))
    }

    private func integers(
        _ rows: Range<Int>, _ source: UnsafePointer<UInt8>, _ floats: UnsafeMutablePointer<Float>,
        _ workspace: Workspace
    ) throws(Refusal) -> Piece {
        let multiple = PackedLayout.rowMultiple, rowBytes = layout.rowBytes
        let padded = (rows.count + multiple - 1) / multiple * multiple
        let scales = workspace.take(Float.self, count: padded)
        let weights = workspace.take(UInt8.self, count: padded * rowBytes)
        scales.update(repeating: 0, count: padded)
        for (index, row) in rows.enumerated() {
            expand(source + index * sourceRowBytes, into: floats)
            var magnitude = try magnitude(floats, row)
            if magnitude < Self.smallestIn8Bits { magnitude = 0 }
            let out = weights + index * rowBytes
            backend.kernels.pointee.quantize(floats, magnitude > 0 ? 127 / magnitude : 0, out, rowBytes)
            // As the kernel stores activations, 128 is added; weights are signed.
            for k in 0..<rowBytes { out[k] ^= UInt8(SVC_ACTIVATION_ZERO) }
            scales[index] = magnitude / 127
        }
        let scaleBytes = UnsafeRawBufferPointer(start: scales, count: padded * 4)
        guard layout.format == .int8Panels else {
            return Piece(
                scales: scaleBytes, corrections: UnsafeRawBufferPointer(start: nil, count: 0),
                weights: UnsafeRawBufferPointer(start: weights, count: rows.count * rowBytes))
        }
        let packed = workspace.take(Int8.self, count: padded * rowBytes)
        let offsets = workspace.take(Int32.self, count: padded)
        let corrections = workspace.take(Int32.self, count: padded)
        backend.kernels.pointee.pack_int8(
            UnsafeRawPointer(weights).assumingMemoryBound(to: Int8.self), rowBytes, nil, rows.count, rowBytes, 0,
            packed, offsets, corrections)
        return Piece(
            scales: scaleBytes, corrections: UnsafeRawBufferPointer(start: corrections, count: padded * 4),
            weights: UnsafeRawBufferPointer(start: packed, count: padded * rowBytes))
    }

    private func magnitude(_ floats: UnsafePointer<Float>, _ row: Int) throws(Refusal) -> Float {
        let magnitude = backend.kernels.pointee.finite_magnitude(floats, layout.columns)
        guard magnitude.isFinite else { throw .notFinite(row: row) }
        return magnitude
    }

    /// A row as floats. The kernels take whole vectors of 16; of the float types, which alone have other rows, the rest
    /// is expanded from a copy with zeros behind it.
    private func expand(_ row: UnsafePointer<UInt8>, into floats: UnsafeMutablePointer<Float>) {
        let kernels = backend.kernels.pointee
        let whole = layout.columns / type.columnMultiple * type.columnMultiple
        if whole > 0 { kernels.expand_row(type.code, row, whole, floats) }
        guard whole < layout.columns else { return }
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 64) { rest in
            rest.initializeMemory(as: UInt8.self, repeating: 0)
            let bytes = type.rowBytes(layout.columns - whole)
            rest.copyMemory(from: UnsafeRawBufferPointer(start: row + type.rowBytes(whole), count: bytes))
            guard let base = rest.baseAddress else { return }
            kernels.expand_row(type.code, base.assumingMemoryBound(to: UInt8.self), 16, floats + whole)
        }
    }
}
