internal import Compute

/// Copies of the same data, more than the caches hold, taken in turn: a model's layer is not in the cache either when
/// its turn comes, because all the others have been there since.
struct Rotation<Element: BitwiseCopyable> {
    /// More than the last-level cache gives one core.
    private static var bytes: Int { 128 << 20 }

    private let buffer: AlignedBuffer<Element>
    private let stride: Int
    private let copies: Int

    /// Copies of `count` elements.
    init(count: Int, _ element: (Int) -> Element) {
        // Each begins at a cache line.
        stride = (count + 63) / 64 * 64
        copies = max(2, Self.bytes / (stride * MemoryLayout<Element>.stride))
        buffer = AlignedBuffer(count: stride * copies)
        for index in 0..<count { (buffer.pointer + index).initialize(to: element(index)) }
        for copy in 1..<copies { (buffer.pointer + copy * stride).update(from: buffer.pointer, count: count) }
    }

    /// The data of a run. They live as long as this value.
    func pointer(_ run: Int) -> UnsafeMutablePointer<Element> { buffer.pointer + run % copies * stride }

    /// What keeps the memory alive.
    var owner: AnyObject { buffer }
}

extension Rotation<Float> {
    /// Copies of a matrix of small numbers.
    init(rows: Int, columns: Int) { self.init(count: rows * columns) { Self.value($0) } }

    /// A matrix of a run.
    func matrix(_ run: Int, rows: Int, columns: Int) -> MatrixView {
        MatrixView(pointer: pointer(run), rows: rows, columns: columns)
    }

    /// Small numbers around zero.
    static func value(_ index: Int) -> Float { Float(index % 31 - 15) / 16 }
}

/// Matrices that stay where they are.
enum Scratch {
    /// A matrix of small numbers, and what keeps it alive.
    static func matrix(rows: Int, columns: Int) -> (view: MatrixView, owner: AlignedBuffer<Float>) {
        let buffer = AlignedBuffer<Float>(count: rows * columns)
        for index in 0..<buffer.count { buffer.pointer[index] = Rotation<Float>.value(index) }
        return (MatrixView(pointer: buffer.pointer, rows: rows, columns: columns), buffer)
    }
}
