import Foundation
import SelfTest
import Synchronization
import TestSupport
import Testing

/// A model that is damaged, fails or is updated while it serves: every request is answered, by it or by one that says that
/// it stands in.
@Suite struct AvailabilityTests {
    /// Asks again and again until it is told to stop, and keeps what progress.
    private final class Traffic: Sendable {
        struct Answer: Sendable {
            var status: Int
            var model: String?
            var text: String?
            var fallbackFrom: String?
            var header: String?
        }

        private let task: Task<Void, any Error>
        private let stream: AsyncStream<Answer>
        private let progress: Counter

        /// - Parameter interval: between the starts of requests, which do not wait for each other.
        init(_ client: ServiceClient, every interval: Duration) {
            let (stream, requests) = AsyncStream<Answer>.makeStream()
            self.stream = stream
            let progress = Counter()
            self.progress = progress
            task = Task {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    while !progress.isOver.load(ordering: .relaxed) {
                        group.addTask {
                            let answer = try await client.post("/translate", json: HubService.question())
                            let json = JSON(answer)
                            requests.yield(
                                Answer(
                                    status: answer.status, model: json["model"].string,
                                    text: json["translations"][0]["text"].string,
                                    fallbackFrom: json["fallback"]["from"].string,
                                    header: answer.headers["x-svc-fallback"]))
                            progress.count.add(1, ordering: .relaxed)
                        }
                        try await Task.sleep(for: interval)
                    }
                    try await group.waitForAll()
                }
                requests.finish()
            }
        }

        private final class Counter: Sendable {
            let count = Atomic<Int>(0)
            let isOver = Atomic<Bool>(false)
        }

        /// Waits until so many more answers have come.
        func more(_ count: Int) async throws {
            let wanted = progress.count.load(ordering: .relaxed) + count
            let deadline = ContinuousClock.now + .seconds(120)
            while progress.count.load(ordering: .relaxed) < wanted {
                try #require(ContinuousClock.now < deadline, "requests are no longer answered")
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        /// Begins no more requests, waits for the last answer and returns all.
        func stop() async throws -> [Answer] {
            progress.isOver.store(true, ordering: .relaxed)
            try await task.value
            var all: [Answer] = []
            for await answer in stream { all.append(answer) }
            return all
        }
    }

    private static func flipBit(in file: URL) throws {
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 0x10
        // In place, as a disk goes bad: the name and the inode stay.
        let handle = try FileHandle(forWritingTo: file)
        try handle.write(contentsOf: bytes)
        try handle.close()
    }

    /// One bit of a loaded model's file turns: the next check notices, the file goes to quarantine and comes anew from the
    /// hub, which takes its time; meanwhile the other model answers and says so, and no request is lost.
    @Test func aFlippedBitIsNoticedRepairedAndNobodyWaits() async throws {
        try await HubService.with { rig in
            try await rig.serve { service in
                let client = service.client
                let before = try await client.json("/translate", HubService.question())
                #expect(before.json["model"].string == "tiny")
                #expect(!before.json["fallback"].exists)
                // The repair stands still until the faults are taken away.
                rig.hub.inject(
                    .stall(seconds: 3600), at: .body(afterBytes: 1000), path: "model.safetensors", host: .cdn,
                    times: nil)
                try Self.flipBit(in: try rig.blob("model.safetensors"))

                let traffic = Traffic(client, every: .milliseconds(50))
                let check = try await client.json("/models/tiny/check", "{}")
                #expect(check.status == 200)
                #expect(check.json["healthy"].value as? Bool == false)
                #expect(check.json["problems"][0].string?.contains("model.safetensors") == true, "\(check.json)")
                let meanwhile = try await client.json("/translate", HubService.question())
                #expect(meanwhile.json["model"].string == "nllb", "\(meanwhile)")
                #expect(meanwhile.json["fallback"]["from"].string == "tiny")
                #expect(meanwhile.json["fallback"]["reason"].string?.contains("model.safetensors") == true)
                let health = try await client.json("/health")
                #expect(health.status == 503 || health.json["status"].string == "degraded", "\(health)")
                try await traffic.more(5)
                rig.hub.heal()
                try await client.wait(for: "tiny", "ready")
                // The last answers are the model's own again.
                let after = try await client.json("/translate", HubService.question())
                #expect(after.json["model"].string == "tiny")
                let answers = try await traffic.stop()
                #expect(
                    answers.allSatisfy { $0.status == 200 && $0.text == HubService.sentence.translation }, "\(answers)")
                for answer in answers where answer.model == "nllb" {
                    #expect(answer.fallbackFrom == "tiny")
                    #expect(answer.header == "tiny")
                }
                #expect(answers.contains { $0.model == "nllb" })
                let again = try await client.json("/models/tiny/check", "{}")
                #expect(again.json["healthy"].value as? Bool == true, "\(again)")
                let quarantine = rig.directory.appendingPathComponent("svc/hub/.quarantine")
                let aside = FileManager.default.enumerator(atPath: quarantine.path)?.allObjects as? [String] ?? []
                #expect(aside.contains { $0.hasSuffix(".json") }, "what was damaged is kept to be looked at: \(aside)")
            }
        }
    }

    /// With `fallback` "never" the request is answered by its model or not at all, and the error says who would.
    @Test func aRequestMayRefuseStandIns() async throws {
        try await HubService.with { rig in
            try await rig.serve(["--on-demand", "reject"]) { service in
                let client = service.client
                rig.hub.inject(.status(503), times: nil)
                try Self.flipBit(in: try rig.blob("model.safetensors"))
                _ = try await client.json("/models/tiny/check", "{}")
                let never = try await client.json("/translate", HubService.question(#","fallback":"never""#))
                #expect(never.status == 503, "\(never)")
                let auto = try await client.json("/translate", HubService.question(#","fallback":"auto""#))
                #expect(auto.status == 200)
                #expect(auto.json["model"].string == "nllb")
                let wrong = try await client.json("/translate", HubService.question(#","fallback":"maybe""#))
                #expect(wrong.status == 400)
                #expect(wrong.json["error"]["param"].string == "fallback")
            }
        }
    }

    /// A repair that cannot succeed is tried three times and then says what a person must do; when he has, a load helps.
    @Test func threeRepairsThenAPerson() async throws {
        try await HubService.with { rig in
            try await rig.serve(standIn: false) { service in
                let client = service.client
                rig.hub.inject(.wrongBytes(), at: .body(afterBytes: 1000), path: "model.safetensors", times: nil)
                try Self.flipBit(in: try rig.blob("model.safetensors"))
                _ = try await client.json("/models/tiny/check", "{}")
                let deadline = ContinuousClock.now + .seconds(60)
                var reason = ""
                while !reason.contains("3 repairs failed"), ContinuousClock.now < deadline {
                    reason = try await client.json("/models/tiny").json["error"]["reason"].string ?? ""
                    try await Task.sleep(for: .milliseconds(50))
                }
                let failed = try await client.json("/models/tiny").json
                #expect(failed["status"].string == "failed")
                #expect(failed["error"]["action"].string?.contains("svc pull tiny --repair") == true, "\(failed)")
                let refused = try await client.json("/translate", HubService.question())
                #expect(refused.status == 503)
                rig.hub.heal()
                let loaded = try await client.request("POST", "/models/tiny/load?wait=60")
                #expect(loaded.status == 200, "\(loaded.text)")
                #expect(try await client.json("/translate", HubService.question()).status == 200)
            }
        }
    }

    /// A new revision is changed over to under a load of 20 requests a second; one that answers wrongly is not.
    @Test func anUpdateUnderLoadLosesNothingAndABadOneChangesNothing() async throws {
        try await HubService.with { rig in
            try await rig.serve(standIn: false) { service in
                let client = service.client
                let first = try await client.json("/models/tiny").json["revision"].string
                let traffic = Traffic(client, every: .milliseconds(50))

                // Some requests before each change, so that some are running when it comes.
                try await traffic.more(10)
                let newer = try HubService.files(["generation_config.json": Array(#"{"max_length": 200}"#.utf8)])
                let second = rig.hub.change(HubService.repository) { $0.commit(newer) }
                let updated = try await client.json("/models/tiny/update", "{}")
                #expect(updated.status == 200, "\(updated)")
                #expect(updated.json["from"].string == first)
                #expect(updated.json["to"].string == second)
                #expect(try await client.json("/models/tiny").json["revision"].string == second)

                try await traffic.more(10)
                let broken = try HubService.files(["model.safetensors": try HubService.brokenWeights()])
                let third = rig.hub.change(HubService.repository) { $0.commit(broken) }
                let refused = try await client.json("/models/tiny/update", "{}")
                #expect(refused.status == 409, "\(refused)")
                #expect(refused.json["error"]["code"].string == "update_failed")
                #expect(refused.json["error"]["message"].string?.contains(third) == true)
                #expect(try await client.json("/models/tiny").json["revision"].string == second)
                // It is remembered: nobody downloads it again.
                rig.hub.forgetRequests()
                #expect(try await client.json("/models/tiny/update", "{}").status == 409)
                #expect(!rig.hub.requests.contains { $0.file == "model.safetensors" })

                try await traffic.more(10)
                let back = try await client.json("/models/tiny/rollback", "{}")
                #expect(back.status == 200, "\(back)")
                #expect(back.json["to"].string == first)
                #expect(try await client.json("/models/tiny").json["revision"].string == first)

                try await traffic.more(10)
                let answers = try await traffic.stop()
                #expect(
                    answers.allSatisfy {
                        $0.status == 200 && $0.model == "tiny" && $0.text == HubService.sentence.translation
                    }, "\(answers.filter { $0.status != 200 })")
                #expect(answers.count > 20)
            }
            // What the service chose, the next one begins with.
            try await rig.serve(standIn: false) { service in
                let versions = try await service.client.json("/models/tiny/versions")
                #expect(versions.status == 200)
                let states = versions.json["versions"].array.map { $0["state"].string ?? "" }
                #expect(states.count { $0 == "active" } == 1, "\(versions.json)")
                #expect(states.count { $0 == "rejected" } == 2, "\(versions.json)")
            }
        }
    }

    /// A pinned model is updated only by name.
    @Test func aPinHolds() async throws {
        try await HubService.with { rig in
            try await rig.serve(standIn: false) { service in
                let client = service.client
                let first = try #require(try await client.json("/models/tiny").json["revision"].string)
                let pinned = try await client.request(
                    "PUT", "/models/tiny/pin", headers: ["content-type": "application/json"],
                    body: Array(#"{"revision":"\#(first)"}"#.utf8))
                #expect(pinned.status == 200, "\(pinned.text)")
                let newer = try HubService.files(["generation_config.json": Array(#"{"max_length": 200}"#.utf8)])
                rig.hub.change(HubService.repository) { _ = $0.commit(newer) }
                let refused = try await client.json("/models/tiny/update", "{}")
                #expect(refused.status == 409)
                #expect(refused.json["error"]["code"].string == "pinned")
                #expect(try await client.request("DELETE", "/models/tiny/pin").status == 200)
                #expect(try await client.json("/models/tiny/update", "{}").status == 200)
                // Nor does the way back lead away from a pin.
                let second = try #require(try await client.json("/models/tiny").json["revision"].string)
                let held = try await client.request(
                    "PUT", "/models/tiny/pin", headers: ["content-type": "application/json"],
                    body: Array(#"{"revision":"\#(second)"}"#.utf8))
                #expect(held.status == 200, "\(held.text)")
                let back = try await client.json("/models/tiny/rollback", "{}")
                #expect(back.status == 409 && back.json["error"]["code"].string == "pinned", "\(back)")
                #expect(try await client.request("DELETE", "/models/tiny/pin").status == 200)
                #expect(try await client.json("/models/tiny/rollback", "{}").status == 200)
            }
        }
    }

    /// A model that comes from where there are no revisions says so.
    @Test func onlyHubsHaveRevisions() async throws {
        let service = try await RunningService.shared()
        let answer = try await service.client.json("/models/firefox-en-pt/update", "{}")
        #expect(answer.status == 422)
        #expect(answer.json["error"]["code"].string == "no_revisions")
        let check = try await service.client.json("/models/firefox-en-pt/check", "{}")
        #expect(check.status == 200)
        #expect(check.json["healthy"].value as? Bool == true, "\(check)")
        #expect(check.json["asked"].value as? Bool == true)
    }
}
