/// Scratch memory of one worker: taking is a pointer increment, and everything taken inside `scoped` is given back at
/// its end. It grows to what the largest request needed and is then never allocated again.
///
/// Not thread-safe, and deliberately not `Sendable`: every worker has its own.
package final class Workspace {
    private struct Mark {
        var chunk: Int
        var offset: Int
    }

    private static let alignment = 64
    private static let chunkBytes = 1 << 20
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    private var top = Mark(chunk: 0, offset: 0)

    /// An empty workspace.
    package init() {}

    deinit { for chunk in chunks { chunk.deallocate() } }

    /// The bytes held, used or not.
    package var capacityBytes: Int { chunks.reduce(0) { $0 + $1.count } }

    /// Runs `body` and then gives back everything it took.
    package func scoped<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        let mark = top
        defer { top = mark }
        return try body()
    }

    /// Room for `count` elements, uninitialised, valid until the end of the enclosing `scoped`.
    package func take<Element: BitwiseCopyable>(_: Element.Type, count: Int) -> UnsafeMutablePointer<Element> {
        let bytes = (count * MemoryLayout<Element>.stride + Self.alignment - 1) / Self.alignment * Self.alignment
        while true {
            if top.chunk == chunks.count {
                chunks.append(
                    .allocate(byteCount: max(bytes, Self.chunkBytes), alignment: Self.alignment))
            }
            let chunk = chunks[top.chunk]
            if top.offset + bytes <= chunk.count, let base = chunk.baseAddress {
                defer { top.offset += bytes }
                return (base + top.offset).bindMemory(to: Element.self, capacity: count)
            }
            top = Mark(chunk: top.chunk + 1, offset: 0)
        }
    }

    /// A matrix of floats, uninitialised, valid until the end of the enclosing `scoped`.
    package func matrix(rows: Int, columns: Int) -> MatrixView {
        MatrixView(pointer: take(Float.self, count: rows * columns), rows: rows, columns: columns)
    }
}
