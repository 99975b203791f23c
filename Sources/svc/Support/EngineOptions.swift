import Architectures
import ArgumentParser
import Compute
import Engine
import Foundation
import Logging
import ModelHub

/// --json, on every command.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Write one JSON object to standard output and nothing else there.")
    var json = false
}

/// Flags of the commands that look into the store.
struct HubOptions: ParsableArguments {
    @Option(help: "A catalogue to use instead of the built-in one. (SVC_CATALOG)")
    var catalog: String?

    func hub() throws -> ModelHub {
        let environment = ProcessInfo.processInfo.environment
        let path = catalog ?? environment["SVC_CATALOG"].flatMap { $0.isEmpty ? nil : $0 }
        let catalog = try path.map { try Catalog(contentsOf: $0) } ?? Catalog.builtIn()
        return ModelHub(
            catalog: try AddedModels(environment: environment).joined(to: catalog),
            store: ModelStore(environment: environment))
    }
}

/// Flags of the commands that compute in this process.
struct ComputeOptions: ParsableArguments {
    @OptionGroup var store: HubOptions

    @Option(help: "Inference threads; the number of processors by default. (SVC_THREADS)")
    var threads: String?

    @Option(help: "Memory for loaded models: bytes, 4G, or 70%. (SVC_MEMORY_BUDGET)")
    var memoryBudget: String?

    @Option(help: "Quantise float checkpoints as they are loaded: int8 or q4; none by default. (SVC_QUANTIZE)")
    var quantize: String?

    @Option(help: "A JSON file of settings, named as the flags of `svc serve` are.")
    var config: String?

    func engineConfiguration(_ settings: Settings) throws -> EngineConfiguration {
        let cores = MachineProcessors.count
        let total = MachineMemory.totalBytes
        let threads = try settings.integer(threads, "SVC_THREADS", "threads", in: 1...1024, default: cores)
        let budget = try settings.value(
            memoryBudget, "SVC_MEMORY_BUDGET", "memory-budget", default: total / 10 * 7, "a size such as 4G or 70%"
        ) { Settings.bytes($0, total: total) }
        let environment = ProcessInfo.processInfo.environment
        var configuration = EngineConfiguration(
            threads: threads, memoryBudgetBytes: budget, backend: try ComputeBackend(environment: environment))
        configuration.quantization = try settings.value(
            quantize, "SVC_QUANTIZE", "quantize", default: nil, "int8, q4 or none"
        ) { text in
            text == "none" ? .some(nil) : PackedWeights.Quantization(rawValue: text).map { $0 }
        }
        configuration.packedDirectory = ModelStore.packedDirectory(environment: environment)
        return configuration
    }

    /// The name of a model that may be named by its path, and that path.
    ///
    /// - Throws: `EngineError.unusablePath`.
    static func named(_ model: String) throws -> (name: String, paths: [String]) {
        ModelDescriptor.isPath(model) ? (try ModelDescriptor(path: model).name, [model]) : (model, [])
    }

    /// An engine for one command: no log but warnings, models on demand.
    ///
    /// - Parameters:
    ///   - paths: models besides those of the catalogue.
    ///   - downloads: whether a model that is not on this machine is pulled.
    func engine(
        _ settings: Settings, onDemandWaitSeconds: Double = 3600, paths: [String] = [], downloads: Bool = true
    ) throws -> Engine {
        var configuration = try engineConfiguration(settings)
        configuration.onDemandWaitSeconds = onDemandWaitSeconds
        configuration.models = paths
        configuration.downloads = downloads
        configuration.logsProgress = false
        let level =
            settings.string(nil, "LOG_LEVEL", nil).flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .critical
        let logger = Logger(label: "svc") { _ in ServiceLogHandler(format: .text, level: level) }
        return try Engine(configuration: configuration, hub: try store.hub(), logger: logger)
    }
}

/// A size for people.
func megabytes(_ bytes: Int) -> String {
    bytes >= 10_000_000 ? "\(bytes / 1_000_000) MB" : "\(Double(bytes / 10_000) / 100) MB"
}
