internal import Foundation

extension StandInRoutes {
    private struct LFS: Encodable {
        var sha256: String?
        var oid: String?
        var size: Int
        var pointerSize: Int
    }

    private struct Information: Encodable {
        struct Sibling: Encodable {
            var rfilename: String
            var size: Int?
            var blobId: String?
            var lfs: LFS?
        }

        var id: String
        var modelId: String
        var author: String
        var sha: String
        var lastModified = "2024-01-01T00:00:00.000Z"
        var createdAt = "2024-01-01T00:00:00.000Z"
        var `private`: Bool
        var gated: Gated
        var disabled = false
        var downloads = 0
        var likes = 0
        var tags: [String] = []
        var siblings: [Sibling]
        var usedStorage: Int
    }

    /// False, or how access is granted.
    private struct Gated: Encodable {
        var isGated: Bool

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if isGated { try container.encode("manual") } else { try container.encode(false) }
        }
    }

    private struct TreeItem: Encodable {
        var type: String
        var oid: String
        var size: Int
        var path: String
        var lfs: LFS?
    }

    private static func lfs(_ file: StandInFile, isTree: Bool) -> LFS? {
        guard file.isLFS else { return nil }
        let pointerSize = StandInFile.pointer(file.sha256, file.sizeBytes).count
        return LFS(
            sha256: isTree ? nil : file.sha256, oid: isTree ? file.sha256 : nil, size: file.sizeBytes,
            pointerSize: pointerSize)
    }

    /// `/api/models/{owner}/{name}`, with sizes and digests if `blobs` is asked for.
    func information(
        _ repository: StandInRepository, _ revision: String, _ request: StandInRequest
    ) -> StandInAnswer {
        guard let commit = repository.commit(of: revision), let files = repository.commits[commit] else {
            return Self.noRevision(revision)
        }
        let wantsBlobs = ["true", "1"].contains(request.parameter("blobs")?.lowercased())
        let siblings = files.map { file in
            wantsBlobs
                ? Information.Sibling(
                    rfilename: file.path, size: file.sizeBytes, blobId: file.gitBlobSHA1,
                    lfs: Self.lfs(file, isTree: false))
                : Information.Sibling(rfilename: file.path)
        }
        let information = Information(
            id: repository.id, modelId: repository.id, author: String(repository.id.prefix { $0 != "/" }), sha: commit,
            private: repository.isPrivate, gated: Gated(isGated: repository.isGated), siblings: siblings,
            usedStorage: files.reduce(0) { $0 + $1.sizeBytes })
        return .json(information)
    }

    /// `/api/models/{owner}/{name}/tree/{revision}`, in pages.
    func tree(_ repository: StandInRepository, _ revision: String, _ request: StandInRequest) -> StandInAnswer {
        guard let commit = repository.commit(of: revision), let files = repository.commits[commit] else {
            return Self.noRevision(revision)
        }
        var items: [TreeItem] = []
        var directories: Set<String> = []
        let isRecursive = ["true", "1"].contains(request.parameter("recursive")?.lowercased())
        for file in files {
            let parts = file.path.split(separator: "/")
            for count in 1..<max(parts.count, 1) where isRecursive || count == 1 {
                let directory = parts[..<count].joined(separator: "/")
                guard directories.insert(directory).inserted else { continue }
                items.append(TreeItem(type: "directory", oid: commit, size: 0, path: directory))
            }
            guard isRecursive || parts.count == 1 else { continue }
            items.append(
                TreeItem(
                    type: "file", oid: file.gitBlobSHA1, size: file.sizeBytes, path: file.path,
                    lfs: Self.lfs(file, isTree: true)))
        }
        let (pageSize, base) = state.with { ($0.treePageSize, $0.urls[.hub] ?? "") }
        let start = min(request.parameter("cursor").flatMap(Int.init) ?? 0, items.count)
        let end = min(start + pageSize, items.count)
        var headers: [(String, String)] = []
        if end < items.count {
            let path = request.target.prefix { $0 != "?" }
            headers = [("Link", "<\(base)\(path)?recursive=\(isRecursive)&cursor=\(end)>; rel=\"next\"")]
        }
        return .json(Array(items[start..<end]), headers: headers)
    }
}
