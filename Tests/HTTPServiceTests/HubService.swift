import Foundation
import SelfTest
import TestSupport
import Testing

/// A service whose model `tiny` comes from a hub that is here, and whose model `nllb`, from a directory, knows the same
/// sentences: a small translation model that was trained to know them by heart.
struct HubService {
    static let repository = "someone/tiny-translator"
    static let sentence = (text: "Where is the station?", translation: "Onde fica a estação?")

    let hub: StandInHub
    let directory: URL
    let environment: [String: String]

    /// The files of the model, as they are in the fixtures, with changes.
    static func files(_ changes: [String: [UInt8]] = [:]) throws -> [StandInFile] {
        let folder = Fixtures.path("huggingface/complete/nllb")
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
            let bytes = try changes[name] ?? Array(Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
            return StandInFile(name, bytes, isLFS: name.hasSuffix(".safetensors") || name.hasSuffix(".model"))
        }
    }

    /// The weights with their numbers in another order: whole, readable, and of no use.
    static func brokenWeights() throws -> [UInt8] {
        let path = Fixtures.path("huggingface/complete/nllb/model.safetensors")
        var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
        let header = 8 + bytes.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        bytes[header...].withUnsafeMutableBytes { weights in
            for index in stride(from: 0, to: weights.count - 7, by: 8) { weights.swapAt(index + 3, index + 7) }
        }
        return bytes
    }

    /// - Parameter more: further keys of the catalogue's entry.
    init(in directory: URL, more: [String: Any] = [:]) throws {
        self.directory = directory
        hub = try StandInHub()
        hub.add(StandInRepository(Self.repository, files: try Self.files()))
        var entry: [String: Any] = [
            "name": "tiny", "task": "translation", "family": "m2m_100", "summary": "a small translation model",
            "source": "hf:\(Self.repository)", "files": [Any](), "download_bytes": 750_000, "licence": "none",
            "languages": ["source": ["en", "pt"], "target": ["en", "pt"]], "parameters": 120_000,
            "format": "safetensors", "memory_bytes": 2_000_000,
            "canary": [
                "input": Self.sentence.text, "source": "en", "target": "pt", "answer": Self.sentence.translation,
            ],
        ]
        entry.merge(more) { $1 }
        let catalog = directory.appendingPathComponent("catalog.json")
        try JSONSerialization.data(withJSONObject: ["version": 1, "models": [entry]]).write(to: catalog)
        environment = [
            "SVC_CATALOG": catalog.path, "SVC_HOME": directory.appendingPathComponent("svc").path,
            "HF_HOME": directory.appendingPathComponent("hf").path, "HF_ENDPOINT": hub.url, "HF_TOKEN": "",
            "HF_HUB_CACHE": "", "HF_HUB_OFFLINE": "", "SVC_REPAIR_DELAY": "0.2", "SVC_TRANSFER_DELAY": "0.05",
            "SVC_STALL_SECONDS": "2", "HOME": directory.path,
        ]
    }

    /// Runs `body` with a hub, in a directory of its own.
    static func with(
        more: [String: Any] = [:], _ body: (HubService) async throws -> Void
    ) async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let rig = try HubService(in: directory, more: more)
            defer { rig.hub.stop() }
            try await body(rig)
        }
    }

    /// Serves `tiny` and, by default, the model that can stand in for it.
    func serve(
        standIn: Bool = true, _ arguments: [String] = [], _ body: (RunningService) async throws -> Void
    ) async throws {
        let models = standIn ? "tiny,\(Fixtures.path("huggingface/complete/nllb"))" : "tiny"
        try await RunningService.with(["--models", models] + arguments, environment: environment, body)
    }

    /// The file that a link of the model's snapshot leads to.
    func blob(_ name: String) throws -> URL {
        let snapshots = directory.appendingPathComponent("hf/hub/models--someone--tiny-translator/snapshots")
        let revisions = try FileManager.default.contentsOfDirectory(atPath: snapshots.path)
        return try #require(
            revisions.map { snapshots.appendingPathComponent("\($0)/\(name)") }
                .first { FileManager.default.fileExists(atPath: $0.path) }
        ).resolvingSymlinksInPath()
    }

    /// A request that `tiny` is to answer.
    static func question(_ more: String = "") -> String {
        #"{"text":"\#(sentence.text)","source_lang":"en","target_lang":"pt","model":"tiny"\#(more)}"#
    }
}

extension ServiceClient {
    /// Waits until the model is in a state.
    func wait(for model: String, _ state: String, seconds: Double = 60) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let isOver = ContinuousClock.now > deadline
            let found = try await json("/models/\(model)").json
            if found["status"].string == state { return }
            if isOver { throw NotInTime(what: "\(model) is \(found), not \(state)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// The events since the start, as `GET /events` gives them until it is silent.
    struct NotInTime: Error, CustomStringConvertible {
        var what: String
        var description: String { what }
    }
}
