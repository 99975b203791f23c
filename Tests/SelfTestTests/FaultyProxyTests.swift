import Foundation
import SelfTest
import Testing
import TestSupport

/// The means by which faults are made: what they let through has to be what the service said.
@Suite struct FaultyProxyTests {
    @Test func whatNoFaultIsAboutPassesAsItIs() async throws {
        let service = try await RunningService.shared()
        let proxy = try FaultyProxy(service.url)
        defer { proxy.stop() }
        let client = ServiceClient(baseURL: proxy.url)
        let body = #"{"text": ["Good morning.", "Where is the station?"], "source_lang": "en", "target_lang": "pt"}"#
        for (method, path, json) in [
            ("GET", "/health/live", ""), ("HEAD", "/health/live", ""), ("GET", "/version", ""), ("GET", "/nowhere", ""),
            ("POST", "/translate", body), ("POST", "/translate", "{"), ("POST", "/detect", #"{"text": "Bom dia."}"#),
            ("GET", "/openapi.json", ""), ("GET", "/models/firefox-en-pt", ""),
        ] {
            func answer(_ client: ServiceClient) async throws -> ServiceClient.Answer {
                try await client.request(
                    method, path, headers: ["content-type": "application/json"],
                    body: method == "POST" ? Array(json.utf8) : nil)
            }
            let direct = try await answer(service.client)
            let passed = try await answer(client)
            #expect(direct.status == passed.status, "\(path)")
            #expect(Set(direct.headers.keys) == Set(passed.headers.keys), "\(path)")
            #expect(
                withoutTimes(direct.text) == withoutTimes(passed.text) && !(method == "GET" && passed.body.isEmpty),
                "\(path)")
        }
        #expect(proxy.strikes == 0)
        #expect(proxy.requests.count == 9)
    }

    @Test func aLargeBodyAndADamagedRequestPass() async throws {
        let service = try await RunningService.shared()
        let proxy = try FaultyProxy(service.url)
        defer { proxy.stop() }
        let client = ServiceClient(baseURL: proxy.url)
        let large = #"{"q": "\#(String(repeating: "a", count: 3_000_000))", "source": "en", "target": "pt"}"#
        #expect(try await client.post("/translate", json: large).status == 413)
        #expect(try await client.request("GET", "/version", headers: ["x-odd": "\u{1}"]).status == 400)
    }

    @Test func aFaultChangesStatusHeadersAndBody() async throws {
        let service = try await RunningService.shared()
        let proxy = try FaultyProxy(
            service.url,
            [
                ProxyFault(
                    "another version", on: ProxyFault.path("/version"),
                    answer: { answer, _ in
                        answer.status = 203
                        answer.headers.append(("x-more", "1"))
                        answer.editJSON { $0["version"] = "long".padding(toLength: 500, withPad: "g", startingAt: 0) }
                    }),
                ProxyFault(
                    "the wrong way", on: ProxyFault.path("/trans*"),
                    request: { request in
                        request.editJSON {
                            ($0["source_lang"], $0["target_lang"]) = ($0["target_lang"], $0["source_lang"])
                        }
                    }),
                ProxyFault(
                    "from memory", on: ProxyFault.path("/health"),
                    instead: { _ in ProxyAnswer(status: 503, json: #"{"status":"loading"}"#) }, delaySeconds: 0.3),
            ])
        defer { proxy.stop() }
        let client = ServiceClient(baseURL: proxy.url)
        let version = try await client.request("GET", "/version")
        #expect(version.status == 203 && version.headers["x-more"] == "1" && version.text.contains("longggg"))
        #expect(version.headers["content-length"] == "\(version.body.count)")
        let start = ContinuousClock.now
        #expect(try await client.request("GET", "/health").text == #"{"status":"loading"}"#)
        #expect(ContinuousClock.now - start >= .milliseconds(290))
        let translation = try await client.post(
            "/translate", json: #"{"text": "Bom dia.", "source_lang": "en", "target_lang": "pt"}"#)
        #expect(translation.text.contains(#""text":"Good morning."#), "\(translation.text)")
        #expect(proxy.strikes == 3)
    }

    @Test func eventsAreChangedOneByOne() async throws {
        let service = try await RunningService.shared()
        func stream(_ event: (@Sendable (String, Int) -> [String])?) async throws -> [String] {
            let proxy = try FaultyProxy(
                service.url, [ProxyFault("events", on: ProxyFault.path("/v1/*"), event: event)])
            defer { proxy.stop() }
            let answer = try await ServiceClient(baseURL: proxy.url).post(
                "/v1/completions",
                json: #"""
                    {"model": "smollm2-135m-instruct", "prompt": "One, two,", "temperature": 0, "max_tokens": 4,
                     "stream": true}
                    """#)
            #expect(answer.status == 200)
            return answer.text.components(separatedBy: "\n\n")
        }
        let plain = try await stream(nil)
        #expect(plain.count >= 4 && plain.suffix(2) == ["data: [DONE]", ""])
        let same = try await stream { event, _ in [event] }
        #expect(same.count == plain.count && same.suffix(2) == plain.suffix(2))
        #expect(try await stream { event, _ in event.contains("[DONE]") ? [] : [event] }.count == plain.count - 1)
        #expect(try await stream { event, index in index == 0 ? [event, ": more"] : [event] }[1] == ": more")
    }

    @Test func aClientThatGoesAwayIsGoneForTheServiceToo() async throws {
        let service = try await RunningService.shared()
        let proxy = try FaultyProxy(service.url)
        defer { proxy.stop() }
        let client = ServiceClient(baseURL: proxy.url, timeoutSeconds: 2)
        // Longer than this test waits for its end.
        let body = #"""
            {"model": "smollm2-135m-instruct", "prompt": "One, two,", "temperature": 0, "ignore_eos": true,
             "max_tokens": 8000}
            """#
        let answer = Task { try await client.post("/v1/completions", json: body) }
        #expect(try await waiting(service) { $0 > 0 })
        await #expect(throws: ServiceClient.Failure.self) { _ = try await answer.value }
        #expect(try await waiting(service) { $0 == 0 })
    }

    /// Whether the number of waiting and running requests comes to be as wanted within two minutes.
    private func waiting(_ service: RunningService, _ isWanted: (Int) -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < end {
            let text = try await service.client.request("GET", "/metrics").text
            let line = text.split(separator: "\n").first { $0.hasPrefix("svc_queue_requests ") }
            if let count = line.flatMap({ Int($0.drop { $0 != " " }.dropFirst()) }), isWanted(count) { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    private func withoutTimes(_ text: String) -> String {
        text.replacingOccurrences(
            of: #""[a-z_]*(_ms|last_used|requests|seconds)":[^,}]*"#, with: "", options: .regularExpression)
    }
}
