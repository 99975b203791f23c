internal import Foundation
internal import ModelHub

/// A file of a model that is in the store.
package enum InstalledFile {
    /// The path of a file, by its role in the catalogue.
    ///
    /// - Throws: an error that says to pull the model, if it is not there.
    package static func path(_ role: String, of name: String) throws -> String {
        let environment = ProcessInfo.processInfo.environment
        let hub = ModelHub(catalog: try Catalog.builtIn(), store: ModelStore(environment: environment))
        guard let path = try hub.installed(try hub.catalog.entry(named: name))?.files[role] else {
            throw MissingModel(name: name)
        }
        return path
    }
}

/// A model that is measured is not on this machine.
package struct MissingModel: Error, CustomStringConvertible {
    /// Its name.
    package var name: String

    package var description: String { "the model \(name) is not in the store: run `svc pull \(name)`" }
}
