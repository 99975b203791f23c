internal import Foundation

/// Which models a run is about.
package struct PortfolioFilter: Sendable, Equatable {
    /// Names; all where empty.
    package var names: [String] = []
    /// Tasks; all where empty.
    package var tasks: Set<ModelTask> = []
    /// The largest size on disk.
    package var maximumBytes: Int?

    /// All models.
    package init() {}

    /// Whether it leaves anything out.
    package var isActive: Bool { !names.isEmpty || !tasks.isEmpty || maximumBytes != nil }

    /// Whether a model passes.
    package func accepts(_ model: PortfolioModel) -> Bool {
        (names.isEmpty || names.contains(model.name)) && (tasks.isEmpty || tasks.contains(model.task))
            && (maximumBytes.map { model.sizeBytes <= $0 } ?? true)
    }
}

/// Reads which models there are from those who know: the program's own list, or the service.
package struct PortfolioReader: Sendable {
    private let budget: MemoryBudget
    private let filter: PortfolioFilter

    /// A reader.
    package init(budget: MemoryBudget, filter: PortfolioFilter = PortfolioFilter()) {
        (self.budget, self.filter) = (budget, filter)
    }

    /// The installed models, by `svc list --json`; those over the budget are gated. The filter is checked and not applied.
    ///
    /// - Throws: `SelfTestError`.
    package func read(_ program: ProgramUnderTest) async throws -> (portfolio: Portfolio, sources: [String]) {
        let outcome = try await program.run(["list", "--json"], timeoutSeconds: 60)
        guard outcome.code == 0, let list = try? Self.decoder.decode(List.self, from: Data(outcome.output)) else {
            throw SelfTestError.noPortfolio(
                "svc list --json ended with code \(outcome.code): \(outcome.errorText.prefix(400))")
        }
        let listed = list.data.models
        for name in filter.names {
            guard let entry = listed.first(where: { $0.name == name }) else {
                throw SelfTestError.unknownModel(name, known: listed.map(\.name))
            }
            guard entry.installed ?? false else {
                throw SelfTestError.absentModel(
                    name, remedy: "it is not on this machine; get it with `svc pull \(name)`")
            }
        }
        let installed = listed.filter { $0.installed ?? false }
        return (portfolio(installed.compactMap(\.model)), installed.compactMap(\.source))
    }

    /// The models that are ready on a running service, by GET /models.
    ///
    /// - Throws: `SelfTestError`, `ServiceClient.Failure`.
    package func read(_ service: ServiceClient) async throws -> Portfolio {
        let answer = try await service.request("GET", "/models")
        guard answer.status != 401, answer.status != 403 else {
            throw SelfTestError.refused(service.baseURL, status: answer.status)
        }
        guard answer.status == 200, let models = try? Self.decoder.decode([String: Entry].self, from: Data(answer.body))
        else {
            throw SelfTestError.noPortfolio(
                "GET \(service.baseURL)/models answers \(answer.status): \(answer.text.prefix(400))")
        }
        for name in filter.names where models[name]?.status != "ready" {
            guard let entry = models[name] else {
                throw SelfTestError.unknownModel(name, known: models.keys.sorted())
            }
            throw SelfTestError.absentModel(
                name,
                remedy: "it is \(entry.status ?? "unknown") on \(service.baseURL); only ready models are tested there")
        }
        // What a service that is not ours has not loaded stays so: no budget but its own matters.
        return Portfolio(
            models: Self.sorted(models.values.filter { $0.status == "ready" }.compactMap(\.model)))
    }

    private func portfolio(_ models: [PortfolioModel]) -> Portfolio {
        let fitting = models.filter { $0.memoryBytes <= budget.bytes }
        let gated = models.filter { $0.memoryBytes > budget.bytes }.map { model in
            Portfolio.Gated(
                model: model,
                reason: "needs \(MemoryBudget.text(model.memoryBytes)) of memory; the budget is \(budget.description)")
        }
        return Portfolio(models: Self.sorted(fitting), gated: gated)
    }

    private static func sorted(_ models: [PortfolioModel]) -> [PortfolioModel] {
        models.sorted { ($0.memoryBytes, $0.name) < ($1.memoryBytes, $1.name) }
    }

    private static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }()

    private struct List: Decodable {
        struct Body: Decodable { var models: [Entry] }
        var data: Body
    }

    /// A model in either list. All but the name may be missing: an older service is tested too.
    private struct Entry: Decodable {
        struct Languages: Decodable {
            var source: [String]?
            var target: [String]?
        }

        var name: String
        var task: String?
        var family: String?
        var source: String?
        var sourceLanguages: [String]?
        var targetLanguages: [String]?
        var languages: Languages?
        var sizeBytes: Int?
        var memoryBytes: Int?
        var parameters: Int?
        var installed: Bool?
        var status: String?

        var model: PortfolioModel? {
            guard let task = task.flatMap(ModelTask.init) else { return nil }
            return PortfolioModel(
                name: name, task: task, family: family ?? "",
                sourceLanguages: sourceLanguages ?? languages?.source ?? [],
                targetLanguages: targetLanguages ?? languages?.target ?? [], sizeBytes: sizeBytes ?? 0,
                memoryBytes: memoryBytes ?? 0, parameters: parameters ?? 0)
        }
    }
}
