import Foundation
import SelfTest
import TestSupport
import Testing

/// /translate, /detect and /languages of the real service over real sockets, in both vocabularies.
@Suite struct TranslateTests {
    static let rain = "The children were playing in the garden when it started to rain."
    static let chuva = "As crianças brincavam no jardim quando começou a chover."

    @Test func libreTranslateVocabulary() async throws {
        let client = try await RunningService.shared().client
        let plain = try await client.json("/translate", #"{"q":"\#(Self.rain)","source":"en","target":"pt"}"#)
        #expect(plain.status == 200)
        #expect(plain.json["translatedText"].string == Self.chuva)
        #expect(plain.json.keys == ["translatedText"])
        let auto = try await client.json("/translate", #"{"q":"\#(Self.rain)","source":"auto","target":"pt"}"#)
        #expect(auto.json["translatedText"].string == Self.chuva)
        #expect(auto.json["detectedLanguage"]["language"].string == "en")
        #expect((auto.json["detectedLanguage"]["confidence"].number ?? 0) > 90)
        let back = try await client.json("/translate", #"{"q":"\#(Self.chuva)","source":"pt","target":"en"}"#)
        #expect(back.json["translatedText"].string?.contains("garden when it started to rain") == true)
    }

    @Test func eachItemOfAnArrayIsAnsweredOnItsOwn() async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.json(
            "/translate", #"{"q":["Good morning, my friend.","","Bom dia, meu amigo."],"source":"auto","target":"pt"}"#)
        #expect(answer.status == 200)
        #expect(
            answer.json["translatedText"].array.map(\.string) == ["Bom dia, meu amigo.", "", "Bom dia, meu amigo."])
        #expect(answer.json["detectedLanguage"].array.map { $0["language"].string } == ["en", "en", "pt"])
        let ours = try await client.json(
            "/translate", #"{"text":["Good morning.","","Bom dia, meu amigo.","🙂"],"target_lang":"pt"}"#)
        let items = ours.json["translations"].array
        #expect(items.map { $0["text"].string } == ["Bom dia.", "", "Bom dia, meu amigo.", "🙂"])
        #expect(items.map { $0["detected"]["language"].string } == ["en", "und", "pt", "und"])
    }

    @Test func ourVocabulary() async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.json(
            "/translate",
            #"{"text":"\#(Self.rain)","source_lang":"en","target_lang":"pt-BR","model":"firefox-en-pt","alternatives":2,"beam_size":4}"#
        )
        #expect(answer.status == 200)
        #expect(answer.json["model"].string == "firefox-en-pt")
        let item = answer.json["translations"][0]
        #expect(item["source_lang"].string == "en")
        #expect(item["target_lang"].string == "pt-BR")
        #expect(item["alternatives"].array.count == 2)
        #expect(!item["detected"].exists)
        #expect(answer.json["usage"]["characters"].number == Double(Self.rain.count))
        #expect((answer.json["usage"]["target_tokens"].number ?? 0) > 5)
        #expect(answer.json["timings"]["inference_ms"].exists)
    }

    /// As clients of LibreTranslate send pages and posts; the language is that of the words, not of the tags.
    @Test func htmlKeepsItsTags() async throws {
        let client = try await RunningService.shared().client
        let post = #"<p class=\"e\">\#(Self.rain) <a href=\"https://x.y/?a=1&b=2\">Good morning.</a></p><p>🙂</p>"#
        let translated = #"<p class="e">\#(Self.chuva) <a href="https://x.y/?a=1&b=2">Bom dia.</a></p><p>🙂</p>"#
        let libre = try await client.json(
            "/translate", #"{"q":"\#(post)","source":"auto","target":"pt","format":"html"}"#)
        #expect(libre.status == 200)
        #expect(libre.json["translatedText"].string == translated)
        #expect(libre.json["detectedLanguage"]["language"].string == "en")
        let ours = try await client.json(
            "/translate", #"{"text":["\#(post)","<b>1 &lt; 2</b>"],"target_lang":"pt","format":"html"}"#)
        #expect(ours.json["translations"].array.map { $0["text"].string } == [translated, "<b>1 &lt; 2</b>"])
        #expect(ours.json["translations"][1]["detected"]["language"].string == "und")
        let form = try await client.request(
            "POST", "/translate", headers: ["Content-Type": "application/x-www-form-urlencoded"],
            body: Array("q=%3Cb>Good</b>+and+bad.&source=en&target=pt&format=html".utf8))
        #expect(form.text == #"{"translatedText":"<b>Bom</b> e mau."}"#)
    }

    @Test func whiteSpaceAndParagraphsSurvive() async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.json(
            "/translate",
            #"{"text":"  Good morning.  How are you?\n\n\tThank you.\r\n","source_lang":"en","target_lang":"pt"}"#)
        let text = answer.json["translations"][0]["text"].string ?? ""
        #expect(text.hasPrefix("  Bom dia.  "))
        #expect(text.contains("\n\n\t"))
        #expect(text.hasSuffix("\r\n"))
    }

    @Test func aFormAndAQueryStringDoAsWell() async throws {
        let client = try await RunningService.shared().client
        let form = try await client.request(
            "POST", "/translate", headers: ["content-type": "application/x-www-form-urlencoded"],
            body: Array("q=Good+morning%21&source=en&target=pt".utf8))
        #expect(JSON(form)["translatedText"].string == "Bom dia!")
        let query = try await client.request("POST", "/translate?q=Good%20morning%21&source=en&target=pt")
        #expect(JSON(query)["translatedText"].string == "Bom dia!")
    }

    @Test func theSameLanguageComesBackUnchanged() async throws {
        let client = try await RunningService.shared().client
        let named = try await client.json(
            "/translate", #"{"text":"Hello, my dear friend.","target_lang":"en","model":"firefox-pt-en"}"#)
        #expect(named.json["translations"][0]["text"].string == "Hello, my dear friend.")
        #expect(!named.json["translations"][0]["warnings"].exists)
        let answer = try await client.json("/translate", #"{"q":"Bom dia!","source":"pt","target":"pt"}"#)
        #expect(answer.json["translatedText"].string == "Bom dia!")
    }

    @Test func whatCannotBeTranslatedIsSaidOfTheItem() async throws {
        let client = try await RunningService.shared().client
        let german = "Die Kinder spielten im Garten, als es zu regnen begann."
        let answer = try await client.json("/translate", #"{"text":["\#(german)","Good morning."],"target_lang":"pt"}"#)
        #expect(answer.status == 200)
        let items = answer.json["translations"].array
        #expect(items[0]["text"].string == german)
        #expect(items[0]["detected"]["language"].string == "de")
        #expect(items[0]["warnings"][0]["code"].string == "unsupported_language")
        #expect(items[1]["text"].string == "Bom dia.")
    }

    @Test func detection() async throws {
        let client = try await RunningService.shared().client
        let libre = try await client.json("/detect", #"{"q":"\#(Self.chuva)"}"#)
        #expect(libre.json[0]["language"].string == "pt")
        #expect((libre.json[0]["confidence"].number ?? 0) > 80)
        let unknown = try await client.json("/detect", #"{"q":"12345"}"#)
        #expect(unknown.json[0]["language"].string == "en")
        #expect(unknown.json[0]["confidence"].number == 0)
        let ours = try await client.json("/detect", #"{"text":["\#(Self.rain)","","12345","🙂"]}"#)
        #expect(ours.json.array.map { $0["language"].string } == ["en", "und", "und", "und"])
        #expect(ours.json.array.map { $0["confidence"].number ?? -1 }.dropFirst() == [0, 0, 0])
        let single = try await client.json("/detect", #"{"text":"\#(Self.rain)"}"#)
        #expect((single.json["candidates"].array.first?["confidence"].number ?? 0) > 0.9)
    }

    @Test func languages() async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.json("/languages")
        #expect(answer.json.array.map { $0["code"].string } == ["en", "pt"])
        #expect(answer.json.array.map { $0["name"].string } == ["English", "Portuguese"])
        #expect(answer.json[0]["targets"].array.compactMap(\.string).sorted() == ["en", "pt"])
    }

    /// The client package that people use, unchanged.
    @Test func libretranslatepyDrivesTheService() async throws {
        let url = try await RunningService.shared().url
        let script = """
            from libretranslatepy import LibreTranslateAPI
            api = LibreTranslateAPI("\(url)")
            assert api.translate("\(Self.rain)", "en", "pt") == "\(Self.chuva)"
            assert api.translate("Good morning!", "auto", "pt") == "Bom dia!"
            best = api.detect("\(Self.chuva)")[0]
            assert best["language"] == "pt" and best["confidence"] > 80, best
            assert sorted(l["code"] for l in api.languages()) == ["en", "pt"]
            print("driven")
            """
        let outcome = try await Programs.run(
            URL(fileURLWithPath: "/usr/bin/env"), ["python3", "-c", script],
            environment: ["PYTHONPATH": Fixtures.repository.appendingPathComponent(".python").path])
        #expect(outcome.output == "driven\n", "\(outcome.error)")
    }

    @Test func libretranslatepySendsItsKeyInTheBody() async throws {
        try await RunningService.with(["--models", "firefox-en-pt", "--api-key", "right"]) { service async throws in
            let script = """
                from libretranslatepy import LibreTranslateAPI
                from urllib.error import HTTPError
                right = LibreTranslateAPI("\(service.url)", "right")
                assert right.translate("Good morning!", "en", "pt") == "Bom dia!"
                assert right.detect("Good morning, my friend!")[0]["language"] == "en"
                assert len(right.languages()) == 2
                for key, code in (("wrong", 403), (None, 400)):
                    api = LibreTranslateAPI("\(service.url)", key)
                    for call in (lambda: api.translate("Hi.", "en", "pt"), lambda: api.detect("Hi."), api.languages):
                        try:
                            call()
                            raise SystemExit("answered without a right key")
                        except HTTPError as error:
                            assert error.code == code, (key, error.code)
                print("driven")
                """
            let outcome = try await Programs.run(
                URL(fileURLWithPath: "/usr/bin/env"), ["python3", "-c", script],
                environment: ["PYTHONPATH": Fixtures.repository.appendingPathComponent(".python").path])
            #expect(outcome.output == "driven\n", "\(outcome.error)")
        }
    }
}
