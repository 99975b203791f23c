import Crypto
import Foundation
import Testing

@testable import ModelHub

/// Models that other programs have downloaded into the Hugging Face Hub's cache: used where they lie, and not touched.
@Suite struct HuggingFaceCacheTests {
    private static let commit = "0123456789abcdef0123456789abcdef01234567"
    private let fixture: HubFixture
    private let root: String
    private let entry = CatalogEntry(
        name: "mine", task: .translation, family: "m2m_100",
        source: .huggingFace(owner: "someone", repository: "a-model", revision: nil))

    private var directory: String { root + "/models--someone--a-model" }
    private var snapshot: String { directory + "/snapshots/" + Self.commit }

    init() throws {
        fixture = try HubFixture()
        root = fixture.directory + "/huggingface"
        try add("config.json", #"{"model_type": "m2m_100"}"#, isLarge: false)
        try add("model.safetensors", "weights", isLarge: true)
        try write(directory + "/refs/main", Self.commit)
    }

    private func write(_ path: String, _ text: String) throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    /// As the Hub's own client does: a large file's blob has its SHA-256 for a name, a small one's git's SHA-1.
    private func add(_ name: String, _ text: String, isLarge: Bool) throws {
        let bytes = Data(text.utf8)
        let digest: [UInt8] =
            isLarge
            ? Array(SHA256.hash(data: bytes))
            : Array(Insecure.SHA1.hash(data: Data("blob \(bytes.count)\0".utf8) + bytes))
        let blob = digest.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
        try write(directory + "/blobs/" + blob, text)
        try FileManager.default.createDirectory(atPath: snapshot, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: snapshot + "/" + name, withDestinationPath: "../../blobs/" + blob)
    }

    private func hub() -> ModelHub {
        ModelHub(
            catalog: Catalog(entries: [entry]),
            store: ModelStore(root: fixture.directory + "/home/hub", huggingFaceRoot: root),
            environment: ["HF_HUB_OFFLINE": "1"])
    }

    private func listing() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: directory).sorted()
    }

    @Test func aDownloadedModelIsUsedWhereItLies() async throws {
        let before = try listing()
        #expect(hub().state(of: entry) == .present)
        let installed = try await hub().pull(entry)
        #expect(installed.revision == Self.commit)
        #expect(Set(installed.files.keys) == ["config.json", "model.safetensors"])
        #expect(installed.files["model.safetensors"] == snapshot + "/model.safetensors")
        // Both kinds of digest are checked, and where that is noted is ours.
        try hub().verify(installed, rehash: true)
        try hub().verify(installed)
        #expect(try listing() == before)
    }

    @Test func aNamedRevisionAndACommit() throws {
        try write(directory + "/refs/v1", Self.commit)
        for revision in ["v1", Self.commit] {
            var named = entry
            named.source = .huggingFace(owner: "someone", repository: "a-model", revision: revision)
            #expect(try hub().installed(named)?.revision == Self.commit)
        }
        var other = entry
        other.source = .huggingFace(owner: "someone", repository: "a-model", revision: "v2")
        #expect(try hub().installed(other) == nil)
        #expect(hub().state(of: other) == .absent)
    }

    @Test(arguments: ["config.json", "model.safetensors"]) func changedBytesAreFound(name: String) throws {
        let installed = try #require(try hub().installed(entry))
        try hub().verify(installed)
        let path = try #require(installed.files[name])
        let blob = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        try write(blob, "Weights")
        let error = #expect(throws: ModelHubError.self) { try hub().verify(installed, rehash: true) }
        #expect(error.map { "\($0)".contains(name) } == true)
    }

    @Test func aPartialDownloadIsNoModel() throws {
        let weights = URL(fileURLWithPath: snapshot + "/model.safetensors").resolvingSymlinksInPath().path
        try FileManager.default.removeItem(atPath: weights)
        #expect(hub().state(of: entry) == .incomplete(missing: ["model.safetensors"]))
        #expect(try hub().installed(entry) == nil)
    }

    @Test func theCacheIsNotChangedOnAFailure() async throws {
        let before = try listing()
        #expect(throws: (any Error).self) { try hub().remove(entry) }
        var absent = entry
        absent.source = .huggingFace(owner: "someone", repository: "another", revision: nil)
        await #expect(throws: ModelHubError.self) { _ = try await hub().pull(absent) }
        #expect(try listing() == before)
        #expect(!FileManager.default.fileExists(atPath: root + "/models--someone--another"))
    }

    /// The listing that newer clients keep tells a whole snapshot from one that was interrupted.
    @Test func anInterruptedDownloadOfAnotherProgram() throws {
        func list(_ names: [String]) throws {
            let files = names.map { #""\#($0)": {"size": 9, "blob_id": "\#(Self.commit)"}"# }.joined(separator: ", ")
            try write(directory + "/trees/\(Self.commit).json", #"{"format_version": 1, "files": {\#(files)}}"#)
        }
        try list(["config.json", "model.safetensors", "README.md", "generation_config.json", "pytorch_model.bin"])
        #expect(hub().state(of: entry) == .present)
        try list(["config.json", "model.safetensors", "tokenizer.json"])
        #expect(hub().state(of: entry) == .incomplete(missing: ["tokenizer.json"]))
        #expect(try hub().installed(entry) == nil)
        try write(directory + "/trees/\(Self.commit).json", "{")
        #expect(hub().state(of: entry) == .present)
    }

    /// Weights in shards, one of which has not come.
    @Test func aMissingShardOfAnotherProgramsDownload() throws {
        try FileManager.default.removeItem(atPath: snapshot + "/model.safetensors")
        try add(
            "model.safetensors.index.json", #"{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}"#,
            isLarge: false)
        try add("a.safetensors", "a", isLarge: true)
        #expect(hub().state(of: entry) == .incomplete(missing: ["b.safetensors"]))
        try add("b.safetensors", "b", isLarge: true)
        #expect(try hub().installed(entry)?.files.count == 4)
    }

    @Test func onlyWhatIsReadBelongsToTheModel() throws {
        try add("pytorch_model.bin", "pickles", isLarge: true)
        try add("README.md", "read me", isLarge: false)
        #expect(try hub().installed(entry).map { Set($0.files.keys) } == ["config.json", "model.safetensors"])
        var patterns = entry
        patterns.include = ["*.json", "*.bin"]
        #expect(try hub().installed(patterns).map { Set($0.files.keys) } == ["config.json", "pytorch_model.bin"])
    }

    @Test func whereTheCacheIs() {
        func store(_ environment: [String: String]) -> String {
            ModelStore(environment: environment).huggingFaceRoot
        }
        #expect(store(["HOME": "/h"]) == "/h/.cache/huggingface/hub")
        #expect(store(["HOME": "/h", "XDG_CACHE_HOME": "/x"]) == "/x/huggingface/hub")
        #expect(store(["HOME": "/h", "HF_HOME": "/f"]) == "/f/hub")
        #expect(store(["HOME": "/h", "HF_HOME": "~/f"]) == "/h/f/hub")
        #expect(store(["HOME": "/h", "HF_HOME": "/f", "HF_HUB_CACHE": "/c"]) == "/c")
    }
}
