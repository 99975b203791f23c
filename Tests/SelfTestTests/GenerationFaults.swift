import SelfTest
import TestSupport

/// Faults of what language models say.
enum GenerationFaults {
    private static let model = "smollm2-135m-instruct"
    private static let chat = ProxyFault.path("/v1/chat/completions")
    private static let generation = ProxyFault.path("/v1/chat/completions", "/v1/completions")

    static let all: [PlantedFault] = [
        PlantedFault(
            "a stop token is shown",
            .inFront([
                ProxyFault(
                    "stop token", on: chat, answer: { answer, _ in appendToText(&answer, "<|im_end|>") },
                    event: { event, _ in [event.replacing("\"content\":\"\"", with: "\"content\":\"<|im_end|>\"")] })
            ]),
            caughtBy: .parity, "stop_tokens.routes", on: model, says: "no control token", "<|im_end|>"),
        PlantedFault(
            "a stop token is shown in a stream alone",
            .inFront([
                ProxyFault(
                    "stop token", on: chat,
                    event: { event, index in
                        index == 2 ? [editChoice(event) { appendToDelta(&$0, "<|im_end|>") }] : [event]
                    })
            ]),
            caughtBy: .parity, "stop_tokens.routes", on: model, says: "streamed", "<|im_end|>"),
        PlantedFault(
            "[DONE] is missing",
            .inFront([
                ProxyFault("no [DONE]", on: chat, event: { event, _ in event == "data: [DONE]" ? [] : [event] })
            ]),
            caughtBy: .parity, "chat.streamed", on: model, says: "[DONE]"),
        PlantedFault(
            "a stream breaks off",
            .inFront([ProxyFault("half", on: generation, event: { event, index in index < 3 ? [event] : [] })]),
            caughtBy: .parity, "completions.streamed", on: model, says: "ended after 3 events without", "[DONE]"),
        PlantedFault(
            "the usage of a stream is wrong by one",
            .inFront([
                ProxyFault(
                    "usage", on: generation,
                    event: { event, _ in
                        [
                            editEvent(event) { chunk in
                                guard var usage = chunk["usage"] as? [String: Any] else { return }
                                usage["completion_tokens"] = (usage["completion_tokens"] as? Int ?? 0) + 1
                                chunk["usage"] = usage
                            }
                        ]
                    })
            ]),
            caughtBy: .parity, "completions.streamed", on: model, says: "completion_tokens"),
        PlantedFault(
            "a first chunk without role",
            .inFront([
                ProxyFault(
                    "no role", on: chat,
                    event: { event, _ in [editChoice(event) { edit(&$0, "delta") { $0["role"] = nil } }] })
            ]),
            caughtBy: .parity, "chat.streamed", on: model, says: "role", "first chunk"),
        PlantedFault(
            "a stream differs from the plain answer in one character",
            .inFront([
                ProxyFault(
                    "a character", on: ProxyFault.path("/v1/completions"),
                    event: { event, index in
                        index == 1
                            ? [editChoice(event) { $0["text"] = "\($0["text"] as? String ?? "")\u{200B}" }] : [event]
                    })
            ]),
            caughtBy: .parity, "completions.streamed", on: model, says: "streamed = not streamed",
            "differ from character"),
        PlantedFault(
            "an event of a stream is dropped",
            .inFront([
                ProxyFault("dropped", on: generation, event: { event, index in index == 2 ? [] : [event] })
            ]),
            caughtBy: .parity, "completions.streamed", on: model, says: "differ from character"),
        PlantedFault(
            "a stop string is shown",
            .inFront([
                ProxyFault(
                    "stop string", on: { $0.path == "/v1/completions" && $0.text.contains("\"stop\":") },
                    request: { request in request.editJSON { $0["stop"] = nil } })
            ]),
            caughtBy: .parity, "completions.stop_string", on: model, says: "stop string"),
        PlantedFault(
            "an array of prompts is answered out of order",
            .inFront([
                ProxyFault(
                    "out of order", on: { $0.path == "/v1/completions" && $0.text.contains("\"prompt\":[") },
                    answer: { answer, _ in
                        answer.editJSON { body in
                            var choices = body["choices"] as? [[String: Any]] ?? []
                            guard choices.count > 1 else { return }
                            (choices[0]["text"], choices[1]["text"]) = (choices[1]["text"], choices[0]["text"])
                            body["choices"] = choices
                        }
                    })
            ]),
            caughtBy: .parity, "completions.batch", on: model, says: "in an array = alone"),
        PlantedFault(
            "a seed that is not heeded",
            .inFront([
                ProxyFault(
                    "no seed", on: generation, request: { request in request.editJSON { $0["seed"] = nil } })
            ]),
            caughtBy: .parity, "completions.seed", on: model, says: "seed 1"),
    ]

    /// Adds to the text of every choice of an answer.
    private static func appendToText(_ answer: inout ProxyAnswer, _ more: String) {
        answer.editJSON { body in
            let choices = body["choices"] as? [[String: Any]] ?? []
            body["choices"] = choices.map { choice in
                var choice = choice
                edit(&choice, "message") { $0["content"] = "\($0["content"] as? String ?? "")\(more)" }
                return choice
            }
        }
    }

    private static func appendToDelta(_ choice: inout [String: Any], _ more: String) {
        edit(&choice, "delta") { $0["content"] = "\($0["content"] as? String ?? "")\(more)" }
    }

    /// Changes the first choice of a chunk.
    private static func editChoice(_ event: String, _ change: (inout [String: Any]) -> Void) -> String {
        editEvent(event) { chunk in
            guard var choices = chunk["choices"] as? [[String: Any]], !choices.isEmpty else { return }
            change(&choices[0])
            chunk["choices"] = choices
        }
    }

    /// Changes an object within an object.
    private static func edit(_ object: inout [String: Any], _ key: String, _ change: (inout [String: Any]) -> Void) {
        guard var inner = object[key] as? [String: Any] else { return }
        change(&inner)
        object[key] = inner
    }
}
