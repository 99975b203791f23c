import Foundation
import SelfTest
import SystemPackage
import TestSupport
import Testing

@testable import ModelHub

/// What a user is told where the Hub says no, and what nobody is ever told: the token.
@Suite(.timeLimit(.minutes(3))) struct PullRefusalTests {
    enum Refusal: String, CaseIterable, Sendable {
        case gated, gatedForThisToken, missing, privateWithoutToken, privateForThisToken, unknownToken, noRevision
        case offline, unreachable

        static let otherToken = "hf_aTokenOfSomebodyElse"

        func prepare(_ server: StandInHub) -> [String: String] {
            let id = FaultFixture.repository
            switch self {
            case .gated, .gatedForThisToken: server.change(id) { $0.isGated = true }
            case .privateWithoutToken, .privateForThisToken: server.change(id) { $0.isPrivate = true }
            // The port stays its own: another server must not answer in its place.
            case .unreachable: server.refuse(.hub, forSeconds: 3600)
            default: break
            }
            server.addToken(Self.otherToken)
            switch self {
            case .gatedForThisToken, .privateForThisToken, .missing: return ["HF_TOKEN": Self.otherToken]
            case .unknownToken: return ["HF_TOKEN": "hf_expired"]
            case .offline: return ["HF_HUB_OFFLINE": "1", "HF_TOKEN": Self.otherToken]
            default: return [:]
            }
        }

        var source: String {
            switch self {
            case .missing: "hf:someone/another-model"
            case .noRevision: "hf:someone/a-model@no-such-branch"
            default: "hf:" + FaultFixture.repository
            }
        }

        var exitCode: Int32 {
            switch self {
            case .gated, .gatedForThisToken, .privateWithoutToken, .unknownToken: 5
            // A private repository that a token may not see is one that is not there.
            case .missing, .privateForThisToken, .noRevision: 3
            case .offline, .unreachable: 4
            }
        }

        var category: ModelHubError.Category {
            switch exitCode {
            case 5: .permission
            case 3: .notFound
            default: .network
            }
        }

        /// What tells it from the others, and what to do.
        var words: [String] {
            switch self {
            case .gated: ["gated", "/someone/a-model", "HF_TOKEN", "terms"]
            case .gatedForThisToken: ["gated", "/someone/a-model", "token", "terms"]
            case .missing: ["hf:someone/another-model", "not found"]
            case .privateWithoutToken: ["private", "HF_TOKEN", "a-model"]
            case .privateForThisToken: ["not found", "token"]
            case .unknownToken: ["token", "HF_TOKEN"]
            case .noRevision: ["no-such-branch", "revision"]
            case .offline: ["HF_HUB_OFFLINE"]
            case .unreachable: ["127.0.0.1", "connect"]
            }
        }
    }

    private static func writeCatalogue(_ fixture: FaultFixture, _ refusal: Refusal) throws {
        let text = try String(contentsOfFile: fixture.cataloguePath, encoding: .utf8)
        let changed = text.replacing("hf:" + FaultFixture.repository, with: refusal.source)
        try Data(changed.utf8).write(to: URL(fileURLWithPath: fixture.cataloguePath))
    }

    @Test("Each refusal says what it is and what to do", arguments: Refusal.allCases)
    func messages(refusal: Refusal) async throws {
        let fixture = try FaultFixture(settings: ["SVC_TRANSFER_ATTEMPTS": "2"])
        let changes = refusal.prepare(fixture.server)
        var entry = try fixture.entry
        entry.source = try ModelSource(parsing: refusal.source)
        let hub = try fixture.hub(changes)
        let error = try #require(await thrown(ModelHubError.self) { try await hub.pull(entry) })
        #expect(error.category == refusal.category, "\(error)")
        for word in refusal.words { #expect("\(error)".localizedCaseInsensitiveContains(word), "\(word) in: \(error)") }
        for secret in [Refusal.otherToken, "hf_expired"] { #expect(!"\(error)".contains(secret)) }
        if refusal == .offline { #expect(fixture.server.requests.isEmpty) }
        #expect(try hub.installed(entry) == nil)
        // Not even an empty directory passes for a model.
        #expect(hub.state(of: entry) == .absent)
    }

    @Test("Each refusal has its exit code", arguments: Refusal.allCases)
    func exitCodes(refusal: Refusal) async throws {
        let fixture = try FaultFixture(settings: ["SVC_TRANSFER_ATTEMPTS": "2"])
        let changes = refusal.prepare(fixture.server)
        try Self.writeCatalogue(fixture, refusal)
        let outcome = try await fixture.runPull(changes)
        #expect(outcome.code == refusal.exitCode, "\(outcome.output) \(outcome.error)")
        for word in refusal.words {
            #expect(outcome.output.localizedCaseInsensitiveContains(word), "\(outcome.output)")
        }
        for text in [outcome.output, outcome.error] {
            for secret in [Refusal.otherToken, "hf_expired"] { #expect(!text.contains(secret)) }
        }
    }

    @Test("What is gated or private is pulled with the right token", arguments: [true, false], [true, false])
    func allowed(isGated: Bool, fromFile: Bool) async throws {
        let fixture = try FaultFixture()
        fixture.server.change(FaultFixture.repository) {
            if isGated { $0.isGated = true } else { $0.isPrivate = true }
        }
        var changes = ["HF_TOKEN": FaultFixture.token]
        if fromFile {
            try Disk.makeDirectory(fixture.directory + "/hf")
            try Data((FaultFixture.token + "\n").utf8).write(
                to: URL(fileURLWithPath: fixture.directory + "/hf/token"))
            changes = [:]
        }
        try await fixture.pull(changes)
        try fixture.expectWhole()
        #expect(fixture.server.requests.filter { $0.host == .hub }.allSatisfy { $0.token == FaultFixture.token })
        #expect(fixture.server.requests.filter { $0.host == .cdn }.allSatisfy { $0.headers["authorization"] == nil })
        #expect(fixture.server.requests.allSatisfy { !$0.target.contains(FaultFixture.token) })
        // And no longer needs anybody.
        fixture.server.stop()
        try await fixture.pull(["HF_HUB_OFFLINE": "1"])
    }

    @Test("No token is sent where the environment forbids it")
    func withoutImplicitToken() async throws {
        let fixture = try FaultFixture()
        try await fixture.pull(["HF_TOKEN": FaultFixture.token, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"])
        #expect(fixture.server.requests.allSatisfy { $0.token == nil })
    }

    @Test("A redirect of the Hub's own answers takes no token along", arguments: ["/revision/main", "tokenizer.json"])
    func redirected(path: String) async throws {
        let fixture = try FaultFixture()
        let elsewhere = try StandInHub()
        defer { elsewhere.stop() }
        elsewhere.add(StandInRepository(FaultFixture.repository, files: fixture.files))
        fixture.server.inject(
            .redirect(to: elsewhere.url + "/api/models/\(FaultFixture.repository)/revision/main?blobs=true"),
            path: path,
            host: .hub, times: nil)
        _ = try? await fixture.pull(["HF_TOKEN": FaultFixture.token])
        #expect(elsewhere.requests.allSatisfy { $0.headers["authorization"] == nil })
        #expect(elsewhere.requests.allSatisfy { !$0.target.contains(FaultFixture.token) })
        try fixture.expectNothingLooksWholeThatIsNot()
    }

    @Test("The token is in no output, no file and no list of processes, whatever goes wrong")
    func secrecy() async throws {
        let fixture = try FaultFixture()
        let token = FaultFixture.token
        let server = fixture.server
        server.change(FaultFixture.repository) { $0.isPrivate = true }
        let changes = ["HF_TOKEN": token, "LOG_LEVEL": "trace"]
        // A source that repeats what it was told.
        server.inject(.status(500, message: "bad token \(token)"), host: .hub, times: nil)
        let refused = try await fixture.runPull(changes)
        #expect(refused.code == 4)
        server.heal()
        server.inject(
            .status(403, message: "no leave for \(token)"), path: FaultFixture.first, host: .hub, times: nil)
        let forbidden = try await fixture.runPull(changes)
        #expect(forbidden.code == 5)
        server.heal()
        server.inject(.drip(bytesPerSecond: 200_000), host: .cdn, times: nil)
        let output = fixture.directory + "/output"
        let descriptor = try FileDescriptor.open(
            output, .readWrite, options: .create, permissions: .ownerReadWrite)
        let child = try await ChildProcess(
            Programs.svc.path, fixture.pullArguments, environment: fixture.programEnvironment(changes),
            output: descriptor, error: descriptor)
        try descriptor.close()
        #expect(try await eventually { !fixture.sent(FaultFixture.first).isEmpty })
        let commandLine = try HubFixture.bytes("/proc/\(child.pid)/cmdline")
        #expect(!String(decoding: commandLine, as: UTF8.self).contains(token))
        child.send(SIGINT)
        _ = await child.end()
        server.heal()
        let done = try await fixture.runPull(changes)
        #expect(done.code == 0, "\(done.output)")
        for text in [refused, forbidden, done].flatMap({ [$0.output, $0.error] }) { #expect(!text.contains(token)) }
        let names = FileManager.default.enumerator(atPath: fixture.directory)?.compactMap { $0 as? String } ?? []
        #expect(names.count > 10)
        let secret = Data(token.utf8)
        for name in names {
            #expect(!name.contains(token))
            let path = fixture.directory + "/" + name
            guard Disk.status(path)?.isRegularFile == true else { continue }
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)).range(of: secret) == nil, "\(name)")
        }
    }
}
