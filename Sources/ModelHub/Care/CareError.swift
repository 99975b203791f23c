/// Why a model stays where it is.
package enum CareError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Somebody has the model loaded; `holders` are those that are known.
    case inUse(model: String, holders: [ModelUse.Holder])
    /// Another program has put the model into the cache that we share with it, and may need it.
    case notOurs(model: String, directory: String)

    package var description: String {
        switch self {
        case .inUse(let model, let holders):
            "\(model) is in use"
                + (holders.isEmpty ? "" : " by \(holders.map { "\($0)" }.joined(separator: " and "))")
                + "; unload it there (POST /models/\(model)/unload) or end the program, then try again"
        case .notOurs(let model, let directory):
            "\(model) was put into the Hugging Face cache by another program, which may need it, so it stays; "
                + "what removes it all the same is that program, or deleting \(directory)"
        }
    }
}
