/// The `e2e` suite: what a client notices of every route and method, with good and with bad input, while models come
/// and go, and when the service is told to stop.
package enum EndToEndSuite {
    /// All cases, in the order of the documentation.
    package static var cases: [TestCase] {
        StartUpCases.cases + HealthCases.cases + ModelCases.cases + RouteCases.cases + LanguageCases.cases
            + DetectionCases.cases + TranslationCases.cases + TranslationTextCases.cases + VocabularyCases.cases
            + BadTranslationCases.cases + CompletionCases.cases + CompletionOptionCases.cases + ChatCases.cases
            + ChatStreamCases.cases + ChatOptionCases.cases + BadGenerationCases.cases + EmbeddingCases.cases
            + EventCases.cases + DownloadCases.cases + KeyCases.cases + LimitCases.cases + LifecycleCases.cases
            + RecoveryCases.cases + StandInCases.cases + ShutdownCases.cases + MemoryCases.cases
    }
}

extension TestCase {
    /// A case of this suite on the service with the small models.
    static func onService(
        _ name: String, _ purpose: String, quick: Bool = false, destructive: Bool = false, needs: [CaseNeed] = [],
        _ body: @escaping @Sendable (CaseContext, ServiceClient) async throws -> Void
    ) -> TestCase {
        TestCase(.endToEnd, name, purpose, on: .service, isDestructive: destructive, isQuick: quick, needs: needs) {
            try await body($0, try $0.client().patient)
        }
    }

    /// A case of this suite on each model with a task; on each model where no task is named.
    static func onModels(
        _ task: ModelTask? = nil, _ name: String, _ purpose: String, quick: Bool = false, destructive: Bool = false,
        needs: [CaseNeed] = [],
        _ body: @escaping @Sendable (CaseContext, ServiceClient, PortfolioModel) async throws -> Void
    ) -> TestCase {
        let tasks = task.map { [$0] } ?? Set(ModelTask.allCases)
        return TestCase(
            .endToEnd, name, purpose, on: .model(tasks), isDestructive: destructive, isQuick: quick, needs: needs
        ) { try await body($0, try $0.client().patient, try $0.theModel()) }
    }

    /// A case of this suite that starts services of its own.
    static func onOwnServices(
        _ name: String, _ purpose: String, quick: Bool = false, needs: [CaseNeed] = [],
        _ body: @escaping @Sendable (CaseContext) async throws -> Void
    ) -> TestCase {
        TestCase(.endToEnd, name, purpose, on: .ownServices, isQuick: quick, needs: needs, body)
    }
}

extension ServiceClient {
    /// The same client with time for a large model on a small machine: no case of this suite is about speed.
    var patient: ServiceClient {
        var client = self
        client.timeoutSeconds = max(600, timeoutSeconds)
        return client
    }
}
