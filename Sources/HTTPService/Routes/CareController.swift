internal import Engine
internal import Foundation
internal import Hummingbird

/// What can be done about a model's files and revisions: checks, updates, the way back, pins.
struct CareController: Sendable {
    let engine: Engine
    let configuration: ServiceConfiguration

    private struct Check: Encodable {
        var model: String
        var healthy: Bool
        var checkedAt: Date
        var bytes: Int
        var seconds: Double
        var asked: Bool
        var problems: [String]
    }

    private struct Update: Encodable {
        var model: String
        var from: String?
        var to: String
        var changed: Bool

        init(_ report: UpdateReport) {
            (model, from, to, changed) = (report.model, report.from, report.to, report.isChanged)
        }
    }

    private struct Pin: Encodable {
        var model: String
        var pinned: String?
    }

    /// POST /models/{name}/check: hashes the files, looks whether they make a model, asks it a question.
    func check(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let report = try await engine.check(try ModelsController.name(context))
        return JSONResponse.make(
            Check(
                model: report.model, healthy: report.problems.isEmpty, checkedAt: report.time, bytes: report.bytes,
                seconds: rounded(report.seconds, 3), asked: report.wasAsked, problems: report.problems))
    }

    /// POST /models/{name}/update, with `revision` in the body for another than the newest.
    func update(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let revision = try await revision(request)
        return JSONResponse.make(
            Update(try await engine.update(try ModelsController.name(context), to: revision)))
    }

    /// POST /models/{name}/rollback
    func rollBack(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        JSONResponse.make(Update(try await engine.rollBack(try ModelsController.name(context))))
    }

    /// PUT /models/{name}/pin, with `revision` in the body; DELETE releases it.
    func pin(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        guard let revision = try await revision(request) else {
            throw APIError(
                .badRequest, "revision is missing: the revision to hold the model at", param: "revision",
                code: "missing_parameter")
        }
        return try await pin(at: revision, context)
    }

    func release(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        try await pin(at: nil, context)
    }

    private func pin(at revision: String?, _ context: ServiceRequestContext) async throws -> Response {
        let name = try ModelsController.name(context)
        try await engine.pin(name, at: revision)
        return JSONResponse.make(Pin(model: name, pinned: revision))
    }

    private func revision(_ request: Request) async throws -> String? {
        guard request.headers[.contentLength] != "0", request.headers[.contentType] != nil else { return nil }
        return try await RequestParameters.read(request, maximumBytes: configuration.maximumBodyBytes)
            .string("revision")
    }
}
