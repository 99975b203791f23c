internal import Engine
internal import Foundation
internal import Hummingbird
internal import ModelHub
internal import NIOCore
internal import Tokenizers

/// POST /models/{name}/pull, and the queue of downloads that it makes use of.
struct DownloadsController: Sendable {
    let engine: Engine
    let configuration: ServiceConfiguration
    let monitor: DisconnectMonitor

    private struct Download: Encodable {
        struct File: Encodable {
            var path: String
            var state: String
            var completedBytes: Int
            var totalBytes: Int?
            var reason: String?
        }

        struct Failure: Encodable {
            var category: String
            var message: String
        }

        var id: String
        var model: String
        var revision: String?
        var purpose: String
        var priority: String
        var state: String
        var phase: String?
        var completedBytes: Int
        var totalBytes: Int?
        var bytesPerSecond: Double
        var secondsLeft: Double?
        var file: String?
        var files: [File]
        var queuedAt: Date
        var startedAt: Date?
        var endedAt: Date?
        var error: Failure?

        init(_ status: DownloadStatus) {
            (id, model, revision) = (status.id, status.model, status.revision)
            (purpose, priority) = (status.purpose.rawValue, status.priority.rawValue)
            (state, phase) = (status.state.rawValue, status.phase?.rawValue)
            (completedBytes, totalBytes) = (status.completedBytes, status.totalBytes)
            bytesPerSecond = status.bytesPerSecond.rounded()
            secondsLeft = status.secondsLeft.map { rounded($0, 1) }
            file = status.file
            files = status.files.map {
                File(
                    path: $0.path, state: $0.state.rawValue, completedBytes: $0.completedBytes,
                    totalBytes: $0.totalBytes, reason: $0.reason)
            }
            (queuedAt, startedAt, endedAt) = (status.queuedAt, status.startedAt, status.endedAt)
            error = status.failure.map { Failure(category: $0.category.name, message: $0.message) }
        }
    }

    private struct Queue: Encodable {
        var downloads: [Download]
        var bytesPerSecond: Double
    }

    private struct Limit: Encodable {
        enum CodingKeys: String, CodingKey { case bytesPerSecond }

        var bytesPerSecond: Int?

        // That there is no limit is said.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(bytesPerSecond, forKey: .bytesPerSecond)
        }
    }

    private struct Versions: Encodable {
        struct Version: Encodable {
            var revision: String
            var state: String
            var installedAt: Date?
            var sizeBytes: Int
            var reason: String?
        }

        var model: String
        var active: String?
        var pinned: String?
        var versions: [Version]
    }

    /// How long the answer waits for a model that is here already to be found whole.
    private static let secondsForPresent = 1.0

    // MARK: Pulling

    /// 202 and where to look, or 200 where the model is here by the time of the answer: at once where it was here
    /// before, within `?wait=seconds` where that is given.
    func pull(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let entry = try await entry(context)
        let wait = try ModelsController.wait(request)
        let body = try await body(request)
        let revision = try body.string("revision")
        if let revision, revision.isEmpty || revision.utf8.count > 200 {
            throw APIError.invalidValue("revision", "a commit, a branch, a tag or a version")
        }
        let priority = try Self.priority(body)
        let repairs = try body.bool("repair") ?? false
        guard engine.configuration.downloads else {
            throw APIError(
                .conflict, "downloads are switched off: start the service without --downloads off, or run `svc pull`",
                code: "downloads_off")
        }
        let isHere = try !repairs && engine.hub.installed(entry, revision: revision) != nil
        var status = await engine.downloads.enqueue(
            entry, revision: revision, purpose: repairs ? .repair : .pull, priority: priority, rehash: repairs)
        if let seconds = wait ?? (isHere ? Self.secondsForPresent : nil) {
            await waitForEnd(of: status.id, seconds: seconds, on: context.channel)
            status = try await engine.downloads.status(status.id)
        }
        if wait != nil, status.state == .failed, let failure = status.failure { throw Self.error(failure) }
        var response = JSONResponse.make(Download(status), status: status.state == .completed ? .ok : .accepted)
        response.headers[.location] = "/downloads/\(status.id)"
        return response
    }

    private static func priority(_ body: RequestParameters) throws -> DownloadStatus.Priority {
        guard let text = try body.string("priority") else { return .normal }
        guard let priority = DownloadStatus.Priority(rawValue: text) else {
            throw APIError.invalidValue("priority", "low, normal or high")
        }
        return priority
    }

    /// Returns when the job has ended, when the time is over, or when nobody waits for the answer any more. The job goes
    /// on in any case.
    private func waitForEnd(of id: String, seconds: Double, on channel: any Channel) async {
        let task = Task { [downloads = engine.downloads] in try await downloads.result(id) }
        // The connection's timers are gone when they are cancelled; a `Task.sleep` keeps its memory until its time.
        let timer = channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) { task.cancel() }
        let watcher = monitor.watch(channel) { task.cancel() }
        defer {
            timer.cancel()
            monitor.unwatch(channel, watcher)
        }
        // How it ended is in its status.
        _ = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
    }

    private static func error(_ failure: DownloadStatus.Failure) -> APIError {
        switch failure.category {
        case .notFound: APIError(.notFound, failure.message, code: "source_not_found")
        case .network:
            APIError(.serviceUnavailable, failure.message, code: "model_download_failed", retryAfterSeconds: 30)
        case .permission:
            APIError(.serviceUnavailable, failure.message, code: "model_not_permitted", retryAfterSeconds: 30)
        case .integrity: APIError(.serviceUnavailable, failure.message, code: "model_damaged", retryAfterSeconds: 30)
        case .other: APIError(.serviceUnavailable, failure.message, code: "model_failed", retryAfterSeconds: 30)
        }
    }

    // MARK: The queue

    func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        JSONResponse.make(
            Queue(
                downloads: await engine.downloads.statuses().map(Download.init),
                bytesPerSecond: engine.hub.transfers.bytesPerSecond.rounded()))
    }

    func show(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        try await answer(context) { try await $0.status($1) }
    }

    func pause(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        try await answer(context) { try await $0.pause($1) }
    }

    func resume(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        try await answer(context) { try await $0.resume($1) }
    }

    func cancel(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        try await answer(context) { try await $0.cancel($1) }
    }

    private func answer(
        _ context: ServiceRequestContext, _ act: (DownloadManager, String) async throws -> DownloadStatus
    ) async throws -> Response {
        do {
            return JSONResponse.make(Download(try await act(engine.downloads, context.parameters.get("id") ?? "")))
        } catch let error as DownloadError {
            throw switch error {
            case .unknown: APIError(.notFound, "\(error)", param: "id", code: "download_not_found")
            case .conflict, .cancelled: APIError(.conflict, "\(error)", code: "conflict")
            }
        }
    }

    // MARK: The rate

    func limit(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        JSONResponse.make(Limit(bytesPerSecond: engine.hub.transfers.bandwidthLimit))
    }

    func setLimit(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let body = try await RequestParameters.read(request, maximumBytes: configuration.maximumBodyBytes)
        // Null is a value here: no limit.
        guard body.dictionary["bytes_per_second"] != nil else { throw APIError.missing("bytes_per_second") }
        engine.hub.transfers.setBandwidthLimit(try body.integer("bytes_per_second", in: 1...(1 << 50)))
        return try await limit(request, context)
    }

    // MARK: Versions

    func versions(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let entry = try await entry(context)
        let versions = try engine.hub.versions(of: entry)
        return JSONResponse.make(
            Versions(
                model: entry.name, active: versions.active, pinned: versions.pinned,
                versions: versions.versions.map {
                    Versions.Version(
                        revision: $0.revision, state: $0.state.rawValue, installedAt: $0.installedAt,
                        sizeBytes: $0.sizeBytes, reason: $0.reason)
                }))
    }

    // MARK: What is asked for

    private func entry(_ context: ServiceRequestContext) async throws -> CatalogEntry {
        let name = try ModelsController.name(context)
        switch try await engine.status(name).descriptor.origin {
        case .catalog(let entry): return entry
        case .local:
            throw APIError(
                .unprocessableContent, "\(name) is a file of this machine: it has no source and no versions",
                code: "no_revisions")
        }
    }

    /// The body, where there is one.
    private func body(_ request: Request) async throws -> RequestParameters {
        let hasBody = request.headers[.transferEncoding] != nil || (request.headers[.contentLength] ?? "0") != "0"
        guard hasBody else { return RequestParameters(TemplateDictionary()) }
        return try await RequestParameters.read(request, maximumBytes: configuration.maximumBodyBytes)
    }
}
