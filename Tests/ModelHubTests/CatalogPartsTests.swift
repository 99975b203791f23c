import Foundation
import Testing

@testable import ModelHub

/// How a catalogue lists a file that is put together from parts.
@Suite struct CatalogPartsTests {
    static let hash = String(repeating: "ab", count: 32)

    /// An entry whose one file has the given JSON for its parts.
    static func document(
        parts: String, size: String = "7", source: String = "pip:package==1.0", more: String = ""
    ) -> String {
        """
        {"version": 1, "models": [{
          "name": "a", "task": "generation", "family": "llama", "summary": "A", "source": "\(source)",
          "download_bytes": 10, "licence": "MIT", "parameters": 5, "format": "gguf", "memory_bytes": 20,
          "files": [{"role": "model", "path": "model.gguf", "size_bytes": \(size), "sha256": "\(hash)",
            "parts": \(parts)}]}\(more)]}
        """
    }

    static func part(
        _ source: String = "\"pip:one==1.0\"", path: String = "\"one/a\"", sha256: String = "\"\(hash)\"",
        size: String = "7"
    ) -> String {
        #"{"source": \#(source), "path": \#(path), "sha256": \#(sha256), "size_bytes": \#(size), "unknown": 1}"#
    }

    static func two(_ first: String = "3", _ second: String = "4") -> String {
        "[\(part(size: first)), \(part("\"pip:two==2.0\"", size: second))]"
    }

    @Test func readsEveryKey() throws {
        let entry = try CatalogTests.parse(Self.document(parts: Self.two())).entry(named: "a")
        #expect(entry.languages == .init())
        #expect(
            entry.files == [
                CatalogFile(
                    role: "model", path: "model.gguf", sha256: Self.hash, sizeBytes: 7,
                    parts: [
                        CatalogPart(
                            source: .pip(name: "one", version: "1.0"), path: "one/a", sha256: Self.hash, sizeBytes: 3),
                        CatalogPart(
                            source: .pip(name: "two", version: "2.0"), path: "one/a", sha256: Self.hash, sizeBytes: 4),
                    ])
            ])
    }

    /// The parts, the key that is wrong, and what the message says of it.
    static let wrong: [(String, String, String)] = [
        ("[]", "parts", "is empty"), ("null", "parts", "is null"), ("7", "parts", "not of the type"),
        ("{}", "parts", "not of the type"), ("[7]", "parts[0]", "not of the type"),
        ("[{}]", "parts[0].source", "missing"),
        ("[\(part("\"file:/tmp\""))]", "parts[0].source", "a part comes from a pip: source"),
        ("[\(part("\"hf:owner/name\""))]", "parts[0].source", "a part comes from a pip: source"),
        ("[\(part("\"pip:one\""))]", "parts[0].source", "NAME==VERSION"),
        ("[\(part("\"\""))]", "parts[0].source", "empty"),
        ("[\(part("1"))]", "parts[0].source", "not of the type"),
        ("[\(part(path: "\"../up\""))]", "parts[0].path", "component . or .."),
        ("[\(part(path: "\"/etc/passwd\""))]", "parts[0].path", "absolute"),
        ("[\(part(path: "\"\""))]", "parts[0].path", "empty"),
        ("[\(part(sha256: "\"abc\""))]", "parts[0].sha256", "64 lower-case"),
        ("[\(part(sha256: "null"))]", "parts[0].sha256", "null"),
        ("[\(part(size: "0"))]", "parts[0].size_bytes", "at least one byte"),
        ("[\(part(size: "-7"))]", "parts[0].size_bytes", "no whole number"),
        ("[\(part(size: "1e300"))]", "parts[0].size_bytes", "no whole number"),
        ("[\(part(size: "3")), \(part("\"pip:two==1.0\"", size: "\"4\""))]", "parts[1].size_bytes", "not of the type"),
        ("[\(part(size: "3")), \(part(size: "4"))]", "parts", "one part twice"),
        (two("3", "3"), "size_bytes", "is 7, and its parts have 6 together"),
        (two("7", "9007199254740992"), "size_bytes", "its parts have 9007199254740999 together"),
    ]

    @Test(arguments: wrong)
    func namesWhatIsWrong(_ parts: String, key: String, reason: String) throws {
        let error = try CatalogTests.failure(Self.document(parts: parts))
        guard case .malformedCatalog("test.json", "a", "files[0].\(key)", let found) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(found.contains(reason))
    }

    /// Sizes that no integer holds together are a wrong catalogue, not a crash.
    @Test func addsUpSizesThatAreTooLarge() throws {
        let parts = (0..<3000).map { Self.part("\"pip:p\($0)==1\"", size: "9007199254740992") }
        let error = try CatalogTests.failure(Self.document(parts: "[\(parts.joined(separator: ","))]"))
        #expect(error.description.contains("files[0].size_bytes is 7"))
    }

    @Test(arguments: ["file:/srv/models/a", "hf:owner/name", "https://example.org/model.gguf"])
    func refusesPartsOfAModelFromElsewhere(_ source: String) throws {
        let error = try CatalogTests.failure(Self.document(parts: Self.two(), source: source))
        guard case .malformedCatalog("test.json", "a", "files", let reason) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(reason.contains("model.gguf has parts"))
        #expect(reason.contains(source))
    }

    /// Another model's entry must agree on what a wheel has at a path, be it a part here and a file there.
    @Test(arguments: [(7, true), (8, false)])
    func comparesPartsWithFilesOfOtherModels(_ size: Int, agrees: Bool) throws {
        let other = """
            , {"name": "b", "task": "generation", "family": "llama", "summary": "B", "source": "pip:one==1.0",
              "download_bytes": 10, "licence": "MIT", "parameters": 5, "format": "gguf", "memory_bytes": 20,
              "files": [{"role": "model", "path": "one/a", "size_bytes": \(size), "sha256": "\(Self.hash)"}]}
            """
        let text = Self.document(parts: "[\(Self.part())]", more: other)
        if agrees {
            #expect(try CatalogTests.parse(text).entries.count == 2)
        } else {
            let error = try CatalogTests.failure(text)
            #expect(error.description.contains("one/a"))
            #expect(error.description.contains("the model b"))
        }
    }
}
