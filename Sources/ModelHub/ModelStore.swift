import Foundation

/// The directory that models are kept in, in the layout of the Hugging Face Hub's cache: one repository directory
/// per source, and the locks of all of them in `.locks`.
package struct ModelStore: Hashable, Sendable {
    /// The store's directory, absolute.
    package let root: String

    /// The store in the directory `root`, which need not exist yet. A relative path is taken from the current
    /// directory, once.
    package init(root: String) {
        self.root = URL(fileURLWithPath: root).standardizedFileURL.path
    }

    /// The store of this user: `$SVC_HOME/hub`, or `~/.cache/svc/hub` where that is not set.
    package init(environment: [String: String]) {
        let home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory()
        let base = environment["SVC_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? home + "/.cache/svc"
        self.init(root: base + "/hub")
    }

    /// The repository that holds the files of `entry`.
    ///
    /// - Throws: `ModelHubError.unsupportedSource` where nothing can be pulled from the entry's source.
    func repository(of entry: CatalogEntry) throws -> ModelRepository {
        switch entry.source {
        case .pip(let name, _): ModelRepository(store: root, name: "models--pip--\(name)")
        case .file: ModelRepository(store: root, name: "models--file--\(entry.name)")
        case .huggingFace, .https:
            throw ModelHubError.unsupportedSource(model: entry.name, source: "\(entry.source)")
        }
    }
}
