internal import Engine
internal import Foundation
internal import Hummingbird
internal import ModelHub

/// GET /usage, what was used, and GET /usage/recommendations, what that suggests.
struct UsageController: Sendable {
    let engine: Engine

    private struct Recommendations: Encodable {
        var recommendations: [UsageRecommendation]
    }

    /// The days that a report is about, unless told otherwise.
    private static let days = 30

    func report(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let store = try store()
        let parameters = request.uri.queryParameters
        var days = Self.days
        if let text = parameters["days"] {
            guard let number = Int(text), (1...10_000).contains(number) else {
                throw APIError.invalidValue("days", "a whole number from 1 to 10000")
            }
            days = number
        }
        var grouping = UsageQuery.Grouping.day
        if let text = parameters["by"] {
            guard let wanted = UsageQuery.Grouping(rawValue: String(text)) else {
                throw APIError.invalidValue("by", "day, model or pair")
            }
            grouping = wanted
        }
        let model = parameters["model"].map(String.init)
        if model == "" { throw APIError.invalidValue("model", "the name of a model") }
        let report = try await store.report(UsageQuery(days: days, model: model, groupBy: grouping))
        return JSONResponse.make(report)
    }

    func recommendations(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let store = try store()
        let installed = await engine.statuses().filter(\.isInstalled)
        // A model that answers in another's place is wanted, however rarely that happens.
        var standIns = Set(engine.configuration.standIns.values.joined())
        for case .catalog(let entry) in installed.map(\.descriptor.origin) { standIns.formUnion(entry.standIns) }
        let models = installed.compactMap { summary($0, standIns) }
        return JSONResponse.make(Recommendations(recommendations: try await store.recommendations(models)))
    }

    private func summary(_ status: ModelStatus, _ standIns: Set<String>) -> InstalledSummary? {
        guard case .catalog(let entry) = status.descriptor.origin else { return nil }
        // Where the store cannot be read nothing is known of its versions, and then nothing is suggested to be removed.
        let versions = try? engine.hub.versions(of: entry)
        let active = versions?.versions.first { $0.state == .active }
        return InstalledSummary(
            name: entry.name, sizeBytes: active?.sizeBytes ?? status.descriptor.sizeBytes,
            isPreloaded: status.isRequired,
            isRequired: versions == nil || versions?.pinned != nil || standIns.contains(entry.name),
            loadSeconds: status.loadSeconds, installedAt: active?.installedAt)
    }

    private func store() throws -> UsageStore {
        guard let store = engine.usage else {
            throw APIError(.notFound, "no history of use is kept: the service runs with --usage off", code: "usage_off")
        }
        return store
    }
}
