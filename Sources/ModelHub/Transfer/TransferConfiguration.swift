import Foundation

/// How things are fetched.
package struct TransferConfiguration: Sendable, Equatable {
    /// How many connections there are at once, to one host and in all. One is left to questions with small answers.
    package var maximumConnectionsPerHost = 8
    /// How many of them one large file may have.
    package var connectionsPerFile = 4
    /// How long a connection may take to be made, the name and TLS included.
    package var connectSeconds = 10.0
    /// No byte for so long: the connection is given up and the request repeated.
    package var stallSeconds = 30.0
    /// How many attempts in a row may bring no new byte.
    package var attempts = 5
    /// The longest wait after the first failure; it doubles with each one, and the wait is a random part of it.
    package var firstDelaySeconds = 0.5
    /// What it does not grow beyond.
    package var longestDelaySeconds = 30.0
    /// The longest wait that a source may ask for; one that wants more is an error at once.
    package var longestRetryAfterSeconds = 300.0
    /// How many bytes per second may come, all transfers together; nil for as many as can.
    package var bandwidthLimit: Int?
    /// The pieces that large files are fetched in, in bytes; nil for 8 MB, or 16 MB for files beyond 1 GB.
    package var chunkBytes: Int?
    /// Proxies for `http` and `https`; nil for none.
    package var httpProxy: String?
    package var httpsProxy: String?
    /// The hosts that are reached without a proxy, as libcurl reads them.
    package var noProxy = ""
    /// A file of certificates to trust, instead of the system's.
    package var authorityFile: String?
    /// A directory of them.
    package var authorityDirectory: String?
    /// What was said in variables and could not be understood, for a log.
    package var notes: [String] = []

    /// The defaults, without a look at the environment.
    package init() {}

    /// What the environment says: the proxies' variables in either case, `CURL_CA_BUNDLE`, `SSL_CERT_FILE`,
    /// `SSL_CERT_DIR`, `SVC_BANDWIDTH_LIMIT` (bytes per second, such as `2M`), `SVC_STALL_SECONDS`,
    /// `SVC_CONNECT_SECONDS`, `SVC_TRANSFER_ATTEMPTS`, `SVC_TRANSFER_DELAY` (the first delay, in seconds),
    /// `SVC_TRANSFER_CONNECTIONS` and `SVC_TRANSFER_CHUNK` (bytes).
    package init(environment: [String: String]) {
        func variable(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        let allProxy = variable("all_proxy", "ALL_PROXY")
        httpProxy = variable("http_proxy", "HTTP_PROXY") ?? allProxy
        httpsProxy = variable("https_proxy", "HTTPS_PROXY") ?? allProxy
        noProxy = variable("no_proxy", "NO_PROXY") ?? ""
        if let bundle = variable("CURL_CA_BUNDLE") {
            if Disk.status(bundle)?.isDirectory == true { authorityDirectory = bundle } else { authorityFile = bundle }
        } else {
            authorityFile = variable("SSL_CERT_FILE")
            authorityDirectory = variable("SSL_CERT_DIR")
        }
        var notes: [String] = []
        func number(_ name: String, _ least: Double, _ most: Double, _ set: (Double) -> Void) {
            guard let text = variable(name) else { return }
            if let value = Double(text), value >= least, value <= most { return set(value) }
            notes.append("\(name) is \(text), not a number from \(least) to \(most); it is ignored")
        }
        number("SVC_STALL_SECONDS", 0.05, 86_400) { stallSeconds = $0 }
        number("SVC_CONNECT_SECONDS", 0.05, 3_600) { connectSeconds = $0 }
        number("SVC_TRANSFER_ATTEMPTS", 1, 1_000) { attempts = Int($0) }
        number("SVC_TRANSFER_DELAY", 0, 3_600) { firstDelaySeconds = $0 }
        number("SVC_TRANSFER_CONNECTIONS", 1, 64) {
            maximumConnectionsPerHost = Int($0)
            connectionsPerFile = min(connectionsPerFile, Int($0))
        }
        number("SVC_TRANSFER_CHUNK", 1_024, 1e9) { chunkBytes = Int($0) }
        if let text = variable("SVC_BANDWIDTH_LIMIT") {
            do { bandwidthLimit = try Self.bytesPerSecond(text) } catch {
                notes.append("SVC_BANDWIDTH_LIMIT is \(text), not a rate such as 500K, 2M or none; it is ignored")
            }
        }
        self.notes = notes
    }

    /// A text is no rate.
    package struct RateError: Error, Equatable, Sendable, CustomStringConvertible {
        /// The text.
        package var text: String

        package var description: String {
            "\(text) is no rate in bytes per second, such as 800000, 500K, 2M, 1.5MiB or none"
        }
    }

    /// Reads a rate in bytes per second: a number, followed by K, M or G (thousands) or Ki, Mi, Gi (1024s), and B, B/s or
    /// nothing. `none`, `0` and `unlimited` are no limit.
    package static func bytesPerSecond(_ text: String) throws -> Int? {
        var rest = text.lowercased().filter { $0 != " " }[...]
        if ["none", "unlimited", "0"].contains(rest) { return nil }
        if rest.hasSuffix("/s") { rest = rest.dropLast(2) }
        if rest.hasSuffix("b") { rest = rest.dropLast() }
        var factor = 1.0
        for (suffix, value) in [
            ("ki", 1024.0), ("mi", 1_048_576), ("gi", 1_073_741_824), ("k", 1000), ("m", 1_000_000), ("g", 1e9),
        ] where rest.hasSuffix(suffix) {
            factor = value
            rest = rest.dropLast(suffix.count)
            break
        }
        guard let number = Double(rest), number.isFinite, number > 0, number * factor >= 1, number * factor < 1e15
        else {
            throw RateError(text: text)
        }
        return Int(number * factor)
    }

    /// The proxy to reach an origin through, unless `noProxy` says otherwise; empty for none.
    func proxy(for origin: Origin) -> String { (origin.scheme == "https" ? httpsProxy : httpProxy) ?? "" }

    /// The size of the pieces that a file is fetched in.
    func chunkBytes(forSize size: Int?) -> Int {
        chunkBytes ?? ((size ?? 0) > 1 << 30 ? 16 << 20 : 8 << 20)
    }
}

extension TransferConfiguration {
    /// The proxy that an origin is reached through, as an error may show it; nil for none.
    func proxyShown(for origin: Origin) -> String? {
        let proxy = proxy(for: origin)
        guard !proxy.isEmpty else { return nil }
        let direct = noProxy.split { $0 == "," || $0 == " " }.contains { name in
            let suffix = name.lowercased().drop { $0 == "." }
            return name == "*" || origin.host == suffix || origin.host.hasSuffix("." + suffix)
        }
        guard !direct else { return nil }
        let scheme = proxy.range(of: "://").map { String(proxy[..<$0.upperBound]) } ?? ""
        return scheme + (proxy.dropFirst(scheme.count).split(separator: "@").last ?? "")
    }
}
