import Foundation
@testable import HTTPService
import ModelHub
import SelfTest
import TestSupport
import Testing

/// Downloads, versions and usage over HTTP.
@Suite struct DownloadRouteTests {
    /// A service over a store of its own, with a model that lies on this machine, one whose source is missing, and one
    /// whose source takes the connection and never answers.
    private func with(
        usage: UsageStore? = nil, downloads: Bool = true, _ body: (ServiceClient, EventBus) async throws -> Void
    ) async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let source = directory.appendingPathComponent("here")
            try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
            try Data("{}".utf8).write(to: source.appendingPathComponent("config.json"))
            let silent = try SilentListener()
            defer { silent.close() }
            func entry(_ name: String, _ source: ModelSource) -> CatalogEntry {
                CatalogEntry(name: name, task: .generation, family: "test", source: source)
            }
            let hub = ModelHub(
                catalog: Catalog(entries: [
                    entry("here", .file(path: source.path)), entry("gone", .file(path: source.path + "-no")),
                    entry("silent", .huggingFace(owner: "a", repository: "b", revision: nil)),
                ]),
                store: ModelStore(
                    root: directory.path + "/store", huggingFaceRoot: directory.path + "/hub"),
                environment: ["HF_ENDPOINT": "http://127.0.0.1:\(silent.port)", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"])
            try await EventServer.with(hub: hub, usage: usage, downloads: downloads, body)
        }
    }

    @Test func aModelIsPulledAndItsVersionListed() async throws {
        try await with { client, bus async throws in
            let events = try await EventStreamClient(client.baseURL, "?kinds=download.*&model=here")
            _ = try await events.next()
            let pulled = try await client.post("/models/here/pull?wait=30", json: #"{"priority":"high"}"#)
            let download = JSON(pulled)
            #expect(pulled.status == 200, "\(pulled.text)")
            let id = try #require(download["id"].string)
            #expect(pulled.headers["location"] == "/downloads/\(id)")
            #expect(download["model"].string == "here" && download["state"].string == "completed")
            #expect(download["purpose"].string == "pull" && download["priority"].string == "high")
            #expect(download["completed_bytes"].number == 2 && download["ended_at"].exists)
            #expect(!download["error"].exists)

            var kinds: [String] = []
            while kinds.last != "download.completed", let event = try await events.next() {
                kinds.append(event.kind ?? "")
                #expect(event.json["data"]["id"].string == id)
            }
            #expect(kinds.first == "download.queued" && kinds.contains("download.started"))

            #expect(try await client.json("/downloads/\(id)").json["state"].string == "completed")
            let all = try await client.json("/downloads").json
            #expect(all["downloads"].array.map(\.["id"].string) == [id] && all["bytes_per_second"].exists)

            let versions = try await client.json("/models/here/versions").json
            #expect(versions["model"].string == "here" && versions["active"].string?.isEmpty == false)
            #expect(versions["versions"].array.count == 1)
            #expect(versions["versions"][0]["state"].string == "active")
            #expect(versions["versions"][0]["size_bytes"].number == 2)

            // What is here is found to be: at once, and without being asked to wait.
            #expect(try await client.request("POST", "/models/here/pull").status == 200)
            let repair = try await client.post("/models/here/pull?wait=30", json: #"{"repair":true}"#)
            #expect(repair.status == 200 && JSON(repair)["purpose"].string == "repair")
            #expect(try await client.json("/models/gone/versions").json["versions"].array.isEmpty)
        }
    }

    @Test func aPullIsSteered() async throws {
        try await with { client, _ async throws in
            func state(_ action: String, _ id: String) async throws -> String? {
                try await client.json("/downloads/\(id)/\(action)", "").json["state"].string
            }
            let pull = try await client.request("POST", "/models/silent/pull")
            #expect(pull.status == 202)
            let id = try #require(JSON(pull)["id"].string)
            #expect(pull.headers["location"] == "/downloads/\(id)")
            // Whoever asks again joins, and waits in vain.
            let joined = try await client.json("/models/silent/pull?wait=0.2", "{}")
            #expect(joined.status == 202 && joined.json["id"].string == id)
            #expect(try await state("pause", id) == "paused")
            #expect(try await state("pause", id) == "paused")
            #expect(["queued", "downloading"].contains(try await state("resume", id)))
            #expect(try await state("cancel", id) == "cancelled")
            #expect(try await state("cancel", id) == "cancelled")
            for action in ["pause", "resume"] {
                let conflict = try await client.json("/downloads/\(id)/\(action)", "")
                #expect(conflict.status == 409 && conflict.json["error"]["code"].string == "conflict")
            }
        }
    }

    @Test func whatFailsSaysWhy() async throws {
        try await with { client, _ async throws in
            let failed = try await client.json("/models/gone/pull?wait=30", "")
            #expect(failed.status == 404 && failed.json["error"]["code"].string == "source_not_found")
            let pull = try await client.json("/models/gone/pull", "")
            #expect(pull.status == 202)
            let id = try #require(pull.json["id"].string)
            let hasFailed = try await EventServer.eventually {
                (try? await client.json("/downloads/\(id)").json["state"].string) == "failed"
            }
            #expect(hasFailed)
            let error = try await client.json("/downloads/\(id)").json["error"]
            #expect(error["category"].string == "not_found")
            #expect(error["message"].string?.contains("here-no") == true)
        }
    }

    @Test(arguments: [
        ("/models/here/pull?wait=-1", "{}", "wait"), ("/models/here/pull?wait=soon", "{}", "wait"),
        ("/models/here/pull", #"{"priority":"urgent"}"#, "priority"),
        ("/models/here/pull", #"{"priority":1}"#, "priority"),
        ("/models/here/pull", #"{"repair":"yes"}"#, "repair"), ("/models/here/pull", #"{"revision":7}"#, "revision"),
        ("/models/here/pull", #"{"revision":""}"#, "revision"),
    ]) func badPulls(path: String, body: String, parameter: String) async throws {
        try await with { client, _ async throws in
            let answer = try await client.json(path, body)
            #expect(answer.status == 400 && answer.json["error"]["param"].string == parameter)
            #expect(try await client.json("/downloads").json["downloads"].array.isEmpty)
        }
    }

    @Test func whatIsNotThere() async throws {
        try await with { client, _ async throws in
            #expect(try await client.json("/models/nobody/pull", "").json["error"]["code"].string == "model_not_found")
            #expect(try await client.json("/models/nobody/versions").status == 404)
            #expect(try await client.json("/downloads/x").json["error"]["code"].string == "download_not_found")
            for action in ["pause", "resume", "cancel"] {
                #expect(try await client.json("/downloads/x/\(action)", "").status == 404)
            }
            #expect(try await client.json("/models/here/pull", "[]").status == 400)
            let other = try await client.request("DELETE", "/downloads/limit")
            #expect(other.status == 405 && other.headers["allow"] == "GET, PUT, HEAD")
        }
        try await with(downloads: false) { client, _ async throws in
            let refused = try await client.json("/models/here/pull", "")
            #expect(refused.status == 409 && refused.json["error"]["code"].string == "downloads_off")
        }
    }

    @Test func theRateIsSetAndShown() async throws {
        try await with { client, _ async throws in
            func put(_ body: String) async throws -> (status: Int, json: JSON) {
                let answer = try await client.request(
                    "PUT", "/downloads/limit", headers: ["content-type": "application/json"], body: Array(body.utf8))
                return (answer.status, JSON(answer))
            }
            #expect(try await client.request("GET", "/downloads/limit").text == #"{"bytes_per_second":null}"#)
            #expect(try await put(#"{"bytes_per_second":2000000}"#).json["bytes_per_second"].number == 2_000_000)
            #expect(try await client.json("/downloads/limit").json["bytes_per_second"].number == 2_000_000)
            for body in [
                "{}", #"{"bytes_per_second":0}"#, #"{"bytes_per_second":-5}"#, #"{"bytes_per_second":"2M"}"#,
                #"{"bytes_per_second":1.5}"#, #"{"bytes_per_second":1e99}"#,
            ] {
                let answer = try await put(body)
                #expect(answer.status == 400 && answer.json["error"]["param"].string == "bytes_per_second", "\(body)")
            }
            #expect(try await client.json("/downloads/limit").json["bytes_per_second"].number == 2_000_000)
            #expect(try await put(#"{"bytes_per_second":null}"#).status == 200)
            #expect(try await client.request("GET", "/downloads/limit").text == #"{"bytes_per_second":null}"#)
        }
    }

    @Test func usageIsSummedUp() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let store = UsageStore.open(path: directory.path + "/usage.sqlite") { _ in }
            for model in ["here", "here", "gone"] {
                store.record(
                    UsageObservation(
                        model: model, task: .translation, source: "en", target: "pt", texts: 2, characters: 10,
                        latencySeconds: 0.5, failure: model == "gone" ? "queue_full" : nil))
            }
            try await with(usage: store) { client, _ async throws in
                let days = try await client.json("/usage").json
                #expect(days["rows"].array.count == 1 && days["total"]["requests"].number == 3)
                #expect(days["rows"][0]["day"].string == days["to"].string)
                let models = try await client.json("/usage?by=model&days=1").json
                #expect(models["group_by"].string == "model")
                #expect(models["rows"].array.map(\.["model"].string) == ["here", "gone"])
                #expect(models["rows"][1]["failures_by_code"]["queue_full"].number == 1)
                #expect(abs((models["rows"][0]["latency_seconds"]["p50"].number ?? 0) - 0.5) < 0.01)
                let pairs = try await client.json("/usage?by=pair&model=here").json
                #expect(pairs["rows"][0]["source"].string == "en" && pairs["rows"][0]["texts"].number == 4)
                for (query, parameter) in [
                    ("days=0", "days"), ("days=x", "days"), ("days=1e9", "days"), ("by=hour", "by"),
                    ("model=", "model"),
                ] {
                    let answer = try await client.json("/usage?" + query)
                    #expect(answer.status == 400 && answer.json["error"]["param"].string == parameter, "\(query)")
                }
                // A day's history says nothing of what is usual.
                let advice = try await client.request("GET", "/usage/recommendations")
                #expect(advice.text == #"{"recommendations":[]}"#)
            }
        }
        try await with { client, _ async throws in
            for path in ["/usage", "/usage/recommendations"] {
                let answer = try await client.json(path)
                #expect(answer.status == 404 && answer.json["error"]["code"].string == "usage_off")
            }
        }
    }

    /// Takes connections, as far as the kernel does that by itself, and says nothing.
    private struct SilentListener {
        let descriptor: Int32
        let port: UInt16

        private struct NotListening: Error {}

        init() throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = descriptor
            let result = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int32 in
                    bind(descriptor, pointer, size) | listen(descriptor, 64) | getsockname(descriptor, pointer, &size)
                }
            }
            guard result == 0 else { throw NotListening() }
            port = UInt16(bigEndian: address.sin_port)
        }

        func close() { _ = Foundation.close(descriptor) }
    }
}
