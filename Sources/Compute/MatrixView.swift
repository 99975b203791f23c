/// A row-major matrix `[rows, columns]` of floats in memory that somebody else owns, rows one after the other.
package struct MatrixView: BitwiseCopyable {
    /// The first element of the first row.
    package let pointer: UnsafeMutablePointer<Float>
    /// The number of rows: tokens, usually.
    package let rows: Int
    /// The number of columns: features, usually.
    package let columns: Int

    /// A view of `rows · columns` floats from `pointer` on.
    package init(pointer: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
        self.pointer = pointer
        self.rows = rows
        self.columns = columns
    }

    /// The number of elements.
    package var count: Int { rows * columns }

    /// The first element of a row.
    package func row(_ index: Int) -> UnsafeMutablePointer<Float> { pointer + index * columns }

    /// The rows of a range, sharing memory.
    package func slice(_ range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of a matrix with \(rows)")
        return MatrixView(pointer: row(range.lowerBound), rows: range.count, columns: columns)
    }

    /// Copies the elements of a matrix of the same shape.
    package func copy(from other: MatrixView) {
        precondition(other.rows == rows && other.columns == columns, "copy between matrices of different shapes")
        pointer.update(from: other.pointer, count: count)
    }
}
