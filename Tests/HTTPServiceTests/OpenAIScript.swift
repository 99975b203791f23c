import Engine
import Foundation
import Generation
@testable import HTTPService
import Logging
import ModelHub
import SelfTest
import Synchronization
import TestSupport
import Tokenizers

/// A tokenizer whose ids are bytes, and a mark or two.
struct ByteTokenizer: TextTokenizer {
    static let end: Int32 = 256
    static let toolMark: Int32 = 257

    var vocabularySize: Int { 258 }
    var beginOfSequence: Int32? { nil }
    var addsBeginOfSequence: Bool { false }
    var endOfGeneration: Set<Int32> { [Self.end] }
    var addsSpacePrefix: Bool { false }
    func encode(_ text: String, allowSpecial: Bool) -> [Int32] { text.utf8.map(Int32.init) }
    func bytes(of id: Int32) -> ArraySlice<UInt8> { (0..<256).contains(id) ? [UInt8(id)] : [] }
    func isControl(_ id: Int32) -> Bool { id >= 256 }
    func controlTokenOffsets(in text: String) -> [Int] { [] }

    func specialID(named name: String) -> Int32? { name == "[TOOL_CALLS]" ? Self.toolMark : nil }
}

/// What a scripted model does next.
enum ScriptStep: Sendable {
    case event(GenerationEvent)
    case pause(Duration)
    case fail(any Error)

    static func text(_ text: String, choice: Int = 0, finish: FinishReason? = nil) -> ScriptStep {
        .event(.piece(GenerationPiece(choice: choice, text: text, ids: text.utf8.map(Int32.init), finish: finish)))
    }

    static func end(prompt: Int = 5, cached: Int = 2, completion: Int = 3) -> ScriptStep {
        var usage = GenerationUsage()
        (usage.promptTokens, usage.cachedTokens, usage.completionTokens) = (prompt, cached, completion)
        (usage.prefillSeconds, usage.decodeSeconds) = (0.5, 1.5)
        return .event(.ended(usage))
    }
}

/// A service for tests: answers what its script says, and remembers what it was asked and how far it was read.
final class ScriptedService: GenerationService {
    struct Log {
        var inputs: [GenerationInput] = []
        var requests: [GenerationRequest] = []
        /// Events that were pulled.
        var pulled = 0
        /// Generations that were let go of before their end.
        var abandoned = 0
    }

    let template: String?
    private let script: @Sendable (GenerationInput, GenerationRequest) async throws -> [ScriptStep]
    private let state = Mutex(Log())

    var log: Log { state.withLock { $0 } }

    init(
        template: String? = "{{ messages }} {{ tools }} <tool_call>",
        _ script: @escaping @Sendable (GenerationInput, GenerationRequest) async throws -> [ScriptStep]
    ) {
        self.template = template
        self.script = script
    }

    /// A model that says a text, a character at a time.
    static func saying(_ text: String, template: String? = "{{ messages }} {{ tools }} <tool_call>") -> ScriptedService
    {
        ScriptedService(template: template) { input, request in
            var steps: [ScriptStep] = []
            var prompt: [Int32] = []
            if case .text(let text) = input { prompt = text.utf8.map(Int32.init) }
            if case .tokens(let ids) = input { prompt = ids }
            let logprobs = prompt.map { TokenLogprob(id: $0, bytes: [UInt8($0)], logprob: -1, top: []) }
            steps.append(.event(.prompt(request.wantsPromptLogprobs ? logprobs : [])))
            for choice in 0..<request.choices {
                for character in text {
                    let bytes = Array(String(character).utf8)
                    let top = TokenLogprob.Alternative(id: Int32(bytes[0]), bytes: bytes, logprob: -0.25)
                    let token = TokenLogprob(
                        id: Int32(bytes[0]), bytes: bytes, logprob: -0.25,
                        top: request.topLogprobs ?? 0 > 0 ? [top] : [])
                    steps.append(
                        .event(
                            .piece(
                                GenerationPiece(
                                    choice: choice, text: String(character), ids: [token.id],
                                    logprobs: request.topLogprobs == nil ? [] : [token]))))
                }
                steps.append(.text("", choice: choice, finish: .endOfGeneration(ByteTokenizer.end)))
            }
            steps.append(.end(prompt: prompt.count, cached: 0, completion: text.count * request.choices))
            return steps
        }
    }

    func generationModels() async -> [GenerationModelListing] {
        [GenerationModelListing(name: "fake", created: Date(timeIntervalSince1970: 1_700_000_000))]
    }

    func model(_ name: String, fallback: FallbackPolicy, isChat: Bool) async throws -> AnsweringModel {
        if name == "slow" { try await Task.sleep(for: .seconds(1)) }
        guard name == "fake" || name == "slow" else { throw EngineError.unknownModel(name: name, known: ["fake"]) }
        return AnsweringModel(
            name: name,
            traits: ModelTraits(vocabularySize: 258, chatTemplate: template, tokenizer: ByteTokenizer())
        ) { try await self.accept($0, $1) }
    }

    private func accept(_ input: GenerationInput, _ request: GenerationRequest) async throws -> AcceptedGeneration {
        state.withLock {
            $0.inputs.append(input)
            $0.requests.append(request)
        }
        let steps = try await script(input, request)
        return AcceptedGeneration(prompt: [1, 2, 3], events: Events(service: self, steps: steps))
    }

    private struct Events: AsyncSequence, Sendable {
        let service: ScriptedService
        let steps: [ScriptStep]

        func makeAsyncIterator() -> Iterator { Iterator(service, steps) }

        final class Iterator: AsyncIteratorProtocol {
            private let service: ScriptedService
            private var steps: ArraySlice<ScriptStep>

            init(_ service: ScriptedService, _ steps: [ScriptStep]) {
                self.service = service
                self.steps = steps[...]
            }

            deinit { if !steps.isEmpty { service.state.withLock { $0.abandoned += 1 } } }

            func next() async throws -> GenerationEvent? {
                while let step = steps.first {
                    switch step {
                    case .pause(let time): try await Task.sleep(for: time)
                    case .fail(let error):
                        steps = []
                        throw error
                    case .event(let event):
                        steps = steps.dropFirst()
                        service.state.withLock { $0.pulled += 1 }
                        return event
                    }
                    steps = steps.dropFirst()
                }
                return nil
            }
        }
    }
}

/// The real router and server over a scripted model.
enum ScriptedServer {
    static func with<Result: Sendable>(
        _ service: ScriptedService, _ change: (inout ServiceConfiguration) -> Void = { _ in },
        _ body: (ServiceClient) async throws -> Result
    ) async throws -> Result {
        var configuration = ServiceConfiguration(version: "test")
        configuration.port = 0
        change(&configuration)
        var engineConfiguration = EngineConfiguration(threads: 1)
        engineConfiguration.downloads = false
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let engine = try Engine(
            configuration: engineConfiguration, hub: try InstalledModels.hub(), logger: logger)
        let (ports, port) = AsyncStream<Int>.makeStream()
        let server = Task { [configuration] in
            try await ServiceApplication.run(engine, service, configuration, signals: [], logger: logger) {
                port.yield($0)
            }
        }
        var listening: Int?
        for await number in ports {
            listening = number
            break
        }
        let client = ServiceClient(baseURL: "http://127.0.0.1:\(listening ?? 0)", timeoutSeconds: 60)
        let outcome: Swift.Result<Result, any Error>
        do { outcome = .success(try await body(client)) } catch { outcome = .failure(error) }
        server.cancel()
        // What ends it is the cancellation.
        _ = await server.result
        await engine.stop()
        return try outcome.get()
    }
}

/// A stream as it came.
struct EventStream {
    /// The data of each event.
    var data: [String] = []
    /// How many comments there were.
    var comments = 0
    /// Lines that are neither data nor a comment nor empty.
    var others: [String] = []

    init(_ text: String) {
        for line in text.components(separatedBy: "\n") where !line.isEmpty {
            if line.hasPrefix("data: ") {
                data.append(String(line.dropFirst(6)))
            } else if line.hasPrefix(":") {
                comments += 1
            } else {
                others.append(line)
            }
        }
    }

    var isDone: Bool { data.last == "[DONE]" }

    /// The objects before the end.
    var chunks: [JSON] {
        data.filter { $0 != "[DONE]" }.map {
            JSON(value: try? JSONSerialization.jsonObject(with: Data($0.utf8), options: .fragmentsAllowed))
        }
    }

    /// What the deltas of a choice add up to.
    func content(_ choice: Int = 0) -> String {
        chunks.flatMap { $0["choices"].array }.filter { $0["index"].number == Double(choice) }
            .compactMap { $0["delta"]["content"].string ?? $0["text"].string }.joined()
    }
}
