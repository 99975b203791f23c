import Foundation
import SelfTest
import TestSupport

/// What the cases are run on: the models of this machine, and a service that works, which stands behind all proxies.
actor Machine {
    static let shared = Machine()

    /// The models that take part: one for each task, and both directions of a pair.
    static let models = [
        "firefox-en-pt", "firefox-pt-en", "lid-176", "smollm2-135m-instruct", "all-minilm-l6-v2",
    ]

    private var started: Task<RunningService, any Error>?
    private var listed: Task<Portfolio, any Error>?

    /// The service that works. It ends with the test process.
    func service() async throws -> RunningService {
        let task =
            started
            ?? Task {
                let service = try await RunningService(
                    ["--models", Self.models.joined(separator: ",")],
                    environment: ["SVC_USAGE": "off", "SVC_DOWNLOADS": "off"])
                try await service.waitUntilSettled()
                return service
            }
        started = task
        return try await task.value
    }

    /// The models, as the program lists them.
    func portfolio() async throws -> Portfolio {
        let task = listed ?? Task { try await Self.read() }
        listed = task
        return try await task.value
    }

    /// A model of these; nil for no name.
    func model(_ name: String?) async throws -> PortfolioModel? {
        guard let name else { return nil }
        guard let model = try await portfolio().models.first(where: { $0.name == name }) else {
            throw CaseFailure("\(name) is not in the store: run `svc pull \(name)`, or `make test`")
        }
        return model
    }

    private static func read() async throws -> Portfolio {
        struct Listed: Decodable {
            struct Content: Decodable { var models: [Model] }
            struct Model: Decodable {
                var name, task, family: String
                var sourceLanguages, targetLanguages: [String]?
                var sizeBytes, memoryBytes, parameters: Int
            }
            var data: Content
        }
        let outcome = try await Programs.run(["list", "--installed", "--json"])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let models = try decoder.decode(Listed.self, from: Data(outcome.output.utf8)).data.models
        return Portfolio(
            models: models.compactMap { model in
                guard Self.models.contains(model.name), let task = ModelTask(rawValue: model.task) else { return nil }
                return PortfolioModel(
                    name: model.name, task: task, family: model.family, sourceLanguages: model.sourceLanguages ?? [],
                    targetLanguages: model.targetLanguages ?? [], sizeBytes: model.sizeBytes,
                    memoryBytes: model.memoryBytes, parameters: model.parameters)
            }.sorted { $0.memoryBytes < $1.memoryBytes })
    }

    /// Makes a store with the files of this machine's, of which the largest one of a model is damaged in its middle.
    static func copyStore(to directory: URL, damaging model: String) async throws {
        let environment = ProcessInfo.processInfo.environment
        let home = environment["SVC_HOME"] ?? (environment["HOME"] ?? "") + "/.cache/svc"
        let source = URL(fileURLWithPath: home).appendingPathComponent("hub")
        let digest = try await digest(ofTheLargestFileOf: model)
        let files = FileManager.default
        let walk = files.enumerator(atPath: source.path)
        while let path = walk?.nextObject() as? String {
            let (from, to) = (source.appendingPathComponent(path), directory.appendingPathComponent("hub/" + path))
            try files.createDirectory(at: to.deletingLastPathComponent(), withIntermediateDirectories: true)
            let type = try files.attributesOfItem(atPath: from.path)[.type] as? FileAttributeType
            if type == .typeRegular, from.lastPathComponent == digest {
                var bytes = try Data(contentsOf: from)
                bytes[bytes.count / 2] ^= 0xFF
                try bytes.write(to: to)
            } else if type == .typeRegular {
                // A second name for the file costs nothing; to another file system it has to be copied.
                if (try? files.linkItem(at: from, to: to)) == nil { try files.copyItem(at: from, to: to) }
            } else if type == .typeSymbolicLink {
                try files.createSymbolicLink(
                    atPath: to.path, withDestinationPath: try files.destinationOfSymbolicLink(atPath: from.path))
            }
        }
    }

    /// The name that the store has for a file.
    private static func digest(ofTheLargestFileOf model: String) async throws -> String {
        struct Shown: Decodable {
            struct Content: Decodable { var files: [File] }
            struct File: Decodable {
                var sha256: String
                var sizeBytes: Int?
            }
            var data: Content
        }
        let outcome = try await Programs.run(["show", "--json", model])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let files = try decoder.decode(Shown.self, from: Data(outcome.output.utf8)).data.files
        guard let largest = files.max(by: { ($0.sizeBytes ?? 0) < ($1.sizeBytes ?? 0) }) else {
            throw CaseFailure("svc show \(model) names no file")
        }
        return largest.sha256
    }
}
