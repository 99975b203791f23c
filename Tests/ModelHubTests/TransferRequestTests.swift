import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Questions with small answers.
@Suite(.timeLimit(.minutes(1))) struct TransferRequestTests {
    @Test("A head has headers, redirects on the way, and no body")
    func head() async throws {
        let fixture = try TransferFixture()
        let response = try await fixture.client().send(
            TransferRequest(url: fixture.url(fixture.file), method: .head, headers: ["X-Test": "a b"]))
        #expect(response.status == 200)
        #expect(response.body.isEmpty)
        #expect(response.headers["content-length"] == "1000000")
        #expect(response.redirects.map(\.status) == [302])
        #expect(response.redirects.first?.headers["x-linked-size"] == "1000000")
        #expect(response.url.hasPrefix(fixture.hub.url(.cdn)))
        #expect(fixture.hub.requests.allSatisfy { $0.method == "HEAD" && $0.headers["x-test"] == "a b" })
    }

    @Test("Redirects are followed as far as wanted")
    func redirects() async throws {
        let fixture = try TransferFixture(StandInFile("config.json", "{}"))
        let client = fixture.client()
        let url = fixture.url(fixture.file)
        let unfollowed = try await client.send(TransferRequest(url: url, followsRedirects: false))
        #expect(unfollowed.status == 307)
        let here = try await client.send(TransferRequest(url: url, staysAtOrigin: true))
        #expect(here.status == 200 && here.body == Array("{}".utf8))
        fixture.hub.inject(.redirect(to: fixture.hub.url(.cdn) + "/x"), host: .hub)
        #expect(try await client.send(TransferRequest(url: url, staysAtOrigin: true)).status == 302)
        fixture.hub.inject(.redirect(to: url), host: .hub, times: nil)
        let error = await thrown(TransferError.self) { try await client.send(TransferRequest(url: url)) }
        #expect(error?.cause == .redirect)
        #expect(error?.description.contains("more than 10 redirects") == true)
    }

    @Test(
        "Bad places to be sent to are refused",
        arguments: ["ftp://x/y", "http://u:p@127.0.0.1/", "http://", "file:///etc/passwd", ""])
    func badRedirects(target: String) async throws {
        let fixture = try TransferFixture()
        fixture.hub.inject(.redirect(to: target), host: .hub, times: nil)
        let request = TransferRequest(url: fixture.url(fixture.file))
        let error = await thrown(TransferError.self) { try await fixture.client().send(request) }
        #expect(error != nil)
        #expect(error?.description.contains("u:p") != true)
    }

    @Test("A status is an answer, after what may pass was tried again")
    func statuses() async throws {
        let fixture = try TransferFixture()
        let request = TransferRequest(url: fixture.hub.url + "/api/models/someone/other")
        #expect(try await fixture.client().send(request).status == 401)
        #expect(fixture.hub.requests.count == 1)
        fixture.hub.inject(.status(502), times: 2)
        #expect(try await fixture.client().send(request).status == 401)
        #expect(fixture.hub.requests.count == 4)
        fixture.hub.inject(.status(503), times: nil)
        #expect(try await fixture.client().send(request).status == 503)
        #expect(fixture.hub.requests.count == 9)
    }

    @Test("Retry-After is kept to, as seconds and as a date; too long a wait is an answer at once")
    func retryAfter() async throws {
        let fixture = try TransferFixture()
        let request = TransferRequest(url: fixture.hub.url + "/api/models/someone/model")
        for isDate in [false, true] {
            // A date has whole seconds.
            fixture.hub.inject(isDate ? .unavailable(forSeconds: 2) : .tooManyRequests(retryAfterSeconds: 1))
            let begin = ContinuousClock.now
            #expect(try await fixture.client().send(request).status == 200)
            #expect(ContinuousClock.now - begin > .seconds(0.9))
        }
        fixture.hub.inject(.tooManyRequests(retryAfterSeconds: 3600), times: nil)
        #expect(try await fixture.client().send(request).status == 429)
    }

    @Test("An answer that is too long is an error, not memory")
    func tooLong() async throws {
        let fixture = try TransferFixture()
        let request = TransferRequest(url: fixture.url(fixture.file), limitBytes: 999_999)
        let error = await thrown(TransferError.self) { try await fixture.client().send(request) }
        #expect(error?.cause == .tooLong)
    }

    @Test("A cancelled question ends at once")
    func cancels() async throws {
        let fixture = try TransferFixture()
        fixture.hub.inject(.stall(seconds: 600), times: nil)
        let client = fixture.client()
        let request = TransferRequest(url: fixture.hub.url + "/api/models/someone/model")
        let task = Task { try await client.send(request) }
        try await Task.sleep(for: .milliseconds(100))
        // Were it not cancelled, it would end when the answer comes, in ten minutes.
        let begin = ContinuousClock.now
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(ContinuousClock.now - begin < .seconds(300))
        let dead = Task { try await client.send(request) }
        dead.cancel()
        await #expect(throws: CancellationError.self) { try await dead.value }
    }

    @Test("A proxy of the environment is used, and named where it fails")
    func proxies() async throws {
        let fixture = try TransferFixture()
        let proxied = TransferClient(
            TransferConfiguration(environment: ["HTTP_PROXY": "http://u:secret@127.0.0.1:\(fixture.hub.port(.hub))"]))
        let response = try await proxied.send(TransferRequest(url: "http://hub.invalid/api/models/someone/model"))
        #expect(response.status == 200)
        #expect(fixture.hub.requests.last?.isProxied == true)
        var configuration = fixture.configuration()
        configuration.httpProxy = "http://u:secret@127.0.0.1:1"
        let error = await thrown(TransferError.self) {
            try await TransferClient(configuration).send(TransferRequest(url: "http://hub.invalid/"))
        }
        #expect(error?.proxy == "http://127.0.0.1:1")
        #expect(error?.description.contains("secret") == false)
        configuration.noProxy = "127.0.0.1"
        let direct = try await TransferClient(configuration).send(
            TransferRequest(url: fixture.hub.url + "/api/models/someone/model"))
        #expect(direct.status == 200)
    }

    @Test("No TLS where there should be is said so")
    func noTLS() async throws {
        let fixture = try TransferFixture()
        fixture.hub.inject(.garbage, at: .connect, times: nil)
        let url = "https://127.0.0.1:\(fixture.hub.port(.hub))/"
        let error = await thrown(TransferError.self) { try await fixture.client().send(TransferRequest(url: url)) }
        #expect(error?.stage == .securing)
        #expect(error?.cause == .untrusted)
        #expect(error?.description.contains("CURL_CA_BUNDLE") == true)
    }
}
