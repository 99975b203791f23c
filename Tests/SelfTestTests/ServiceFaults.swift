import SelfTest
import TestSupport

/// Faults of the service around its models: its routes, errors, states, processes and files.
enum ServiceFaults {
    static let all: [PlantedFault] = [
        PlantedFault(
            "a model says ready and is not",
            .inFront([
                ProxyFault(
                    "not ready", on: ProxyFault.path("/translate"),
                    instead: { _ in
                        ProxyAnswer(
                            status: 503,
                            json: #"""
                                {"error":{"code":"model_not_ready","message":"firefox-en-pt is loading","param":null,
                                "type":"unavailable_error"}}
                                """#, headers: [("Retry-After", "5")])
                    })
            ]),
            caughtBy: .endToEnd, "start.ready_means_ready", on: "firefox-en-pt", says: "status: expected 200, found 503"
        ),
        PlantedFault(
            "a service that works says it is loading",
            .inFront([
                ProxyFault(
                    "loading", on: ProxyFault.path("/health/ready"),
                    instead: { _ in
                        ProxyAnswer(
                            status: 503,
                            json:
                                #"{"error":{"code":"not_ready","message":"no","param":null,"type":"unavailable_error"}}"#
                        )
                    })
            ]),
            caughtBy: .endToEnd, "health.probes", says: "/health/ready", "expected 200, found 503"),
        PlantedFault(
            "two routes tell of one model in two ways",
            .inFront([
                ProxyFault(
                    "two ways", on: ProxyFault.path("/health"),
                    answer: { answer, _ in
                        answer.editJSON { body in
                            var models = body["models"] as? [String: [String: Any]] ?? [:]
                            models["lid-176"]?["status"] = "loading"
                            body["models"] = models
                        }
                    })
            ]),
            caughtBy: .endToEnd, "health.agrees_with_models", says: "status of lid-176", "loading"),
        PlantedFault(
            "a slow health answer",
            .inFront([ProxyFault("slow", on: ProxyFault.path("/health"), delaySeconds: 11)]),
            caughtBy: .endToEnd, "health.while_busy", says: "GET /health", "expected an answer, found none"),
        PlantedFault(
            "a 500 for bad JSON",
            .inFront([
                ProxyFault(
                    "500", on: ProxyFault.path("/detect"),
                    answer: { answer, _ in if answer.text.contains("invalid_json") { answer.status = 500 } })
            ]),
            caughtBy: .endToEnd, "errors.bodies", says: "POST /detect", "status: expected 400, found 500"),
        PlantedFault(
            "bad JSON is answered as if it were right",
            .inFront([
                ProxyFault(
                    "200", on: ProxyFault.path("/detect"),
                    answer: { answer, _ in
                        if answer.text.contains("invalid_json") { answer = ProxyAnswer(json: #"{"language":"en"}"#) }
                    })
            ]),
            caughtBy: .endToEnd, "errors.bodies", says: "POST /detect", "status: expected 400, found 200"),
        PlantedFault(
            "an error without a code",
            .inFront([
                ProxyFault(
                    "no code", on: ProxyFault.path("/models/*"),
                    answer: { answer, _ in
                        answer.text = answer.text.replacing(#""code":"model_not_found""#, with: #""code":null"#)
                    })
            ]),
            caughtBy: .endToEnd, "models.unknown", says: "code of the error", "model_not_found"),
        PlantedFault(
            "an answer without its request's id",
            .inFront([
                ProxyFault(
                    "no id", on: ProxyFault.path("/version"),
                    answer: { answer, _ in answer.headers.removeAll { $0.name.lowercased() == "x-request-id" } })
            ]),
            caughtBy: .endToEnd, "routes.request_ids", says: "x-request-id", "ticket-4711"),
        PlantedFault(
            "an unknown path is answered",
            .inFront([
                ProxyFault(
                    "a page", on: ProxyFault.path("/translate_file"), instead: { _ in ProxyAnswer(json: "{}") })
            ]),
            caughtBy: .endToEnd, "routes.unknown", says: "/translate_file", "status: expected 404, found 200"),
        PlantedFault(
            "metrics that cannot be read",
            .inFront([
                ProxyFault(
                    "twice", on: ProxyFault.path("/metrics"), answer: { answer, _ in answer.text += answer.text })
            ]),
            caughtBy: .endToEnd, "metrics.format", says: "TYPE of", "expected once, found twice"),
        PlantedFault(
            "a pair is missing in the menu of languages",
            .inFront([
                ProxyFault(
                    "missing", on: ProxyFault.path("/languages"),
                    answer: { answer, _ in
                        answer.editAnyJSON { value in
                            (value as? [[String: Any]] ?? []).map { language in
                                language.merging(["targets": [language["code"] ?? ""]]) { $1 }
                            }
                        }
                    })
            ]),
            caughtBy: .endToEnd, "languages.of_model", on: "firefox-en-pt", says: "targets of en", "pt"),
        PlantedFault(
            "a key is not checked",
            .inFrontOfItsOwn(
                [
                    ProxyFault(
                        "no key needed", on: ProxyFault.path("/usage"),
                        request: { request in
                            request.headers.removeAll { $0.name.lowercased() == "authorization" }
                            request.headers.append(("X-API-Key", "selftest-first-key"))
                        })
                ], when: "true"),
            caughtBy: .endToEnd, "keys.required", says: "GET /usage", "status: expected 403, found"),
        PlantedFault(
            "a key that is right is lost on the way",
            .inFrontOfItsOwn(
                [
                    ProxyFault(
                        "lost", on: ProxyFault.path("/version"),
                        request: { request in request.headers.removeAll { $0.name.lowercased() == "x-api-key" } })
                ], when: "true"),
            caughtBy: .endToEnd, "keys.ways", says: "status with x-api-key: expected 200, found 401"),
        PlantedFault(
            "keys in the log",
            .inTheProgram(
                ProgramFault(
                    "logs its arguments", when: #"[ "$1" = serve ]"#,
                    #"echo "started as: svc $*" >&2; exec "$svc" "$@""#)),
            caughtBy: .endToEnd, "keys.not_logged", says: "the log", "neither keys nor texts", "selftest-first-key"),
        PlantedFault(
            "a limit is not kept",
            .inFrontOfItsOwn(
                [
                    ProxyFault(
                        "one less", on: ProxyFault.path("/translate"),
                        request: { request in
                            request.editJSON { fields in
                                if let texts = fields["text"] as? [Any], texts.count > 3 {
                                    fields["text"] = Array(texts.prefix(3))
                                }
                            }
                        })
                ], when: "true"),
            caughtBy: .endToEnd, "limits.texts", says: "POST /translate", "status: expected 413, found 200"),
        PlantedFault(
            "an event tells of another state",
            .inFrontOfItsOwn(
                [
                    ProxyFault(
                        "another state", on: ProxyFault.path("/events"),
                        event: { event, _ in [event.replacing(#""state":"loading""#, with: #""state":"ready""#)] })
                ], when: "true"),
            caughtBy: .endToEnd, "events.stream", says: "states of"),
        PlantedFault(
            "an error spoils the connection",
            .inFront([
                ProxyFault(
                    "late", on: { $0.path == "/version" && $0.headers.value("user-agent") == nil },
                    instead: { _ in ProxyAnswer(status: 400, json: #"{"error":"bad request"}"#) })
            ]),
            caughtBy: .endToEnd, "recovery.keep_alive", says: "the next request on the same connection", "found 400"),
        PlantedFault(
            "a damaged model goes unnoticed",
            .inFrontOfItsOwn(
                [
                    ProxyFault(
                        "all is well", on: ProxyFault.path("/health"),
                        answer: { answer, _ in answer.editJSON { $0["status"] = "healthy" } })
                ], when: "true"),
            caughtBy: .endToEnd, "recovery.damaged_model", says: "a damaged model and a whole one", #"found "healthy""#),
        PlantedFault(
            "a child ignores SIGTERM", .inTheProgram(.ignoresTermination),
            caughtBy: .endToEnd, "shutdown.while_loading", says: "after SIGTERM", "had to be killed"),
        PlantedFault(
            "a service ends with an error",
            .inTheProgram(.exitCode(3, insteadOf: 0, when: #"[ "$1" = serve ]"#)),
            caughtBy: .endToEnd, "shutdown.while_loading", says: "exit code after SIGTERM: expected 0, found 3"),
        PlantedFault(
            "a leak", .inTheProgram(.leak(bytesPerRequest: 64 << 10)),
            caughtBy: .endToEnd, "memory.stable", says: "memory after 500 requests", "at most 5 %"),
        PlantedFault(
            "a corrupted model file", .inTheStore(model: "lid-176"),
            caughtBy: .endToEnd, "start.stages", says: "model lid-176", "expected ready, found failed"),
    ]
}
