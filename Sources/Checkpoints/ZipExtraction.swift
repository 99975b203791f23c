import CZlib

extension ZipArchive {
    static let localHeaderSize = 30
    private static let localHeaderSignature: UInt32 = 0x0403_4b50
    /// The flag that says sizes and CRC-32 follow the data, and stand in the local header as zeros or not at all.
    private static let sizesFollowFlag: UInt16 = 1 << 3
    /// Traditional encryption, strong encryption, and a masked local header.
    private static let encryptionFlags: UInt16 = 1 << 0 | 1 << 6 | 1 << 13
    private static let pieceSize = 1 << 18

    /// Extracts `entry` and gives its bytes to `sink`, in order, in pieces of at most 256 KB. Memory does not grow
    /// with the entry's size, and no more than the size that the directory claims is ever given out.
    ///
    /// The CRC-32 and the size can only be checked at the end: when this throws, what `sink` has seen is worthless.
    ///
    /// - Throws: `CheckpointError` if the entry is encrypted, compressed in an unknown way, cut off, longer or
    ///   shorter than claimed, or of another CRC-32; whatever `sink` throws.
    package func extract(_ entry: Entry, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let data = try compressedData(of: entry)
        var checksum = crc32(0, nil, 0)
        func deliver(_ piece: UnsafeRawBufferPointer) throws {
            checksum = crc32(checksum, piece.baseAddress?.assumingMemoryBound(to: UInt8.self), uInt(piece.count))
            try sink(piece)
        }
        switch entry.method {
        case .stored:
            var rest = data.buffer[...]
            while !rest.isEmpty {
                try deliver(UnsafeRawBufferPointer(rebasing: rest.prefix(Self.pieceSize)))
                rest = rest.dropFirst(Self.pieceSize)
            }
        case .deflated:
            try inflate(entry, data.buffer, deliver)
        case .other:
            throw unsupported(entry, "is compressed with \(entry.method); stored and deflated are read")
        }
        guard checksum == uLong(entry.crc32) else {
            let found = String(checksum, radix: 16)
            throw invalid(entry, "has the CRC-32 \(found), not \(String(entry.crc32, radix: 16))")
        }
    }

    /// The entry's bytes as they lie in the archive, after its local header was held against the directory.
    func compressedData(of entry: Entry) throws -> ByteRegion {
        guard entry.flags & Self.encryptionFlags == 0 else { throw unsupported(entry, "is encrypted") }
        guard entry.method != .stored || entry.compressedSize == entry.uncompressedSize else {
            throw invalid(
                entry, "is stored in \(entry.compressedSize) bytes but said to have \(entry.uncompressedSize)")
        }
        var reader = ByteReader(
            try region.slice(offset: 0, count: entry.dataLimit, what: "the entries up to \(entry.name)"))
        try reader.seek(to: entry.headerOffset, what: "the local header of \(entry.name)")
        guard try reader.integer(UInt32.self, "the local header of \(entry.name)") == Self.localHeaderSignature else {
            throw invalid(entry, "has no local header where the directory says")
        }
        _ = try reader.bytes(2, "the version of \(entry.name)")
        let flags = try reader.integer(UInt16.self, "the flags of \(entry.name)")
        let method = try reader.integer(UInt16.self, "the method of \(entry.name)")
        _ = try reader.bytes(4, "the date of \(entry.name)")
        let checksum = try reader.integer(UInt32.self, "the CRC-32 of \(entry.name)")
        let compressed32 = try reader.integer(UInt32.self, "the compressed size of \(entry.name)")
        let uncompressed32 = try reader.integer(UInt32.self, "the size of \(entry.name)")
        let nameLength = Int(try reader.integer(UInt16.self, "the length of the name of \(entry.name)"))
        let extraLength = Int(try reader.integer(UInt16.self, "the length of the extra fields of \(entry.name)"))
        let name = try reader.bytes(nameLength, "the name of \(entry.name)").buffer
        var wide = try Zip64Extra(try reader.bytes(extraLength, "the extra fields of \(entry.name)"))
        let uncompressed = try wide.value(of: uncompressed32, "the size of \(entry.name)")
        let compressed = try wide.value(of: compressed32, "the compressed size of \(entry.name)")

        guard name.elementsEqual(entry.name.utf8), Method(number: method) == entry.method,
            flags & Self.encryptionFlags == 0
        else { throw invalid(entry, "is named, compressed or encrypted otherwise in its local header") }
        let later = flags & Self.sizesFollowFlag != 0
        guard (later && checksum == 0) || checksum == entry.crc32,
            (later && compressed == 0) || compressed == UInt64(entry.compressedSize),
            (later && uncompressed == 0) || uncompressed == UInt64(entry.uncompressedSize)
        else { throw invalid(entry, "has another size or CRC-32 in its local header") }
        return try reader.bytes(entry.compressedSize, "the data of \(entry.name)")
    }

    private func inflate(
        _ entry: Entry, _ input: UnsafeRawBufferPointer, _ deliver: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        // zlib keeps a pointer to the stream, so it must not move.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        guard inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw CheckpointError.io(path: region.source, operation: "inflate", reason: "zlib has no memory")
        }
        defer { inflateEnd(stream) }
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 64)
        defer { output.deallocate() }

        var consumed = 0
        var produced = 0
        while true {
            let given = min(input.count - consumed, 1 << 30)  // zlib counts its input in 32 bits.
            stream.pointee.next_in = input.baseAddress.map {
                UnsafeMutablePointer(mutating: $0.advanced(by: consumed).assumingMemoryBound(to: Bytef.self))
            }
            stream.pointee.avail_in = uInt(given)
            stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: Bytef.self)
            stream.pointee.avail_out = uInt(output.count)
            let status = CZlib.inflate(stream, Z_NO_FLUSH)
            let taken = given - Int(stream.pointee.avail_in)
            consumed += taken
            let count = output.count - Int(stream.pointee.avail_out)
            guard count <= entry.uncompressedSize - produced else {
                throw invalid(entry, "expands to more than the \(entry.uncompressedSize) bytes it claims")
            }
            produced += count
            if count > 0 { try deliver(UnsafeRawBufferPointer(rebasing: output[..<count])) }
            if status == Z_STREAM_END { break }
            guard status == Z_OK || status == Z_BUF_ERROR else {
                throw invalid(entry, "is not a Deflate stream after \(consumed) bytes of it")
            }
            guard count > 0 || taken > 0 else {
                throw invalid(entry, "ends within its Deflate stream, \(produced) bytes into what it holds")
            }
        }
        guard consumed == input.count, produced == entry.uncompressedSize else {
            throw invalid(
                entry,
                "expands to \(produced) bytes from \(consumed), not to \(entry.uncompressedSize) from \(input.count)")
        }
    }
}
