import Foundation
import SelfTest
import TestSupport
import Testing

/// Starting, loading, damage, keys, stopping: the service as the platform that runs it sees it.
@Suite struct LifecycleTests {
    @Test func healthAndProbesOfAServiceThatIsReady() async throws {
        // One of its own: what others ask of the shared one loads further models.
        try await RunningService.with(["--models", "firefox-en-pt,firefox-pt-en,lid-176"]) { service in
            let client = service.client
            let health = try await client.json("/health")
            #expect(health.status == 200)
            #expect(health.json["status"].string == "healthy")
            #expect(health.json["models_loaded"].number == 3)
            #expect(health.json["models"]["lid-176"]["status"].string == "ready")
            #expect(health.json["uptime_seconds"].exists && health.json["version"].exists)
            #expect(try await client.request("GET", "/health/live").status == 200)
            #expect(try await client.request("GET", "/health/ready").status == 200)
            #expect(try await client.request("HEAD", "/health").status == 200)
        }
    }

    @Test func modelsSayWhatTheyAre() async throws {
        let client = try await RunningService.shared().client
        let all = try await client.json("/models")
        #expect(all.json.keys.isSuperset(of: ["firefox-en-pt", "firefox-pt-en", "lid-176"]))
        let model = all.json["firefox-en-pt"]
        #expect(model["status"].string == "ready")
        #expect(model["task"].string == "translation")
        #expect(model["languages"]["source"][0].string == "en")
        #expect((model["memory_bytes"].number ?? 0) > 10_000_000)
        for path in ["/models/firefox-en-pt", "/models/firefox-en-pt/info"] {
            let one = try await client.json(path)
            #expect(one.json["files"].array.count == 4)
            #expect(one.json["files"].array.allSatisfy { $0["sha256"].string?.count == 64 })
            #expect(one.json["limits"]["maximum_characters"].number == 50_000)
        }
    }

    @Test func documentsOfTheService() async throws {
        let client = try await RunningService.shared().client
        let document = try await client.json("/openapi.json")
        #expect(document.json["openapi"].string == "3.1.0")
        // Every path of the document exists, and the service offers nothing that the document leaves out.
        for path in document.json["paths"].keys {
            let answer = try await client.request(
                "PATCH", path.replacing("{name}", with: "lid-176").replacing("{id}", with: "x"))
            #expect(answer.status == 405, "\(path)")
            let documented = Set(document.json["paths"][path].keys.map { $0.uppercased() })
            let allowed = Set((answer.headers["allow"] ?? "").components(separatedBy: ", ").filter { $0 != "HEAD" })
            #expect(documented == allowed, "\(path)")
        }
        #expect(try await client.json("/version").json["name"].string == "svc")
        let metrics = try await client.request("GET", "/metrics").text
        for name in [
            "svc_http_requests_total{", "svc_http_request_duration_seconds_bucket{", "svc_queue_sentences",
            #"svc_model_state{model="lid-176",state="ready"} 1"#, "process_resident_memory_bytes",
        ] { #expect(metrics.contains(name), "\(name)") }
    }

    @Test func requestIDsComeBack() async throws {
        let client = try await RunningService.shared().client
        let own = try await client.request("GET", "/version", headers: ["x-request-id": "abc-123"])
        #expect(own.headers["x-request-id"] == "abc-123")
        let evil = try await client.request("GET", "/version", headers: ["x-request-id": "a b"])
        #expect(evil.headers["x-request-id"]?.hasPrefix("req-") == true)
    }

    @Test func modelsAreLoadedOnFirstUseAndUnloaded() async throws {
        try await RunningService.with { service async throws in
            #expect(try await service.client.json("/health").json["models_loaded"].number == 0)
            let answer = try await service.client.json(
                "/translate", #"{"q":"Good morning!","source":"en","target":"pt"}"#)
            #expect(answer.json["translatedText"].string == "Bom dia!")
            let unload = try await service.client.json("/models/firefox-en-pt/unload?wait=20", "")
            #expect(unload.status == 200)
            #expect(unload.json["status"].string == "absent")
            let again = try await service.client.request("POST", "/models/firefox-en-pt/unload")
            #expect(again.status == 409)
            let load = try await service.client.request("POST", "/models/firefox-en-pt/load")
            #expect(load.status == 202)
            #expect(load.headers["location"] == "/models/firefox-en-pt")
            let ready = try await service.client.json("/models/firefox-en-pt/load?wait=60", "")
            #expect(ready.status == 200)
            #expect(ready.json["status"].string == "ready")
        }
    }

    /// A model that was asked for at the start and then unloaded is not being loaded, and not missing.
    @Test func unloadingAModelAskedForLeavesTheServiceHealthy() async throws {
        try await RunningService.with(["--models", "firefox-en-pt,lid-176"]) { service async throws in
            #expect(try await service.client.request("POST", "/models/lid-176/unload?wait=20").status == 200)
            let health = try await service.client.json("/health")
            #expect(health.status == 200)
            #expect(health.json["status"].string == "healthy")
            #expect(try await service.client.request("GET", "/health/ready").status == 200)
        }
    }

    /// Two loads at once do not both take the last room.
    @Test func concurrentLoadsKeepToTheBudget() async throws {
        try await RunningService.with(["--memory-budget", "40M", "--models", "firefox-en-pt,firefox-pt-en"]) {
            service async throws in
            let models = try await service.client.json("/models")
            let states = ["firefox-en-pt", "firefox-pt-en"].map { models.json[$0]["status"].string ?? "" }.sorted()
            #expect(states == ["failed", "ready"])
            #expect(try await service.client.json("/health").json["status"].string == "degraded")
        }
    }

    /// A model that is not here and that nobody asked for at the start is no fault of the service.
    @Test func aRequestForAnAbsentModelLeavesTheServiceHealthy() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            try await RunningService.with(["--downloads", "off"], environment: ["SVC_HOME": directory.path]) {
                service async throws in
                let answer = try await service.client.json(
                    "/translate", #"{"text":"Hi.","source_lang":"en","target_lang":"pt"}"#)
                #expect(answer.status == 503)
                #expect(answer.json["error"]["code"].string == "model_not_installed")
                #expect(answer.json["error"]["message"].string?.contains("svc pull firefox-en-pt") == true)
                #expect(try await service.client.request("GET", "/health").status == 200)
            }
        }
    }

    /// A client that leaves in the middle of a long translation: the work is given up, and the service goes on.
    @Test func aDisconnectCancelsTheWork() async throws {
        try await RunningService.with(["--models", "firefox-en-pt", "--threads", "1"]) { service async throws in
            func metric(_ name: String) async throws -> String? {
                let metrics = try await service.client.request("GET", "/metrics").text
                return metrics.split(separator: "\n").first { $0.hasPrefix(name + " ") }
                    .map { String($0.dropFirst(name.count + 1)) }
            }
            // A wide beam over much text: many seconds of work.
            let text = String(repeating: "The weather is fine today, and nobody wants to stay at home. ", count: 800)
            let body = #"{"text":"\#(text)","source_lang":"en","target_lang":"pt","beam_size":16}"#
            let connection = try RawConnection(to: service.url)
            connection.send(
                "POST /translate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                    + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
            while try await metric("svc_queue_requests") != "1" { try await Task.sleep(for: .milliseconds(5)) }
            connection.close()
            while try await metric("svc_queue_requests") != "0" { try await Task.sleep(for: .milliseconds(5)) }
            // Only a translation that was finished is counted.
            #expect(try await metric("svc_translated_characters_total") == nil)
            let answer = try await service.client.json(
                "/translate", #"{"q":"Good morning!","source":"en","target":"pt"}"#)
            #expect(answer.json["translatedText"].string == "Bom dia!")
        }
    }

    @Test func aRequestThatTakesTooLongIsAnsweredWith504() async throws {
        try await RunningService.with(["--models", "firefox-en-pt", "--threads", "1", "--request-timeout", "0.2"]) {
            service async throws in
            let text = String(repeating: "The weather is fine today, and nobody wants to stay at home. ", count: 800)
            let answer = try await service.client.json(
                "/translate", #"{"text":"\#(text)","source_lang":"en","target_lang":"pt","beam_size":16}"#)
            #expect(answer.status == 504)
            #expect(answer.json["error"]["message"].string == "no answer within 0.2 s")
            #expect(try await service.client.request("GET", "/health").status == 200)
        }
    }

    /// What a request leaves behind in memory is nothing: after the first few hundred, a thousand more take no more.
    @Test func memoryDoesNotGrowWithTheNumberOfRequests() async throws {
        try await RunningService.with(["--models", "firefox-en-pt,lid-176"]) { service async throws in
            func resident() throws -> Int {
                let status = try String(contentsOfFile: "/proc/\(service.pid)/status", encoding: .utf8)
                let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon") }
                return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
            }
            func ask(_ count: Int) async throws {
                for _ in 0..<count {
                    _ = try await service.client.post(
                        "/translate", json: #"{"q":"Hello.","source":"auto","target":"pt"}"#)
                    _ = try await service.client.post("/detect", json: #"{"text":"This is an English text."}"#)
                }
            }
            try await ask(500)
            let before = try resident()
            try await ask(1500)
            let after = try resident()
            // Half a kilobyte for each request would be 1,500 kB.
            #expect(after - before < 1000, "\(before) kB before, \(after) kB after")
        }
    }

    @Test func withOnDemandRejectTheFirstRequestIsToldWhenToComeBack() async throws {
        try await RunningService.with(["--on-demand", "reject"]) { service async throws in
            let body = #"{"q":"Good morning!","source":"en","target":"pt"}"#
            let first = try await service.client.post("/translate", json: body)
            #expect(first.status == 503)
            #expect(Int(first.headers["retry-after"] ?? "") ?? 0 > 0)
            var status = 503
            for _ in 0..<200 where status == 503 {
                try await Task.sleep(for: .milliseconds(50))
                status = try await service.client.post("/translate", json: body).status
            }
            #expect(status == 200)
        }
    }

    @Test func keys() async throws {
        try await RunningService.with(["--models", "lid-176", "--api-key", "first", "--api-key", "second"]) {
            service async throws in
            func status(_ path: String, _ headers: [String: String]) async throws -> Int {
                try await service.client.request("GET", path, headers: headers).status
            }
            for open in ["/health", "/health/live", "/health/ready", "/metrics"] {
                #expect(try await status(open, [:]) == 200)
            }
            #expect(try await status("/models", [:]) == 401)
            #expect(try await status("/models", ["authorization": "Bearer wrong"]) == 403)
            #expect(try await status("/models", ["x-api-key": "firs"]) == 403)
            #expect(try await status("/models", ["authorization": "Bearer first"]) == 200)
            #expect(try await status("/models", ["x-api-key": "second"]) == 200)
            let missing = try await service.client.json("/detect", #"{"text":"Hello"}"#)
            #expect(missing.status == 401)
            #expect(missing.json["error"]["code"].string == "missing_api_key")
            #expect(!service.logText.contains("first"))
        }
    }

    struct Damage: Sendable, CustomTestStringConvertible {
        var file: String
        var flip: Int?
        var keep: Int?
        var says: String
        var testDescription: String { "\(file) \(flip.map { "flipped at \($0)" } ?? "cut to \(keep ?? 0)")" }
    }

    /// Somebody's own directory with a damaged file: the error names it, and the rest of the service goes on.
    @Test(arguments: [
        Damage(file: "model.enpt.intgemm.alphas.bin", keep: 9_000_000, says: "truncated"),
        Damage(file: "model.enpt.intgemm.alphas.bin", keep: 100, says: "model.enpt"),
        Damage(file: "model.enpt.intgemm.alphas.bin", flip: 8, says: "model.enpt"),
        Damage(file: "lex.50.50.enpt.s2t.bin", flip: 300_000, says: "damaged"),
        Damage(file: "vocab.enpt.spm", keep: 400_000, says: "vocab.enpt.spm"),
    ])
    func aDamagedModelIsNamedAndTheServiceStaysUp(damage: Damage) async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let model = directory.appendingPathComponent("mine")
            try InstalledModels.copy("firefox-en-pt", to: model)
            let file = model.appendingPathComponent(damage.file)
            var bytes = try Data(contentsOf: file)
            if let flip = damage.flip { bytes[flip] ^= 0x04 }
            try bytes.prefix(damage.keep ?? bytes.count).write(to: file)
            try await RunningService.with(["--models", "\(model.path),firefox-pt-en"]) { service async throws in
                let health = try await service.client.json("/health")
                #expect(health.status == 200)
                #expect(health.json["status"].string == "degraded")
                #expect(health.json["models"]["mine"]["status"].string == "failed")
                let reason = health.json["models"]["mine"]["error"]["reason"].string ?? ""
                #expect(reason.contains(damage.says), "\(reason)")
                #expect(try await service.client.request("GET", "/health/ready").status == 503)
                let answer = try await service.client.json(
                    "/translate", #"{"q":"Bom dia!","source":"pt","target":"en"}"#)
                #expect(answer.status == 200)
                let broken = try await service.client.json(
                    "/translate",
                    #"{"text":"Hi.","source_lang":"en","target_lang":"pt","model":"mine","fallback":"never"}"#)
                #expect(broken.status == 503)
                #expect(["model_failed", "model_damaged"].contains(broken.json["error"]["code"].string))
            }
        }
    }

    /// One bit of a model in the store, where only the hash can tell: named at load, and the service stays up.
    @Test func aFlippedBitInTheStoreIsNamedAndTheServiceStaysUp() async throws {
        try await Fixtures.withTemporaryDirectory { home async throws in
            let store = try InstalledModels.storePath()
            try FileManager.default.copyItem(atPath: store, toPath: home.appendingPathComponent("hub").path)
            let installed = try InstalledModels.file("model", of: "firefox-en-pt")
            let file = URL(fileURLWithPath: home.appendingPathComponent("hub").path + installed.dropFirst(store.count))
                .resolvingSymlinksInPath()
            var bytes = try Data(contentsOf: file)
            bytes[bytes.count / 2] ^= 0x10
            try bytes.write(to: file)
            try await RunningService.with(
                ["--models", "firefox-en-pt,firefox-pt-en", "--downloads", "off"], environment: ["SVC_HOME": home.path]
            ) { service async throws in
                let health = try await service.client.json("/health")
                #expect(health.status == 200)
                #expect(health.json["status"].string == "degraded")
                let reason = health.json["models"]["firefox-en-pt"]["error"]["reason"].string ?? ""
                #expect(reason.contains("model.enpt.intgemm.alphas.bin has the digest"), "\(reason)")
                #expect(health.json["models"]["firefox-pt-en"]["status"].string == "ready")
                let answer = try await service.client.json(
                    "/translate", #"{"text":"Hi.","source_lang":"en","target_lang":"pt"}"#)
                #expect(answer.status == 503)
                #expect(answer.json["error"]["code"].string == "model_damaged")
            }
        }
    }

    @Test func aModelThatDoesNotFitIsRefusedByNameAndNumber() async throws {
        try await RunningService.with(["--memory-budget", "5M", "--models", "lid-176"]) { service async throws in
            let answer = try await service.client.json(
                "/translate", #"{"text":"Hi.","source_lang":"en","target_lang":"pt"}"#)
            #expect(answer.status == 503)
            let message = answer.json["error"]["message"].string ?? ""
            #expect(message.contains("firefox-en-pt") && message.contains("budget of 5.2 MB"), "\(message)")
        }
    }

    /// SIGTERM under load: what was accepted is answered, and the process ends by itself.
    @Test func runningRequestsFinishAfterSIGTERM() async throws {
        let service = try await RunningService(["--models", "firefox-en-pt"])
        try await service.waitUntilSettled()
        let text = String(repeating: "The weather is fine today, and nobody wants to stay at home. ", count: 300)
        let requests = (0..<4).map { _ in
            Task {
                try await service.client.post(
                    "/translate", json: #"{"text":"\#(text)","source_lang":"en","target_lang":"pt","beam_size":6}"#)
            }
        }
        // All of them must have been accepted: one that the kernel still holds for the service ends with it.
        var accepted = 0.0
        while accepted < 4 {
            let metrics = try await service.client.request("GET", "/metrics").text.split(separator: "\n")
            accepted = metrics.filter {
                $0.hasPrefix("svc_queue_requests")
                    || $0.hasPrefix("svc_http_requests_total{") && $0.contains("/translate")
            }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
            try await Task.sleep(for: .milliseconds(2))
        }
        let code = await service.stop()
        for request in requests {
            let answer = try await request.value
            #expect(answer.status == 200)
        }
        #expect(code == 0)
    }

    @Test func aPortInUseIsSaid() async throws {
        let service = try await RunningService.shared()
        let port = service.url.split(separator: ":").last.map(String.init) ?? ""
        let outcome = try await Programs.run(["serve", "--port", port])
        #expect(outcome.code == 1)
        #expect(outcome.error.contains("127.0.0.1:\(port) is in use"))
    }
}
