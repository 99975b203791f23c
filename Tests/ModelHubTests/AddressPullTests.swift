import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Models that are one file at an address.
@Suite struct AddressPullTests {
    private static let file = StandInFile("m.gguf", sizeBytes: 3_000_000, seed: 4)
    private let fixture: HubPullFixture

    init() throws {
        fixture = try HubPullFixture(StandInRepository(HubPullFixture.id, files: [Self.file]))
    }

    private func entry(_ file: StandInFile = Self.file) -> CatalogEntry {
        CatalogEntry(
            name: "mine", task: .generation, family: "llama",
            source: .https(address: fixture.hub.url + "/someone/a-model/resolve/main/m.gguf?download=secret-signature"),
            files: [CatalogFile(role: "model", path: "m.gguf", sha256: file.sha256, sizeBytes: file.sizeBytes)])
    }

    @Test func pullsOneFileIntoOurOwnStore() async throws {
        let log = ProgressLog()
        let installed = try await fixture.models().pull(entry()) { log.append($0) }
        let path = try #require(installed.files["model"])
        #expect(path.hasPrefix(fixture.directory + "/home/hub/models--https--mine/snapshots/"))
        #expect(try fixture.bytes(path) == Self.file.bytes())
        #expect(log.reports.first?.totalBytes == Self.file.sizeBytes)
        #expect(log.reports.first?.files.map(\.path) == ["m.gguf"])
        fixture.hub.forgetRequests()
        #expect(try await fixture.models(["HF_HUB_OFFLINE": "1"]).pull(entry()) == installed)
        #expect(fixture.hub.requests.isEmpty)
        #expect(fixture.models().state(of: entry()) == .present)
    }

    @Test func goesOnWhereItWasInterrupted() async throws {
        fixture.hub.inject(.close, at: .body(afterBytes: 2_000_000), times: nil)
        let error = await #expect(throws: ModelHubError.self) { try await fixture.models().pull(entry()) }
        #expect(error?.category == .network)
        #expect(error.map { !"\($0)".contains("secret-signature") } == true)
        #expect(fixture.models().state(of: entry()) == .absent)
        fixture.hub.heal()
        fixture.hub.forgetRequests()
        _ = try await fixture.models().pull(entry())
        #expect(fixture.downloads.reduce(0) { $0 + $1.sent.count } < 2_000_000)
    }

    @Test func anotherFileThanTheListedOneIsRefused() async throws {
        var wrong = entry()
        let other = StandInFile("m.gguf", sizeBytes: 3_000_000, seed: 5)
        wrong.files = entry(other).files
        let error = await #expect(throws: ModelHubError.self) { try await fixture.models().pull(wrong) }
        #expect(error?.category == .integrity)
        #expect(fixture.models().state(of: wrong) == .absent)
    }

    @Test func whatAnAddressMayRefuse() async throws {
        for (status, category) in [(403, ModelHubError.Category.permission), (404, .notFound), (429, .network)] {
            fixture.hub.inject(.status(status), times: nil)
            let error = await #expect(throws: ModelHubError.self) { try await fixture.models().pull(entry()) }
            #expect(error?.category == category)
            #expect(error.map { !"\($0)".contains("secret-signature") } == true)
            fixture.hub.heal()
        }
        let offline = await #expect(throws: ModelHubError.self) {
            try await fixture.models(["HF_HUB_OFFLINE": "1"]).pull(entry())
        }
        #expect(offline.map { "\($0)".contains("HF_HUB_OFFLINE") } == true)
    }

    @Test func anAddressIsOneFile() async throws {
        var two = entry()
        two.files.append(CatalogFile(role: "x", path: "x", sha256: Self.file.sha256, sizeBytes: 1))
        await #expect(throws: ModelHubError.self) { try await fixture.models().pull(two) }
        #expect(fixture.hub.requests.isEmpty)
    }
}
