import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Files in the history's place that cannot be it: the service goes on with a new one, and the old one is kept.
@Suite struct UsageDamageTests {
    enum Damage: String, CaseIterable, CustomTestStringConvertible {
        case header, pages, half, shortened, text, zeros, directory, otherProgram, later, missingTable, missingColumn
        case logDirectory, journalDirectory

        func apply(to fixture: UsageFixture) throws {
            let path = fixture.path
            let size = fixture.fileSize
            switch self {
            case .header: try UsageFixture.overwrite(path, at: 0, with: [UInt8](repeating: 0xa5, count: 100))
            case .pages: try UsageFixture.overwrite(path, at: 4096, with: [UInt8](repeating: 0xa5, count: size - 4096))
            case .half: #expect(truncate(path, size / 2 / 4096 * 4096) == 0)
            case .shortened: #expect(truncate(path, 1000) == 0)
            case .text: try Data("what is this".utf8).write(to: URL(fileURLWithPath: path))
            case .zeros: try UsageFixture.overwrite(path, at: 0, with: [UInt8](repeating: 0, count: size))
            case .directory:
                try FileManager.default.removeItem(atPath: path)
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
                try Data("mine".utf8).write(to: URL(fileURLWithPath: path + "/file"))
            case .otherProgram:
                try FileManager.default.removeItem(atPath: path)
                try fixture.execute("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x');")
            case .later: try fixture.execute("INSERT INTO grdb_migrations VALUES ('99');")
            case .missingTable: try fixture.execute("DROP TABLE failure;")
            case .missingColumn: try fixture.execute("ALTER TABLE usage RENAME COLUMN texts TO sentences;")
            case .logDirectory:
                try FileManager.default.createDirectory(atPath: path + "-wal", withIntermediateDirectories: false)
            case .journalDirectory:
                try FileManager.default.createDirectory(atPath: path + "-journal", withIntermediateDirectories: false)
            }
        }

        var testDescription: String { rawValue }
    }

    private static func contents(_ path: String) -> Data? {
        FileManager.default.contents(atPath: path) ?? FileManager.default.contents(atPath: path + "/file")
    }

    @Test(arguments: Damage.allCases)
    func whatCannotBeUsedIsSetAside(_ damage: Damage) async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            try damage.apply(to: fixture)
            let before = Self.contents(fixture.path)

            let store = fixture.open()
            store.record(.some(requests: 2))
            #expect(try await store.report(.ever).total.requests == 2, "the service goes on with an empty history")
            await store.close()
            #expect(try fixture.requests() == 2)
            let aside = try fixture.setAside().filter { name in
                !UsageSchema.endingsBeside.contains { name.hasSuffix($0) }
            }
            try #require(aside.count == 1)
            let kept = fixture.directory.appendingPathComponent(aside[0]).path
            #expect(Self.contents(kept) == before, "what was there is still there")
            #expect(fixture.notes.all.count == 1)
            #expect(fixture.notes.all.first?.contains(kept) == true, "\(fixture.notes.all)")

            let again = fixture.open()
            #expect(try await again.report(.ever).total.requests == 2)
            await again.close()
            #expect(fixture.notes.all.count == 1)
        }
    }

    /// SQLite throws away what is no log, and the part of a log after a damaged piece.
    @Test(arguments: [0, 40, 4200])
    func aDamagedLogLosesOnlyItself(at offset: Int) async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            let directory = fixture.directory.path
            await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
                let store = UsageFixture(directory: URL(fileURLWithPath: directory)).open()
                for _ in 0..<20 {
                    store.record(.some())
                    await store.flush()
                }
                kill(getpid(), SIGKILL)
            }
            let size = try #require(Disk.status(fixture.path + "-wal")?.sizeBytes)
            #expect(size > 20_000, "the killed process left a log")
            try UsageFixture.overwrite(fixture.path + "-wal", at: offset, with: [UInt8](repeating: 0x5a, count: 64))
            let store = fixture.open()
            let requests = try await store.report(.ever).total.requests
            #expect((7...27).contains(requests))
            store.record(.some())
            #expect(try await store.report(.ever).total.requests == requests + 1)
            await store.close()
            #expect(fixture.notes.all == [])
        }
    }

    @Test func damageThatComesLaterIsSetAsideThen() async throws {
        try await UsageFixture.with { fixture async throws in
            // More than SQLite keeps in memory.
            var store = fixture.open()
            for number in 0..<36_000 {
                store.record(.some(target: UsageTroubleTests.tag(number % 12_000), day: -(number / 12_000)))
                // Not so many kinds at once that they are counted together.
                if number % 500 == 499 { await store.flush() }
            }
            await store.close()
            try #require(fixture.fileSize > 3 << 20)
            store = fixture.open()
            await store.flush()
            let damage = [UInt8](repeating: 0xa5, count: fixture.fileSize - (1 << 20))
            try UsageFixture.overwrite(fixture.path, at: 1 << 20, with: damage)
            for round in 1...3 {
                store.record(.some())
                #expect(try await store.report(.ever(by: .pair)).total.requests == round)
            }
            await store.close()
            #expect(try fixture.requests() == 3)
            #expect(fixture.notes.all.count == 1, "\(fixture.notes.all)")
            #expect(try fixture.setAside().isEmpty == false)
        }
    }

    @Test func whatOneProcessSetsAsideTheOtherLetsGo() async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            let first = fixture.open()
            first.record(.some())
            await first.flush()
            try UsageFixture.overwrite(fixture.path, at: 0, with: [UInt8](repeating: 0xa5, count: fixture.fileSize))
            let second = fixture.open()
            second.record(.some(requests: 10))
            await second.flush()
            first.record(.some(requests: 100))
            await first.flush()
            await first.close()
            #expect(try await second.report(.ever).total.requests == 110)
            second.record(.some(requests: 1000))
            await second.close()
            #expect(try fixture.requests() == 1110)
            #expect(fixture.notes.all.count == 1, "\(fixture.notes.all)")
        }
    }

    @Test func aFileThatIsRemovedIsMadeAnew() async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            let store = fixture.open()
            store.record(.some())
            await store.flush()
            for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: fixture.path + ending) }
            store.record(.some(requests: 5))
            await store.flush()
            #expect(try fixture.requests() == 5)
            await store.close()
            #expect(try fixture.requests() == 5)
        }
    }

    @Test func onlyAFewAreKept() async throws {
        try await UsageFixture.with { fixture async throws in
            for round in 0..<6 {
                try Data("damaged \(round)".utf8).write(to: URL(fileURLWithPath: fixture.path))
                await fixture.makeHistory()
            }
            let aside = try fixture.setAside()
            #expect(aside.count == UsageFile.keptDamaged, "\(aside)")
            let last = fixture.directory.appendingPathComponent(try #require(aside.last))
            #expect(try String(contentsOf: last, encoding: .utf8) == "damaged 5")
        }
    }

    /// A file whose form is right and whose values are not.
    @Test func valuesOfAnyKindAreRead() async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            try fixture.execute(
                """
                PRAGMA ignore_check_constraints = 1;
                UPDATE usage SET latency = x'ff00ff', requests = 'many', texts = 1e300, characters = -7, model = x'c3';
                INSERT INTO usage
                    VALUES (9, -5, '', 'x', 7, 1.5, 9223372036854775807, 9223372036854775807, 1, 1, 1, 'text');
                INSERT INTO failure VALUES (9, x'00', 9223372036854775807), (9, 'queue_full', 'x');
                INSERT INTO stand_in VALUES (12345, 'nobody', 1);
                """)
            let store = fixture.open()
            for grouping in UsageQuery.Grouping.allCases {
                let report = try await store.report(.ever(by: grouping))
                #expect(report.total.latencySeconds == nil)
            }
            store.record(.some())
            #expect(try await store.recommendations([InstalledSummary(name: "x", sizeBytes: 1)]) == [])
            #expect(try await store.report(.ever).rows.last?.requests ?? 0 > 0)
            await store.close()
        }
    }

    @Test(arguments: [Damage.header, .pages, .text, .otherProgram, .later, .missingTable])
    func onlyLookingChangesNothing(_ damage: Damage) async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            try damage.apply(to: fixture)
            let before = Self.contents(fixture.path)
            let error = #expect(throws: UsageHistoryError.self) {
                _ = try UsageHistory(path: fixture.path).report(.ever)
            }
            guard case .damaged(fixture.path, _)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(Self.contents(fixture.path) == before)
            #expect(try fixture.setAside() == [])
        }
    }
}
