internal import Foundation

/// A copy of a model's files in a directory of its own, to be used by its path, and to be damaged.
struct ModelCopy: Sendable {
    private let directory: TemporaryDirectory
    /// What `--models` takes.
    let path: String
    /// The name that the service gives it.
    var name: String { (path as NSString).lastPathComponent }
    private let files: [URL]

    /// Copies a model, whose files are found through a service's description of it.
    ///
    /// - Throws: `CaseGated` where the model's files cannot be found in the store.
    init(of model: PortfolioModel, _ context: CaseContext) async throws {
        let outcome = try await context.theProgram().run(["show", model.name, "--json"], timeoutSeconds: 60)
        let shown = Document(value: try JSONView(parsing: outcome.output), evidence: outcome.evidence)
        let paths = try shown.array("data", "files").map { try $0.string("path") }
        directory = try TemporaryDirectory("model")
        let target = directory.file("copy-of-\(model.name)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        var copies: [URL] = []
        for path in paths {
            guard let source = Self.find(path, below: Self.store) else {
                directory.remove()
                throw CaseGated("the file \(path) of \(model.name) is not below \(Self.store)")
            }
            let copy = target.appendingPathComponent((path as NSString).lastPathComponent)
            try FileManager.default.copyItem(atPath: source, toPath: copy.path)
            copies.append(copy)
        }
        files = copies
        path = target.path
    }

    /// Where the models are.
    static var store: String {
        let environment = ProcessInfo.processInfo.environment
        return environment["SVC_HOME"] ?? (environment["HOME"] ?? "/root") + "/.cache/svc"
    }

    /// The real path of a file whose path in its package is known.
    private static func find(_ path: String, below root: String) -> String? {
        let roots = [root + "/hub", root]
        for root in roots {
            guard let names = FileManager.default.enumerator(atPath: root) else { continue }
            for case let name as String in names where name.hasSuffix("/" + path) || name == path {
                let found = URL(fileURLWithPath: root + "/" + name).resolvingSymlinksInPath().path
                if FileManager.default.fileExists(atPath: found) { return found }
            }
        }
        return nil
    }

    /// Cuts the largest file in half.
    func damage() throws {
        func size(_ file: URL) -> Int {
            (try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int) ?? 0
        }
        guard let largest = files.max(by: { size($0) < size($1) }) else { return }
        let handle = try FileHandle(forWritingTo: largest)
        try handle.truncate(atOffset: UInt64(size(largest) / 2))
        try handle.close()
    }

    /// Puts the whole files of another copy in place of these.
    func heal(from other: ModelCopy) throws {
        for (own, whole) in zip(files, other.files) {
            let fresh = own.appendingPathExtension("new")
            try FileManager.default.copyItem(at: whole, to: fresh)
            guard rename(fresh.path, own.path) == 0 else { throw CaseFailure("\(own.path): cannot be replaced") }
        }
    }

    func remove() { directory.remove() }
}
