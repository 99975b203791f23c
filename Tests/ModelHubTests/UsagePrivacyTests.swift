import Foundation
import Testing

@testable import ModelHub

/// Nothing that somebody said, and nothing that tells who, can come into the file.
@Suite struct UsagePrivacyTests {
    /// Recognisable pieces of what clients send, and what they might look like whole.
    private static let marker = "Zanzibar"
    private static let secrets = [
        "My secret is Zanzibar", "sk-Zanzibar-0123456789", "Bearer Zanzibar", "zanzibar", "Zanzibar",
        "hf_ZanzibarZanzibar", "zanzibar@example.org", "203.0.113.77", "2001:db8::77", "en-zanzibar", "pt_Zanzibar_x",
        "/home/zanzibar/model", "http://zanzibar.example/", "Zanzi\u{0}bar", "ZANZIBAR", "zan-zibar-zanzibar",
        String(repeating: "Zanzibar", count: 100_000),
    ]

    @Test func nothingButNumbersAndKnownNamesIsWritten() async throws {
        try await UsageFixture.with { fixture async throws in
            let known: Set = ["firefox-en-pt", "nllb"]
            let store = fixture.open { known.contains($0) }
            for secret in Self.secrets {
                store.record(.some(model: secret))
                store.record(.some(source: secret, target: secret))
                store.record(.some(model: "nllb", standInFor: secret))
                // A code is a word of the program's own; what has any other form is not written.
                if secret != "zanzibar" { store.record(.some(failure: secret)) }
                _ = try await store.report(UsageQuery(days: 3, model: secret))
                _ = try await store.recommendations([InstalledSummary(name: secret, sizeBytes: 1)])
                await store.flush()
            }
            func expectNothing() throws {
                let text = String(decoding: try fixture.bytes(), as: UTF8.self).lowercased()
                for piece in ["zanzi", "zibar", "203.0.113", "2001:db8", "secret", "example", "bearer"] {
                    #expect(!text.contains(piece), "\(piece) is in the file")
                }
                #expect(text.contains("firefox-en-pt"), "the right bytes were looked at")
            }
            try expectNothing()
            await store.close()
            try expectNothing()
            #expect(!fixture.notes.all.joined().lowercased().contains("zanzi"))
        }
    }

    @Test func nobodyElseMayReadIt() async throws {
        try await UsageFixture.with { fixture async throws in
            let store = fixture.open()
            store.record(.some())
            await store.flush()
            for ending in ["", "-wal", "-shm"] {
                var status = stat()
                #expect(stat(fixture.path + ending, &status) == 0)
                #expect(status.st_mode & 0o077 == 0, "\(ending)")
            }
            await store.close()
        }
    }

    @Test(arguments: [
        ("pt", "pt"), ("pt-BR", "pt-BR"), ("PT_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("por_Latn", "por-Latn"),
        ("es-419", "es-419"), ("ca-valencia", "ca"), ("de-1996", "de"), ("sr-Latn-x-secret", "sr-Latn"), ("", ""),
        ("auto", ""), ("e", ""), ("en us", ""), ("12", ""), ("日本", ""), ("en-", "en"), ("-en", ""), ("en-USA", "en"),
    ])
    func languagesHaveTheirUsualSpelling(_ text: String, _ tag: String) { #expect(UsageNames.language(text) == tag) }

    @Test(arguments: ["nllb", "firefox-en-pt", "all-minilm-l6-v2", "Qwen3_0.6B", "7b"])
    func namesOfModelsAreKept(_ name: String) { #expect(UsageNames.model(name, isKnown: nil) == name) }

    @Test(arguments: [
        "", "a b", "../x", "-x", ".x", "10.0.0.1", "é", "a\n", "a:b", "a@b", String(repeating: "a", count: 129),
    ])
    func otherNamesAreNot(_ name: String) { #expect(UsageNames.model(name, isKnown: nil) == "other") }
}
