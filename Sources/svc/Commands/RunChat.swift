import Compute
import Engine
import Foundation
import Generation
import Synchronization
import Tokenizers

/// `svc run --chat`: a conversation, one line of standard input a turn. Ctrl-C stops an answer; at the prompt, twice in a
/// row, it ends the program.
///
/// One task runs it; the handler of Ctrl-C sees nothing of it but `ChatInterruption`.
final class RunChat {
    private let model: OpenGenerationModel
    private let request: GenerationRequest
    private let reader: AnswerReader
    /// Whether a person types: then there is a prompt mark.
    private let isTyped = isatty(STDIN_FILENO) == 1
    private let interruption: ChatInterruption
    private var system: String?
    /// What was said, oldest first, the system's text aside.
    private var history: [ChatMessage] = []
    private var statistics = Statistics()

    /// What /stats tells.
    private struct Statistics {
        var answers = 0
        var total = GenerationUsage()
        /// Tokens of the conversation as it was after the last answer.
        var contextTokens = 0
    }

    /// Tokens that must be left for an answer that may be of any length, unless the context is tiny.
    private static let roomForAnswer = 256

    init(model: OpenGenerationModel, request: GenerationRequest, isVerbose: Bool, system: String?) {
        self.model = model
        self.request = request
        self.system = system
        reader = AnswerReader(model: model, isVerbose: isVerbose)
        interruption = ChatInterruption(mark: isatty(STDIN_FILENO) == 1 ? "> " : "")
    }

    /// Talks until /exit or the end of the input.
    func run() async {
        if isTyped { Output.note("\(model.info.name): /help for the commands, /exit or Ctrl-D to leave") }
        Interruption.handle { [interruption] in interruption.interrupt() }
        while let line = await nextLine() {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { continue }
            if text.hasPrefix("/"), !text.hasPrefix("//") {
                guard obey(text) else { break }
            } else {
                await turn(text.hasPrefix("//") ? String(text.dropFirst()) : text)
            }
        }
        Interruption.handle(Interruption.end)
    }

    private func nextLine() async -> String? {
        interruption.beginPrompt()
        // Reading blocks: not on a thread that tasks run on.
        let line = try? await WorkerThread.run(name: "svc-input") { readLine() }
        interruption.endPrompt()
        if isTyped, line == .some(nil) { Output.note("") }
        return line ?? nil
    }

    // MARK: Commands

    private static let help = """
        /clear        forget the conversation
        /system TEXT  what the model is told before the conversation; without TEXT, nothing
        /stats        tokens and speed so far
        /exit         leave; so does Ctrl-D
        //TEXT        say /TEXT
        Ctrl-C stops an answer.
        """

    /// False for the command to leave.
    private func obey(_ text: String) -> Bool {
        let words = text.split(maxSplits: 1, whereSeparator: \.isWhitespace)
        switch words[0] {
        case "/exit", "/quit", "/bye": return false
        case "/help": Output.note(Self.help)
        case "/clear":
            history = []
            statistics.contextTokens = 0
            Output.note("the conversation is forgotten")
        case "/system":
            system = words.count > 1 ? String(words[1]) : nil
            Output.note(system == nil ? "the model is told nothing" : "the model is told this from now on")
        case "/stats": tellStatistics()
        case let command: Output.note("there is no command \(command); /help lists them")
        }
        return true
    }

    private func tellStatistics() {
        let total = statistics.total
        func rate(_ tokens: Int, _ seconds: Double) -> String {
            seconds > 0 ? String(format: "%.1f tokens/s", Double(max(0, tokens)) / seconds) : "-"
        }
        Output.note(
            Table.text([
                ["answers", "\(statistics.answers)"],
                ["prompt", "\(total.promptTokens) tokens, \(total.cachedTokens) of them cached"],
                ["answered", "\(total.completionTokens) tokens"],
                ["prefill", rate(total.promptTokens - total.cachedTokens, total.prefillSeconds)],
                ["decode", rate(total.completionTokens - statistics.answers, total.decodeSeconds)],
                ["context", "\(statistics.contextTokens) of \(model.info.contextTokens) tokens"],
            ]))
    }

    // MARK: A turn

    private func turn(_ text: String) async {
        let before = history
        history.append(ChatMessage(role: "user", content: .string(text)))
        do {
            let stream = try await begin()
            let answer = try await read(stream)
            if isTyped || !answer.text.hasSuffix("\n") { Output.write("\n") }
            note(answer)
        } catch {
            history = before
            Output.note("svc: \(error)")
            Output.note("svc: this message was not answered, and the conversation is as it was before it")
        }
    }

    /// Begins the answer, without as many of the oldest turns as it takes for the conversation to fit.
    private func begin() async throws -> GenerationStream {
        let context = model.info.contextTokens
        let room = request.maxTokens ?? min(Self.roomForAnswer, context / 4)
        while true {
            let tokens: Int
            do {
                let instruction = system.map { [ChatMessage(role: "system", content: .string($0))] } ?? []
                let stream = try await model.engine.generate(
                    model: model.info.name, input: .chat(ChatPrompt(messages: instruction + history)), request: request)
                guard stream.promptTokens > context - room, history.count > 1 else { return stream }
                tokens = stream.promptTokens
            } catch GenerationError.contextOverflow(let count, _) where history.count > 1 {
                tokens = count
            } catch GenerationError.answerOverflow(let count, _, _) where history.count > 1 {
                tokens = count
            }
            let messages = history.count
            history.removeFirst(oldestTurn())
            Output.note(
                "svc: the conversation has \(tokens) tokens, \(room) are for the answer, and the context has \(context): "
                    + "it goes on without its oldest \(messages - history.count) messages")
        }
    }

    /// How many messages come before the second of the user's.
    private func oldestTurn() -> Int {
        history.indices.dropFirst().first { history[$0].role == "user" } ?? max(0, history.count - 1)
    }

    private func read(_ stream: GenerationStream) async throws -> Answer {
        let reader = reader
        let task = Task { try await reader.read(stream) { Output.write($0) } }
        interruption.beginAnswer { task.cancel() }
        defer { interruption.endAnswer() }
        return try await task.value
    }

    private func note(_ answer: Answer) {
        let usage = answer.usage
        statistics.answers += 1
        statistics.total.promptTokens += usage.promptTokens
        statistics.total.cachedTokens += usage.cachedTokens
        statistics.total.completionTokens += usage.completionTokens
        statistics.total.prefillSeconds += usage.prefillSeconds
        statistics.total.decodeSeconds += usage.decodeSeconds
        statistics.contextTokens = usage.promptTokens + usage.completionTokens
        if answer.finish == nil { Output.note("svc: stopped") }
        if answer.finish == .length, statistics.contextTokens >= model.info.contextTokens {
            Output.note(
                "svc: the answer ends here: \(usage.promptTokens) tokens of conversation and \(usage.completionTokens) "
                    + "of answer fill the context of \(model.info.contextTokens)")
        }
        if answer.text.isEmpty, answer.finish == nil {
            history.removeLast()
        } else {
            history.append(ChatMessage(role: "assistant", content: .string(answer.text)))
        }
    }
}

/// What Ctrl-C does at this moment of a conversation.
final class ChatInterruption: Sendable {
    private enum Moment {
        /// Something that takes no time.
        case between
        /// Waiting for a line; whether Ctrl-C was pressed at this prompt before.
        case prompt(isWarned: Bool)
        /// Answering; how to stop that.
        case answer(@Sendable () -> Void)
    }

    private let moment = Mutex(Moment.between)
    private let mark: String

    /// - Parameter mark: what invites to type.
    init(mark: String) { self.mark = mark }

    func beginPrompt() {
        moment.withLock { $0 = .prompt(isWarned: false) }
        Output.prompt(mark)
    }

    func endPrompt() { moment.withLock { $0 = .between } }

    func beginAnswer(_ stop: @escaping @Sendable () -> Void) { moment.withLock { $0 = .answer(stop) } }

    func endAnswer() { moment.withLock { $0 = .between } }

    func interrupt() {
        // What to do is decided under the lock and done outside: stopping runs other people's code.
        let action = moment.withLock { moment -> @Sendable () -> Void in
            switch moment {
            case .between: return {}
            case .answer(let stop): return stop
            case .prompt(isWarned: true): return Interruption.end
            case .prompt(isWarned: false):
                moment = .prompt(isWarned: true)
                return { [mark] in Output.prompt("\nCtrl-C again, Ctrl-D or /exit to leave\n\(mark)") }
            }
        }
        action()
    }
}
