import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// What the Hub is told, what its refusals mean, and who gets the token.
@Suite struct HubClientTests {
    private func failure(
        _ fixture: HubPullFixture, _ entry: CatalogEntry? = nil, environment: [String: String] = [:]
    ) async throws -> ModelHubError {
        let entry = entry ?? fixture.entry()
        let error = await #expect(throws: ModelHubError.self) {
            try await fixture.models(environment).pull(entry)
        }
        #expect(Disk.status(fixture.folder) == nil, "nothing is written for what may not be had")
        let found = try #require(error)
        #expect(!"\(found)".contains(HubPullFixture.token))
        return found
    }

    private func repository(isPrivate: Bool = false, isGated: Bool = false) -> StandInRepository {
        StandInRepository(
            HubPullFixture.id, files: HubPullFixture.wanted, isPrivate: isPrivate, isGated: isGated,
            authorizedTokens: [HubPullFixture.token])
    }

    // MARK: Refusals

    @Test func gatedSaysWhereTheTermsAre() async throws {
        let fixture = try HubPullFixture(repository(isGated: true))
        let anonymous = try await failure(fixture)
        #expect(anonymous.category == .permission)
        #expect("\(anonymous)".contains("gated") && "\(anonymous)".contains(fixture.hub.url + "/someone/a-model"))
        #expect("\(anonymous)".contains("HF_TOKEN"))
        fixture.hub.addToken("hf_another")
        let known = try await failure(fixture, environment: ["HF_TOKEN": "hf_another"])
        #expect(known.category == .permission && known != anonymous)
        #expect("\(known)".contains("the token in use has no access"))
        _ = try await fixture.models(["HF_TOKEN": HubPullFixture.token]).pull(fixture.entry())
    }

    @Test func privateOrMissingIsNotToldApartWithoutAToken() async throws {
        let fixture = try HubPullFixture(repository(isPrivate: true))
        let hidden = try await failure(fixture)
        #expect(hidden.category == .permission)
        #expect("\(hidden)".contains("private, or does not exist"))
        _ = try await fixture.models(["HF_TOKEN": HubPullFixture.token]).pull(fixture.entry())
    }

    @Test func missingIsMissingForWhoeverHasAToken() async throws {
        let fixture = try HubPullFixture(repository())
        var entry = fixture.entry()
        entry.source = .huggingFace(owner: "someone", repository: "no-model", revision: nil)
        let error = try await failure(fixture, entry, environment: ["HF_TOKEN": HubPullFixture.token])
        #expect(error.category == .notFound)
        #expect("\(error)".contains("hf:someone/no-model was not found"))
    }

    @Test func aTokenThatNobodyKnowsIsRefused() async throws {
        let fixture = try HubPullFixture(repository())
        let error = try await failure(fixture, environment: ["HF_TOKEN": "hf_wrong_wrong"])
        #expect(error.category == .permission)
        #expect("\(error)".contains("refuses the token") && !"\(error)".contains("hf_wrong_wrong"))
    }

    @Test func aRevisionThatIsNone() async throws {
        let fixture = try HubPullFixture()
        for revision in ["v9", String(repeating: "a", count: 40)] {
            let error = try await failure(fixture, fixture.entry(revision))
            #expect(error.category == .notFound)
            #expect("\(error)".contains("no revision \(revision)"))
        }
    }

    @Test func aFileThatIsGone() async throws {
        let fixture = try HubPullFixture()
        fixture.hub.inject(
            .status(404, headers: ["X-Error-Code": "EntryNotFound"]), path: "tokenizer.json", method: "HEAD", times: nil
        )
        let error = try await failure(fixture)
        #expect(error.category == .notFound)
        #expect("\(error)".contains("has no file tokenizer.json"))
    }

    @Test func offlineNamesItselfAndAsksNobody() async throws {
        for value in ["1", "true", "YES", "on"] {
            let fixture = try HubPullFixture(environment: ["HF_HUB_OFFLINE": value])
            let error = try await failure(fixture)
            #expect(error.category == .network)
            #expect("\(error)".contains("HF_HUB_OFFLINE"))
            await #expect(throws: ModelHubError.self) { try await fixture.models().latestRevision(of: fixture.entry()) }
            #expect(fixture.hub.requests.isEmpty)
        }
        let online = try HubPullFixture(environment: ["HF_HUB_OFFLINE": "0"])
        _ = try await online.models().pull(online.entry())
    }

    @Test func tooManyRequests() async throws {
        let fixture = try HubPullFixture()
        fixture.hub.inject(.status(429), times: nil)
        let error = try await failure(fixture)
        #expect(error.category == .network)
        #expect("\(error)".contains("429"))
    }

    @Test func aServerThatIsNotThere() async throws {
        let fixture = try HubPullFixture()
        fixture.hub.stop()
        #expect(try await failure(fixture).category == .network)
    }

    @Test(arguments: [
        "not json", "{}", #"{"sha": "main", "siblings": []}"#,
        #"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "../../etc/passwd"}]}"#,
        #"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a"}, {"rfilename": "a"}]}"#,
        #"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a", "size": -1}]}"#,
    ])
    func aListingThatIsNone(_ json: String) throws {
        let error = #expect(throws: ModelHubError.self) { try HubListing(json: Array(json.utf8), source: "hf:a/b") }
        #expect(error?.category == .integrity)
    }

    // MARK: Endpoint and token

    @Test func theTokenGoesToTheHubAlone() async throws {
        let fixture = try HubPullFixture(repository(isPrivate: true), environment: ["HF_TOKEN": HubPullFixture.token])
        _ = try await fixture.models().pull(fixture.entry())
        let requests = fixture.hub.requests
        #expect(requests.filter { $0.host == .hub }.allSatisfy { $0.token == HubPullFixture.token })
        let elsewhere = requests.filter { $0.host == .cdn }
        #expect(!elsewhere.isEmpty)
        #expect(
            elsewhere.allSatisfy { $0.headers["authorization"] == nil && !$0.target.contains(HubPullFixture.token) })
    }

    @Test func theTokensFiles() async throws {
        let fixture = try HubPullFixture(repository(isPrivate: true))
        let home = fixture.directory + "/huggingface"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        try Data((HubPullFixture.token + "\n").utf8).write(to: URL(fileURLWithPath: home + "/token"))
        func hasToken(_ changes: [String: String] = [:]) throws -> Bool {
            try HubEndpoint(environment: fixture.environment.merging(changes) { $1 }).hasToken
        }
        #expect(try hasToken())
        #expect(try !hasToken(["HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]))
        #expect(try !hasToken(["HF_TOKEN_PATH": fixture.directory + "/none"]))
        #expect(try !hasToken(["HF_HOME": fixture.directory + "/none"]))
        #expect(try hasToken(["HF_HOME": fixture.directory + "/none", "HF_TOKEN_PATH": "~/huggingface/token"]))
        _ = try await fixture.models().pull(fixture.entry())
        #expect(fixture.hub.requests.allSatisfy { ($0.token == HubPullFixture.token) == ($0.host == .hub) })
    }

    @Test func whereTheHubIs() throws {
        func address(_ value: String?) throws -> String {
            try HubEndpoint(environment: ["HOME": "/nowhere"].merging(value.map { ["HF_ENDPOINT": $0] } ?? [:]) { $1 })
                .address
        }
        #expect(try address(nil) == "https://huggingface.co")
        #expect(try address("") == "https://huggingface.co")
        #expect(try address("https://mirror.example/hf/") == "https://mirror.example/hf")
        for plain in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:5"] {
            #expect(try address(plain) == plain)
        }
        for wrong in [
            "http://mirror.example", "http://127.0.0.1.example", "ftp://x/y", "mirror.example", "https://",
            "https://u:p@h",
            "https://h?x=1", "http://10.0.0.1",
        ] {
            let error = #expect(throws: ModelHubError.self) { try address(wrong) }
            #expect(error.map { "\($0)".contains("HF_ENDPOINT") } == true)
        }
    }

    @Test func aTokenThatIsNoneIsNotShown() throws {
        let error = #expect(throws: ModelHubError.self) {
            try HubEndpoint(environment: ["HOME": "/nowhere", "HF_TOKEN": "hf_secret\nX-Evil: 1"])
        }
        let text = "\(try #require(error))"
        #expect(text.contains("HF_TOKEN") && !text.contains("secret"))
    }

    @Test func whatAnEntityTagSays() {
        let sha256 = String(repeating: "ab", count: 32)
        let sha1 = String(repeating: "cd", count: 20)
        #expect(HubClient.digest("\"\(sha256)\"") == sha256)
        #expect(HubClient.digest("W/\"\(sha1)\"") == sha1)
        #expect(HubClient.digest(sha1) == sha1)
        for other in ["\"abc-1\"", "", "\"\"", "\"\(sha1)-2\"", "\"../../x\""] {
            #expect(HubClient.digest(other) == nil)
        }
    }
}
