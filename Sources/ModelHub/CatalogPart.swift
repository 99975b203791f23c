/// A part of a file that is too large for one package: a run of the file's bytes, a file of its own in some wheel.
///
/// Each part has its own hash, so that a wrong one is named, and the others need not be doubted.
package struct CatalogPart: Hashable, Sendable {
    /// The package whose wheel has the part; always `.pip`.
    package let source: ModelSource
    /// Its path inside the wheel, with `/` between components.
    package let path: String
    /// The SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    package let sha256: String
    /// Its size in bytes.
    package let sizeBytes: Int

    /// Creates a listing of a part.
    package init(source: ModelSource, path: String, sha256: String, sizeBytes: Int) {
        self.source = source
        self.path = path
        self.sha256 = sha256
        self.sizeBytes = sizeBytes
    }
}

extension CatalogPart: Decodable {
    private enum Key: String, CodingKey {
        case source, path, sha256
        case sizeBytes = "size_bytes"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        source = try values.source(.source)
        guard case .pip = source else { throw values.error(.source, "is \(source); a part comes from a pip: source") }
        path = try values.relativePath(.path)
        sha256 = try values.sha256(.sha256)
        sizeBytes = try values.count(.sizeBytes)
        guard sizeBytes > 0 else { throw values.error(.sizeBytes, "is 0; a part has at least one byte") }
    }
}
