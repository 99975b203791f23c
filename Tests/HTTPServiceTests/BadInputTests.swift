import Foundation
import SelfTest
import TestSupport
import Testing

/// What clients get wrong: a clear error that says what and where, never a 5xx, and the service alive after it.
@Suite struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var path = "/translate"
        var body: [UInt8]
        var type: String? = "application/json"
        var status: Int
        /// What the message must contain.
        var says: String
        var testDescription: String { name }

        init(
            _ name: String, _ body: String, _ status: Int, says: String, path: String = "/translate",
            type: String? = "application/json"
        ) {
            self.init(name, Array(body.utf8), status, says: says, path: path, type: type)
        }

        init(
            _ name: String, _ body: [UInt8], _ status: Int, says: String, path: String = "/translate",
            type: String? = "application/json"
        ) {
            (self.name, self.body, self.status, self.says, self.path, self.type) = (
                name, body, status, says, path, type
            )
        }
    }

    static let cases: [Case] = [
        Case("not JSON", "hello", 400, says: "not valid JSON"),
        Case("half a JSON", #"{"q":"x","#, 400, says: "not valid JSON"),
        Case("an array", "[1,2]", 400, says: "not a JSON object"),
        Case("a string", #""hello""#, 400, says: "not a JSON object"),
        Case("nothing", "", 400, says: "missing q parameter"),
        Case("an empty object", "{}", 400, says: "missing q parameter"),
        Case("deep nesting", String(repeating: "[", count: 5000), 400, says: "JSON"),
        Case("q is a number", #"{"q":1,"source":"en","target":"pt"}"#, 400, says: "q must be a string or an array"),
        Case("q holds a number", #"{"q":["a",2],"source":"en","target":"pt"}"#, 400, says: "q[1] must be a string"),
        Case(
            "q is an object", #"{"q":{"a":1},"source":"en","target":"pt"}"#, 400, says: "q must be a string or an array"
        ),
        Case("q is empty", #"{"q":"","source":"en","target":"pt"}"#, 400, says: "missing q parameter"),
        Case("q is null", #"{"q":null,"source":"en","target":"pt"}"#, 400, says: "missing q parameter"),
        Case("no source", #"{"q":"x","target":"pt"}"#, 400, says: "missing source parameter"),
        Case("no target", #"{"q":"x","source":"en"}"#, 400, says: "missing target parameter"),
        Case("target is a number", #"{"q":"x","source":"en","target":5}"#, 400, says: "target must be a string"),
        Case("unknown target", #"{"q":"x","source":"en","target":"zz"}"#, 400, says: "zz is not supported"),
        Case("unknown source", #"{"q":"x","source":"zz","target":"pt"}"#, 400, says: "zz is not supported"),
        Case(
            "a language that is none", #"{"q":"x","source":"en","target":"../../etc"}"#, 400,
            says: "../../etc is not supported"),
        Case("no target_lang", #"{"text":"x"}"#, 400, says: "missing target_lang parameter"),
        Case(
            "unknown model", #"{"text":"x","source_lang":"en","target_lang":"pt","model":"nope"}"#, 404,
            says: "no model nope"),
        Case(
            "a model for something else", #"{"text":"x","source_lang":"en","target_lang":"pt","model":"lid-176"}"#, 400,
            says: "not for translation"),
        Case(
            "the wrong direction", #"{"text":"x","source_lang":"pt","target_lang":"en","model":"firefox-en-pt"}"#, 400,
            says: "no model translates from pt"),
        Case(
            "another format", #"{"q":"x","source":"en","target":"pt","format":"pdf"}"#, 400,
            says: "pdf format is not supported"),
        Case(
            "stream of LibreTranslate", #"{"q":"x","source":"en","target":"pt","stream":true}"#, 422,
            says: "stream is not part of LibreTranslate's vocabulary"),
        Case(
            "stream with alternatives",
            #"{"text":"x","source_lang":"en","target_lang":"pt","stream":true,"alternatives":1}"#, 400,
            says: "a stream has no alternatives"),
        Case(
            "negative alternatives", #"{"q":"x","source":"en","target":"pt","alternatives":-1}"#, 400,
            says: "alternatives must be a whole number from 0 to 8"),
        Case(
            "huge alternatives", #"{"q":"x","source":"en","target":"pt","alternatives":1e300}"#, 400,
            says: "alternatives must be a whole number"),
        Case(
            "half an alternative", #"{"q":"x","source":"en","target":"pt","alternatives":1.5}"#, 400,
            says: "alternatives must be a whole number"),
        Case(
            "a beam of none", #"{"text":"x","source_lang":"en","target_lang":"pt","beam_size":0}"#, 400,
            says: "beam_size must be a whole number from 1 to 16"),
        Case(
            "no tokens", #"{"text":"x","source_lang":"en","target_lang":"pt","max_tokens":0}"#, 400, says: "max_tokens"),
        Case(
            "invalid UTF-8", Array(#"{"q":"a"#.utf8) + [0xff, 0xfe] + Array(#"","source":"en","target":"pt"}"#.utf8),
            400, says: "not valid UTF-8 at byte 7"),
        Case("a NUL escape", #"{"q":"a\u0000b","source":"en","target":"pt"}"#, 400, says: "U+0000 at character 1"),
        Case(
            "a NUL byte", Array(#"{"q":"a"#.utf8) + [0] + Array(#"","source":"en","target":"pt"}"#.utf8), 400,
            says: "not valid JSON"),
        Case(
            "a control character", #"{"q":["fine","bell\u0007"],"source":"en","target":"pt"}"#, 400,
            says: "q[1] has the control character U+0007 at character 4"),
        Case("a lone surrogate", #"{"q":"a\ud800b","source":"en","target":"pt"}"#, 400, says: "not valid JSON"),
        Case("a lone low surrogate", #"{"q":"a\udc00","source":"en","target":"pt"}"#, 400, says: "not valid JSON"),
        Case("plain text", "hello", 415, says: "text/plain", type: "text/plain"),
        Case(
            "a damaged form", "q=%zz&source=en&target=pt", 400, says: "percent-encoded",
            type: "application/x-www-form-urlencoded"),
        Case(
            "100,000 characters", #"{"q":"\#(String(repeating: "word ", count: 20_000))","source":"en","target":"pt"}"#,
            413, says: "q has 100000 characters; at most 50000"),
        Case(
            "too many texts",
            #"{"q":[\#(Array(repeating: "\"a\"", count: 1001).joined(separator: ","))],"source":"en","target":"pt"}"#,
            413, says: "q has 1001 texts"),
        Case(
            "10 MB", #"{"q":"\#(String(repeating: "x", count: 10_000_000))","source":"en","target":"pt"}"#, 413,
            says: "larger than the 2097152 bytes"),
        Case("detect without a text", "{}", 400, says: "missing q parameter", path: "/detect"),
        Case("detect a number", #"{"text":7}"#, 400, says: "text must be a string or an array", path: "/detect"),
        Case("load an unknown model", "", 404, says: "no model nope", path: "/models/nope/load"),
        Case("load with a wrong wait", "", 400, says: "wait must be seconds", path: "/models/lid-176/load?wait=soon"),
        Case("an unknown route", "{}", 404, says: "no route /translat;", path: "/translat"),
    ]

    @Test(arguments: cases) func isAnsweredWithAClearError(bad: Case) async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.request(
            "POST", bad.path, headers: bad.type.map { ["content-type": $0] } ?? [:], body: bad.body)
        #expect(answer.status == bad.status)
        let json = JSON(answer)
        let message = json["error"].string ?? json["error"]["message"].string ?? ""
        #expect(message.contains(bad.says), "\(answer.text.prefix(300))")
        #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true)
        #expect(answer.headers["x-request-id"]?.isEmpty == false)
        #expect(try await client.request("GET", "/health").status == 200)
    }

    @Test func theFormOfAnErrorFollowsTheVocabulary() async throws {
        let client = try await RunningService.shared().client
        let libre = try await client.json("/translate", #"{"q":"x","source":"en","target":"zz"}"#)
        #expect(libre.json["error"].string == "zz is not supported")
        let ours = try await client.json("/translate", #"{"text":"x","source_lang":"en","target_lang":"zz"}"#)
        #expect(ours.json["error"].keys == ["message", "type", "param", "code"])
        #expect(ours.json["error"]["type"].string == "invalid_request_error")
        #expect(ours.json["error"]["code"].string == "unsupported_language")
    }

    @Test(arguments: [
        ("GET", "/translate", "POST"), ("DELETE", "/models/lid-176", "GET, HEAD"), ("PUT", "/health", "GET, HEAD"),
    ])
    func aWrongMethodIsToldTheRightOnes(method: String, path: String, allow: String) async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.request(method, path)
        #expect(answer.status == 405)
        #expect(answer.headers["allow"] == allow)
    }

    /// Clients that go away in the middle of everything.
    @Test func clientsThatDisconnectDoNoHarm() async throws {
        let service = try await RunningService.shared()
        let long =
            #"{"q":"\#(String(repeating: "The weather is fine today. ", count: 1500))","source":"en","target":"pt"}"#
        for step in 0..<12 {
            let request =
                "POST /translate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                + "content-length: \(long.utf8.count)\r\n\r\n\(long)"
            // At the first steps not even the head is whole, at the last all is sent and the answer is not awaited.
            let count = step < 11 ? request.utf8.count * step / 11 : request.utf8.count
            let connection = try RawConnection(to: service.url)
            connection.send(String(decoding: request.utf8.prefix(count), as: UTF8.self))
            connection.close()
        }
        let answer = try await service.client.json("/translate", #"{"q":"Good morning!","source":"en","target":"pt"}"#)
        #expect(answer.json["translatedText"].string == "Bom dia!")
    }

    /// 200 clients at once on a machine with few processors: each is answered, or told to come back.
    @Test func noneOf200ConcurrentClientsIsLost() async throws {
        let service = try await RunningService.shared()
        let expected = try await service.client.json(
            "/translate", #"{"q":"\#(TranslateTests.rain)","source":"en","target":"pt"}"#
        ).json["translatedText"].string
        let outcomes = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    let answer = try await service.client.post(
                        "/translate", json: #"{"q":"\#(TranslateTests.rain)","source":"en","target":"pt"}"#)
                    if answer.status == 200 { #expect(JSON(answer)["translatedText"].string == expected) }
                    if answer.status == 503 { #expect(answer.headers["retry-after"] != nil) }
                    return answer.status
                }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(outcomes.count == 200)
        #expect(outcomes.allSatisfy { $0 == 200 || $0 == 503 })
        #expect(outcomes.contains(200))
    }
}
