internal import Foundation

/// The names of control tokens, which end answers and are never a part of them.
enum ControlTokenNames {
    /// Those of the families that are run here, and of their relatives.
    static let all = [
        "<|im_end|>", "<|im_start|>", "<end_of_turn>", "<start_of_turn>", "<eos>", "<bos>", "</s>", "<s>", "<pad>",
        "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|begin_of_text|>", "<|start_header_id|>",
        "<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<EOS_TOKEN>", "<BOS_TOKEN>",
        "<|end|>", "<|user|>", "<|assistant|>", "[INST]", "[/INST]", "<|fim_pad|>", "<unk>",
    ]

    /// The first that a text shows.
    static func shown(in text: String) -> String? { all.first { text.contains($0) } }
}

/// Control tokens are never shown, by whichever way an answer comes.
enum StopTokenParity {
    static var cases: [TestCase] {
        [
            TestCase(
                .parity, "stop_tokens.routes", "an end token shown in an answer, a chunk of a stream or its tokens",
                on: .model([.generation]), isQuick: true, routes),
            TestCase(
                .parity, "stop_tokens.run", "an end token shown by svc run: plain, with --json, or going on after it",
                on: .programWithModel([.generation]), run),
        ]
    }

    /// Short answers that the model ends by itself.
    private static let messages = [
        "Say hello.", "What is the capital of France? One word.", "Answer with yes or no: is water wet?",
    ]

    @Sendable private static func routes(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        let hasChat = !(try await context.conversations()).isEmpty
        let prompts =
            hasChat
            ? messages.map { GenerationQuery.Prompt.chat($0) }
            : model.continuations.prefix(1).map(\.prompt)
        var ended = 0
        for (number, prompt) in prompts.enumerated() {
            var query = GenerationQuery(model: model.name, prompt: prompt, maxTokens: model.answerTokens * 3 / 2)
            // Going on after the end is asked for once: each such answer has all its tokens.
            for ignoresEnd in number == 0 ? [false, true] : [false] {
                query.ignoresEnd = ignoresEnd
                let plain = try await client.generate(query)
                let streamed = try await client.generateStreamed(query)
                if plain.finishReason == "stop" { ended += 1 }
                for (way, answer) in [("plain", plain), ("streamed", streamed)] {
                    let suffix = ignoresEnd ? ", with ignore_eos" : ""
                    try hidden(context, answer.text, "\(query.label), \(way)\(suffix)", [query.evidence, answer.raw])
                    guard !ignoresEnd else { continue }
                    try hidden(
                        context, answer.tokens.joined(), "the tokens of \(query.label), \(way)",
                        [query.evidence, answer.raw])
                }
                if ignoresEnd {
                    try context.equal(
                        plain.usage?.completionTokens, query.maxTokens,
                        "completion_tokens of \(query.label) with ignore_eos", evidence: [query.evidence, plain.raw])
                    try context.equal(
                        plain.finishReason, "length", "finish_reason with ignore_eos",
                        evidence: [query.evidence, plain.raw])
                }
            }
        }
        context.note("\(ended) of \(prompts.count) answers came to an end of their own")
    }

    static func hidden(_ context: CaseContext, _ text: String, _ what: String, _ evidence: [String]) throws {
        if let name = ControlTokenNames.shown(in: text) {
            throw CaseFailure("\(what): expected no control token, found \(name) shown", evidence: evidence)
        }
    }

    @Sendable private static func run(_ context: CaseContext) async throws {
        let (program, model) = (try context.theProgram(), try context.theModel())
        let tokens = "\(model.answerTokens * 2)"
        let basic = ["run", model.name, "--max-tokens", tokens]
        for flags in [[], ["--json"], ["--ignore-eos"], ["--raw"]] {
            let outcome = try await program.run(basic + flags + ["Say hello."])
            let what = (["svc run"] + flags).joined(separator: " ")
            try context.equal(outcome.code, 0, "the exit code of \(what)", evidence: outcome.evidence)
            var shown = outcome.outputText
            if flags == ["--json"] {
                // The name of the token that ended it is said, and in `stop` alone.
                let data = try JSONView(parsing: outcome.output)["data"]
                shown = try data["text"].string
                if try data["stop"]["kind"].string == "end_token" {
                    try context.expect(
                        !(try data["stop"]["token"].string.isEmpty),
                        "stop.token of \(what): expected the end token's name, found nothing",
                        evidence: outcome.evidence)
                }
            }
            try hidden(context, shown, what, outcome.evidence)
        }
    }
}
