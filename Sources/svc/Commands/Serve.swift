import ArgumentParser
import Compute
import Engine
import Foundation
import HTTPService
import Logging
import ModelHub

/// `svc serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve over HTTP until told to stop (SIGTERM).")

    @OptionGroup var output: OutputOptions
    @OptionGroup var compute: ComputeOptions

    @Option(help: "The address to listen on. (SVC_HOST)")
    var host: String?

    @Option(help: "The port; 0 for any free one. (SVC_PORT)")
    var port: String?

    @Option(help: "Models to load at the start, with commas: names of `svc list`, or paths. (MODELS_TO_LOAD)")
    var models: [String] = []

    @Option(help: "A key that clients must send; may be repeated. (API_KEY)")
    var apiKey: [String] = []

    @Option(help: "A file with one key a line. (SVC_API_KEYS_FILE)")
    var apiKeysFile: String?

    @Option(help: "Origins whose pages may use the service from a browser, with commas; * for all. (SVC_CORS_ORIGINS)")
    var corsOrigins: [String] = []

    @Option(help: "What a request does whose model is not loaded: wait, reject or never. (SVC_ON_DEMAND)")
    var onDemand: String?

    @Option(help: "Seconds that such a request waits. (SVC_ON_DEMAND_WAIT)")
    var onDemandWait: String?

    @Option(help: "Whether absent models are downloaded: on or off. (SVC_DOWNLOADS)")
    var downloads: String?

    @Option(help: "Who stands in for a model: MODEL=STANDIN or MODEL=ONE+TWO, with commas. (SVC_STAND_INS)")
    var standIns: [String] = []

    @Option(help: "Seconds between checks of the models in memory; 0 for never. (SVC_CHECK_INTERVAL)")
    var checkInterval: String?

    @Option(help: "What is done about newer revisions: off, check or apply. (SVC_UPDATES)")
    var updates: String?

    @Option(help: "Seconds between looks for newer revisions. (SVC_UPDATE_INTERVAL)")
    var updateInterval: String?

    @Option(help: "Bytes a second that downloads may take together, such as 2M. (SVC_BANDWIDTH_LIMIT)")
    var bandwidthLimit: String?

    @Option(help: "Models that are downloaded at once. (SVC_CONCURRENT_DOWNLOADS)")
    var concurrentDownloads: String?

    @Option(help: "Whether a history of use is kept: on or off. (SVC_USAGE)")
    var usage: String?

    @Option(help: "Seconds a model may take to get ready. (MODEL_LOADING_TIMEOUT)")
    var loadingTimeout: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (LOG_LEVEL)")
    var logLevel: String?

    @Option(help: "text or json. (SVC_LOG_FORMAT)")
    var logFormat: String?

    @Option(help: "The largest body read, in bytes. (SVC_MAX_BODY_BYTES)")
    var maxBodyBytes: String?

    @Option(help: "The most characters in one request. (SVC_MAX_CHARACTERS)")
    var maxCharacters: String?

    @Option(help: "The most texts in one request. (SVC_MAX_TEXTS)")
    var maxTexts: String?

    @Option(help: "Seconds before a request is answered with 504. (SVC_REQUEST_TIMEOUT)")
    var requestTimeout: String?

    @Option(help: "Seconds that running requests have after a stop signal. (SVC_SHUTDOWN_TIMEOUT)")
    var shutdownTimeout: String?

    func run() async throws {
        let settings = try await Settings(file: compute.config)
        var engineConfiguration = try compute.engineConfiguration(settings)
        engineConfiguration.models = settings.list(models, "MODELS_TO_LOAD", "models")
        engineConfiguration.onDemand = try settings.value(
            onDemand, "SVC_ON_DEMAND", "on-demand", default: .wait, "wait, reject or never"
        ) { EngineConfiguration.OnDemand(rawValue: $0) }
        engineConfiguration.onDemandWaitSeconds = try settings.seconds(
            onDemandWait, "SVC_ON_DEMAND_WAIT", "on-demand-wait", default: 60)
        engineConfiguration.downloads = try settings.value(
            downloads, "SVC_DOWNLOADS", "downloads", default: true, "on or off", parse: Settings.boolean)
        engineConfiguration.loadingTimeoutSeconds = try settings.seconds(
            loadingTimeout, "MODEL_LOADING_TIMEOUT", "loading-timeout", default: 900)
        engineConfiguration.logsProgress = try settings.value(
            nil, "LOG_MODEL_LOADING_PROGRESS", nil, default: true, "true or false", parse: Settings.boolean)
        try readCare(settings, &engineConfiguration)
        let service = try serviceConfiguration(settings)
        let logger = try logger(settings)
        let hub = try compute.store.hub()
        if let limit = try settings.value(
            bandwidthLimit, "SVC_BANDWIDTH_LIMIT", "bandwidth-limit", default: nil, "a rate such as 2M, or none",
            parse: { try? TransferConfiguration.bytesPerSecond($0) })
        {
            hub.transfers.setBandwidthLimit(limit)
        }
        let keepsUsage = try settings.value(
            usage, "SVC_USAGE", "usage", default: true, "on or off", parse: Settings.boolean)
        let history = keepsUsage ? openHistory(hub, logger) : nil

        let (threads, instructionSet) = (engineConfiguration.threads, engineConfiguration.backend.instructionSet)
        let engine = try Engine(configuration: engineConfiguration, hub: hub, logger: logger, usage: history)
        Interruption.remove()
        do {
            try await ServiceApplication.run(engine, service, logger: logger) { port in
                logger.notice(
                    "listening",
                    metadata: [
                        "address": "http://\(service.host):\(port)", "version": "\(svcVersion)",
                        "threads": "\(threads)",
                        "instruction_set": "\(instructionSet.rawValue)",
                    ])
            }
        } catch let error where "\(error)".contains("EADDRINUSE") || "\(error)".contains("Address already in use") {
            throw CommandFailure(
                .failed, type: "address_in_use",
                "\(service.host):\(service.port) is in use; stop what listens there or choose another --port")
        }
        await engine.stop()
        logger.notice("stopped")
    }

    /// The history of use, which knows the names of models and writes down no others.
    private func openHistory(_ hub: ModelHub, _ logger: Logger) -> UsageStore {
        let names = Set(hub.catalog.entries.map(\.name))
        return UsageStore.open(path: hub.store.home + "/usage.sqlite", isKnownModel: { names.contains($0) }) { note in
            logger.warning("\(note)")
        }
    }

    /// What the service does by itself to keep its models well.
    private func readCare(_ settings: Settings, _ configuration: inout EngineConfiguration) throws {
        configuration.standIns = try Settings.standIns(settings.list(standIns, "SVC_STAND_INS", "stand-ins"))
        configuration.checkIntervalSeconds = try settings.interval(
            checkInterval, "SVC_CHECK_INTERVAL", "check-interval", default: configuration.checkIntervalSeconds)
        configuration.repairDelaySeconds = try settings.interval(
            nil, "SVC_REPAIR_DELAY", nil, default: configuration.repairDelaySeconds)
        configuration.updates = try settings.value(
            updates, "SVC_UPDATES", "updates", default: .off, "off, check or apply"
        ) { EngineConfiguration.Updates(rawValue: $0) }
        configuration.updateIntervalSeconds = try settings.interval(
            updateInterval, "SVC_UPDATE_INTERVAL", "update-interval", default: configuration.updateIntervalSeconds)
        configuration.concurrentDownloads = try settings.integer(
            concurrentDownloads, "SVC_CONCURRENT_DOWNLOADS", "concurrent-downloads", in: 1...64,
            default: configuration.concurrentDownloads)
    }

    private func serviceConfiguration(_ settings: Settings) throws -> ServiceConfiguration {
        var service = ServiceConfiguration(version: svcVersion)
        service.host = settings.string(host, "SVC_HOST", "host") ?? service.host
        service.port = try settings.integer(port, "SVC_PORT", "port", in: 0...65535, default: service.port)
        service.apiKeys = try keys(settings)
        let origins = settings.list(corsOrigins, "SVC_CORS_ORIGINS", "cors-origins")
        guard let allowed = AllowedOrigins(origins) else {
            throw CommandFailure(
                .usage, type: "usage",
                "--cors-origins, SVC_CORS_ORIGINS: \(origins.joined(separator: ",")) is not a list of origins such as "
                    + "https://app.example or http://localhost:3000, nor *")
        }
        service.origins = allowed
        service.maximumBodyBytes = try settings.integer(
            maxBodyBytes, "SVC_MAX_BODY_BYTES", "max-body-bytes", in: 1024...(1 << 30),
            default: service.maximumBodyBytes)
        service.maximumCharacters = try settings.integer(
            maxCharacters, "SVC_MAX_CHARACTERS", "max-characters", in: 1...100_000_000,
            default: service.maximumCharacters)
        service.maximumTexts = try settings.integer(
            maxTexts, "SVC_MAX_TEXTS", "max-texts", in: 1...1_000_000, default: service.maximumTexts)
        service.requestTimeoutSeconds = try settings.seconds(
            requestTimeout, "SVC_REQUEST_TIMEOUT", "request-timeout", default: service.requestTimeoutSeconds)
        service.shutdownSeconds = try settings.seconds(
            shutdownTimeout, "SVC_SHUTDOWN_TIMEOUT", "shutdown-timeout", default: service.shutdownSeconds)
        return service
    }

    private func keys(_ settings: Settings) throws -> [String] {
        var keys = apiKey.isEmpty ? settings.string(nil, "API_KEY", nil).map { [$0] } ?? [] : apiKey
        if let path = settings.string(apiKeysFile, "SVC_API_KEYS_FILE", "api-keys-file") {
            guard let data = FileManager.default.contents(atPath: path), let text = String(data: data, encoding: .utf8)
            else {
                throw CommandFailure(.usage, type: "usage", "--api-keys-file \(path): the file cannot be read")
            }
            let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            let found = lines.filter { !$0.isEmpty && !$0.hasPrefix("#") }
            guard !found.isEmpty else {
                throw CommandFailure(.usage, type: "usage", "--api-keys-file \(path): the file holds no key")
            }
            keys += found
        }
        return keys
    }

    private func logger(_ settings: Settings) throws -> Logger {
        let level = try settings.value(
            logLevel, "LOG_LEVEL", "log-level", default: Logger.Level.info,
            "one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
        ) { Logger.Level(rawValue: $0.lowercased()) }
        let format = try settings.value(
            logFormat, "SVC_LOG_FORMAT", "log-format", default: ServiceLogHandler.Format.text, "text or json"
        ) { ServiceLogHandler.Format(rawValue: $0) }
        // Libraries log through the same handler.
        LoggingSystem.bootstrap { _ in ServiceLogHandler(format: format, level: level) }
        return Logger(label: "svc")
    }
}
