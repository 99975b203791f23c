package import Engine
package import Hummingbird
package import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// Builds the HTTP application: what `svc serve` runs, and what tests run.
package enum ServiceApplication {
    /// The routes over an engine.
    package static func router(
        _ engine: Engine, _ configuration: ServiceConfiguration, _ monitor: DisconnectMonitor
    ) -> Router<ServiceRequestContext> {
        router(engine, engine, configuration, monitor)
    }

    /// The routes over an engine, and over whoever generates.
    private static func router(
        _ engine: Engine, _ generation: any GenerationService, _ configuration: ServiceConfiguration,
        _ monitor: DisconnectMonitor
    ) -> Router<ServiceRequestContext> {
        // The registry has to be there before the first metric is made.
        _ = PrometheusRegistry.shared
        let keys = APIKeys(configuration.apiKeys)
        let work = RequestWork(monitor: monitor, timeoutSeconds: configuration.requestTimeoutSeconds)
        let routes =
            routes(engine, configuration, keys, work) + generationRoutes(generation, configuration, work)
            + eventRoutes(engine, configuration, monitor) + downloadRoutes(engine, configuration, monitor)
            + careRoutes(engine, configuration)
        var table = RouteTable()
        for route in routes { table.add(route.method, route.path) }

        let router = Router(context: ServiceRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: AccessLogMiddleware())
        router.add(middleware: OriginMiddleware(configuration.origins))
        router.add(middleware: RequestIDMiddleware(routes: table))
        router.add(middleware: KeyMiddleware(keys: keys))
        router.add(middleware: SocketPathMiddleware())
        for route in routes {
            router.on(RouterPath(route.path), method: route.method) { request, context in
                try await route.handler(request, context)
            }
        }
        return router
    }

    private struct Route: Sendable {
        var method: HTTPRequest.Method
        var path: String
        var handler: @Sendable (Request, ServiceRequestContext) async throws -> Response

        init(
            _ method: HTTPRequest.Method, _ path: String,
            _ handler: @escaping @Sendable (Request, ServiceRequestContext) async throws -> Response
        ) {
            self.method = method
            self.path = path
            self.handler = handler
        }
    }

    private static func routes(
        _ engine: Engine, _ configuration: ServiceConfiguration, _ keys: APIKeys, _ work: RequestWork
    ) -> [Route] {
        let health = HealthController(engine: engine, version: configuration.version)
        let models = ModelsController(engine: engine, configuration: configuration)
        let translate = TranslateController(
            engine: engine, configuration: configuration, keys: keys, work: work)
        let detect = DetectController(engine: engine, configuration: configuration, keys: keys, work: work)
        let info = InfoController(engine: engine, configuration: configuration)
        let embedding = EmbeddingController(engine: engine, configuration: configuration, work: work)
        return [
            Route(.get, "/health", health.health), Route(.get, "/health/live", health.live),
            Route(.get, "/health/ready", health.ready), Route(.get, "/models", models.list),
            Route(.get, "/models/{name}", models.show), Route(.get, "/models/{name}/info", models.show),
            Route(.post, "/models/{name}/load", models.load), Route(.post, "/models/{name}/unload", models.unload),
            Route(.post, "/translate", translate.translate), Route(.get, "/languages", translate.languages),
            Route(.post, "/detect", detect.detect), Route(.post, "/v1/embeddings", embedding.embed),
            Route(.get, "/version", info.version),
            Route(.get, "/openapi.json", info.openAPI), Route(.get, "/metrics", info.metrics),
        ]
    }

    private static func generationRoutes(
        _ service: any GenerationService, _ configuration: ServiceConfiguration, _ work: RequestWork
    ) -> [Route] {
        let responder = GenerationResponder(configuration: configuration, work: work)
        let models = GenerationModelsController(service: service)
        let chat = ChatController(service: service, configuration: configuration, responder: responder)
        let completion = CompletionController(service: service, configuration: configuration, responder: responder)
        return [
            Route(.get, "/v1/models", models.list), Route(.get, "/v1/models/{name}", models.show),
            Route(.post, "/v1/completions", completion.complete),
            Route(.post, "/v1/chat/completions", chat.complete),
        ]
    }

    private static func eventRoutes(
        _ engine: Engine, _ configuration: ServiceConfiguration, _ monitor: DisconnectMonitor
    ) -> [Route] {
        let events = EventsController(engine: engine, configuration: configuration, monitor: monitor)
        let usage = UsageController(engine: engine)
        return [
            Route(.get, EventsController.streamPath, events.stream),
            Route(.get, EventsController.socketPath, events.socket), Route(.get, "/usage", usage.report),
            Route(.get, "/usage/recommendations", usage.recommendations),
        ]
    }

    private static func downloadRoutes(
        _ engine: Engine, _ configuration: ServiceConfiguration, _ monitor: DisconnectMonitor
    ) -> [Route] {
        let downloads = DownloadsController(engine: engine, configuration: configuration, monitor: monitor)
        return [
            Route(.post, "/models/{name}/pull", downloads.pull),
            Route(.get, "/models/{name}/versions", downloads.versions), Route(.get, "/downloads", downloads.list),
            Route(.get, "/downloads/limit", downloads.limit), Route(.put, "/downloads/limit", downloads.setLimit),
            Route(.get, "/downloads/{id}", downloads.show), Route(.post, "/downloads/{id}/pause", downloads.pause),
            Route(.post, "/downloads/{id}/resume", downloads.resume),
            Route(.post, "/downloads/{id}/cancel", downloads.cancel),
        ]
    }

    private static func careRoutes(_ engine: Engine, _ configuration: ServiceConfiguration) -> [Route] {
        let care = CareController(engine: engine, configuration: configuration)
        return [
            Route(.post, "/models/{name}/check", care.check), Route(.post, "/models/{name}/update", care.update),
            Route(.post, "/models/{name}/rollback", care.rollBack), Route(.put, "/models/{name}/pin", care.pin),
            Route(.delete, "/models/{name}/pin", care.release),
        ]
    }

    /// Serves until the process is told to stop; then running requests have `shutdownSeconds` to finish.
    ///
    /// - Parameter onListening: called with the port once connections are accepted.
    package static func run(
        _ engine: Engine, _ configuration: ServiceConfiguration, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void
    ) async throws {
        try await run(
            engine, engine, configuration, signals: [.sigterm, .sigint], logger: logger, onListening: onListening)
    }

    /// Serves with another service for what is generated, until one of the signals or until the task is cancelled.
    static func run(
        _ engine: Engine, _ generation: any GenerationService, _ configuration: ServiceConfiguration,
        signals: [UnixSignal], logger: Logger, onListening: @escaping @Sendable (Int) async -> Void
    ) async throws {
        let monitor = DisconnectMonitor()
        let limits = EventSocket.Limits(pingSeconds: configuration.socketPingSeconds)
        let application = Application(
            router: router(engine, generation, configuration, monitor),
            server: .init { ServiceChannel(responder: $0, monitor: monitor, limits: limits) },
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "svc", backlog: 1024),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
        var group = ServiceGroupConfiguration(
            services: [application, EngineService(engine: engine)], gracefulShutdownSignals: signals, logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(configuration.shutdownSeconds)
        try await ServiceGroup(configuration: group).run()
    }
}

/// Starts the engine's loads with the service, and lets /health say `draining` as soon as it is told to stop.
private struct EngineService: Service {
    let engine: Engine

    func run() async throws {
        await engine.start()
        try await withGracefulShutdownHandler {
            try await ServiceLifecycle.gracefulShutdown()
        } onGracefulShutdown: {
            Task { await engine.drain() }
        }
    }
}
