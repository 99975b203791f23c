import ArgumentParser
import Foundation
import SelfTest

/// `svc health`
struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a running service how it is; exit code 0 if it serves.")

    @OptionGroup var output: OutputOptions

    @Option(help: "The service's address; by default http://127.0.0.1 and SVC_PORT or 8080.")
    var url: String?

    @Option(help: "Seconds to wait for the answer.")
    var timeout = 5.0

    @Flag(help: "Ask whether it is ready rather than whether it serves.")
    var ready = false

    private struct Answer: Encodable {
        var url: String
        var httpStatus: Int
        var status: String
    }

    private struct Body: Decodable {
        var status: String?
    }

    func validate() throws {
        guard (0.1...3600).contains(timeout) else {
            throw ValidationError("--timeout must be seconds from 0.1 to 3600")
        }
    }

    func run() async throws {
        let port = ProcessInfo.processInfo.environment["SVC_PORT"].flatMap { $0.isEmpty ? nil : $0 } ?? "8080"
        let address = url ?? "http://127.0.0.1:\(port)"
        let client = ServiceClient(baseURL: address, timeoutSeconds: timeout)
        let answer = try await client.request("GET", ready ? "/health/ready" : "/health")
        let status =
            (try? JSONDecoder().decode(Body.self, from: Data(answer.body)))?.status ?? (ready ? "not ready" : "unknown")
        guard answer.status == 200 else {
            throw CommandFailure(.failed, type: "unhealthy", "\(address) is \(status) (HTTP \(answer.status))")
        }
        try Output.succeed("health", Answer(url: address, httpStatus: answer.status, status: status), json: output.json)
        { status }
    }
}
