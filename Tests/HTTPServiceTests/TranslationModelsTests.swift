import Foundation
import SelfTest
import TestSupport
import Testing

/// Translation models in the layout of Hugging Face, served from their directories: small ones that were trained to know a
/// few sentences by heart, with what the reference makes of them (`models/translation-fixtures/reference.py`).
@Suite struct TranslationModelsTests {
    struct Example: Decodable {
        var source: String
        var target: String
        var text: String
        var translation: String
    }

    private static func directory(_ name: String) -> String {
        Fixtures.path("huggingface/complete/\(name)")
    }

    private static func examples(_ name: String) throws -> [Example] {
        try Fixtures.json("huggingface/complete/\(name).json")
    }

    private static func body(_ example: Example, _ more: [String: Any] = [:]) throws -> String {
        let body: [String: Any] = [
            "text": example.text, "source_lang": example.source, "target_lang": example.target,
        ]
        return String(decoding: try JSONSerialization.data(withJSONObject: body.merging(more) { $1 }), as: UTF8.self)
    }

    @Test(arguments: ["nllb", "opus-mt", "madlad"])
    func everySentenceIsTheReferences(name: String) async throws {
        try await RunningService.with(["--models", Self.directory(name)]) { service in
            for example in try Self.examples(name) {
                let answer = try await service.client.json("/translate", try Self.body(example, ["model": name]))
                #expect(answer.status == 200, "\(answer)")
                let translation = answer.json["translations"][0]
                #expect(
                    translation["text"].string == example.translation,
                    "\(name) \(example.source) → \(example.target): \(example.text)")
                #expect(translation["source_lang"].string == example.source)
                #expect(translation["target_lang"].string == example.target)
            }
        }
    }

    /// Quantised as it is loaded, and again from what that left: the sentences are known by a margin that survives it.
    @Test(arguments: ["int8", "q4"])
    func quantisedAndMappedAgain(quantization: String) async throws {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("svc-packed-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: home) }
        let examples = try Self.examples("nllb").filter { $0.source == "en" && $0.target == "pt" }
        var modified: Date?
        for _ in 0..<2 {
            let arguments = ["--models", Self.directory("nllb"), "--quantize", quantization]
            try await RunningService.with(arguments, environment: ["SVC_HOME": home.path]) { service in
                for example in examples {
                    let answer = try await service.client.json("/translate", try Self.body(example, ["model": "nllb"]))
                    #expect(answer.json["translations"][0]["text"].string == example.translation, "\(answer)")
                }
            }
            let packed = home.appendingPathComponent("packed/nllb")
            let files = try FileManager.default.contentsOfDirectory(atPath: packed.path)
            #expect(files.count == 1, "\(files)")
            let path = packed.appendingPathComponent(files[0]).path
            let date = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
            if let modified { #expect(date == modified, "the second start packs nothing") }
            modified = date
        }
    }

    /// A bit turns in what was packed: the check finds it, and the model is packed anew and loaded.
    @Test func damagedPackedWeightsAreMadeAnew() async throws {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("svc-packed-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: home) }
        let example = try #require(try Self.examples("nllb").first { $0.source == "en" && $0.target == "pt" })
        let arguments = ["--models", Self.directory("nllb"), "--quantize", "int8"]
        try await RunningService.with(arguments, environment: ["SVC_HOME": home.path]) { service in
            let client = service.client
            let file = home.appendingPathComponent("packed/nllb/int8-rounded.packed")
            let before = try Data(contentsOf: file)
            var bytes = before
            // In the first matrix: sections begin on pages, and between them is nothing.
            bytes[65_536 + 100] ^= 0x10
            let handle = try FileHandle(forWritingTo: file)
            try handle.write(contentsOf: bytes)
            try handle.close()
            let check = try await client.json("/models/nllb/check", "{}")
            #expect(check.json["healthy"].value as? Bool == false, "\(check)")
            #expect(check.json["problems"][0].string?.contains("int8-rounded.packed: ") == true, "\(check)")
            #expect(check.json["problems"][0].string?.contains("is not what was written") == true, "\(check)")
            try await client.wait(for: "nllb", "ready")
            let answer = try await client.json("/translate", try Self.body(example, ["model": "nllb"]))
            #expect(answer.json["translations"][0]["text"].string == example.translation, "\(answer)")
            #expect(try Data(contentsOf: file) == before)
            #expect(try await client.json("/models/nllb/check", "{}").json["healthy"].value as? Bool == true)
        }
    }

    @Test func everyLanguageOfTheModelIsListedAndTaken() async throws {
        let arguments = ["--models", Self.directory("nllb"), "--on-demand", "never"]
        try await RunningService.with(arguments) { service in
            let listed = try await service.client.json("/languages").json
            let codes = listed.array.compactMap { $0["code"].string }
            #expect(codes.count == 202)
            #expect(Set(codes).count == 202)
            for code in ["en", "pt", "zh-Hans", "zh-Hant", "ar", "sr", "ace-Arab", "ace", "zu"] {
                #expect(codes.contains(code), "\(code)")
            }
            // Each of them as the target, in its own spelling.
            for code in codes where code != "en" {
                let example = Example(source: "en", target: code, text: "Good morning.", translation: "")
                let answer = try await service.client.json("/translate", try Self.body(example, ["max_tokens": 4]))
                #expect(answer.status == 200, "\(code): \(answer)")
                #expect(answer.json["translations"][0]["target_lang"].string == code)
            }
            // Other spellings of the same.
            for (spelling, tag) in [("por_Latn", "pt"), ("PT", "pt"), ("zh-CN", "zh-Hans"), ("zh-TW", "zh-Hant")] {
                let example = Example(source: "eng_Latn", target: spelling, text: "Good morning.", translation: "")
                let answer = try await service.client.json("/translate", try Self.body(example, ["max_tokens": 4]))
                #expect(answer.status == 200, "\(spelling): \(answer)")
                _ = tag
            }
        }
    }

    @Test func whatAModelCannotTranslateIsRefused() async throws {
        try await RunningService.with(["--models", Self.directory("opus-mt")]) { service in
            func ask(_ source: String, _ target: String) async throws -> (status: Int, json: JSON) {
                let example = Example(source: source, target: target, text: "Hello.", translation: "")
                return try await service.client.json("/translate", try Self.body(example, ["model": "opus-mt"]))
            }
            // It translates from English into some languages, and from none of them.
            let wrongPair = try await ask("pt", "es")
            #expect(
                wrongPair.status == 400 && wrongPair.json["error"]["code"].string == "unsupported_pair", "\(wrongPair)")
            let noLanguage = try await ask("en", "tlh")
            #expect(noLanguage.status == 400 && noLanguage.json["error"]["code"].string == "unsupported_language")
        }
    }

    @Test func aDocumentKeepsItsShape() async throws {
        try await RunningService.with(["--models", Self.directory("nllb")]) { service in
            let known = try Self.examples("nllb").filter { $0.source == "en" && $0.target == "pt" }
            let text = "\n" + known[0].text + "  " + known[1].text + "\n\n\t" + known[2].text + " 42.\n"
            let example = Example(source: "en", target: "pt", text: text, translation: "")
            let answer = try await service.client.json("/translate", try Self.body(example, ["model": "nllb"]))
            let translation = answer.json["translations"][0]["text"].string ?? ""
            #expect(translation.hasPrefix("\n" + known[0].translation + "  " + known[1].translation + "\n\n\t"))
            #expect(translation.hasSuffix("\n"))
        }
    }

    @Test func beamsGiveSeveralTranslations() async throws {
        try await RunningService.with(["--models", Self.directory("nllb")]) { service in
            let example = try #require(try Self.examples("nllb").first { $0.source == "en" && $0.target == "pt" })
            let answer = try await service.client.json(
                "/translate", try Self.body(example, ["model": "nllb", "beam_size": 4, "alternatives": 2]))
            #expect(answer.json["translations"][0]["text"].string == example.translation)
            #expect(answer.json["translations"][0]["alternatives"].array.count == 2, "\(answer)")
        }
    }
}
