import ArgumentParser
import Foundation
import SelfTest

/// A running service: where it listens, and the key it wants.
struct ServiceAddress: ParsableArguments {
    @Option(help: "The service's address; by default http:// with SVC_HOST, or 127.0.0.1, and SVC_PORT, or 8080.")
    var url: String?

    @Option(help: "The key that the service wants. (API_KEY, SVC_API_KEYS_FILE)")
    var apiKey: String?

    @Option(help: "Seconds to wait for the answer.")
    var timeout = 5.0

    func validate() throws {
        guard (0.1...3600).contains(timeout) else {
            throw ValidationError("--timeout must be seconds from 0.1 to 3600")
        }
    }

    func client() async throws -> ServiceClient {
        let settings = try await Settings(file: nil)
        return ServiceClient(baseURL: try address(settings), apiKey: try key(settings), timeoutSeconds: timeout)
    }

    private func address(_ settings: Settings) throws -> String {
        if let url { return url }
        let port = try settings.integer(nil, "SVC_PORT", nil, in: 1...65535, default: 8080)
        var host = settings.string(nil, "SVC_HOST", nil) ?? "127.0.0.1"
        // Where a service listens on all addresses, it can be reached on the loopback one.
        if host == "0.0.0.0" { host = "127.0.0.1" }
        if host == "::" { host = "::1" }
        return "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }

    /// The key given, or the first of the file: any of them opens the service.
    private func key(_ settings: Settings) throws -> String? {
        if let key = settings.string(apiKey, "API_KEY", nil) { return key }
        guard let path = settings.string(nil, "SVC_API_KEYS_FILE", nil) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(.usage, type: "usage", "SVC_API_KEYS_FILE: \(path) cannot be read")
        }
        return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }.first { !$0.isEmpty && !$0.hasPrefix("#") }
    }
}
