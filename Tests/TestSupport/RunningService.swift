internal import Foundation
package import SelfTest
internal import SystemPackage

/// A real `svc serve` on a free port of the loopback interface, for as long as a test needs it.
package final class RunningService: Sendable {
    private let process: ChildProcess
    private let log: URL
    /// A client of it.
    package let client: ServiceClient

    /// The process id.
    package var pid: Int32 { process.pid }

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
        let descriptor = try FileDescriptor.open(log.path, .writeOnly)
        defer { try? descriptor.close() }
        process = try await ChildProcess(
            Programs.svc.path, ["serve", "--port", "0"] + arguments, environment: Programs.environment(environment),
            error: descriptor)
        Children.add(process.pid)
        client = ServiceClient(baseURL: try await Self.address(process, log), timeoutSeconds: 120)
    }

    private static func address(_ process: ChildProcess, _ log: URL) async throws -> String {
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            // Asked before the log is read: what it wrote last counts, however long this task had to wait for its turn.
            let isOver = !process.isRunning || ContinuousClock.now > deadline
            let text = try String(contentsOf: log, encoding: .utf8)
            if let range = text.range(of: #"http://[^" ]+"#, options: .regularExpression) { return String(text[range]) }
            if isOver {
                process.send(SIGKILL)
                throw NotListening(log: text)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private struct NotListening: Error, CustomStringConvertible {
        var log: String
        var description: String { "the service does not listen; its log:\n\(log)" }
    }

    /// Waits until every model asked for is ready, or one has failed.
    package func waitUntilSettled() async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            let isOver = ContinuousClock.now > deadline
            let text = try await client.request("GET", "/health").text
            if !text.contains(#""status":"loading""#), !text.contains(#""status":"starting""#) { return }
            if isOver { throw NotListening(log: logText) }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Asks it to stop and waits until it has.
    @discardableResult package func stop(signal: Int32 = SIGTERM) async -> Int32 {
        process.send(signal)
        let code = await process.end()
        Children.remove(process.pid)
        try? FileManager.default.removeItem(at: log)
        return code
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
