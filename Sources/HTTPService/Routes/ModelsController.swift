internal import Engine
internal import Foundation
internal import Hummingbird
internal import ModelHub

/// GET /models and what can be done with one.
struct ModelsController: Sendable {
    let engine: Engine

    private struct Model: Encodable {
        struct Languages: Encodable {
            var source: [String]
            var target: [String]
        }

        struct Loading: Encodable {
            var stage: String
            var progress: Double?
            var completedBytes: Int?
            var totalBytes: Int?
            var seconds: Double
        }

        struct Failure: Encodable {
            var stage: String
            var reason: String
            var action: String
        }

        struct File: Encodable {
            var role: String
            var path: String
            var sha256: String?
            var sizeBytes: Int?
        }

        struct Limits: Encodable {
            var maximumCharacters: Int
            var maximumTexts: Int
        }

        struct Check: Encodable {
            var time: Date
            var healthy: Bool
            var problems: [String]
        }

        struct Usage: Encodable {
            var requests: Int
            var lastUsed: Date?
        }

        var name: String
        var status: String
        var since: Date
        var installed: Bool
        var task: String
        var family: String
        var format: String
        var summary: String
        var parameters: Int
        var languages: Languages
        var sizeBytes: Int
        var memoryBytes: Int
        var revision: String
        var source: String
        var licence: String
        var loading: Loading?
        var loadSeconds: Double?
        var error: Failure?
        /// The model that answers in its place.
        var standIn: String?
        // Only in the answer about one model:
        var files: [File]?
        var limits: Limits?
        var usage: Usage?
        var lastCheck: Check?

        init(_ status: ModelStatus) {
            let descriptor = status.descriptor
            name = descriptor.name
            self.status = status.state.rawValue
            since = status.since
            installed = status.isInstalled
            task = descriptor.task.rawValue
            family = descriptor.family
            format = descriptor.format
            summary = descriptor.summary
            parameters = descriptor.parameters
            languages = Languages(source: descriptor.sourceLanguages, target: descriptor.targetLanguages)
            sizeBytes = descriptor.sizeBytes
            memoryBytes = status.memoryBytes
            revision = status.revision ?? descriptor.revision
            source = descriptor.source
            licence = descriptor.licence
            if status.state.isUnderWay {
                loading = Loading(
                    stage: status.state.rawValue, progress: status.progress?.fraction.map { rounded($0, 4) },
                    completedBytes: status.progress?.completedBytes, totalBytes: status.progress?.totalBytes,
                    seconds: rounded(Date.now.timeIntervalSince(status.since), 2))
            }
            loadSeconds = status.loadSeconds.map { rounded($0, 3) }
            standIn = status.standIn
            error = status.failure.map { Failure(stage: $0.stage.rawValue, reason: $0.reason, action: $0.action) }
        }

        func withDetails(_ status: ModelStatus, _ configuration: ServiceConfiguration) -> Model {
            var model = self
            switch status.descriptor.origin {
            case .catalog(let entry):
                model.files = entry.files.map {
                    File(role: $0.role, path: $0.path, sha256: $0.sha256, sizeBytes: $0.sizeBytes)
                }
            case .local(_, let files):
                model.files = files.sorted { $0.key < $1.key }.map {
                    File(role: $0.key, path: URL(fileURLWithPath: $0.value).lastPathComponent)
                }
            }
            model.limits = Limits(
                maximumCharacters: configuration.maximumCharacters, maximumTexts: configuration.maximumTexts)
            model.usage = Usage(requests: status.requests, lastUsed: status.lastUsed)
            model.lastCheck = status.lastCheck.map {
                Check(time: $0.time, healthy: $0.problems.isEmpty, problems: $0.problems)
            }
            return model
        }
    }

    let configuration: ServiceConfiguration

    func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let models = await engine.statuses().map(Model.init)
        return JSONResponse.make(Dictionary(models.map { ($0.name, $0) }) { first, _ in first })
    }

    func show(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let status = try await engine.status(try Self.name(context))
        return JSONResponse.make(Model(status).withDetails(status, configuration))
    }

    /// 202 and where to look, or with `?wait=seconds` the outcome.
    func load(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let name = try Self.name(context)
        let seconds = try Self.wait(request)
        let status = try await engine.load(name, waitSeconds: seconds ?? 0)
        if seconds != nil, let failure = status.failure {
            throw EngineError.failed(model: name, failure)
        }
        return answer(status)
    }

    func unload(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let name = try Self.name(context)
        guard let seconds = try Self.wait(request) else {
            let status = try await engine.status(name)
            guard status.state == .ready || status.state == .failed else {
                throw EngineError.conflict(model: name, state: status.state, wanted: "be unloaded")
            }
            let engine = engine
            // Goes on after the answer; how it ends is in /models/{name}.
            Task { try await engine.unload(name) }
            return answer(status, accepted: true)
        }
        return answer(try await engine.unload(name, waitSeconds: seconds))
    }

    private func answer(_ status: ModelStatus, accepted: Bool = false) -> Response {
        let isPending = accepted || status.state.isUnderWay || status.state == .unloading
        var response = JSONResponse.make(Model(status), status: isPending ? .accepted : .ok)
        if isPending { response.headers[.location] = "/models/\(status.descriptor.name)" }
        return response
    }

    static func name(_ context: ServiceRequestContext) throws -> String {
        guard let name = context.parameters.get("name") else { throw APIError(.notFound, "no model is named") }
        return name
    }

    static func wait(_ request: Request) throws -> Double? {
        guard let text = request.uri.queryParameters["wait"] else { return nil }
        guard let seconds = Double(String(text)), (0...3600).contains(seconds) else {
            throw APIError(.badRequest, "wait must be seconds from 0 to 3600", param: "wait", code: "invalid_value")
        }
        return seconds
    }
}
