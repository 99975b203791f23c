import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// What lies between the Hub and the machine: TLS, and proxies.
@Suite(.timeLimit(.minutes(2))) struct FaultTLSTests {
    /// Whoever runs these tests may have an authority of their own.
    static let noAuthority = ["CURL_CA_BUNDLE": "", "SSL_CERT_FILE": "", "SSL_CERT_DIR": ""]

    @Test("A Hub that speaks no TLS where it should is an error that says so, and no plain request is made")
    func plain() async throws {
        let fixture = try FaultFixture(settings: ["SVC_TRANSFER_ATTEMPTS": "2"])
        let error = try #require(
            await thrown(ModelHubError.self) {
                try await fixture.pull([
                    "HF_ENDPOINT": fixture.server.url.replacing("http:", with: "https:"),
                    "HF_TOKEN": FaultFixture.token,
                ])
            })
        #expect(error.category == .network)
        #expect("\(error)".contains("TLS"), "\(error)")
        #expect(fixture.server.requests.isEmpty)
        try fixture.expectNothingLooksWholeThatIsNot()
    }

    @Test("A certificate that nobody vouches for is refused; with its authority, all comes by TLS")
    func certificate() async throws {
        let fixture = try FaultFixture()
        let front = try await StandInTLSFront(fixture.server)
        let changes = ["HF_ENDPOINT": front.url].merging(Self.noAuthority) { $1 }
        let error = try #require(await thrown(ModelHubError.self) { try await fixture.pull(changes) })
        #expect(error.category == .network)
        #expect("\(error)".contains("CURL_CA_BUNDLE"), "\(error)")
        #expect("\(error)".localizedCaseInsensitiveContains("certificate"), "\(error)")
        #expect(fixture.server.requests.isEmpty)
        try await fixture.pull(changes.merging(["CURL_CA_BUNDLE": StandInTLSFront.certificate]) { $1 })
        try fixture.expectWhole()
        #expect(fixture.server.requests.contains { $0.host == .cdn })
        await front.stop()
    }

    @Test("SSL_CERT_FILE is another way to name the authority")
    func certificateFile() async throws {
        let fixture = try FaultFixture()
        let front = try await StandInTLSFront(fixture.server)
        var changes = Self.noAuthority
        changes["HF_ENDPOINT"] = front.url
        changes["SSL_CERT_FILE"] = StandInTLSFront.certificate
        try await fixture.pull(changes)
        try fixture.expectWhole()
        await front.stop()
    }

    @Test("A Hub that leads from TLS to none is not followed")
    func downgrade() async throws {
        let fixture = try FaultFixture()
        let front = try await StandInTLSFront(fixture.server)
        fixture.server.announce(.cdn, at: "http://cdn.invalid")
        let changes = ["HF_ENDPOINT": front.url, "CURL_CA_BUNDLE": StandInTLSFront.certificate]
        let error = try #require(await thrown(ModelHubError.self) { try await fixture.pull(changes) })
        #expect("\(error)".contains("http://cdn.invalid"), "\(error)")
        #expect(fixture.server.requests.allSatisfy { $0.host == .hub })
        #expect(try fixture.hub().installed(try fixture.entry) == nil)
        await front.stop()
    }

    @Test("A proxy is asked for everything, unless no_proxy names the host", arguments: ["http_proxy", "ALL_PROXY"])
    func proxied(variable: String) async throws {
        let fixture = try FaultFixture()
        let proxy = try StandInHub()
        defer { proxy.stop() }
        proxy.add(StandInRepository(FaultFixture.repository, files: fixture.files))
        // As the proxy answers itself, its network is the one that is announced.
        try await fixture.pull([variable: proxy.url])
        #expect(!proxy.requests.isEmpty)
        #expect(proxy.requests.allSatisfy { $0.isProxied })
        #expect(fixture.server.requests.isEmpty)
        try fixture.expectWhole()

        let direct = try FaultFixture()
        try await direct.pull([variable: proxy.url, "no_proxy": "127.0.0.1"])
        #expect(direct.server.requests.allSatisfy { !$0.isProxied })
        try direct.expectWhole()
    }

    @Test("A proxy that is not there is named, without its password")
    func deadProxy() async throws {
        let fixture = try FaultFixture(settings: ["SVC_TRANSFER_ATTEMPTS": "2"])
        let error = try #require(
            await thrown(ModelHubError.self) {
                try await fixture.pull(["http_proxy": "http://someone:aPassword@127.0.0.1:9"])
            })
        #expect(error.category == .network)
        #expect("\(error)".contains("proxy"), "\(error)")
        #expect("\(error)".contains("127.0.0.1:9"), "\(error)")
        #expect(!"\(error)".contains("aPassword"), "\(error)")
    }
}
