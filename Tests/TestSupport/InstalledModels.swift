package import Foundation
package import ModelHub

/// The real models that tests use: those that `make test` pulls into the store before it runs them.
package enum InstalledModels {
    /// The hub over the store of this machine.
    package static func hub() throws -> ModelHub {
        ModelHub(
            catalog: try Catalog.builtIn(), store: ModelStore(environment: ProcessInfo.processInfo.environment))
    }

    /// Where the store of this machine lies.
    package static func storePath() throws -> String { try hub().store.root }

    /// A model's files by role.
    ///
    /// - Throws: an error that says to pull the model, if it is not there: a test is never skipped for it.
    package static func files(_ name: String) throws -> [String: String] {
        let hub = try hub()
        guard let installed = try hub.installed(try hub.catalog.entry(named: name)) else {
            throw MissingModel(name: name)
        }
        return installed.files
    }

    /// The path of one file of a model.
    package static func file(_ role: String, of name: String) throws -> String {
        guard let path = try files(name)[role] else { throw MissingModel(name: "\(name) (\(role))") }
        return path
    }

    private struct MissingModel: Error, CustomStringConvertible {
        var name: String
        var description: String { "the model \(name) is not in the store: run `svc pull \(name)`, or `make test`" }
    }

    /// Copies a model's files into a directory as somebody would who brings a model of their own.
    package static func copy(_ name: String, to directory: URL) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for path in try files(name).values {
            let source = URL(fileURLWithPath: path).resolvingSymlinksInPath()
            let target = directory.appendingPathComponent(URL(fileURLWithPath: path).lastPathComponent)
            try FileManager.default.copyItem(at: source, to: target)
        }
    }
}
