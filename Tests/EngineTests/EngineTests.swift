import Engine
import Foundation
import Generation
import LanguageID
import Logging
import ModelHub
import TestSupport
import Testing

/// Loading, budget, fallthrough and answers of the engine with the real models.
@Suite struct EngineTests {
    static func engine(
        usage: UsageStore? = nil, _ change: (inout EngineConfiguration) -> Void = { _ in }
    ) throws -> Engine {
        var configuration = EngineConfiguration(threads: 2)
        configuration.downloads = false
        change(&configuration)
        return try Engine(
            configuration: configuration, hub: try InstalledModels.hub(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, usage: usage)
    }

    static func with<Result>(
        usage: UsageStore? = nil, _ change: (inout EngineConfiguration) -> Void = { _ in },
        _ body: (Engine) async throws -> Result
    ) async throws -> Result {
        let engine = try engine(usage: usage, change)
        do {
            let result = try await body(engine)
            await engine.stop()
            return result
        } catch {
            await engine.stop()
            throw error
        }
    }

    @Test func modelsAskedForAreLoadedAtTheStart() async throws {
        try await Self.with({ $0.models = ["firefox-en-pt", "lid-176"] }) { engine async throws in
            #expect(await engine.health().status == .starting)
            #expect(await engine.health().isReady == false)
            await engine.start()
            for name in ["firefox-en-pt", "lid-176"] {
                let status = try await engine.load(name, waitSeconds: 60)
                #expect(status.state == .ready)
                #expect(status.memoryBytes > 0)
                #expect(status.loadSeconds != nil)
            }
            let health = await engine.health()
            #expect(health.status == .healthy && health.isReady && health.loadedCount == 2)
            await engine.drain()
            #expect(await engine.health().status == .draining)
        }
    }

    @Test func anUnknownModelIsRefusedBeforeAnythingRuns() {
        let error = #expect(throws: EngineError.self) { try Self.engine { $0.models = ["firefox-en-xx"] } }
        #expect(error?.description.contains("firefox-en-xx") == true && error?.description.contains("lid-176") == true)
    }

    @Test func aModelLargerThanTheBudgetIsRefusedWithNumbers() async throws {
        try await Self.with({
            $0.memoryBudgetBytes = 8_000_000
            $0.models = ["firefox-en-pt"]
        }) { engine async throws in
            await engine.start()
            let status = try await engine.load("firefox-en-pt", waitSeconds: 60)
            #expect(status.state == .failed)
            #expect(status.failure?.reason.contains("budget of 8.0 MB") == true, "\(status.failure?.reason ?? "")")
            #expect(try await engine.load("lid-176", waitSeconds: 60).state == .ready)
            #expect(await engine.health().status == .degraded)
        }
    }

    /// Room for one translation model: the one used longest ago makes way.
    @Test func theLeastRecentlyUsedModelMakesRoom() async throws {
        let descriptor = try ModelDescriptor(InstalledModels.hub().catalog.entry(named: "firefox-en-pt"))
        try await Self.with({ $0.memoryBudgetBytes = descriptor.memoryBytes + 10_000_000 }) { engine async throws in
            _ = try await engine.translate(TranslationQuery(texts: ["Hello."], source: "en", target: "pt"))
            _ = try await engine.translate(TranslationQuery(texts: ["Olá."], source: "pt", target: "en"))
            #expect(try await engine.status("firefox-en-pt").state == .absent)
            #expect(try await engine.status("firefox-pt-en").state == .ready)
            let again = try await engine.translate(
                TranslationQuery(texts: ["Good morning!"], source: "en", target: "pt"))
            #expect(again[0].text == "Bom dia!")
        }
    }

    @Test func unloadingWaitsForRunningRequests() async throws {
        try await Self.with { engine async throws in
            let text = String(repeating: "The weather is fine today, and nobody stays at home. ", count: 400)
            let running = Task {
                // A wide beam, so that it runs for a while.
                try await engine.translate(
                    TranslationQuery(texts: [text], source: "en", target: "pt", search: SearchOptions(beamSize: 8)))
            }
            while await engine.queueDepth().sentences == 0 { try await Task.sleep(for: .milliseconds(5)) }
            let status = try await engine.unload("firefox-en-pt", waitSeconds: 60)
            #expect(status.state == .absent)
            #expect(status.memoryBytes == 0)
            #expect(try await running.value[0].text.contains("tempo"))
            await #expect(throws: EngineError.self) { try await engine.unload("firefox-en-pt") }
        }
    }

    @Test func onDemandNeverKeepsToWhatWasLoaded() async throws {
        try await Self.with({ $0.onDemand = .never }) { engine async throws in
            await #expect(throws: EngineError.self) {
                try await engine.translate(TranslationQuery(texts: ["Hi."], source: "en", target: "pt"))
            }
            #expect(try await engine.status("firefox-en-pt").state == .absent)
            #expect(try await engine.load("firefox-en-pt", waitSeconds: 60).state == .ready)
            #expect(
                try await engine.translate(TranslationQuery(texts: ["Good morning!"], source: "en", target: "pt"))[0]
                    .text == "Bom dia!")
        }
    }

    @Test func aModelThatIsNotThereIsSaidWithWhatToDo() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let hub = ModelHub(catalog: try Catalog.builtIn(), store: ModelStore(root: directory.path))
            var configuration = EngineConfiguration(threads: 1)
            configuration.downloads = false
            let engine = try Engine(
                configuration: configuration, hub: hub, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let status = try await engine.load("lid-176", waitSeconds: 30)
            #expect(status.state == .failed)
            #expect(status.failure?.reason.contains("svc pull lid-176") == true)
            await engine.stop()
        }
    }

    @Test func aSlowLoadIsGivenUpWithItsStage() async throws {
        try await Self.with({ $0.loadingTimeoutSeconds = 0.001 }) { engine async throws in
            let status = try await engine.load("firefox-en-pt", waitSeconds: 30)
            #expect(status.state == .failed)
            #expect(status.failure?.reason.contains("not ready after") == true)
        }
    }

    @Test func directoriesAndFilesOfOnesOwn() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let mine = directory.appendingPathComponent("mine")
            try InstalledModels.copy("firefox-en-pt", to: mine)
            try await Self.with({ $0.models = [mine.path] }) { engine async throws in
                await engine.start()
                let status = try await engine.load("mine", waitSeconds: 60)
                #expect(status.state == .ready, "\(status.failure?.description ?? "")")
                #expect(status.descriptor.sourceLanguages == ["en"])
                let items = try await engine.translate(
                    TranslationQuery(texts: ["Good morning!"], source: "en", target: "pt", model: "mine"))
                #expect(items[0].text == "Bom dia!" && items[0].model == "mine")
            }
            for name in ["nothing", "mine/lex.50.50.enpt.s2t.spm"] {
                #expect(throws: EngineError.self) {
                    try ModelDescriptor(path: directory.appendingPathComponent(name).path)
                }
            }
            try FileManager.default.removeItem(at: mine.appendingPathComponent("vocab.enpt.spm"))
            let error = #expect(throws: EngineError.self) { try ModelDescriptor(path: mine.path) }
            #expect(error?.description.contains("vocab") == true)
        }
    }

    @Test func eachTextIsDetectedAndRoutedOnItsOwn() async throws {
        try await Self.with { engine async throws in
            let items = try await engine.translate(
                TranslationQuery(
                    texts: ["Where is the station?", "", "Onde fica a estação?", "🙂", "12345", "Hi"], source: nil,
                    target: "pt"))
            #expect(items.map(\.source) == ["en", "und", "pt", "und", "und", "en"])
            #expect(items[1].text.isEmpty)
            #expect(items[2].text == "Onde fica a estação?" && items[2].model == nil)
            #expect(items[3].text == "🙂" && items[4].text == "12345")
            #expect(items[0].model == "firefox-en-pt")
        }
    }

    /// However many texts a request holds, it is one; what is copied needs no model, and is not its work.
    @Test func aRequestIsCountedOnceForEachPair() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let usage = UsageStore.open(path: directory.path + "/usage.sqlite") { _ in }
            try await Self.with(usage: usage) { engine async throws in
                let texts = ["Where is the station?", "Good morning.", "42", "Thank you.", "Bom dia, meu amigo."]
                _ = try await engine.translate(TranslationQuery(texts: texts, source: nil, target: "pt"))
                _ = try await engine.translate(TranslationQuery(texts: ["12:30"], source: "en", target: "pt"))
                await usage.flush()
                let rows = try await usage.report(UsageQuery(days: 1, groupBy: .model)).rows
                let translation = rows.first { $0.model == "firefox-en-pt" }
                #expect(translation?.requests == 1 && translation?.texts == 3)
                #expect(translation?.characters == 44)
                #expect(rows.first { $0.model == "lid-176" }?.requests == 1)
                #expect(rows.first { $0.model == "lid-176" }?.texts == 5)
            }
        }
    }

    @Test(arguments: ["42", "12:30", "🙂"]) func whatIsCopiedHasNoModelAndNoAlternatives(text: String) async throws {
        try await Self.with { engine async throws in
            let search = SearchOptions(beamSize: 4, results: 4)
            let items = try await engine.translate(
                TranslationQuery(texts: [text, "Good morning."], source: "en", target: "pt", search: search))
            #expect(items[0].text == text && items[0].model == nil && items[0].alternatives.isEmpty)
            #expect(items[1].model == "firefox-en-pt" && items[1].alternatives.count == 3)
        }
    }

    @Test func aLongArrayIsAnsweredInOrder() async throws {
        try await Self.with { engine async throws in
            let texts = (0..<700).map { "Number \($0)." }
            let items = try await engine.translate(TranslationQuery(texts: texts, source: "en", target: "pt"))
            #expect(items.count == 700)
            for index in stride(from: 0, to: texts.count, by: 23) {
                let alone = try await engine.translate(
                    TranslationQuery(texts: [texts[index]], source: "en", target: "pt"))
                #expect(items[index].text == alone[0].text)
            }
            #expect(Set(items.map(\.text)).count > 400)
        }
    }

    @Test(arguments: [("en", "en-GB"), ("pt", "pt-BR")]) func theSameLanguageNeedsNoModel(
        source: String, target: String
    ) async throws {
        try await Self.with { engine async throws in
            let items = try await engine.translate(TranslationQuery(texts: ["Hello."], source: source, target: target))
            #expect(items[0].text == "Hello." && items[0].model == nil)
        }
    }
}
