import Engine
import Foundation
@testable import HTTPService
import SelfTest
import TestSupport
import Testing

/// POST /translate with `stream`: sentences as they come, which together are the plain answer.
@Suite struct TranslationStreamTests {
    /// Sentences for some seconds of work.
    private static let document = (0..<4000).map { "Sentence number \($0) says that the weather is fine." }
        .joined(separator: " ")

    private func body(_ fields: [String: Any]) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
    }

    @Test(arguments: [
        ["The library opens at nine. Bring your card.\n\n  See you there. \n"],
        ["One sentence", "", "12:30", " \n ", "Two of them. In one text.", "Wie geht es dir heute?", "\tBom dia. "],
        ["<p>Hello <b>world</b>. It is <i>late.</i></p>\n<p>12</p><!-- x -->", "<br>", "Good <b>morning</b>."],
        [String(repeating: "The first paragraph is here.\nThe second one follows it. ", count: 40), "Good night."],
    ])
    func sentencesAreThePlainAnswer(texts: [String]) async throws {
        let client = try await RunningService.shared().client
        for text in [texts, texts[0]] as [Any] {
            for format in ["text", "html"] {
                var fields: [String: Any] = ["text": text, "target_lang": "pt", "format": format]
                let plain = try await client.json("/translate", try body(fields)).json
                fields["stream"] = true
                let answer = try await client.post("/translate", json: try body(fields))
                #expect(answer.headers["content-type"] == "text/event-stream; charset=utf-8")
                let stream = EventStream(answer.text)
                #expect(stream.isDone && stream.others.isEmpty)
                let sentences = stream.chunks.dropLast()
                let indices = sentences.compactMap { $0["index"].number }
                #expect(indices.count == sentences.count && indices == indices.sorted())
                for (index, expected) in plain["translations"].array.enumerated() {
                    let own = sentences.filter { $0["index"].number == Double(index) }
                    #expect(own.compactMap { $0["text"].string }.joined() == expected["text"].string)
                    for sentence in own {
                        for key in ["source_lang", "target_lang"] {
                            #expect(sentence[key].string == expected[key].string)
                        }
                        #expect(sentence["detected"]["language"].string == expected["detected"]["language"].string)
                    }
                }
                let summary = try #require(stream.chunks.last)
                #expect(summary["model"].string == plain["model"].string)
                #expect(summary["usage"]["target_tokens"].number == plain["usage"]["target_tokens"].number)
                #expect(summary["usage"]["characters"].number == plain["usage"]["characters"].number)
                #expect(summary["timings"]["inference_ms"].exists)
                #expect(
                    summary["translations"].array.map { $0["warnings"][0]["code"].string }
                        == plain["translations"].array.map { $0["warnings"][0]["code"].string })
                #expect(summary["translations"].array.allSatisfy { !$0["text"].exists })
            }
        }
    }

    @Test func eachSentenceIsAnEvent() async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.post(
            "/translate",
            json: #"{"text":"Good morning. Good night.\n12:30","source_lang":"en","target_lang":"pt","stream":true}"#)
        let texts = EventStream(answer.text).chunks.compactMap { $0["text"].string }
        #expect(texts == ["Bom dia.", " Boa noite.", "\n12:30"])
    }

    /// The first sentence is there while others wait, and a client that has enough ends the work.
    @Test func sentencesComeAsTheyAreDoneAndEndWithTheirClient() async throws {
        // A service of its own: its queue is nobody else's.
        try await RunningService.with(["--models", "firefox-en-pt", "--max-characters", "1000000"]) { service in
            let alone =
                try await service.client.json(
                    "/translate",
                    #"{"q":"Sentence number 0 says that the weather is fine.","source":"en","target":"pt"}"#
                ).json["translatedText"].string ?? ""
            let json = try body(["text": Self.document, "source_lang": "en", "target_lang": "pt", "stream": true])
            let wire = try WireClient(to: service.url)
            wire.send(
                "POST /translate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                    + "content-length: \(json.utf8.count)\r\n\r\n\(json)")
            let (status, _) = try await wire.head()
            #expect(status == 200)
            let first = try await wire.text(upTo: "\n\n")
            #expect(first?.contains(#""text":"\#(alone)""#) == true, "\(first ?? "nothing")")
            let during = try await queue(service)
            #expect(during.requests == 1 && during.sentences > 0, "\(during)")
            wire.close()
            let deadline = ContinuousClock.now + .seconds(30)
            // The worker that is under way leaves the rest out when it comes back for more.
            while try await queue(service) != (0, 0), ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await queue(service) == (0, 0))
        }
    }

    private func queue(_ service: RunningService) async throws -> (sentences: Double, requests: Double) {
        let metrics = try await service.client.request("GET", "/metrics").text
        func value(_ name: String) -> Double {
            metrics.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
                .flatMap { Double($0.split(separator: " ")[1]) } ?? -1
        }
        return (value("svc_queue_sentences"), value("svc_queue_requests"))
    }

    @Test(arguments: [
        (#""target_lang":"zz""#, 400, "unsupported_language"),
        (#""target_lang":"pt","model":"nope""#, 404, "model_not_found"),
        (#""target_lang":"pt","alternatives":2"#, 400, "unsupported_parameter"),
        (#""target_lang":"pt","source_lang":"pt","model":"firefox-en-pt""#, 400, "unsupported_pair"),
    ])
    func whatIsWrongIsAStatus(fields: String, status: Int, code: String) async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.json("/translate", #"{"text":"Hello.","stream":true,\#(fields)}"#)
        #expect(answer.status == status && answer.json["error"]["code"].string == code, "\(answer)")
    }

    @Test func libreTranslateHasNoStreams() async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.json(
            "/translate", #"{"q":"Hello.","source":"en","target":"pt","stream":true}"#)
        #expect(answer.status == 422)
        #expect(answer.json["error"].string?.contains("text, source_lang and target_lang") == true)
    }
}
