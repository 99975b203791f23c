internal import Foundation

/// Room for a matrix that is being packed: in a packed file, or in memory where there can be none. Parts are written in any
/// order and from any thread, each once.
///
/// Files are written, not mapped for writing: a disk that is full then is an error, where a mapping kills the process.
package final class PackedSection: Sendable {
    private enum Place: Sendable {
        case file(path: String, descriptor: Int32, offset: Int)
        case memory(MappedMemory)
    }

    private let place: Place
    private let count: Int

    init(path: String, descriptor: Int32, offset: Int, count: Int) {
        place = .file(path: path, descriptor: descriptor, offset: offset)
        self.count = count
    }

    /// Room in memory, zeros at first.
    ///
    /// - Throws: `CheckpointError.io` if there is not that much.
    package init(inMemory count: Int) throws {
        place = .memory(try MappedMemory(count: count))
        self.count = count
    }

    /// Writes bytes `offset` bytes from the section's start on.
    ///
    /// - Throws: `CheckpointError.io`, for example of a full disk.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        guard !bytes.isEmpty else { return }
        precondition(offset >= 0 && bytes.count <= count - offset, "\(bytes.count) bytes at \(offset) of \(count)")
        switch place {
        case .memory(let memory):
            guard let source = bytes.baseAddress else { return }
            memory.pointer.advanced(by: offset).copyMemory(from: source, byteCount: bytes.count)
        case .file(let path, let descriptor, let start):
            try PackedSection.write(bytes, to: descriptor, at: start + offset, path: path)
        }
    }

    /// The bytes, now that all are written. They stay valid where the file has been renamed or removed.
    ///
    /// - Throws: `CheckpointError.io`.
    package func finish() throws -> ByteRegion {
        switch place {
        case .memory(let memory):
            mprotect(memory.pointer, memory.count, PROT_READ)
            return ByteRegion(
                source: "packed weights", buffer: UnsafeRawBufferPointer(start: memory.pointer, count: count),
                owner: memory)
        case .file(let path, let descriptor, let offset):
            let memory = try MappedMemory(path: path, descriptor: descriptor, offset: offset, count: count)
            return ByteRegion(
                source: path, buffer: UnsafeRawBufferPointer(start: memory.pointer, count: count), owner: memory)
        }
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int, path: String) throws {
        var done = 0
        while done < bytes.count {
            let written = pwrite(
                descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset + done))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                throw CheckpointError.io(
                    path: path, operation: "write", reason: written == 0 ? "nothing written" : Self.reason())
            }
            done += written
        }
    }

    static func reason() -> String { String(cString: strerror(errno)) }
}

/// Pages of memory, or of a part of a file.
///
/// `@unchecked Sendable`: written only through a `PackedSection`, before anybody reads it, at places that do not overlap.
private final class MappedMemory: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
    let count: Int

    init(count: Int) throws {
        self.count = max(1, count)
        let address = mmap(nil, self.count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, address != MAP_FAILED else {
            throw CheckpointError.io(path: "memory", operation: "get \(count) bytes", reason: PackedSection.reason())
        }
        pointer = address
    }

    init(path: String, descriptor: Int32, offset: Int, count: Int) throws {
        self.count = max(1, count)
        let address = mmap(nil, self.count, PROT_READ, MAP_SHARED, descriptor, off_t(offset))
        guard let address, address != MAP_FAILED else {
            throw CheckpointError.io(path: path, operation: "map", reason: PackedSection.reason())
        }
        pointer = address
    }

    deinit { munmap(pointer, count) }
}
