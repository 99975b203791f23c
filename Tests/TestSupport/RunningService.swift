internal import Foundation
package import SelfTest
internal import Synchronization

/// A real `svc serve` on a free port of the loopback interface, for as long as a test needs it.
///
/// `@unchecked Sendable`: the process is only started, asked for its id and waited for.
package final class RunningService: @unchecked Sendable {
    private let process = Process()
    private let log: URL
    /// A client of it.
    package let client: ServiceClient

    /// The process id.
    package var pid: Int32 { process.processIdentifier }

    /// The address.
    package var url: String { client.baseURL }

    /// What it logged so far.
    package var logText: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// Starts a service and waits until it listens.
    ///
    /// - Throws: an error with the service's log if it ends before.
    package init(_ arguments: [String] = [], environment: [String: String] = [:]) async throws {
        log = FileManager.default.temporaryDirectory.appendingPathComponent("svc-log-\(UUID().uuidString)")
        try Data().write(to: log)
        process.executableURL = Programs.svc
        process.arguments = ["serve", "--port", "0"] + arguments
        process.environment = Programs.environment(environment)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        Children.add(process.processIdentifier)
        client = ServiceClient(baseURL: try await Self.address(process, log), timeoutSeconds: 120)
    }

    private static func address(_ process: Process, _ log: URL) async throws -> String {
        let deadline = ContinuousClock.now + .seconds(60)
        while process.isRunning, ContinuousClock.now < deadline {
            let text = try String(contentsOf: log, encoding: .utf8)
            if let range = text.range(of: #"http://[^" ]+"#, options: .regularExpression) { return String(text[range]) }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw NotListening(log: try String(contentsOf: log, encoding: .utf8))
    }

    private struct NotListening: Error, CustomStringConvertible {
        var log: String
        var description: String { "the service does not listen; its log:\n\(log)" }
    }

    /// Waits until every model asked for is ready, or one has failed.
    package func waitUntilSettled() async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
            let text = try await client.request("GET", "/health").text
            if !text.contains(#""status":"loading""#), !text.contains(#""status":"starting""#) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw NotListening(log: logText)
    }

    /// Asks it to stop and waits until it has.
    @discardableResult package func stop(signal: Int32 = SIGTERM) async -> Int32 {
        if process.isRunning { kill(process.processIdentifier, signal) }
        await withCheckedContinuation { continuation in
            let thread = Thread { [process] in
                process.waitUntilExit()
                continuation.resume()
            }
            thread.start()
        }
        Children.remove(process.processIdentifier)
        try? FileManager.default.removeItem(at: log)
        return process.terminationStatus
    }

    /// Whether it runs.
    package var isRunning: Bool { process.isRunning }

    /// Starts a service, waits until its models are settled, and stops it when `body` is done.
    package static func with<Result>(
        _ arguments: [String] = [], environment: [String: String] = [:], _ body: (RunningService) async throws -> Result
    ) async throws -> Result {
        let service = try await RunningService(arguments, environment: environment)
        do {
            try await service.waitUntilSettled()
            let result = try await body(service)
            await service.stop()
            return result
        } catch {
            await service.stop()
            throw error
        }
    }

    /// One service with the default models that many tests share; it ends with the test process.
    package static func shared() async throws -> RunningService { try await Shared.service.value }

    private enum Shared {
        static let service = Task {
            let service = try await RunningService(["--models", "firefox-en-pt,firefox-pt-en,lid-176"])
            try await service.waitUntilSettled()
            return service
        }
    }
}
