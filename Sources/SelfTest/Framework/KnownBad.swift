internal import Foundation

/// Models that are known not to work, and why. Their failures count, unless the file says that they are expected.
package struct KnownBad: Sendable, Equatable {
    /// What is known of a model.
    package struct Entry: Sendable, Equatable, Decodable {
        /// What is wrong with it.
        package var reason: String
        /// Whether its failures are reported as gated rather than failed.
        package var isExpected: Bool

        private enum CodingKeys: String, CodingKey {
            case reason
            case isExpected = "expected"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            reason = try container.decode(String.self, forKey: .reason)
            isExpected = try container.decodeIfPresent(Bool.self, forKey: .isExpected) ?? false
        }

        /// An entry.
        package init(reason: String, isExpected: Bool) { (self.reason, self.isExpected) = (reason, isExpected) }
    }

    /// By the model's name.
    package var models: [String: Entry]

    /// None, or those given.
    package init(models: [String: Entry] = [:]) { self.models = models }

    /// Reads a file: an object of `{"reason": "…", "expected": true}` by model.
    ///
    /// - Throws: `SelfTestError.unreadableFile`.
    package init(contentsOf path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SelfTestError.unreadableFile(path: path, reason: "it cannot be read")
        }
        do {
            models = try JSONDecoder().decode([String: Entry].self, from: data)
        } catch {
            throw SelfTestError.unreadableFile(
                path: path, reason: #"it is not an object of {"reason": "…", "expected": true} by model"#)
        }
    }

    /// The file `known-bad.json` of the store, if there is one.
    package static func ofThisMachine() throws -> KnownBad {
        let path = StorePaths.home() + "/known-bad.json"
        return FileManager.default.fileExists(atPath: path) ? try KnownBad(contentsOf: path) : KnownBad()
    }
}
