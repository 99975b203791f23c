import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Counting what is used, and reading it again.
@Suite struct UsageStoreTests {
    @Test func countsByDayModelAndPair() async throws {
        try await UsageFixture.with { fixture async throws in
            let store = fixture.open()
            store.record(.some(requests: 3))
            store.record(.some(source: "pt", target: "en", day: -1))
            store.record(.some(day: -1, failure: "queue_full"))
            store.record(.some(model: "nllb", standInFor: "firefox-en-pt"))
            store.record(.some(model: "smollm2", task: .generation, source: nil, target: nil, seconds: 4))

            let days = try await store.report(.ever)
            let today = UsageDay(.now)
            #expect(days.rows.map(\.day) == [today.advanced(by: -1), today])
            #expect(days.rows.map(\.requests) == [2, 5])
            #expect(days.rows[0].failuresByCode == ["queue_full": 1])
            #expect(days.rows[1].standInsByModel == ["firefox-en-pt": 1])
            #expect(days.firstDay == today.advanced(by: -1))
            #expect(days.total.requests == 7)
            #expect(days.total.texts == 10, "an observation says how many texts all of its requests had")
            #expect(days.total.characters == 150)
            #expect(days.total.sourceTokens == 50)
            #expect(days.total.targetTokens == 60)
            #expect(days.total.failures == 1)
            #expect(days.total.standIns == 1)

            let models = try await store.report(.ever(by: .model))
            #expect(models.rows.map(\.model) == ["firefox-en-pt", "nllb", "smollm2"])
            #expect(models.rows.map(\.requests) == [5, 1, 1])

            let pairs = try await store.report(.ever(by: .pair))
            #expect(pairs.rows.map { "\($0.source ?? "-") \($0.target ?? "-")" } == ["en pt", "- -", "pt en"])
            #expect(pairs.rows.map(\.requests) == [5, 1, 1])
            let p99 = try #require(pairs.rows[1].latencySeconds?.p99)
            #expect(abs(p99 - 4) < 0.04)

            var query = UsageQuery.ever(by: .pair)
            query.model = "nllb"
            #expect(try await store.report(query).total.requests == 1)
            query.model = "nllb' OR '1' = '1"
            #expect(try await store.report(query).total.requests == 0)
            query = UsageQuery(days: 1, groupBy: .day)
            #expect(try await store.report(query).rows.map(\.requests) == [5])
            query = UsageQuery.ever(by: .model)
            query.limit = 1
            let cut = try await store.report(query)
            #expect(cut.rows.count == 1 && cut.omittedRows == 2 && cut.total.requests == 7)
            await store.close()
            #expect(fixture.notes.all == [])
        }
    }

    @Test func addsToWhatIsThere() async throws {
        try await UsageFixture.with { fixture async throws in
            for round in 1...3 {
                let store = fixture.open()
                store.record(.some(failure: "queue_full"))
                store.record(.some(seconds: Double(round), standInFor: "nllb"))
                await store.close()
                #expect(!FileManager.default.fileExists(atPath: fixture.path + "-wal"), "all is in the one file")
                store.record(.some())
                await store.flush()
                #expect(try fixture.requests() == 2 * round, "what comes after the end is not counted")
            }
            let report = try UsageHistory(path: fixture.path).report(.ever)
            #expect(report.total.failuresByCode == ["queue_full": 3])
            #expect(report.total.standInsByModel == ["nllb": 3])
            let p50 = try #require(report.total.latencySeconds?.p50)
            #expect(abs(p50 - 2) < 0.02)
            #expect(try fixture.setAside() == [])
        }
    }

    @Test func writesByItself() async throws {
        try await UsageFixture.with { fixture async throws in
            let store = fixture.open(flushSeconds: 0.05)
            store.record(.some())
            for _ in 0..<200 where try fixture.requests() == 0 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(try fixture.requests() == 1)
            await store.close()
        }
    }

    @Test func aHistoryThatIsNotThereIsEmpty() throws {
        let history = try UsageHistory(path: "/nonexistent/usage.sqlite")
        let report = try history.report(.ever)
        #expect(report.firstDay == nil && report.rows.isEmpty && report.total.requests == 0)
        #expect(try history.recommendations([InstalledSummary(name: "nllb", sizeBytes: 1)]) == [])
    }

    @Test func oddNumbersDoNoHarm() async throws {
        try await UsageFixture.with { fixture async throws in
            let store = fixture.open()
            for seconds in [.nan, .infinity, -.infinity, -1, 1e300, 0, 1e-9] {
                store.record(.some(seconds: seconds))
            }
            for _ in 0..<3 {
                var odd = UsageObservation.some(model: "nllb")
                (odd.requests, odd.texts, odd.characters, odd.sourceTokens) = (.max, .min, .max, -5)
                store.record(odd)
                await store.flush()
            }
            for time in [Date.distantPast, .distantFuture, Date(timeIntervalSince1970: .infinity)] {
                store.record(
                    UsageObservation(model: "lid-176", task: .languageIdentification, time: time, latencySeconds: 1))
            }
            let report = try await store.report(.ever(by: .model))
            let nllb = try #require(report.rows.first { $0.model == "nllb" })
            #expect(nllb.requests == 1 << 53 && nllb.characters == 1 << 53 && nllb.texts == 0 && nllb.sourceTokens == 0)
            #expect(report.rows.first { $0.model == "firefox-en-pt" }?.requests == 7)
            await store.close()
            #expect(fixture.notes.all == [])
        }
    }

    /// What a day is does not depend on where the machine is.
    @Test(arguments: [
        ("2026-02-28T23:59:59Z", "2026-02-28"), ("2026-03-01T00:00:00Z", "2026-03-01"),
        ("2024-02-29T12:00:00Z", "2024-02-29"), ("1970-01-01T00:00:00Z", "1970-01-01"),
    ])
    func daysAreThoseOfUTC(_ moment: String, _ day: String) throws {
        #expect(UsageDay(try Date(moment, strategy: .iso8601)).description == day)
        #expect(UsageDay(day) == UsageDay(try Date(moment, strategy: .iso8601)))
    }

    @Test(arguments: ["", "2026-2-28", "2026-02-30", "2026-02-28T00:00:00Z", "yesterday", "20260228", "-1"])
    func otherSpellingsAreNoDays(_ text: String) { #expect(UsageDay(text) == nil) }

    /// Both write the same rows, as often as they can.
    @Test func twoStoresOnOneFileLoseNothing() async throws {
        try await UsageFixture.with { fixture async throws in
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        let store = fixture.open()
                        for number in 0..<2000 {
                            store.record(.some(target: ["pt", "de", "fr"][number % 3], seconds: 0.2))
                            if number % 20 == 0 { await store.flush() }
                        }
                        await store.close()
                    }
                }
            }
            let report = try UsageHistory(path: fixture.path).report(.ever(by: .pair))
            #expect(report.total.requests == 4000)
            #expect(report.rows.count == 3)
            #expect(fixture.notes.all == [])
        }
    }

    @Test func twoProcessesOnOneFileLoseNothing() async throws {
        try await UsageFixture.with { fixture async throws in
            let directory = fixture.directory.path
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        await #expect(processExitsWith: .success) { [directory = directory as String] in
                            let fixture = UsageFixture(directory: URL(fileURLWithPath: directory))
                            let store = fixture.open()
                            for number in 0..<2000 {
                                store.record(.some(seconds: Double(number) / 1000))
                                if number % 20 == 0 { await store.flush() }
                            }
                            await store.close()
                            exit(fixture.notes.all.isEmpty ? 0 : 1)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let total = try UsageHistory(path: fixture.path).report(.ever).total
            #expect(total.requests == 4000)
            let p50 = try #require(total.latencySeconds?.p50)
            #expect(abs(p50 - 1) < 0.02)
        }
    }

    @Test func aKilledWriterLeavesAWholeHistory() async throws {
        try await UsageFixture.with { fixture async throws in
            var last = 0
            for _ in 0..<10 {
                let directory = fixture.directory.path
                let delay = Int.random(in: 20...300)
                await #expect(processExitsWith: .signal(SIGKILL)) {
                    [directory = directory as String, delay = delay as Int] in
                    let store = UsageFixture(directory: URL(fileURLWithPath: directory)).open()
                    CrashTests.dieAfter(milliseconds: delay)
                    for number in 0... {
                        store.record(.some(target: ["pt", "de", "fr"][number % 3]))
                        await store.flush()
                    }
                }
                let store = fixture.open()
                let requests = try await store.report(.ever).total.requests
                await store.close()
                #expect(requests >= last, "what was written stays")
                last = requests
            }
            #expect(last > 0)
            #expect(fixture.notes.all == [], "no kill does damage")
            #expect(try fixture.setAside() == [])
        }
    }

    /// Whoever opens the file next takes back what was begun: the service, or a program that only reads.
    @Test(arguments: [true, false]) func aChangeThatWasCutShortIsTakenBack(by service: Bool) async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            try fixture.leaveHalfWritten()
            #expect(FileManager.default.fileExists(atPath: fixture.path + "-journal"))
            if service {
                let store = fixture.open()
                store.record(.some())
                #expect(try await store.report(.ever).total.requests == 8)
                await store.close()
                #expect(fixture.notes.all == [])
                #expect(try fixture.setAside() == [])
            }
            #expect(try fixture.requests() == (service ? 8 : 7))
            #expect(!FileManager.default.fileExists(atPath: fixture.path + "-journal"))
        }
    }

    /// Killed as soon as the file is there, before there is a log: the next start goes on from whatever it finds.
    @Test func aFileThatWasCutShortWhileItWasMadeIsFinished() async throws {
        try await UsageFixture.with { fixture async throws in
            try fixture.leaveHalfWritten([])
            #expect(fixture.fileSize > 0)
            #expect(try fixture.requests() == 0)
            await fixture.makeHistory()
            #expect(try fixture.requests() == 7)
            #expect(fixture.notes.all == [])
        }
    }
}
