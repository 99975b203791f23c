/// A model's repository on the Hub.
struct HubRepositoryName: Hashable, Sendable, CustomStringConvertible {
    let owner: String
    let name: String

    /// As sources are written.
    var description: String { "hf:\(owner)/\(name)" }

    /// With a revision, as sources are written; without it where it is the usual one.
    func source(_ revision: String) -> String { revision == "main" ? description : "\(description)@\(revision)" }
}

extension CatalogEntry {
    /// The repository of an `hf:` source, and the revision that it names; nil for other sources.
    var hubSource: (repository: HubRepositoryName, revision: String?)? {
        guard case .huggingFace(let owner, let name, let revision) = source else { return nil }
        return (HubRepositoryName(owner: owner, name: name), revision)
    }
}
