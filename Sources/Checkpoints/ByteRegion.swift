internal import Foundation

/// A run of immutable bytes together with whatever keeps them alive: a mapped file, or an array.
/// Copies are cheap and share the bytes; slices keep the owner alive.
///
/// `@unchecked Sendable`: the bytes are never written after construction, and `owner` only frees them.
package struct ByteRegion: @unchecked Sendable {
    /// What the bytes came from, for error messages: usually a path.
    package let source: String
    /// The bytes. Valid as long as this value, or a slice of it, is alive.
    package let buffer: UnsafeRawBufferPointer
    private let owner: AnyObject

    /// The number of bytes.
    package var count: Int { buffer.count }

    /// Bytes that `owner` keeps alive and nobody writes any more.
    init(source: String, buffer: UnsafeRawBufferPointer, owner: AnyObject) {
        self.source = source
        self.buffer = buffer
        self.owner = owner
    }

    /// Maps the file at `path` read-only. An empty file gives an empty region.
    ///
    /// - Throws: `CheckpointError.io` if the file cannot be opened, is not a regular file or cannot be mapped.
    package init(mapping path: String) throws {
        let file = try MappedFile(path: path)
        self.init(source: path, buffer: file.bytes, owner: file)
    }

    /// Copies `bytes` into memory of its own. `source` stands in error messages.
    package init(copying bytes: some Collection<UInt8>, source: String) {
        let storage = HeapBytes(bytes)
        self.init(source: source, buffer: UnsafeRawBufferPointer(storage.bytes), owner: storage)
    }

    /// `count` bytes from `offset` on, sharing memory with this region.
    ///
    /// - Throws: `CheckpointError.truncated` naming `what` if the region does not hold them.
    package func slice(offset: Int, count: Int, what: String) throws -> ByteRegion {
        guard offset >= 0, count >= 0, offset <= self.count, count <= self.count - offset else {
            throw CheckpointError.truncated(
                file: source, offset: offset, what: what, needed: count, available: max(0, self.count - max(0, offset)))
        }
        return ByteRegion(
            source: source, buffer: UnsafeRawBufferPointer(rebasing: buffer[offset..<(offset + count)]), owner: owner)
    }

    /// Tells the kernel that these pages will not be needed again soon, so that they leave resident memory.
    /// Harmless: a later access reads them from the file again. Does nothing for memory that is not mapped.
    package func releasePages() {
        advise(MADV_DONTNEED)
    }

    /// Asks the kernel to read these pages from their file meanwhile. Does nothing for memory that is not mapped.
    package func prefetchPages() {
        advise(MADV_WILLNEED)
    }

    /// Tells the kernel something about the whole pages among these bytes.
    private func advise(_ advice: Int32) {
        guard owner is MappedFile, let base = buffer.baseAddress else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = (Int(bitPattern: base) + page - 1) / page * page
        let end = (Int(bitPattern: base) + count) / page * page
        guard end > start, let pointer = UnsafeMutableRawPointer(bitPattern: start) else { return }
        madvise(pointer, end - start, advice)
    }
}

/// A file mapped read-only for as long as the object lives.
private final class MappedFile {
    let bytes: UnsafeRawBufferPointer

    init(path: String) throws {
        func failed(_ operation: String) -> CheckpointError {
            .io(path: path, operation: operation, reason: String(cString: strerror(errno)))
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failed("open") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failed("stat") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CheckpointError.io(path: path, operation: "map", reason: "not a regular file")
        }
        let size = Int(status.st_size)
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw failed("map")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }
}

/// Bytes on the heap, aligned for any vector load.
private final class HeapBytes {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ source: some Collection<UInt8>) {
        bytes = .allocate(byteCount: source.count, alignment: 64)
        bytes.copyBytes(from: source)
    }

    deinit { bytes.deallocate() }
}
