import Foundation
import SelfTest
import TestSupport
import Testing

@testable import ModelHub

/// A stand-in hub with one model in two shards, and the directories of a user who pulls it with little patience, in this
/// process or by the real program. All of it is gone at the end.
final class FaultFixture: Sendable {
    let server: StandInHub
    let directory: String
    let files: [StandInFile]
    private let settings: [String: String]

    static let repository = "someone/a-model"
    static let name = "a-model"
    static let token = "hf_aSecretThatNobodyMayEverSee"
    static let first = "model-00001-of-00002.safetensors"
    static let second = "model-00002-of-00002.safetensors"
    static let chunkBytes = 400_000
    static let shardBytes = 1_600_017

    static func files(shardBytes: Int = FaultFixture.shardBytes) -> [StandInFile] {
        let index = #"{"weight_map": {"a": "\#(first)", "b": "\#(second)"}}"#
        return [
            StandInFile("config.json", #"{"model_type": "test"}"#),
            StandInFile("model.safetensors.index.json", index),
            StandInFile("tokenizer.json", sizeBytes: 150_000, seed: 3, isLFS: false),
            StandInFile(first, sizeBytes: shardBytes, seed: 1),
            StandInFile(second, sizeBytes: shardBytes, seed: 2),
        ]
    }

    /// - Parameter settings: more variables, or others than those that make failures short.
    init(files: [StandInFile] = FaultFixture.files(), settings: [String: String] = [:]) throws {
        self.files = files
        self.settings = settings
        server = try StandInHub()
        server.add(StandInRepository(Self.repository, files: files, authorizedTokens: [Self.token]))
        directory = FileManager.default.temporaryDirectory.path + "/faults-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let catalogue = """
            {"version": 1, "models": [{"name": "\(Self.name)", "task": "embedding", "family": "bert",
            "summary": "a model of the tests", "source": "hf:\(Self.repository)", "files": [], "download_bytes": 1000,
            "licence": "MIT", "parameters": 1, "format": "safetensors", "memory_bytes": 1000,
            "references": ["https://huggingface.co/\(Self.repository)"]}]}
            """
        try Data(catalogue.utf8).write(to: URL(fileURLWithPath: cataloguePath))
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var cataloguePath: String { directory + "/catalogue.json" }

    /// The variables of who pulls.
    var environment: [String: String] {
        let own = [
            "HF_ENDPOINT": server.url, "HOME": directory, "HF_HOME": directory + "/hf", "SVC_HOME": directory + "/svc",
            "SVC_STALL_SECONDS": "0.4", "SVC_CONNECT_SECONDS": "2", "SVC_TRANSFER_ATTEMPTS": "8",
            "SVC_TRANSFER_DELAY": "0.05", "SVC_TRANSFER_CHUNK": "\(Self.chunkBytes)",
        ]
        return own.merging(settings) { $1 }
    }

    var entry: CatalogEntry {
        get throws {
            CatalogEntry(
                name: Self.name, task: .embedding, family: "test",
                source: try ModelSource(parsing: "hf:" + Self.repository))
        }
    }

    var store: ModelStore { ModelStore(environment: environment) }
    var repository: ModelRepository {
        get throws { try store.repository(of: entry) }
    }

    /// A hub as a new process has it.
    func hub(_ changes: [String: String] = [:]) throws -> ModelHub {
        ModelHub(
            catalog: Catalog(entries: [try entry]), store: store, environment: environment.merging(changes) { $1 })
    }

    /// Pulls as a new process does.
    @discardableResult func pull(_ changes: [String: String] = [:]) async throws -> InstalledModel {
        try await hub(changes).pull(try entry)
    }

    func file(_ path: String) throws -> StandInFile { try #require(files.first { $0.path == path }) }

    // MARK: What was asked

    /// The bytes of a file that were sent, in the order of the requests.
    func sent(_ path: String) -> [Range<Int>] {
        server.requests.filter { $0.file == path && ($0.status == 200 || $0.status == 206) }.map(\.sent)
            .filter { !$0.isEmpty }
    }

    /// How many bytes of a file were sent, those that were sent again included.
    func sentBytes(_ path: String) -> Int { sent(path).reduce(0) { $0 + $1.count } }

    /// How many bytes of a file were sent more than once.
    func sentTwice(_ path: String) -> Int {
        var seen = ByteRangeSet()
        for range in sent(path) { seen.insert(range) }
        return sentBytes(path) - seen.count
    }

    /// How many bytes of the shards are on the disk and noted to be.
    func keptBytes() throws -> Int {
        try kept().values.joined().reduce(0) { $0 + $1.count }
    }

    /// Which bytes of the shards those are, by path.
    func kept() throws -> [String: [Range<Int>]] {
        let repository = try repository
        return try [Self.first, Self.second].reduce(into: [:]) { kept, path in
            let file = try file(path)
            let isWhole = Disk.status(repository.blob(file.etag)) != nil
            kept[path] =
                isWhole
                ? [0..<file.sizeBytes] : TransferJournal.read(repository.partial(file.etag))?.ranges.ranges ?? []
        }
    }

    // MARK: What is there

    /// The files of the model are there, whole, in the Hub's own layout, and beside them nothing.
    func expectWhole(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let repository = try repository
        let commit = try #require(try repository.revision(of: "main"), sourceLocation: sourceLocation)
        for file in files {
            let path = repository.file(file.path, commit)
            #expect(
                Disk.linkTarget(path)?.hasSuffix("/blobs/" + file.etag) == true, "\(file.path)",
                sourceLocation: sourceLocation)
            let bytes = try? HubFixture.bytes(path)
            #expect(bytes == file.bytes(), "\(file.path)", sourceLocation: sourceLocation)
        }
        #expect(
            try Disk.names(in: repository.blobs) == Set(files.map(\.etag)).sorted(), sourceLocation: sourceLocation)
        #expect(try Disk.names(in: repository.snapshots) == [commit], sourceLocation: sourceLocation)
        #expect(Disk.sizeOfTree(repository.temporary) == 0, sourceLocation: sourceLocation)
        let hub = try hub()
        let installed = try #require(try hub.installed(try entry), sourceLocation: sourceLocation)
        try hub.verify(installed, rehash: true)
    }

    /// Whatever has a blob's name or is linked is whole and right.
    func expectNothingLooksWholeThatIsNot(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let repository = try repository
        let byDigest = Dictionary(files.map { ($0.etag, $0) }, uniquingKeysWith: { first, _ in first })
        for name in try Disk.names(in: repository.blobs) where !name.contains(".") {
            let file = try #require(byDigest[name], sourceLocation: sourceLocation)
            let bytes = try HubFixture.bytes(repository.blob(name))
            #expect(bytes == file.bytes(), "\(file.path)", sourceLocation: sourceLocation)
        }
        for commit in try Disk.names(in: repository.snapshots) {
            for file in try repository.linkedFiles(commit) {
                let bytes = try HubFixture.bytes(repository.file(file.path, commit))
                let right = files.first { $0.path == file.path }?.bytes()
                #expect(bytes == right, "\(file.path)", sourceLocation: sourceLocation)
            }
        }
        if try hub().installed(try entry) != nil { try expectWhole(sourceLocation: sourceLocation) }
    }
}

extension FaultFixture {
    /// What `svc` is called with.
    var pullArguments: [String] { ["pull", Self.name, "--catalog", cataloguePath, "--json"] }

    /// The environment of the real program: this process's, without what would configure pulls, and ours.
    func programEnvironment(_ changes: [String: String] = [:]) -> [String: String] {
        let inherited = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("HF_") && !$0.key.hasPrefix("SVC_") && !$0.key.lowercased().hasSuffix("_proxy")
        }
        return inherited.merging(environment) { $1 }.merging(changes) { $1 }
    }

    /// Runs the real `svc pull` to its end.
    func runPull(_ changes: [String: String] = [:]) async throws -> Programs.Outcome {
        try await Programs.run(Programs.svc, pullArguments, environment: programEnvironment(changes))
    }
}
