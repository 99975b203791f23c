/// What float weights become when they are quantised while a checkpoint is loaded. The raw values stand in packed files.
package enum PackedFormat: UInt32, Sendable, CaseIterable {
    /// 8-bit weights with a scale for each row, for products with activations of 8 bits: panels of 16 rows.
    case int8Panels = 1
    /// 8-bit weights with a scale for each row, for products with float activations.
    case int8Rows = 2
    /// 4-bit weights in blocks of 32, GGUF's IQ4_NL. Of the types with that many bits its levels suit weights best: for
    /// normally distributed ones the error is 7.3 % of their standard deviation, 8.1 % with Q4_0; Q4_1 has 7.1 % for
    /// half a bit more each.
    case blocks4 = 3
}

/// Where the parts of a packed matrix `[rows, columns]` lie: scales, corrections, weights, each from a multiple of 64
/// bytes on. The same on all instruction sets.
///
///     scales       f32 [paddedRows]                   both 8-bit formats
///     corrections  i32 [paddedRows]                   int8Panels: −128 · Σ of the row's weights
///     weights      i8  [paddedRows/16][paddedColumns/4][16][4]   int8Panels
///                  i8  [rows][paddedColumns]                     int8Rows
///                  IQ4_NL blocks [rows][paddedColumns/32]        blocks4
///
/// What stands in padding is zero.
package struct PackedLayout: Sendable, Equatable {
    /// How many rows are handed over together at least: those of a panel.
    package static let rowMultiple = 16
    /// With more columns a sum of products could leave 32 bits.
    private static let maximumColumns = 1 << 17
    private static let maximumRows = 1 << 32

    /// How weights are stored.
    package let format: PackedFormat
    /// Outputs of the matrix.
    package let rows: Int
    /// Inputs of the matrix.
    package let columns: Int

    /// Nil if a matrix of that shape cannot be packed: no rows or columns, more columns than 131,072, or absurdly many
    /// rows.
    package init?(_ format: PackedFormat, rows: Int, columns: Int) {
        guard 1...Self.maximumRows ~= rows, 1...Self.maximumColumns ~= columns else { return nil }
        (self.format, self.rows, self.columns) = (format, rows, columns)
    }

    /// The columns that are stored.
    package var paddedColumns: Int {
        let multiple =
            switch format {
            case .int8Panels: 4
            case .int8Rows: 16
            case .blocks4: 32
            }
        return (columns + multiple - 1) / multiple * multiple
    }

    /// The rows that have scales.
    package var paddedRows: Int { (rows + Self.rowMultiple - 1) / Self.rowMultiple * Self.rowMultiple }

    /// Bytes of a row of weights.
    package var rowBytes: Int { format == .blocks4 ? paddedColumns / 32 * 18 : paddedColumns }

    /// Where the scales begin. Meaningless for `blocks4`.
    package var scalesOffset: Int { 0 }

    /// Where the corrections begin. Meaningless but for `int8Panels`.
    package var correctionsOffset: Int { Self.aligned(paddedRows * 4) }

    /// Where the weights begin.
    package var weightsOffset: Int {
        switch format {
        case .int8Panels: 2 * Self.aligned(paddedRows * 4)
        case .int8Rows: Self.aligned(paddedRows * 4)
        case .blocks4: 0
        }
    }

    /// Bytes of all parts.
    package var bytes: Int { weightsOffset + (format == .int8Panels ? paddedRows : rows) * rowBytes }

    private static func aligned(_ bytes: Int) -> Int { (bytes + 63) / 64 * 64 }
}
