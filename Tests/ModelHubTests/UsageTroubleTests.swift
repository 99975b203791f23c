import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Disks that cannot be written, and more than fits.
@Suite struct UsageTroubleTests {
    @Test func whatCannotBeWrittenIsKeptInMemoryUntilItCan() async throws {
        try await UsageFixture.with { fixture async throws in
            // A file where the directory should be.
            let place = fixture.directory.appendingPathComponent("home")
            try Data().write(to: place)
            let notes = fixture.notes
            let path = place.appendingPathComponent("usage.sqlite").path
            let store = UsageStore.open(
                path: path, flushSeconds: 3600, retrySeconds: 0.2, onNote: notes.add)
            for round in 1...3 {
                store.record(.some(failure: "queue_full"))
                #expect(try await store.report(.ever).total.requests == round)
            }
            #expect(notes.all.count == 1 && notes.all[0].contains(path), "\(notes.all)")

            try FileManager.default.removeItem(at: place)
            try await Task.sleep(for: .milliseconds(300))
            store.record(.some())
            await store.close()
            let total = try UsageHistory(path: path).report(.ever).total
            #expect(total.requests == 4 && total.failuresByCode == ["queue_full": 3])
            #expect(notes.all.count == 2 && notes.all[1].contains("written again"), "\(notes.all)")
        }
    }

    /// In a process that may not write there, whoever runs the tests.
    @Test func aReadOnlyDirectoryIsToldOnce() async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            let directory = fixture.directory.path
            #expect(chmod(directory, 0o555) == 0 && chmod(fixture.path, 0o444) == 0)
            defer { chmod(directory, 0o755) }
            await #expect(processExitsWith: .success) { [directory = directory as String] in
                if getuid() == 0 { try #require(setuid(65534) == 0) }
                let fixture = UsageFixture(directory: URL(fileURLWithPath: directory))
                let store = fixture.open(retrySeconds: 0)
                for round in 1...3 {
                    store.record(.some())
                    #expect(try await store.report(.ever).total.requests == round)
                }
                await store.close()
                #expect(fixture.notes.all.count == 1, "\(fixture.notes.all)")
            }
            #expect(try fixture.requests() == 7, "the old history is as it was")
        }
    }

    /// A limit on the size of files stands for a disk that is full: writing fails, and works again later.
    @Test func aFullDiskIsToldOnceAndNothingIsLost() async throws {
        try await UsageFixture.with { fixture async throws in
            await fixture.makeHistory()
            let directory = fixture.directory.path
            await #expect(processExitsWith: .success) { [directory = directory as String] in
                let fixture = UsageFixture(directory: URL(fileURLWithPath: directory))
                let store = fixture.open(retrySeconds: 0)
                store.record(.some())
                await store.flush()
                signal(SIGXFSZ, SIG_IGN)
                var limit = rlimit()
                #expect(getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
                let whole = limit.rlim_cur
                limit.rlim_cur = 4096
                #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
                for round in 0..<20 {
                    store.record(.some(target: "\(["pt", "de"][round % 2])"))
                    await store.flush()
                }
                let during = fixture.notes.all
                limit.rlim_cur = whole
                #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
                store.record(.some())
                await store.close()
                #expect(!during.isEmpty && during.count <= 2, "\(during)")
                #expect(fixture.notes.all.last?.contains("written again") == true, "\(fixture.notes.all)")
            }
            #expect(try fixture.requests() == 7 + 1 + 20 + 1)
            #expect(try fixture.setAside() == [])
        }
    }

    @Test func aFloodOfKindsIsBoundedInMemory() {
        var buffer = UsageBuffer()
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        for number in 0..<60_000 {
            let tag = String([letters[number % 26], letters[number / 26 % 26], letters[number / 676 % 26]])
            let model = "model-\(number / 10_000)"
            buffer.add(
                .some(model: model, target: tag, failure: "code_\(number)", standInFor: "m\(number)"), isKnown: nil)
        }
        #expect(buffer.rows.count <= UsageBuffer.mostKeys * 3 / 2)
        #expect(buffer.rows.values.reduce(0) { $0 + $1.requests } == 60_000)
        #expect(buffer.lost == 0)
        #expect(buffer.rows.values.allSatisfy { $0.failures.count <= UsageAggregate.mostNames + 1 })
        // Days are kinds too, and nothing sums them up.
        for day in 0..<5000 { buffer.add(.some(day: -day), isKnown: nil) }
        #expect(buffer.rows.count <= UsageBuffer.mostKeys * 3 / 2)
        #expect(buffer.rows.values.reduce(0) { $0 + $1.requests } + buffer.lost == 65_000)
    }

    @Test func whatIsTooOldIsRemoved() async throws {
        try await UsageFixture.with { fixture async throws in
            var store = fixture.open(retentionDays: 10)
            for day in 0..<20 { store.record(.some(day: -day)) }
            await store.close()
            store = fixture.open(retentionDays: 5)
            store.record(.some())
            await store.flush()
            let report = try await store.report(.ever)
            #expect(report.rows.count == 5)
            #expect(report.firstDay == UsageDay(.now).advanced(by: -4))
            await store.close()
        }
    }

    @Test func theOldestDaysMakeRoom() async throws {
        try await UsageFixture.with { fixture async throws in
            let bound = 512 << 10
            var store = fixture.open()
            for day in (0..<40).reversed() {
                for number in 0..<200 { store.record(.some(target: Self.tag(number), day: -day, requests: 1 + number)) }
                await store.flush()
            }
            await store.close()
            #expect(fixture.fileSize > bound)

            store = fixture.open(maximumBytes: bound)
            store.record(.some())
            await store.flush()
            let report = try await store.report(.ever)
            await store.close()
            #expect(fixture.fileSize <= bound, "the file itself becomes shorter")
            #expect(report.rows.last?.day == UsageDay(.now))
            #expect((5..<40).contains(report.rows.count))
            for (earlier, later) in zip(report.rows, report.rows.dropFirst()) {
                #expect(later.day == earlier.day?.advanced(by: 1), "only whole days at the old end are missing")
            }
            #expect(report.rows.dropLast().allSatisfy { $0.requests == 20_100 })
            #expect(report.total.failures == 0)
        }
    }

    /// Pairs that are hardly used are counted together, and no request goes missing.
    @Test func oneDayThatIsTooMuchIsCountedTogether() async throws {
        try await UsageFixture.with { fixture async throws in
            let bound = 256 << 10
            let store = fixture.open(maximumBytes: bound)
            store.record(.some(requests: 1000))
            await store.flush()
            for number in 0..<6000 {
                store.record(
                    .some(target: Self.tag(number), requests: 1, failure: number % 2 == 0 ? "queue_full" : nil))
            }
            let report = try await store.report(.ever(by: .pair))
            await store.close()
            #expect(fixture.fileSize <= bound)
            #expect(report.total.requests == 7000)
            #expect(report.total.failuresByCode == ["queue_full": 3000])
            #expect(report.rows.contains { $0.source == "en" && $0.target == "pt" && $0.requests >= 1000 })
            #expect(report.rows.contains { $0.source == "*" && $0.target == "*" && $0.requests > 100 })
        }
    }

    /// In a process of its own, whose memory is nobody else's.
    @Test func aMillionRequestsStayWithinTheBounds() async throws {
        try await UsageFixture.with { fixture async throws in
            let directory = fixture.directory.path
            await #expect(processExitsWith: .success) { [directory = directory as String] in
                let fixture = UsageFixture(directory: URL(fileURLWithPath: directory))
                let bound = 4 << 20
                let store = fixture.open(maximumBytes: bound, flushSeconds: 0.05)
                store.record(.some(model: "first"))
                await store.flush()
                let before = try #require(UsageTroubleTests.residentBytes())
                var largest = 0
                for number in 0..<1_000_000 {
                    store.record(
                        .some(
                            model: "model-\(number % 5)", target: UsageTroubleTests.tag(number / 5 % 300),
                            day: number / 50_000 - 19, seconds: Double(number % 7919) / 1000,
                            failure: number % 101 == 0 ? "queue_full" : nil))
                    if number % 10_000 == 0 {
                        largest = max(
                            largest,
                            (Disk.status(fixture.path)?.sizeBytes ?? 0)
                                + (Disk.status(fixture.path + "-wal")?.sizeBytes ?? 0))
                    }
                }
                await store.close()
                let grown = try #require(UsageTroubleTests.residentBytes()) - before
                #expect(grown < 80 << 20, "\(grown) bytes more memory")
                #expect(largest <= bound, "\(largest) bytes on the disk")
                #expect(fixture.notes.all == [])
                let report = try UsageHistory(path: fixture.path).report(.ever)
                #expect(report.rows.last?.requests == 50_001, "\(report.rows.map(\.requests))")
            }
        }
    }

    /// A language tag for each number below 17,576.
    static func tag(_ number: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        return String([letters[number / 676 % 26], letters[number / 26 % 26], letters[number % 26]])
    }

    static func residentBytes() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * Int(getpagesize()) }
    }
}
