import Foundation

/// The directory that models are kept in, in the layout of the Hugging Face Hub's cache: one repository directory
/// per source, and the locks of all of them in `.locks`.
package struct ModelStore: Hashable, Sendable {
    /// The store's directory, absolute.
    package let root: String

    /// The directory that everything of this program is in, `$SVC_HOME`: the store, packed weights, versions, the history.
    package var home: String { (root as NSString).deletingLastPathComponent }

    /// The Hugging Face Hub's own cache, which other programs share.
    package let huggingFaceRoot: String

    /// The store in the directory `root`, which need not exist yet. Relative paths are taken from the current
    /// directory, once.
    ///
    /// - Parameter huggingFaceRoot: the Hub's cache; `huggingface` beside `root` where nil.
    package init(root: String, huggingFaceRoot: String? = nil) {
        func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
        self.root = absolute(root)
        self.huggingFaceRoot = absolute(huggingFaceRoot ?? root + "/../huggingface")
    }

    /// The stores of this user: `$SVC_HOME/hub`, or `~/.cache/svc/hub` where that is not set; and the Hub's cache,
    /// `$HF_HUB_CACHE`, `$HF_HOME/hub`, `$XDG_CACHE_HOME/huggingface/hub` or `~/.cache/huggingface/hub`.
    package init(environment: [String: String]) {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let home = variable("HOME") ?? NSHomeDirectory()
        // The Hub's own client takes such paths, whether or not a shell has seen them.
        func path(_ name: String) -> String? {
            variable(name).map { $0.hasPrefix("~/") ? home + $0.dropFirst() : $0 }
        }
        let cache = path("XDG_CACHE_HOME") ?? home + "/.cache"
        let hub = path("HF_HUB_CACHE") ?? (path("HF_HOME") ?? cache + "/huggingface") + "/hub"
        self.init(root: (variable("SVC_HOME") ?? home + "/.cache/svc") + "/hub", huggingFaceRoot: hub)
    }

    /// Where quantised weights are kept: `$SVC_HOME/packed`. Not beside the models, whose directories may be other
    /// programs' or read-only.
    package static func packedDirectory(environment: [String: String]) -> String {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let home = variable("HOME") ?? NSHomeDirectory()
        return URL(fileURLWithPath: (variable("SVC_HOME") ?? home + "/.cache/svc") + "/packed").standardizedFileURL.path
    }

    /// Where it is kept which versions of a model are here and which is in use: `versions` beside the store.
    var versions: String { (root as NSString).deletingLastPathComponent + "/versions" }

    /// The repository that holds the files of `entry`.
    ///
    /// - Throws: `ModelHubError.invalidSource` for a repository of the Hub that its cache could take for another.
    func repository(of entry: CatalogEntry) throws -> ModelRepository {
        switch entry.source {
        case .pip(let name, _): ModelRepository(store: root, name: "models--pip--\(name)")
        case .file: ModelRepository(store: root, name: "models--file--\(entry.name)")
        case .huggingFace(let owner, let name, _): try hubRepository(owner, name)
        case .https: ModelRepository(store: root, name: "models--https--\(ModelUse.fileName(entry.name))")
        }
    }

    private func hubRepository(_ owner: String, _ name: String) throws -> ModelRepository {
        // Owner and name are joined by the same two signs.
        guard !owner.contains("--"), !name.contains("--") else {
            throw ModelHubError.invalidSource(
                text: "hf:\(owner)/\(name)", reason: "names of the Hub have no two hyphens in a row")
        }
        let directory = "models--\(owner)--\(name)"
        return ModelRepository(store: huggingFaceRoot, name: directory, records: root + "/.verified/" + directory)
    }
}
