import Foundation

/// Where the Hugging Face Hub is, and what it is told of who asks. Read from the variables that its other clients read
/// too: `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_OFFLINE`, `HF_HUB_DISABLE_IMPLICIT_TOKEN`.
package struct HubEndpoint: Sendable {
    private static let standard = "https://huggingface.co"
    private static let tokenLimitBytes = 4096

    /// The address, without a slash at its end.
    package let address: String
    /// Sent to this endpoint alone.
    let credential: Credential?
    /// The variable that forbids every call, if one does.
    package let offlineVariable: String?

    /// The endpoint of this environment.
    ///
    /// - Throws: `ModelHubError.invalidSetting` for an address that is none or would show the token to the network, and
    ///   for a token that no header can hold; `ModelHubError` for a token file that cannot be read.
    package init(environment: [String: String]) throws {
        func variable(_ name: String) -> String? {
            environment[name].map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.flatMap {
                $0.isEmpty ? nil : $0
            }
        }
        func isSet(_ name: String) -> Bool {
            ["1", "on", "yes", "true"].contains(variable(name)?.lowercased())
        }
        var address = variable("HF_ENDPOINT") ?? Self.standard
        while address.hasSuffix("/") { address.removeLast() }
        self.address = address
        let origin = try Self.origin(of: address)
        offlineVariable = isSet("HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : nil
        let token = isSet("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? nil : try Self.token(variable)
        credential = token.map { Credential(token: $0, origin: origin) }
    }

    private static func origin(of address: String) throws -> Origin {
        func invalid(_ reason: String) -> ModelHubError { .invalidSetting(name: "HF_ENDPOINT", reason: reason) }
        guard let components = URLComponents(string: address), let host = components.host, !host.isEmpty,
            let origin = try? Origin(of: address)
        else { throw invalid("is no address such as \(standard)") }
        guard components.user == nil, components.password == nil, components.query == nil, components.fragment == nil
        else { throw invalid("may have a scheme, a host, a port and a path, and nothing else") }
        guard origin.scheme == "https" || origin.isLoopback else {
            throw invalid("must begin with https://; http:// is for this machine alone")
        }
        return origin
    }

    private static func token(_ variable: (String) -> String?) throws -> String? {
        var token = variable("HF_TOKEN")
        var name = "HF_TOKEN"
        if token == nil {
            let path = tokenPath(variable)
            let bytes: [UInt8]?
            do {
                bytes = try Disk.smallFile(path, limitBytes: tokenLimitBytes)
            } catch {
                // Another user's, or no file at all: there is no token then, and the Hub says whether it needs one.
                bytes = nil
            }
            token = bytes.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
            name = "the token in \(path)"
        }
        guard let token, !token.isEmpty else { return nil }
        guard token.utf8.count <= tokenLimitBytes, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw ModelHubError.invalidSetting(
                name: name, reason: "has spaces, control characters or letters in it that no token has")
        }
        return token
    }

    private static func tokenPath(_ variable: (String) -> String?) -> String {
        let home = variable("HOME") ?? NSHomeDirectory()
        func expanded(_ path: String) -> String { path.hasPrefix("~/") ? home + path.dropFirst() : path }
        if let path = variable("HF_TOKEN_PATH") { return expanded(path) }
        let cache = expanded(variable("XDG_CACHE_HOME") ?? home + "/.cache")
        return (variable("HF_HOME").map(expanded) ?? cache + "/huggingface") + "/token"
    }
}

extension HubEndpoint {
    /// Whether a token is sent.
    var hasToken: Bool { credential != nil }

    /// - Throws: `ModelHubError.offline` if no call is allowed.
    func checkOnline(_ source: String) throws {
        if let offlineVariable { throw ModelHubError.offline(source: source, variable: offlineVariable) }
    }

    /// The page of a repository, for people.
    func page(_ repository: HubRepositoryName) -> String {
        "\(address)/\(repository.owner)/\(repository.name)"
    }

    /// Where the Hub tells of a revision and its files: `sha`, and `siblings` with sizes and digests.
    func information(_ repository: HubRepositoryName, _ revision: String, files: Bool) -> String {
        "\(address)/api/models/\(repository.owner)/\(repository.name)/revision/\(Self.escaped(revision))"
            + (files ? "?blobs=true" : "")
    }

    /// Where a file of a revision is.
    func file(_ path: String, of repository: HubRepositoryName, _ revision: String) -> String {
        let components = path.split(separator: "/").map { Self.escaped($0) }
        return "\(page(repository))/resolve/\(Self.escaped(revision))/\(components.joined(separator: "/"))"
    }

    /// A component of a path: all but letters, digits and `-._~` as `%HH`.
    private static func escaped(_ text: some StringProtocol) -> String {
        text.utf8.reduce(into: "") { result, byte in
            let scalar = UnicodeScalar(byte)
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "-._~".unicodeScalars.contains(scalar)
            if isPlain {
                result.unicodeScalars.append(scalar)
            } else {
                result += "%" + FileDigest.hexadecimal([byte]).uppercased()
            }
        }
    }
}
