import Foundation

/// The directory that models are kept in, in the layout of the Hugging Face Hub's cache: one repository directory
/// per source, and the locks of all of them in `.locks`.
package struct ModelStore: Hashable, Sendable {
    /// The store's directory, absolute.
    package let root: String

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
        let cache = variable("XDG_CACHE_HOME") ?? home + "/.cache"
        let hub = variable("HF_HUB_CACHE") ?? (variable("HF_HOME") ?? cache + "/huggingface") + "/hub"
        self.init(root: (variable("SVC_HOME") ?? home + "/.cache/svc") + "/hub", huggingFaceRoot: hub)
    }

    /// Where quantised weights are kept: `$SVC_HOME/packed`. Not beside the models, whose directories may be other
    /// programs' or read-only.
    package static func packedDirectory(environment: [String: String]) -> String {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let home = variable("HOME") ?? NSHomeDirectory()
        return URL(fileURLWithPath: (variable("SVC_HOME") ?? home + "/.cache/svc") + "/packed").standardizedFileURL.path
    }

    /// The repository that holds the files of `entry`.
    ///
    /// - Throws: `ModelHubError.unsupportedSource` where nothing can be pulled from the entry's source.
    func repository(of entry: CatalogEntry) throws -> ModelRepository {
        switch entry.source {
        case .pip(let name, _): ModelRepository(store: root, name: "models--pip--\(name)")
        case .file: ModelRepository(store: root, name: "models--file--\(entry.name)")
        case .huggingFace(let owner, let name, _):
            ModelRepository(
                store: huggingFaceRoot, name: "models--\(owner)--\(name)",
                records: root + "/.verified/models--\(owner)--\(name)")
        case .https:
            throw ModelHubError.unsupportedSource(model: entry.name, source: "\(entry.source)")
        }
    }
}
