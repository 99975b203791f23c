import Foundation

extension ModelHub {
    /// Asks the Hub, as the environment says.
    ///
    /// - Throws: `ModelHubError` if the environment means nothing.
    func hubClient() throws -> HubClient {
        HubClient(endpoint: try HubEndpoint(environment: environment), transfers: transfers)
    }

    /// The commit and files that an `hf:` entry means.
    ///
    /// Whole is what we noted when we pulled it. Of what another program has put there it is what its listing of the
    /// commit says; of what has no listing, a checkpoint with its weights.
    func hubSnapshot(
        of entry: CatalogEntry, _ repository: ModelRepository, _ revision: String?
    ) throws -> Snapshot? {
        let record = try VersionRecord.read(entry, store)
        let chosen = revision ?? record.chosen(for: entry)
        let name = chosen ?? entry.hubSource?.revision ?? "main"
        guard let commit = name.isGitDigest ? name : try repository.revision(of: name) else { return nil }
        // It may have been chosen by name; a branch does not choose it.
        if chosen == nil, record.item(commit)?.state == .rejected { return nil }
        if let manifest = PullManifest.read(entry, commit, store) {
            return Snapshot(revision: commit, files: manifest.files)
        }
        let linked = try repository.linkedFiles(commit)
        let files = Dictionary(uniqueKeysWithValues: linked.map { ($0.path, $0) })
        let listing = HubListing(cachedIn: repository, commit: commit)
        guard !linked.isEmpty,
            let selection = try? FileSelection(
                of: listing?.files.map(\.path) ?? linked.map(\.path), include: entry.include)
        else { return Snapshot(revision: commit, files: linked, isWhole: false) }
        let listed = listing?.filesByPath ?? [:]
        var chosenFiles = selection.choices.compactMap { choice -> CatalogFile? in
            if let file = files[choice.path] {
                return CatalogFile(
                    role: choice.role, path: choice.path, sha256: file.sha256, sizeBytes: file.sizeBytes)
            }
            if FileSelection.isOptional(choice.path) { return nil }
            return CatalogFile(
                role: choice.role, path: choice.path, sha256: listed[choice.path]?.digest ?? "",
                sizeBytes: listed[choice.path]?.sizeBytes ?? -1)
        }
        if let index = FileSelection.index(among: selection.choices.map(\.path)), files[index] != nil {
            let known = Set(chosenFiles.map(\.path))
            for shard in try shards(repository.file(index, commit)) ?? [] where !known.contains(shard) {
                chosenFiles.append(
                    CatalogFile(
                        role: shard, path: shard, sha256: files[shard]?.sha256 ?? "",
                        sizeBytes: files[shard]?.sizeBytes ?? -1))
            }
        }
        return Snapshot(revision: commit, files: chosenFiles)
    }

    /// The files that the index at `path` names; nil if it is none.
    func shards(_ path: String) throws -> [String]? {
        try Disk.smallFile(path, limitBytes: FileSelection.indexLimitBytes).flatMap(FileSelection.shards(inIndex:))
    }
}
