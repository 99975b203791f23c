import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// A stand-in for the Hugging Face Hub with one model, and a store that pulls from it, in a directory of its own.
final class HubPullFixture: Sendable {
    let hub: StandInHub
    let directory: String
    /// What every store here is told.
    let environment: [String: String]

    static let id = "someone/a-model"
    static let token = "hf_0123456789abcdefghij"

    /// The files that a loader looks for.
    static let wanted = [
        StandInFile("config.json", #"{"model_type": "m2m_100"}"#),
        StandInFile("generation_config.json", "{}"),
        StandInFile("tokenizer.json", sizeBytes: 30_000, seed: 5, isLFS: false),
        StandInFile("sentencepiece.bpe.model", sizeBytes: 20_000, seed: 6),
        StandInFile("model.safetensors", sizeBytes: 3_000_000, seed: 7),
    ]
    /// What lies beside them.
    static let others = [
        StandInFile(".gitattributes", "*.bin filter=lfs"), StandInFile("README.md", "# A model"),
        StandInFile("pytorch_model.bin", sizeBytes: 3_000_000, seed: 8),
    ]

    init(_ repository: StandInRepository? = nil, environment changes: [String: String] = [:]) throws {
        hub = try StandInHub()
        hub.add(repository ?? StandInRepository(Self.id, files: Self.wanted + Self.others))
        let directory = FileManager.default.temporaryDirectory.path + "/hub-pull-" + UUID().uuidString
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        environment = [
            "HF_ENDPOINT": hub.url, "HF_HOME": directory + "/huggingface", "HOME": directory,
            "SVC_HOME": directory + "/home", "SVC_TRANSFER_ATTEMPTS": "2", "SVC_TRANSFER_DELAY": "0.01",
            "SVC_STALL_SECONDS": "5",
        ].merging(changes) { $1 }
    }

    deinit {
        hub.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var store: ModelStore { ModelStore(environment: environment) }
    var cache: String { store.huggingFaceRoot }
    /// The repository's directory in the Hub's cache.
    var folder: String { cache + "/models--someone--a-model" }

    func entry(_ revision: String? = nil, name: String = "mine") -> CatalogEntry {
        CatalogEntry(
            name: name, task: .translation, family: "m2m_100",
            source: .huggingFace(owner: "someone", repository: "a-model", revision: revision))
    }

    /// A hub of its own, as another process would have.
    func models(_ changes: [String: String] = [:]) -> ModelHub {
        ModelHub(
            catalog: Catalog(entries: [entry()]), store: store, environment: environment.merging(changes) { $1 })
    }

    func commit(_ revision: String = "main") throws -> String {
        try #require(hub.change(Self.id) { $0.commit(of: revision) })
    }

    /// Another commit, with other weights; returns its digest.
    @discardableResult func update(seed: UInt64 = 70, to branch: String = "main") -> String {
        let files = Self.wanted.filter { $0.path != "model.safetensors" }
        return hub.change(Self.id) {
            $0.commit(files + [StandInFile("model.safetensors", sizeBytes: 2_000_000, seed: seed)], to: branch)
        }
    }

    /// What was asked for, without what says nothing of bytes.
    var downloads: [StandInRequest] { hub.requests.filter { $0.method == "GET" && !$0.sent.isEmpty && $0.file != nil } }

    func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

    func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

    /// That the store has exactly the files of `files`, byte for byte.
    func expectWhole(_ installed: InstalledModel, _ files: [StandInFile] = HubPullFixture.wanted) throws {
        #expect(Set(installed.files.keys) == Set(files.map(\.path)))
        for file in files {
            let path = try #require(installed.files[file.path])
            #expect(try bytes(path) == file.bytes())
            #expect(Disk.linkTarget(path)?.hasSuffix("/blobs/" + file.etag) == true)
        }
    }

    /// Everything below the repository's directory that is no directory.
    func names() throws -> Set<String> {
        guard Disk.status(folder) != nil else { return [] }
        return Set(
            try FileManager.default.subpathsOfDirectory(atPath: folder).filter {
                Disk.linkTarget(folder + "/" + $0) != nil || Disk.status(folder + "/" + $0)?.isRegularFile == true
            })
    }
}
