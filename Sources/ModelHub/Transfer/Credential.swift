/// Who a request goes to: scheme, host and port. What is meant for one origin is not for another.
package struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// `http` or `https`.
    package let scheme: String
    /// The host's name or address, in lower case.
    package let host: String
    /// The port, also where the URL does not write it.
    package let port: Int

    /// An origin of these parts.
    package init(scheme: String, host: String, port: Int) {
        self.scheme = scheme.lowercased()
        self.host = host.lowercased()
        self.port = port
    }

    /// The origin of a URL.
    ///
    /// - Throws: `TransferError` where `url` is none that could be asked.
    package init(of url: String) throws {
        self = try TransferURL(url).origin
    }

    /// Whether this is the machine itself, so that nobody on the way can listen.
    package var isLoopback: Bool {
        host == "localhost" || host == "[::1]" || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }

    package var description: String { "\(scheme)://\(host):\(port)" }
}

/// A secret to send to one origin only. Nothing that prints, dumps or reflects it sees more than stars.
package struct Credential: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where it may go.
    package let origin: Origin
    private let token: String

    /// A bearer token for `origin`. Characters that cannot stand in a header are left out of it, such as the newline that
    /// ends a file.
    package init(token: String, origin: Origin) {
        self.origin = origin
        self.token = String(decoding: token.utf8.filter { $0 > 0x20 && $0 < 0x7f }, as: UTF8.self)
    }

    /// The header for a request to `origin`; nil where the secret is not for it.
    func header(for origin: Origin) -> String? {
        origin == self.origin && !token.isEmpty ? "Authorization: Bearer \(token)" : nil
    }

    /// `text` without the secret, should it hold it.
    func redacted(_ text: String) -> String {
        guard !token.isEmpty, text.contains(token) else { return text }
        return text.split(separator: token, omittingEmptySubsequences: false).joined(separator: "***")
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
