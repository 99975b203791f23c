internal import Foundation

/// Memory for `count` elements, aligned to 64 bytes, owned by this object and never moved. Whoever uses `pointer` keeps
/// the object alive meanwhile.
///
/// `@unchecked Sendable`: whoever creates a buffer writes it before sharing it and only reads it afterwards, or
/// keeps it to one thread.
package final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    /// The first element.
    package let pointer: UnsafeMutablePointer<Element>
    /// The number of elements.
    package let count: Int
    private let source: Source

    /// Where the memory comes from.
    private enum Source {
        case allocated
        /// A mapping of its own of so many bytes.
        case mapped(Int)
        /// Somebody else's.
        case borrowed
    }

    /// Room for `count` elements, uninitialised.
    package init(count: Int) {
        precondition(count >= 0, "a buffer cannot hold \(count) elements")
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: max(64, count * MemoryLayout<Element>.stride), alignment: 64)
        pointer = raw.bindMemory(to: Element.self, capacity: count)
        self.count = count
        source = .allocated
    }

    /// Zeros that the system gets back when the buffer goes. What is merely freed stays with the allocator as long as
    /// something lies behind it, which for large buffers that come and go is most of a rush, for good. A mapping costs some
    /// microseconds: for buffers of at least a hundred kilobytes. Nil where the system grants no more mappings.
    ///
    /// - Parameters:
    ///   - largePages: whether the system may use pages of 2 MB, which for memory that is read through again and again
    ///     spares the processor the looking up of the small ones.
    ///   - isPopulated: whether the system shall have the memory ready, all at once. Otherwise each 4 KB are got ready when
    ///     they are written first, and once more, with an interruption of all other processors, if they were read before.
    package init?(mapped count: Int, largePages: Bool = false, isPopulated: Bool = false) {
        precondition(count >= 0, "a buffer cannot hold \(count) elements")
        let bytes = max(64, count * MemoryLayout<Element>.stride)
        let flags = MAP_PRIVATE | MAP_ANON | (isPopulated ? Int32(MAP_POPULATE) : 0)
        let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let raw, raw != MAP_FAILED else { return nil }
        if largePages { madvise(raw, bytes, Int32(MADV_HUGEPAGE)) }
        pointer = raw.bindMemory(to: Element.self, capacity: count)
        self.count = count
        source = .mapped(bytes)
    }

    /// Memory of a workspace, for what lives as long as one batch: nothing is freed with this object.
    package init(count: Int, in workspace: Workspace) {
        pointer = workspace.take(Element.self, count: max(1, count))
        self.count = count
        source = .borrowed
    }

    /// A copy of `elements`, followed by zero bytes up to a multiple of `multiple` elements.
    package convenience init(_ elements: some Collection<Element>, paddedTo multiple: Int = 1) {
        let padded = (elements.count + multiple - 1) / multiple * multiple
        self.init(count: padded)
        UnsafeMutableRawPointer(pointer).initializeMemory(
            as: UInt8.self, repeating: 0, count: padded * MemoryLayout<Element>.stride)
        _ = UnsafeMutableBufferPointer(start: pointer, count: padded).update(fromContentsOf: elements)
    }

    deinit {
        switch source {
        case .allocated: UnsafeMutableRawPointer(pointer).deallocate()
        case .mapped(let bytes): munmap(pointer, bytes)
        case .borrowed: break
        }
    }
}
