import Foundation
import Testing

@testable import ModelHub

/// What is suggested to do with models, after days of use.
@Suite struct UsageRecommendationTests {
    /// A store in which `uses` says how many days ago each model was used.
    private func with(
        _ uses: [String: [Int]], _ body: (UsageStore) async throws -> Void
    ) async throws {
        try await UsageFixture.with { fixture async throws in
            let store = fixture.open()
            for (model, days) in uses {
                for day in days { store.record(.some(model: model, day: -day, requests: 10)) }
            }
            try await body(store)
            await store.close()
        }
    }

    @Test func whatIsUsedOnMostDaysIsWorthLoading() async throws {
        try await with(["nllb": Array(0..<20), "aya": [1, 5, 12], "gone": Array(10..<25)]) { store async throws in
            let found = try await store.recommendations([
                InstalledSummary(name: "nllb", sizeBytes: 2_500_000_000, loadSeconds: 3.21),
                InstalledSummary(name: "aya", sizeBytes: 16_000_000_000),
                InstalledSummary(name: "gone", sizeBytes: 1_000_000),
            ])
            #expect(found.map(\.model) == ["nllb"])
            let only = try #require(found.first)
            #expect(only.kind == .preload && only.freesBytes == nil)
            #expect(only.command == "svc serve --models nllb")
            #expect(only.reason.contains("used on 20 of the last 25 days with any use (80 %), by 200 requests"))
            #expect(only.reason.contains("3.2 s"))
        }
    }

    @Test func whatIsPreloadedNeedsNoSuggestion() async throws {
        try await with(["nllb": Array(0..<20)]) { store async throws in
            #expect(
                try await store.recommendations([InstalledSummary(name: "nllb", sizeBytes: 1, isPreloaded: true)]) == []
            )
        }
    }

    @Test func whatIsNotUsedMayGoTheLargestFirst() async throws {
        try await with(["nllb": Array(0..<45), "aya": [40], "small": [44], "recent": [29]]) { store async throws in
            let found = try await store.recommendations([
                InstalledSummary(name: "small", sizeBytes: 93_000_000),
                InstalledSummary(name: "aya", sizeBytes: 16_000_000_000),
                InstalledSummary(name: "never", sizeBytes: 500_000_000),
                InstalledSummary(name: "recent", sizeBytes: 1_000_000_000),
                InstalledSummary(name: "new", sizeBytes: 1_000_000_000, installedAt: .now.addingTimeInterval(-86_400)),
                InstalledSummary(name: "nllb", sizeBytes: 1, isPreloaded: true),
            ])
            #expect(found.map(\.model) == ["aya", "never", "small"])
            #expect(found.allSatisfy { $0.kind == .remove && $0.command == "svc rm \($0.model)" })
            #expect(found.map(\.freesBytes) == [16_000_000_000, 500_000_000, 93_000_000])
            let since = UsageDay(.now).advanced(by: -40)
            #expect(found[0].reason == "not used for 40 days, since \(since); removing it frees 16.0 GB")
            #expect(found[1].reason.contains("never used in the 44 days since"))
            #expect(found[2].reason.contains("93 MB (93000000 bytes)"))
            #expect(
                try await store.recommendations([InstalledSummary(name: "recent", sizeBytes: 1)], unusedDays: 7).count
                    == 1)
        }
    }

    /// A model that was asked for is wanted, even where another had to answer.
    @Test func whatWasStoodInForStays() async throws {
        try await UsageFixture.with { fixture async throws in
            let store = fixture.open()
            for day in 0..<40 { store.record(.some(model: "nllb", day: -day, standInFor: day < 5 ? "aya" : nil)) }
            #expect(try await store.recommendations([InstalledSummary(name: "aya", sizeBytes: 1 << 30)]) == [])
            await store.close()
        }
    }

    @Test func whatSomebodyDecidedIsLeftAlone() async throws {
        try await with(["nllb": Array(0..<45), "aya": [44]]) { store async throws in
            let found = try await store.recommendations([
                InstalledSummary(name: "aya", sizeBytes: 1 << 30, isRequired: true),
                InstalledSummary(name: "never", sizeBytes: 1 << 30, isPreloaded: true),
            ])
            #expect(found == [])
        }
    }

    @Test(arguments: [[], [0], [0, 90], [60, 90]])
    func aShortHistorySaysNothing(_ days: [Int]) async throws {
        try await with(["nllb": days]) { store async throws in
            #expect(
                try await store.recommendations([
                    InstalledSummary(name: "nllb", sizeBytes: 1), InstalledSummary(name: "never", sizeBytes: 1 << 30),
                ]) == [])
        }
    }
}
