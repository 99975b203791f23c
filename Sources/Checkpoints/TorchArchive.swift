/// One file that `torch.save` wrote: a zip archive with a folder of any name that holds the pickle `data.pkl`, the
/// storages `data/KEY` as they are in memory, and the order of their bytes, `byteorder`.
struct TorchArchive {
    private let zip: ZipArchive
    /// The folder, with the slash.
    private let root: String
    private let pickle: ZipArchive.Entry
    private let source: String

    /// Far more than the largest models have.
    private static let maximumPickle = 1 << 25
    private static let pickleName = "data.pkl"

    init(_ region: ByteRegion) throws {
        let start = region.buffer.prefix(8)
        // Two things that carry the same name and are no zip archive.
        if start.elementsEqual(Self.magicOfOldFormat) {
            throw CheckpointError.unsupported(
                file: region.source, offset: 0,
                reason:
                    "a PyTorch file in the format before 1.6; load it and save it again, or use its Safetensors file")
        }
        if start.starts(with: "version ".utf8) {
            throw CheckpointError.unsupported(
                file: region.source, offset: 0, reason: "a Git LFS pointer, not the file itself; download it again")
        }
        zip = try ZipArchive(region)
        source = region.source
        let pickles = zip.entries.filter { entry in
            entry.name.split(separator: "/", omittingEmptySubsequences: false).dropFirst().elementsEqual([
                Substring(Self.pickleName)
            ])
        }
        guard let pickle = pickles.first, pickles.count == 1 else {
            throw CheckpointError.invalid(
                file: region.source, offset: 0,
                reason: "\(pickles.count) entries of the archive are a FOLDER/data.pkl: not a PyTorch checkpoint")
        }
        self.pickle = pickle
        root = String(pickle.name.dropLast(Self.pickleName.count))
        if zip.entry(named: root + "constants.pkl") != nil {
            throw CheckpointError.unsupported(
                file: region.source, offset: pickle.headerOffset, reason: "a TorchScript program, not a checkpoint")
        }
        if let entry = zip.entry(named: root + "byteorder") {
            let order = try zip.data(of: entry, limit: 16)
            guard order.elementsEqual("little".utf8) else {
                throw CheckpointError.unsupported(
                    file: region.source, offset: entry.headerOffset,
                    reason: "the byte order \(quoted(String(decoding: order, as: UTF8.self))); little is read")
            }
        }
    }

    /// PROTO 2, LONG1 of ten bytes and the first of the number 0x1950a86a20f9469cfc6c.
    private static let magicOfOldFormat: [UInt8] = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46]

    /// What errors about the pickle call it.
    var pickleSource: String { source + "/" + pickle.name }

    /// The pickle, whose CRC-32 is checked.
    func pickleBytes() throws -> ByteRegion {
        ByteRegion(copying: try zip.data(of: pickle, limit: Self.maximumPickle), source: pickleSource)
    }

    /// The bytes of a storage: where they lie if the entry is stored, extracted if it is compressed. `budget` is how
    /// many more bytes may be extracted.
    func bytes(of storage: TorchStorage, position: Int, budget: inout Int) throws -> ByteRegion {
        let name = root + "data/" + storage.key
        func invalid(_ reason: String) -> CheckpointError {
            .invalid(file: pickleSource, offset: position, reason: "the storage \(quoted(storage.key)) \(reason)")
        }
        guard let entry = zip.entry(named: name) else { throw invalid("is not in the archive") }
        guard let size = storage.type.bytes(shape: [storage.count]), size == entry.uncompressedSize else {
            throw invalid(
                "has \(storage.count) elements of \(storage.type.name) by the pickle, and "
                    + "\(entry.uncompressedSize) bytes in the archive")
        }
        if entry.method == .stored {
            let bytes = try zip.region(of: entry)
            guard endsWhereItShould(bytes, entry) else {
                throw invalid("is not followed at once by its sum or the next entry: its local header is damaged")
            }
            return bytes
        }
        guard size <= budget else {
            throw invalid("expands to \(size) bytes, more than the \(budget) left for an archive of this size")
        }
        budget -= size
        return ByteRegion(copying: try zip.data(of: entry, limit: size), source: source + "/" + name)
    }

    /// Whether nothing but its descriptor stands between a stored entry and the next. The sum over a mapped storage is
    /// not checked, so a local header that is longer than it says would shift the numbers unnoticed.
    private func endsWhereItShould(_ bytes: ByteRegion, _ entry: ZipArchive.Entry) -> Bool {
        guard let base = zip.region.buffer.baseAddress, let start = bytes.buffer.baseAddress else {
            return bytes.count == 0
        }
        let end = UnsafeRawPointer(start) - base + bytes.count
        guard entry.flags & Self.descriptorFlag != 0 else { return end == entry.dataLimit }
        // A signature, the sum, and two sizes of 32 or 64 bits. Without the signature, which the standard leaves to the
        // writer and all writers have, a shift by its four bytes would go unnoticed.
        let descriptor = zip.region.buffer[end..<entry.dataLimit]
        let sum = withUnsafeBytes(of: entry.crc32.littleEndian) { Array($0) }
        return [16, 24].contains(descriptor.count) && descriptor.starts(with: Self.descriptorSignature + sum)
    }

    /// The sum and the sizes stand after the data (APPNOTE 4.4.4 and 4.3.9).
    private static let descriptorFlag: UInt16 = 1 << 3
    private static let descriptorSignature: [UInt8] = [0x50, 0x4b, 0x07, 0x08]

    /// How many bytes compressed storages may have: floats do not shrink more than this, bombs do.
    var extractionBudget: Int { max(1 << 26, 16 * min(zip.region.count, Int.max / 16)) }
}
