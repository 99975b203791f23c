/// Why a self-test cannot begin.
package enum SelfTestError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file that was named on the command line.
    case unreadableFile(path: String, reason: String)
    /// `--model` names what is not in the catalogue.
    case unknownModel(String, known: [String])
    /// `--model` names what is not on this machine, or not ready on the service.
    case absentModel(String, remedy: String)
    /// Nothing is left to do after the filters.
    case nothingPlanned(String)
    /// The service wants a key, or another one.
    case refused(String, status: Int)
    /// The models could not be asked for.
    case noPortfolio(String)

    package var description: String {
        switch self {
        case .unreadableFile(let path, let reason): "\(path): \(reason)"
        case .unknownModel(let name, let known):
            "--model \(name): there is no such model; there are \(known.joined(separator: ", "))"
        case .absentModel(let name, let remedy): "--model \(name): \(remedy)"
        case .nothingPlanned(let reason): "nothing to test: \(reason)"
        case .refused(let url, let status): "\(url) wants a key (HTTP \(status)); give it with --api-key or API_KEY"
        case .noPortfolio(let reason): "the models cannot be listed: \(reason)"
        }
    }
}
