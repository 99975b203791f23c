import Foundation
import SelfTest

/// A `svc serve` of our own, for what only a service shows: many models in one process, and their memory.
struct BenchService: Sendable {
    private let manager: ServiceManager
    private let program: OwnProgram

    init(_ program: OwnProgram) {
        self.program = program
        manager = ServiceManager(program: program.path)
    }

    private struct Model: Decodable {
        struct Failure: Decodable { var reason: String }
        var status: String
        var error: Failure?
    }

    /// Starts a service, waits until all of its models are ready, lets `body` look at it, and stops it.
    ///
    /// - Parameter body: gets the service, and the seconds from before its start until its models were ready.
    /// - Throws: `OwnProgram.Failure`, and what `body` throws.
    func with<Value: Sendable>(
        _ models: [String], threads: Int, _ body: (ManagedService, Double) async throws -> Value
    ) async throws -> Value {
        let started = ContinuousClock.now
        let service: ManagedService
        do {
            service = try await manager.start(
                ["--threads", "\(threads)"], environment: program.changes, models: models,
                timeoutSeconds: program.limitSeconds)
        } catch {
            throw failure(models, "\(error)")
        }
        do {
            try await wait(for: models, service, since: started)
            let value = try await body(service, (.now - started) / .seconds(1))
            await service.stop()
            return value
        } catch {
            await service.stop()
            throw error
        }
    }

    private func wait(
        for models: [String], _ service: ManagedService, since started: ContinuousClock.Instant
    ) async throws {
        while !models.isEmpty {
            let answer = try await service.client.request("GET", "/models")
            let known = try JSONDecoder().decode([String: Model].self, from: Data(answer.body))
            if let (name, model) = known.first(where: { $0.value.status == "failed" }) {
                throw failure(models, "\(name): \(model.error?.reason ?? "failed")")
            }
            if known.values.count(where: { $0.status == "ready" }) >= models.count { return }
            guard (.now - started) / .seconds(1) < program.limitSeconds else {
                throw failure(models, "not ready after \(String(format: "%g", program.limitSeconds)) s")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Posts a question.
    ///
    /// - Throws: `OwnProgram.Failure` where the answer is not 200.
    func ask(_ service: ManagedService, _ path: String, json: String) async throws {
        let answer = try await service.client.post(path, json: json)
        guard answer.status == 200 else {
            throw failure(service.models, "POST \(path): HTTP \(answer.status): \(answer.text.prefix(200))")
        }
    }

    private func failure(_ models: [String], _ reason: String) -> OwnProgram.Failure {
        .failed(command: "svc serve --models \(models.joined(separator: ","))", reason: reason)
    }
}
