internal import Foundation
internal import Synchronization
internal import SystemPackage

/// Starts services of the program under test and stops those, and only those.
package final class ServiceManager: Sendable {
    private let program: String
    private let keptLogs: String?
    private let services = Mutex<[ManagedService]>([])
    private let last = Mutex<ManagedService?>(nil)
    /// Numbers the logs that are kept, over all managers of this process.
    private static let number = Mutex(0)

    /// A manager of services of a program.
    ///
    /// - Parameter keptLogs: a directory, which exists, where their logs stay.
    package init(program: String, keptLogs: String? = nil) { (self.program, self.keptLogs) = (program, keptLogs) }

    /// The services that were started and not stopped.
    package var running: [ManagedService] { services.withLock { $0 } }

    /// Starts a service on a free port of the loopback interface and waits until it listens.
    ///
    /// - Throws: `CaseFailure` with its log if it ends before, or does not listen within `timeoutSeconds`.
    package func start(
        _ arguments: [String] = [], environment: [String: String] = [:], models: [String] = [],
        timeoutSeconds: Double = 60
    ) async throws -> ManagedService {
        let directory = try TemporaryDirectory("service")
        let child: ChildProcess
        do {
            let output = try directory.create("log")
            defer { try? output.close() }
            // The port is chosen by the system and read from the log: a port that were looked for here could be
            // somebody else's by the time that the service opens it.
            child = try await ChildRegistry.shared.start(
                program, Self.command(arguments, models), environment: IsolatedEnvironment.variables(environment),
                error: output)
        } catch {
            directory.remove()
            throw error
        }
        let log = ServiceLog(directory, kept: keptLogs.map { Self.logPath($0, models) })
        let address: String
        do {
            address = try await Self.address(child, log, timeoutSeconds)
        } catch {
            await child.stop(graceSeconds: 5)
            ChildRegistry.shared.remove(child)
            log.close()
            throw error
        }
        let client = ServiceClient(baseURL: address, apiKey: Self.key(arguments, environment))
        let service = ManagedService(client: client, models: models, child: child, log: log) { [weak self] stopped in
            self?.services.withLock { $0.removeAll { $0 === stopped } }
        }
        services.withLock { $0.append(service) }
        last.withLock { $0 = service }
        return service
    }

    /// The service that was started last, which may have been stopped since.
    package var latest: ManagedService? { last.withLock { $0 } }

    /// Stops all services that are still there. Returns how many those were.
    @discardableResult package func stopAll(graceSeconds: Double = 30) async -> Int {
        let left = running
        for service in left { await service.stop(graceSeconds: graceSeconds) }
        return left.count
    }

    private static func command(_ arguments: [String], _ models: [String]) -> [String] {
        ["serve", "--port", "0"] + (models.isEmpty ? [] : ["--models", models.joined(separator: ",")]) + arguments
    }

    /// The key that a service was given, so that its client may speak with it.
    private static func key(_ arguments: [String], _ environment: [String: String]) -> String? {
        if let flag = arguments.firstIndex(of: "--api-key"), flag + 1 < arguments.count { return arguments[flag + 1] }
        return environment["API_KEY"]
    }

    private static func logPath(_ directory: String, _ models: [String]) -> String {
        let count = number.withLock { number in
            number += 1
            return number
        }
        let name = models.count == 1 ? models[0].replacingOccurrences(of: "/", with: "_") : "\(models.count)-models"
        return "\(directory)/\(String(format: "%03d", count))-\(name).log"
    }

    private static func address(_ child: ChildProcess, _ log: ServiceLog, _ limit: Double) async throws -> String {
        let begun = ContinuousClock.now
        while true {
            // Asked before the log is read: what it wrote last counts, however long this task waited for its turn.
            let (isRunning, seconds) = (child.isRunning, begun.secondsUntilNow)
            let text = log.text
            for line in text.split(separator: "\n") where line.contains("listening") {
                if let range = line.range(of: #"http://[^" ]+"#, options: .regularExpression) {
                    return String(line[range])
                }
            }
            guard isRunning else {
                throw CaseFailure(
                    "svc serve: expected it to listen, found that it ended with code \(await child.end())",
                    evidence: text.split(separator: "\n").suffix(40).map(String.init))
            }
            guard seconds < limit else {
                throw CaseFailure(
                    "svc serve: expected it to listen within \(Int(limit)) s, found no address in its log",
                    evidence: text.split(separator: "\n").suffix(40).map(String.init))
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
