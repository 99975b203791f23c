internal import Crypto
internal import Foundation

/// A file that a stand-in repository holds. Its digests are those that the Hub would name it by.
package struct StandInFile: Sendable {
    /// Where it lies in the repository, with slashes.
    package let path: String
    /// How many bytes it has.
    package let sizeBytes: Int
    /// Whether the Hub would keep it with Git LFS: it then redirects to its content delivery network.
    package let isLFS: Bool
    /// The SHA-256 of its bytes, in hexadecimal.
    package let sha256: String
    /// The SHA-1 by which git names its blob; with LFS that of the pointer file.
    package let gitBlobSHA1: String
    let content: Content

    /// Bytes that are kept, or made anew whenever they are asked for.
    enum Content: Sendable {
        case bytes([UInt8])
        case generated(seed: UInt64)
    }

    /// The entity tag by which the Hub names it, without quotes: the SHA-256 with LFS, else git's SHA-1.
    package var etag: String { isLFS ? sha256 : gitBlobSHA1 }

    /// A file with these bytes. `isLFS` is told by the path's extension where it is nil.
    package init(_ path: String, _ bytes: [UInt8], isLFS: Bool? = nil) {
        self.init(path, sizeBytes: bytes.count, .bytes(bytes), isLFS: isLFS)
    }

    /// A small text file.
    package init(_ path: String, _ text: String) { self.init(path, Array(text.utf8)) }

    /// A file of so many bytes that depend on `seed` alone and take no memory.
    package init(_ path: String, sizeBytes: Int, seed: UInt64 = 1, isLFS: Bool? = nil) {
        self.init(path, sizeBytes: sizeBytes, .generated(seed: seed), isLFS: isLFS)
    }

    private init(_ path: String, sizeBytes: Int, _ content: Content, isLFS: Bool?) {
        precondition(!path.isEmpty && !path.hasPrefix("/"), "a path in a repository")
        self.path = path
        self.sizeBytes = sizeBytes
        self.content = content
        let weights = [".safetensors", ".gguf", ".bin", ".model", ".spm", ".pt", ".onnx", ".h5", ".npz", ".ftz"]
        let isLFS = isLFS ?? weights.contains { path.hasSuffix($0) }
        self.isLFS = isLFS
        var large = SHA256()
        var small = Insecure.SHA1()
        small.update(data: Array("blob \(sizeBytes)\0".utf8))
        Self.forEachPiece(of: content, 0..<sizeBytes) { piece in
            large.update(data: piece)
            if !isLFS { small.update(data: piece) }
        }
        sha256 = hexadecimal(large.finalize())
        if isLFS {
            let pointer = Self.pointer(sha256, sizeBytes)
            gitBlobSHA1 = hexadecimal(Insecure.SHA1.hash(data: Array("blob \(pointer.count)\0".utf8) + pointer))
        } else {
            gitBlobSHA1 = hexadecimal(small.finalize())
        }
    }

    /// The file that git holds in the place of one that LFS keeps.
    static func pointer(_ sha256: String, _ sizeBytes: Int) -> [UInt8] {
        Array("version https://git-lfs.github.com/spec/v1\noid sha256:\(sha256)\nsize \(sizeBytes)\n".utf8)
    }

    /// The bytes in `range`, or all.
    package func bytes(_ range: Range<Int>? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        Self.forEachPiece(of: content, range ?? 0..<sizeBytes) { bytes += $0 }
        return bytes
    }

    private static let pieceSize = 1 << 16

    private static func forEachPiece(of content: Content, _ range: Range<Int>, _ body: ([UInt8]) -> Void) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(start + pieceSize, range.upperBound)
            switch content {
            case .bytes(let bytes): body(Array(bytes[start..<end]))
            case .generated(let seed): body(generated(seed, start..<end))
            }
            start = end
        }
    }

    /// Eight bytes at a time, each word a hash of its index (SplitMix64), so that any range can be made alone.
    private static func generated(_ seed: UInt64, _ range: Range<Int>) -> [UInt8] {
        let first = range.lowerBound / 8
        let last = (range.upperBound + 7) / 8
        var bytes = [UInt8](repeating: 0, count: (last - first) * 8)
        bytes.withUnsafeMutableBytes { buffer in
            for index in first..<last {
                var word = seed &* 0xD1B5_4A32_D192_ED03 &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15
                word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
                word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
                word ^= word >> 31
                buffer.storeBytes(of: word.littleEndian, toByteOffset: (index - first) * 8, as: UInt64.self)
            }
        }
        return Array(bytes[(range.lowerBound - first * 8)..<(range.upperBound - first * 8)])
    }
}

/// A repository of models as the Hub keeps it: commits, and branches and tags that name them.
package struct StandInRepository: Sendable {
    /// Owner and name, with a slash between.
    package let id: String
    /// Whether it looks missing to everybody but those with one of `authorizedTokens`.
    package var isPrivate: Bool
    /// Whether its files, but not its listing, are refused to everybody but those with one of `authorizedTokens`.
    package var isGated: Bool
    /// The tokens of those who may read it.
    package var authorizedTokens: Set<String>
    private(set) var commits: [String: [StandInFile]] = [:]
    private(set) var names: [String: String] = [:]

    /// A repository with one commit, on the branch `main`.
    package init(
        _ id: String, files: [StandInFile], isPrivate: Bool = false, isGated: Bool = false,
        authorizedTokens: Set<String> = []
    ) {
        precondition(id.split(separator: "/").count == 2, "an owner and a name")
        self.id = id
        self.isPrivate = isPrivate
        self.isGated = isGated
        self.authorizedTokens = authorizedTokens
        commit(files)
    }

    /// Adds a commit that holds exactly these files, lets `branch` name it, and returns its digest.
    @discardableResult package mutating func commit(_ files: [StandInFile], to branch: String = "main") -> String {
        var hash = Insecure.SHA1()
        hash.update(data: Array("\(id) \(names[branch] ?? "") \(commits.count)".utf8))
        for file in files { hash.update(data: Array("\(file.path) \(file.etag) ".utf8)) }
        let commit = hexadecimal(hash.finalize())
        commits[commit] = files
        names[branch] = commit
        return commit
    }

    /// The digest of the commit that a branch, a tag or a digest means; nil if there is none.
    package func commit(of revision: String) -> String? {
        commits[revision] == nil ? names[revision] : revision
    }

    /// A file of a revision; nil if it has none there.
    package func file(_ path: String, revision: String = "main") -> StandInFile? {
        commit(of: revision).flatMap { commits[$0] }?.first { $0.path == path }
    }
}

/// The bytes of a digest, two digits each.
func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
    digest.map { String(format: "%02x", $0) }.joined()
}
