import Foundation
import SelfTest
import TestSupport
import Testing

/// A chat model that translates because its catalogue entry says how to ask it.
@Suite struct ChatTranslationServiceTests {
    /// The built-in catalogue's small chat model, with a prompt for translation.
    private func withService(
        beside others: Set<String> = [], _ body: (RunningService) async throws -> Void
    ) async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let builtIn = Fixtures.repository.appendingPathComponent("models/catalog.json")
            let catalog = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: builtIn)) as? [String: Any])
            let models = try #require(catalog["models"] as? [[String: Any]])
            var entry = try #require(models.first { $0["name"] as? String == "smollm2-135m-instruct" })
            entry["translation_prompt"] = Self.prompt
            entry["languages"] = ["source": ["en", "fr"], "target": ["en", "fr", "pt-BR"]]
            let file = directory.appendingPathComponent("catalog.json")
            let beside = models.filter { others.contains($0["name"] as? String ?? "") }
            try JSONSerialization.data(withJSONObject: ["version": 1, "models": [entry] + beside]).write(to: file)
            try await RunningService.with(
                ["--catalog", file.path, "--models", "smollm2-135m-instruct"]
            ) { service async throws in try await body(service) }
        }
    }

    private static let prompt = "Translate from {source} to {target}:\n{text}"

    private func translate(_ service: RunningService, _ body: [String: Any]) async throws -> (status: Int, json: JSON) {
        let data = try JSONSerialization.data(withJSONObject: body)
        return try await service.client.json("/translate", String(decoding: data, as: UTF8.self))
    }

    @Test func itAnswersWhatItIsAskedInWords() async throws {
        try await withService { service in
            let text = "The cat sleeps."
            let answer = try await translate(service, ["text": text, "source_lang": "en", "target_lang": "pt-BR"])
            #expect(answer.status == 200, "\(answer)")
            #expect(answer.json["model"].string == "smollm2-135m-instruct")
            // The same question through the chat route: languages by their names, greedy.
            let question = "Translate from English to Portuguese (Brazil):\n\(text)"
            let chat = try JSONSerialization.data(
                withJSONObject: [
                    "model": "smollm2-135m-instruct", "temperature": 0, "max_tokens": 200,
                    "messages": [["role": "user", "content": question]],
                ] as [String: Any])
            let said = try await service.client.json("/v1/chat/completions", String(decoding: chat, as: UTF8.self))
            let content = try #require(said.json["choices"][0]["message"]["content"].string)
            let translation = try #require(answer.json["translations"][0]["text"].string)
            #expect(!translation.isEmpty && content.contains(translation), "\(translation) of \(content)")
            #expect((answer.json["usage"]["target_tokens"].number ?? 0) > 0)
        }
    }

    @Test func aDocumentKeepsItsLinesAndWhatHasNoWords() async throws {
        try await withService { service in
            let text = "\tHello.\n\n12:30\n  Good night.\n"
            let answer = try await translate(service, ["text": text, "source_lang": "en", "target_lang": "fr"])
            let translation = answer.json["translations"][0]["text"].string ?? ""
            #expect(translation.hasPrefix("\t") && translation.hasSuffix("\n"), "\(translation)")
            #expect(translation.contains("\n12:30\n  "), "\(translation)")
            #expect(!translation.contains("<|im_end|>"))
        }
    }

    /// HTML goes to a model that can place tags, though it has to be loaded first.
    @Test func htmlGoesToAModelThatPlacesTags() async throws {
        try await withService(beside: ["firefox-en-pt"]) { service in
            let question = ["text": "Good <b>morning</b>.", "source_lang": "en", "target_lang": "pt-BR"]
            let text = try await translate(service, question)
            #expect(text.json["model"].string == "smollm2-135m-instruct", "\(text)")
            let html = try await translate(service, question.merging(["format": "html"]) { $1 })
            #expect(html.status == 200 && html.json["model"].string == "firefox-en-pt", "\(html)")
            let tagged = try #require(html.json["translations"][0]["text"].string)
            #expect(tagged.contains("<b>") && tagged.replacing(#/<[^>]*>/#, with: "") == "Bom dia.", "\(tagged)")
        }
    }

    @Test func whatItIsNotAskedForIsRefused() async throws {
        try await withService { service in
            let pair = try await translate(service, ["text": "Hi.", "source_lang": "pt-BR", "target_lang": "fr"])
            #expect(pair.status == 400 && pair.json["error"]["code"].string == "unsupported_pair", "\(pair)")
            let language = try await translate(service, ["text": "Hi.", "source_lang": "en", "target_lang": "de"])
            #expect(language.status == 400 && language.json["error"]["code"].string == "unsupported_language")
            let html = try await translate(
                service, ["text": "<b>Hi.</b>", "source_lang": "en", "target_lang": "fr", "format": "html"])
            #expect(html.status == 422 && html.json["error"]["code"].string == "unsupported_format", "\(html)")
            let listed = try await service.client.json("/languages")
            #expect(listed.json.array.compactMap { $0["code"].string }.sorted() == ["en", "fr", "pt-BR"])
        }
    }
}
