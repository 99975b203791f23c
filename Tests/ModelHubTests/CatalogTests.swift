import Foundation
import Testing

@testable import ModelHub

@Suite struct CatalogTests {
    static let complete = """
        {"version": 1, "models": [{
          "name": "a-b", "task": "translation", "family": "bergamot", "summary": "A to B",
          "source": "pip:package==1.0", "download_bytes": 10, "licence": "MIT",
          "languages": {"source": ["aa"], "target": ["bb"]}, "parameters": 5, "format": "marian-int8",
          "memory_bytes": 20,
          "references": ["a paper"], "unknown": {"keys": ["are", "ignored"]},
          "files": [{"role": "model", "path": "package/model.bin", "size_bytes": 3, "unknown": 1,
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}]}]}
        """

    static func parse(_ text: String) throws -> Catalog { try Catalog(json: Array(text.utf8), path: "test.json") }

    static func failure(_ text: String) throws -> ModelHubError {
        let error = #expect(throws: ModelHubError.self) { try parse(text) }
        return try #require(error)
    }

    /// Replaces one value, given by its keys, in the complete catalogue; nil removes the key.
    static func changing(_ keys: [String], to value: Any?) throws -> String {
        func change(_ object: inout [String: Any], _ keys: ArraySlice<String>) throws {
            let key = try #require(keys.first)
            if keys.count == 1 {
                object[key] = value
            } else if var list = object[key] as? [[String: Any]] {
                try change(&list[0], keys.dropFirst())
                object[key] = list
            } else {
                var inner = try #require(object[key] as? [String: Any])
                try change(&inner, keys.dropFirst())
                object[key] = inner
            }
        }
        var document = try #require(
            try JSONSerialization.jsonObject(with: Data(complete.utf8)) as? [String: Any])
        try change(&document, keys[...])
        return String(decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self)
    }

    @Test func readsEveryKey() throws {
        let entry = try Self.parse(Self.complete).entry(named: "a-b")
        #expect(
            entry
                == CatalogEntry(
                    name: "a-b", task: .translation, family: "bergamot", summary: "A to B",
                    source: .pip(name: "package", version: "1.0"),
                    files: [
                        CatalogFile(
                            role: "model", path: "package/model.bin",
                            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", sizeBytes: 3)
                    ], downloadBytes: 10, licence: "MIT", languages: .init(source: ["aa"], target: ["bb"]),
                    parameters: 5, format: "marian-int8", memoryBytes: 20, references: ["a paper"]))
    }

    @Test(arguments: [
        ["name"], ["task"], ["family"], ["summary"], ["source"], ["files"], ["download_bytes"], ["licence"],
        ["languages"], ["parameters"], ["format"], ["memory_bytes"], ["files", "role"], ["files", "path"],
        ["files", "sha256"], ["files", "size_bytes"],
    ])
    func namesTheEntryAndTheKeyThatIsMissing(_ keys: [String]) throws {
        let error = try Self.failure(try Self.changing(["models"] + keys, to: nil))
        guard case .malformedCatalog("test.json", let entry?, let key, _) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(entry == (keys == ["name"] ? "number 0" : "a-b"))
        #expect(key == (keys.count == 1 ? keys[0] : "files[0].\(keys[1])"))
    }

    /// The values are JSON.
    @Test(arguments: [
        (["name"], "\"\"", "name"), (["name"], "\"../up\"", "name"), (["name"], "\"a b\"", "name"),
        (["name"], "\"-a\"", "name"), (["task"], "\"poetry\"", "task"), (["source"], "\"pip:nothing\"", "source"),
        (["source"], "7", "source"), (["files"], "[]", "files"),
        (["files", "path"], "\"/etc/passwd\"", "files[0].path"),
        (["files", "path"], "\"a/../../b\"", "files[0].path"), (["files", "path"], "\"\"", "files[0].path"),
        (["files", "sha256"], "\"abc\"", "files[0].sha256"), (["files", "size_bytes"], "-1", "files[0].size_bytes"),
        (["files", "sha256"], "\"\(String(repeating: "A", count: 64))\"", "files[0].sha256"),
        (["files", "size_bytes"], "\"3\"", "files[0].size_bytes"),
        (["files", "size_bytes"], "1.5", "files[0].size_bytes"), (["download_bytes"], "-5", "download_bytes"),
        (["memory_bytes"], "null", "memory_bytes"), (["parameters"], "1e300", "parameters"),
        (["languages", "source"], "[]", "languages"), (["languages", "target"], "\"pt\"", "languages.target"),
    ])
    func namesTheEntryAndTheKeyThatIsWrong(_ keys: [String], value: String, expected: String) throws {
        let json = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        let error = try Self.failure(try Self.changing(["models"] + keys, to: json))
        guard case .malformedCatalog("test.json", let entry?, let key, let reason) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(entry == (keys == ["name"] ? String(value.dropFirst().dropLast()) : "a-b"))
        #expect(key == expected)
        #expect(!reason.isEmpty)
    }

    @Test(arguments: [
        "", "null", "[]", "{", "{\"version\": 1}", "{\"models\": []}", "{\"version\": \"1\", \"models\": []}",
        "{\"version\": 2, \"models\": []}", "{\"version\": 1, \"models\": {}}", "\u{0}\u{ff}",
        String(repeating: "[", count: 100_000),
    ])
    func refusesADocumentThatIsNoCatalogue(_ text: String) throws {
        let error = try Self.failure(text)
        guard case .malformedCatalog("test.json", nil, _, _) = error else {
            Issue.record("\(error)")
            return
        }
    }

    @Test func refusesTwoEntriesOfOneName() throws {
        let entry = Self.complete.dropFirst(26).dropLast(2)
        let error = try Self.failure("{\"version\": 1, \"models\": [\(entry), \(entry)]}")
        #expect(error.description.contains("a-b"))
        #expect(error.description.contains("twice"))
    }

    @Test func refusesEntriesThatDisagreeOnASharedFile() throws {
        let entry = String(Self.complete.dropFirst(26).dropLast(2))
        let other = entry.replacingOccurrences(of: "a-b", with: "c").replacingOccurrences(of: "ba78", with: "0000")
        let error = try Self.failure("{\"version\": 1, \"models\": [\(entry), \(other)]}")
        #expect(error.description.contains("package/model.bin"))
        let same = entry.replacingOccurrences(of: "a-b", with: "c")
        #expect(try Self.parse("{\"version\": 1, \"models\": [\(entry), \(same)]}").entries.count == 2)
    }

    @Test func readsAFileAndSaysWhenThereIsNone() throws {
        let path = FileManager.default.temporaryDirectory.path + "/catalog-\(UUID().uuidString).json"
        let missing = #expect(throws: ModelHubError.self) { try Catalog(contentsOf: path) }
        #expect(try #require(missing).category == .notFound)
        try Self.complete.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try Catalog(contentsOf: path).entries.map(\.name) == ["a-b"])
    }

    @Test func holdsTheModelsThatTheProgramRunsOn() throws {
        let catalog = try Catalog.builtIn()
        let translation = try catalog.entry(named: "firefox-en-pt")
        #expect(translation.languages == .init(source: ["en"], target: ["pt"]))
        #expect(translation.files.map(\.role) == ["model", "vocabulary", "shortlist", "config"])
        #expect(translation.files.reduce(0) { $0 + $1.sizeBytes } == 22_426_494)
        let reverse = try catalog.entry(named: "firefox-pt-en")
        #expect(reverse.languages == .init(source: ["pt"], target: ["en"]))
        #expect(reverse.source == translation.source)
        let detector = try catalog.entry(named: "lid-176")
        #expect(detector.task == .languageIdentification)
        #expect(Set(detector.languages.detect).count == 176)
    }

    /// The program's own copy is the file that people read and change.
    @Test func isTheCatalogueInTheRepository() throws {
        var directory = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        while !FileManager.default.fileExists(atPath: directory.path + "/models/catalog.json") {
            try #require(directory.path != "/")
            directory.deleteLastPathComponent()
        }
        let onDisk = try Catalog(contentsOf: directory.path + "/models/catalog.json")
        #expect(onDisk.entries == (try Catalog.builtIn()).entries)
    }

    @Test(arguments: [
        ("firefox-en-pr", ["firefox-en-pt"]), ("Firefox-EN-PT", ["firefox-en-pt", "firefox-pt-en"]),
        ("lid", ["lid-176"]), ("lid176", ["lid-176"]), ("zzzzzzzzzz", []), ("", []), ("ü", []),
    ])
    func suggestsTheNamesThatWereMeant(_ name: String, expected: [String]) throws {
        let error = #expect(throws: ModelHubError.self) { try Catalog.builtIn().entry(named: name) }
        guard case .unknownModel(name, let suggestions)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(suggestions.prefix(1) == expected.prefix(1))
        #expect(Set(expected).isSubset(of: suggestions))
        #expect(suggestions.isEmpty == expected.isEmpty)
        #expect(try #require(error).category == .notFound)
    }
}
