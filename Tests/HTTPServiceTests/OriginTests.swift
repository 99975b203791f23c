import Foundation
import SelfTest
import TestSupport
import Testing

/// Pages of other origins: what a browser asks before it lets one use the service, and what it has to be told.
@Suite struct OriginTests {
    private static let page = "https://app.example"

    @Test func namedOriginsMayUseTheService() async throws {
        try await RunningService.with(
            [
                "--models", "firefox-en-pt", "--cors-origins", "\(Self.page),http://localhost:3000", "--api-key",
                "secret",
            ]
        ) { service in
            let client = service.client
            // The question before a request has no key.
            for (origin, method, path) in [
                (Self.page, "POST", "/translate"), ("HTTPS://App.Example", "DELETE", "/models/lid-176/pin"),
                ("http://localhost:3000", "POST", "/v1/chat/completions"),
            ] {
                let asked = try await client.request(
                    "OPTIONS", path,
                    headers: [
                        "origin": origin, "access-control-request-method": method,
                        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
                    ])
                #expect(asked.status == 204, "\(asked.text)")
                #expect(asked.headers["access-control-allow-origin"] == origin)
                #expect(asked.headers["vary"] == "Origin")
                let allowed = asked.headers["access-control-allow-methods"]?.components(separatedBy: ", ") ?? []
                #expect(allowed.contains(method))
                let headers = asked.headers["access-control-allow-headers"]?.lowercased().components(separatedBy: ", ")
                #expect(headers == ["authorization", "*"])
                #expect(asked.headers["access-control-allow-credentials"] == nil)
            }
            let body = #"{"text":"Good morning.","source_lang":"en","target_lang":"pt","stream":true}"#
            let key = ["authorization": "Bearer secret", "content-type": "application/json"]
            let stream = try await client.request(
                "POST", "/translate", headers: key.merging(["origin": Self.page]) { $1 }, body: Array(body.utf8))
            #expect(stream.text.contains("Bom dia.") && stream.headers["access-control-allow-origin"] == Self.page)
            #expect(stream.headers["access-control-expose-headers"]?.contains("x-request-id") == true)
            // What went wrong can be read, too.
            for (path, headers, status) in [
                ("/models", [:], 401), ("/models", ["x-api-key": "wrong"], 403),
                ("/no-such-route", ["x-api-key": "secret"], 404), ("/models/none", ["x-api-key": "secret"], 404),
            ] as [(String, [String: String], Int)] {
                let failed = try await client.request(
                    "GET", path, headers: headers.merging(["origin": Self.page]) { $1 })
                #expect(failed.status == status)
                #expect(failed.headers["access-control-allow-origin"] == Self.page, "\(path)")
            }
            // Nobody else is told that it may.
            for origin in [
                "https://evil.example", "https://app.example.evil.example", "https://app.example:444", "null",
            ] {
                let answer = try await client.request("GET", "/health", headers: ["origin": origin])
                #expect(answer.status == 200 && answer.headers["access-control-allow-origin"] == nil)
                let asked = try await client.request(
                    "OPTIONS", "/translate", headers: ["origin": origin, "access-control-request-method": "POST"])
                #expect(asked.headers["access-control-allow-origin"] == nil && asked.status != 204)
            }
            #expect(try await client.request("GET", "/health").headers["access-control-allow-origin"] == nil)
        }
    }

    @Test func allOriginsMayWhereTheConfigurationSaysSo() async throws {
        try await RunningService.with(["--models", ""], environment: ["SVC_CORS_ORIGINS": "*"]) { service in
            for origin in [Self.page, "null"] {
                let answer = try await service.client.request("GET", "/models", headers: ["origin": origin])
                #expect(answer.status == 200 && answer.headers["access-control-allow-origin"] == "*")
                let socket = try await SocketClient(service.url, "/events/ws", ["origin": origin])
                #expect(socket.status == 101)
            }
        }
    }

    /// As it is by default.
    @Test func withoutTheSettingThereIsNone() async throws {
        let client = try await RunningService.shared().client
        let answer = try await client.request("GET", "/health", headers: ["origin": Self.page])
        #expect(answer.status == 200 && !answer.headers.keys.contains { $0.hasPrefix("access-control") })
        let asked = try await client.request(
            "OPTIONS", "/translate", headers: ["origin": Self.page, "access-control-request-method": "POST"])
        #expect(asked.status == 405 && !asked.headers.keys.contains { $0.hasPrefix("access-control") })
    }
}
