import Checkpoints
import Foundation

/// A file of a revision, as the Hub tells of it.
struct HubFile: Hashable, Sendable {
    /// Its path in the repository.
    var path: String
    /// Its size in bytes; nil where the Hub did not say.
    var sizeBytes: Int?
    /// What it is named by in caches, and what its bytes are checked with: the SHA-256 of a large file, git's SHA-1 of
    /// a small one. Nil where the Hub did not say.
    var digest: String?
}

/// The files of a commit.
struct HubListing: Hashable, Sendable {
    /// The commit, 40 hexadecimal digits.
    var commit: String
    /// In the order of their paths.
    var files: [HubFile]

    /// Every file by its path.
    var filesByPath: [String: HubFile] {
        Dictionary(files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Reads the Hub's answer about a revision.
    ///
    /// - Throws: `ModelHubError.damagedDownload` if it is none, or names files that could not be below a directory.
    init(json: [UInt8], source: String) throws {
        func damaged(_ reason: String) -> ModelHubError {
            .damagedDownload(source: "\(source) (its list of files)", reason: reason)
        }
        let answer: Answer
        do {
            answer = try JSONDecoder().decode(Answer.self, from: Data(json))
        } catch {
            throw damaged("it is not the JSON of a repository")
        }
        guard let sha = answer.sha, sha.isGitDigest else { throw damaged("it names no commit") }
        commit = sha
        var seen: Set<String> = []
        files = try (answer.siblings ?? []).map { sibling in
            let path = sibling.rfilename
            if let objection = RelativePath.objection(to: path) { throw damaged("the file \(path) \(objection)") }
            guard seen.insert(path).inserted else { throw damaged("the file \(path) is there twice") }
            let size = sibling.lfs?.size ?? sibling.size
            guard size ?? 0 >= 0 else { throw damaged("the size of \(path) is \(size ?? 0)") }
            // The blob id of a large file is that of the pointer which git has in its place.
            let digest = sibling.lfs.map(\.sha256) ?? sibling.blobId
            return HubFile(
                path: path, sizeBytes: size, digest: digest.flatMap { $0.isSHA256 || $0.isGitDigest ? $0 : nil })
        }.sorted { $0.path < $1.path }
    }

    private struct Answer: Decodable {
        var sha: String?
        var siblings: [Sibling]?
    }

    private struct Sibling: Decodable {
        var rfilename: String
        var size: Int?
        var blobId: String?
        var lfs: LargeFile?
    }

    private struct LargeFile: Decodable {
        var sha256: String?
        var size: Int?
    }

    /// The listing that a newer client of the Hub keeps in its cache, at `trees/<commit>.json`; nil where there is none
    /// that can be read. It tells a whole snapshot from one that was interrupted.
    init?(cachedIn repository: ModelRepository, commit: String) {
        struct Tree: Decodable {
            struct File: Decodable {
                var size: Int
                var blob: String
                var sha256: String?

                enum CodingKeys: String, CodingKey {
                    case size
                    case blob = "blob_id"
                    case sha256 = "lfs_sha256"
                }
            }
            var version: Int
            var files: [String: File]

            enum CodingKeys: String, CodingKey {
                case files
                case version = "format_version"
            }
        }
        let path = repository.directory + "/trees/" + commit + ".json"
        guard let bytes = try? Disk.smallFile(path, limitBytes: 64 << 20),
            let tree = try? JSONDecoder().decode(Tree.self, from: Data(bytes)), tree.version == 1,
            tree.files.keys.allSatisfy({ RelativePath.objection(to: $0) == nil })
        else { return nil }
        self.commit = commit
        files = tree.files.map { path, file in
            HubFile(path: path, sizeBytes: file.size, digest: file.sha256 ?? file.blob)
        }.sorted { $0.path < $1.path }
    }
}
