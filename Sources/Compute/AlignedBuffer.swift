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
    private let isOwner: Bool

    /// Room for `count` elements, uninitialised.
    package init(count: Int) {
        precondition(count >= 0, "a buffer cannot hold \(count) elements")
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: max(64, count * MemoryLayout<Element>.stride), alignment: 64)
        pointer = raw.bindMemory(to: Element.self, capacity: count)
        self.count = count
        isOwner = true
    }

    /// Memory of a workspace, for what lives as long as one batch: nothing is freed with this object.
    package init(count: Int, in workspace: Workspace) {
        pointer = workspace.take(Element.self, count: max(1, count))
        self.count = count
        isOwner = false
    }

    /// A copy of `elements`, followed by zero bytes up to a multiple of `multiple` elements.
    package convenience init(_ elements: some Collection<Element>, paddedTo multiple: Int = 1) {
        let padded = (elements.count + multiple - 1) / multiple * multiple
        self.init(count: padded)
        UnsafeMutableRawPointer(pointer).initializeMemory(
            as: UInt8.self, repeating: 0, count: padded * MemoryLayout<Element>.stride)
        _ = UnsafeMutableBufferPointer(start: pointer, count: padded).update(fromContentsOf: elements)
    }

    deinit { if isOwner { UnsafeMutableRawPointer(pointer).deallocate() } }
}
