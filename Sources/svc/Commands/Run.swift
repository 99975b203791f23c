import ArgumentParser
import Compute
import Engine
import Foundation
import Generation
import Tokenizers

/// `svc run`
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer a prompt with a language model, or talk with it (--chat).",
        discussion: """
            The answer is written as it is made. A chat model answers the prompt, any other model continues it. \
            Without PROMPT, standard input is read.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var generation: GenerationModelOptions
    @OptionGroup var sampling: SamplingFlags

    @Option(parsing: .unconditional, help: "What a chat model is told before the conversation.")
    var system: String?

    @Flag(help: "Continue the text, also with a chat model.")
    var raw = false

    @Flag(help: "Talk: each line of standard input is answered, and the conversation remembered.")
    var chat = false

    @Flag(help: "Tell on standard error about each token, why the answer ended, and how fast it was.")
    var verbose = false

    @Argument(help: "The prompt.")
    var prompt: [String] = []

    private struct Report: Encodable {
        struct Usage: Encodable {
            var promptTokens: Int
            var cachedTokens: Int
            var completionTokens: Int
        }

        struct Timings: Encodable {
            var loadMs: Double
            var queueMs: Double
            var prefillMs: Double
            var decodeMs: Double
            var prefillTokensPerSecond: Double?
            var decodeTokensPerSecond: Double?
        }

        struct Stop: Encodable {
            var kind: String
            var tokenId: Int32?
            var token: String?
            var string: String?
        }

        var model: String
        var text: String
        var finishReason: String
        var stop: Stop
        var usage: Usage
        var timings: Timings
    }

    func validate() throws {
        if raw, system != nil { throw ValidationError("--raw continues a text, which has no --system") }
        guard chat else {
            guard !prompt.isEmpty || isatty(STDIN_FILENO) == 0 else {
                throw ValidationError("give a PROMPT, write one to standard input, or talk with --chat")
            }
            return
        }
        if raw { throw ValidationError("--chat and --raw exclude each other") }
        if output.json { throw ValidationError("--chat and --json exclude each other") }
        if !prompt.isEmpty { throw ValidationError("--chat reads messages from standard input; leave PROMPT out") }
    }

    func run() async throws {
        let settings = try await Settings(file: generation.compute.config)
        var request = try sampling.request()
        if verbose { request.topLogprobs = 0 }
        if let warning = sampling.warning { Output.note("svc: warning: \(warning)") }
        let text = chat ? "" : try await promptText()
        let model = try await generation.open(settings, json: output.json)
        let hasTemplate = model.info.chatTemplate != nil
        guard hasTemplate || (!chat && system == nil) else {
            throw CommandFailure(
                .usage, type: "unsupported",
                "the model \(model.info.name) has no chat template: it continues text and knows no conversations; "
                    + "leave \(chat ? "--chat" : "--system") out")
        }
        if chat {
            await RunChat(model: model, request: request, isVerbose: verbose, system: system).run()
        } else {
            try await answer(hasTemplate && !raw ? .chat(conversation(text)) : .text(text), request, model)
        }
        await model.engine.stop()
    }

    private func conversation(_ text: String) -> ChatPrompt {
        let instruction = system.map { [ChatMessage(role: "system", content: .string($0))] } ?? []
        return ChatPrompt(messages: instruction + [ChatMessage(role: "user", content: .string(text))])
    }

    private func answer(
        _ input: GenerationInput, _ request: GenerationRequest, _ model: OpenGenerationModel
    ) async throws {
        let stream = try await model.engine.generate(model: model.info.name, input: input, request: request)
        let isJSON = output.json
        let answer = try await AnswerReader(model: model, isVerbose: verbose).read(stream) { text in
            if !isJSON { Output.write(text) }
        }
        if isJSON {
            try Output.succeed("run", Self.result(answer, model), json: true) { "" }
        } else if isatty(STDOUT_FILENO) == 1, !answer.text.hasSuffix("\n") {
            // For the next command's sake; in a file or a pipe the text is exactly the model's.
            Output.write("\n")
        }
    }

    private static func result(_ answer: Answer, _ model: OpenGenerationModel) -> Report {
        let usage = answer.usage
        func milliseconds(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1000 }
        func rate(_ tokens: Int, _ seconds: Double) -> Double? {
            tokens > 0 && seconds > 0 ? (Double(tokens) / seconds * 100).rounded() / 100 : nil
        }
        return Report(
            model: model.info.name, text: answer.text, finishReason: answer.finishReason,
            stop: stop(answer.finish, model),
            usage: .init(
                promptTokens: usage.promptTokens, cachedTokens: usage.cachedTokens,
                completionTokens: usage.completionTokens),
            timings: .init(
                loadMs: milliseconds(model.loadSeconds), queueMs: milliseconds(usage.queueSeconds),
                prefillMs: milliseconds(usage.prefillSeconds), decodeMs: milliseconds(usage.decodeSeconds),
                prefillTokensPerSecond: rate(usage.promptTokens - usage.cachedTokens, usage.prefillSeconds),
                decodeTokensPerSecond: rate(usage.completionTokens - 1, usage.decodeSeconds)))
    }

    private static func stop(_ finish: FinishReason?, _ model: OpenGenerationModel) -> Report.Stop {
        switch finish {
        case .endOfGeneration(let id): .init(kind: "end_token", tokenId: id, token: model.spelling(of: id))
        case .stopString(let text): .init(kind: "stop_string", string: text)
        case .grammarComplete: .init(kind: "grammar")
        case .length, nil: .init(kind: "length")
        }
    }

    /// The words of the command line, or all of standard input but the line break that ends it.
    private func promptText() async throws -> String {
        var text = prompt.joined(separator: " ")
        if prompt.isEmpty {
            let data = try await WorkerThread.run(name: "svc-input") {
                try FileHandle.standardInput.readToEnd() ?? Data()
            }
            text = String(decoding: data, as: UTF8.self)
            // "\r\n" is one character.
            if text.last?.isNewline == true { text.removeLast() }
        }
        guard !text.isEmpty else {
            throw CommandFailure(.failed, type: "invalid_input", "the prompt is empty: there is nothing to answer")
        }
        return text
    }
}
