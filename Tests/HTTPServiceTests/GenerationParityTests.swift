import Foundation
import SelfTest
import TestSupport
import Testing

/// What the real service streams, what it answers whole, and what `svc run` writes are the reference's text, for every
/// prompt of both models, and with stop strings up to them.
@Suite(.serialized) struct GenerationParityTests {
    private static let inFlight = 6

    private struct Completion: Decodable {
        struct Choice: Decodable {
            struct Message: Decodable { var content: String }
            struct Delta: Decodable { var content: String? }

            var text: String?
            var message: Message?
            var delta: Delta?
            var finishReason: String?
        }

        var choices: [Choice]
    }

    private func body(
        _ model: String, _ prompt: DecoderFixture.Continuation, stream: Bool, stop: String?
    ) throws -> (path: String, json: String) {
        var body: [String: Any] = ["model": model, "temperature": 0, "max_tokens": 48, "stream": stream]
        if let stop { body["stop"] = [stop] }
        let path: String
        if let messages = prompt.messages {
            path = "/v1/chat/completions"
            body["messages"] = messages.map { ["role": $0.role, "content": $0.content ?? ""] }
        } else {
            path = "/v1/completions"
            body["prompt"] = prompt.text ?? ""
        }
        return (path, String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self))
    }

    /// The text and the reason of an answer, put together from its events if it was streamed.
    private func ask(
        _ service: RunningService, _ model: String, _ prompt: DecoderFixture.Continuation, stream: Bool,
        stop: String? = nil
    ) async throws -> (text: String, finish: String?) {
        let (path, json) = try body(model, prompt, stream: stream, stop: stop)
        let answer = try await service.client.post(path, json: json)
        try #require(answer.status == 200, "\(prompt.name): \(answer.text)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard stream else {
            let choice = try #require(try decoder.decode(Completion.self, from: Data(answer.text.utf8)).choices.first)
            return (choice.message?.content ?? choice.text ?? "", choice.finishReason)
        }
        let events = answer.text.components(separatedBy: "\n\n").filter { $0.hasPrefix("data: ") }
        #expect(events.last == "data: [DONE]")
        var result: (text: String, finish: String?) = ("", nil)
        for event in events.dropLast() {
            let chunk = try decoder.decode(Completion.self, from: Data(event.dropFirst("data: ".count).utf8))
            for choice in chunk.choices {
                result.text += choice.delta?.content ?? choice.text ?? ""
                result.finish = choice.finishReason ?? result.finish
            }
        }
        return result
    }

    /// A stop string of so many characters out of the middle of a text.
    private func stop(_ text: String, scalars length: Int) -> String? {
        let scalars = Array(text.unicodeScalars)
        guard scalars.count >= length + 4 else { return nil }
        var stop = String.UnicodeScalarView()
        stop.append(contentsOf: scalars[(scalars.count - length) / 2..<(scalars.count + length) / 2])
        return String(stop)
    }

    @Test(arguments: ["smollm2-135m-instruct", "gemma-3-270m"])
    func everyWayGivesTheSameText(model: String) async throws {
        let prompts = try #require(DecoderFixture(model).prompts)
        let outputs = prompts.map(\.output).joined()
        #expect(outputs.unicodeScalars.contains { (0x4E00...0x9FFF).contains($0.value) }, "Chinese is among them")
        #expect(outputs.unicodeScalars.contains { (0x1F300...0x1FAFF).contains($0.value) }, "emoji are among them")
        try await RunningService.with(["--models", model]) { service in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, prompt) in prompts.enumerated() {
                    if index >= Self.inFlight { try await group.next() }
                    group.addTask { try await compare(service, model, prompt) }
                }
                try await group.waitForAll()
            }
        }
    }

    private func compare(
        _ service: RunningService, _ model: String, _ prompt: DecoderFixture.Continuation
    ) async throws {
        let what = "\(model) \(prompt.name)"
        let whole = try await ask(service, model, prompt, stream: false)
        let streamed = try await ask(service, model, prompt, stream: true)
        #expect(Array(whole.text.utf8) == Array(prompt.output.utf8), "\(what)")
        #expect(Array(streamed.text.utf8) == Array(whole.text.utf8), "\(what) streamed")
        #expect(whole.finish == prompt.end && streamed.finish == prompt.end, "\(what)")
        for length in [1, 2, 20] {
            guard let stop = stop(prompt.output, scalars: length) else { continue }
            let all = Array(prompt.output.utf8)
            let end = try #require(all.firstRange(of: Array(stop.utf8))?.lowerBound)
            for stream in [false, true] {
                let answer = try await ask(service, model, prompt, stream: stream, stop: stop)
                #expect(Array(answer.text.utf8) == Array(all[..<end]), "\(what), stop “\(stop)”, streamed: \(stream)")
                #expect(answer.finish == "stop")
            }
        }
    }

    @Test(arguments: ["smollm2-135m-instruct", "gemma-3-270m"])
    func theCommandWritesTheSameText(model: String) async throws {
        for prompt in try #require(DecoderFixture(model).prompts) {
            var arguments = ["run", model, "--temperature", "0", "--max-tokens", "48"]
            if let messages = prompt.messages {
                // A single question, with or without a system message, is what the command can say.
                guard messages.last?.role == "user", messages.dropLast().allSatisfy({ $0.role == "system" }) else {
                    continue
                }
                if let system = messages.first(where: { $0.role == "system" })?.content {
                    arguments += ["--system", system]
                }
            } else {
                arguments.append("--raw")
            }
            let text = prompt.messages?.last?.content ?? prompt.text ?? ""
            let outcome = try await Programs.run(arguments + ["--", text])
            #expect(outcome.code == 0, "\(prompt.name): \(outcome.error)")
            #expect(Array(outcome.output.utf8) == Array(prompt.output.utf8), "\(model) \(prompt.name)")
        }
    }
}
