import Checkpoints
import Foundation
import TestSupport
import Testing

/// Archives for the tests, written by Python's zipfile: another implementation than the one under test.
enum ZipFixtures {
    /// Runs `script` with the path to write as `sys.argv[1]` and returns what it wrote.
    static func archive(_ script: String) throws -> [UInt8] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("zip-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Programs.python("import io, sys, zipfile\npath = sys.argv[1]\n" + script, [path])
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// One stored and one deflated entry, and a folder in a name.
    static func small() throws -> [UInt8] { try smallArchive.get() }

    private static let smallArchive = Result {
        try archive(
            """
            with zipfile.ZipFile(path, "w") as z:
                z.writestr("plain.txt", b"stored as it is")
                z.writestr("folder/packed.bin", b"abc" * 100, zipfile.ZIP_DEFLATED)
            """)
    }

    static func open(_ bytes: some Collection<UInt8>) throws -> ZipArchive {
        try ZipArchive(ByteRegion(copying: bytes, source: "test.zip"))
    }

    /// Opens an archive and extracts everything in it.
    static func extractAll(_ bytes: some Collection<UInt8>) throws -> [String: [UInt8]] {
        let archive = try open(bytes)
        var contents: [String: [UInt8]] = [:]
        for entry in archive.entries { contents[entry.name] = try archive.data(of: entry, limit: 1 << 20) }
        return contents
    }

    /// The error that opening `bytes` and extracting everything gives.
    static func failure(_ bytes: some Collection<UInt8>) throws -> CheckpointError {
        let error = #expect(throws: CheckpointError.self) { try extractAll(bytes) }
        return try #require(error)
    }
}

extension [UInt8] {
    /// The offset of the only, or the last, occurrence of a little-endian signature.
    func lastOffset(of signature: UInt32) throws -> Int {
        let wanted = Swift.withUnsafeBytes(of: signature.littleEndian) { [UInt8]($0) }
        return try #require(indices.dropLast(3).last { self[$0..<($0 + 4)].elementsEqual(wanted) })
    }

    /// Overwrites an integer, little-endian.
    mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
        Swift.withUnsafeBytes(of: value.littleEndian) { replaceSubrange(offset..<(offset + $0.count), with: $0) }
    }
}
