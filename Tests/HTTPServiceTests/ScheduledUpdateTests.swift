import Foundation
import SelfTest
import TestSupport
import Testing

/// What a service does by itself about newer revisions: `--updates`.
@Suite struct ScheduledUpdateTests {
    /// Changes that leave a model that answers, and one that does not.
    private static func newer(_ length: Int = 200) throws -> [StandInFile] {
        try HubService.files(["generation_config.json": Array(#"{"max_length": \#(length)}"#.utf8)])
    }
    private static func broken() throws -> [StandInFile] {
        try HubService.files(["model.safetensors": try HubService.brokenWeights()])
    }

    private func revision(_ client: ServiceClient) async throws -> String? {
        try await client.json("/models/tiny").json["revision"].string
    }

    /// The next event of a kind.
    private func event(_ kind: String, of stream: EventStreamClient) async throws -> JSON {
        while let item = try await stream.next() {
            if item.kind == kind { return item.json["data"] }
        }
        Issue.record("the stream ended without \(kind)")
        return JSON(value: nil)
    }

    /// Waits until the service has looked at its source so many more times.
    private func looks(_ count: Int, _ rig: HubService) async throws {
        func looked() -> Int { rig.hub.requests.count { $0.target.hasPrefix("/api/models/") } }
        let wanted = looked() + count
        let deadline = ContinuousClock.now + .seconds(60)
        while looked() < wanted, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        #expect(looked() >= wanted)
    }

    @Test func applyChangesOverAndLeavesABadRevisionAlone() async throws {
        try await HubService.with { rig in
            try await rig.serve(standIn: false, ["--updates", "apply", "--update-interval", "0.2"]) { service in
                let client = service.client
                let first = try await revision(client)
                let stream = try await EventStreamClient(client.baseURL)
                let second = rig.hub.change(HubService.repository) { [files = try Self.newer()] in $0.commit(files) }
                let available = try await event("update.available", of: stream)
                #expect(available["from"].string == first && available["to"].string == second, "\(available)")
                let completed = try await event("update.completed", of: stream)
                #expect(completed["to"].string == second, "\(completed)")
                #expect(try await revision(client) == second)

                // It is tried once; what is known to be of no use is not said to be there, nor downloaded again.
                rig.hub.forgetRequests()
                let third = rig.hub.change(HubService.repository) { [files = try Self.broken()] in $0.commit(files) }
                let failed = try await event("update.failed", of: stream)
                #expect(failed["to"].string == third, "\(failed)")
                rig.hub.forgetRequests()
                try await looks(3, rig)
                #expect(!rig.hub.requests.contains { $0.file == "model.safetensors" })
                #expect(try await revision(client) == second)
                let answer = try await client.json("/translate", HubService.question())
                #expect(answer.json["translations"][0]["text"].string == HubService.sentence.translation)

                // The next good one is changed over to; nothing of the bad one was told in between.
                let fourth = rig.hub.change(HubService.repository) { [files = try Self.newer(300)] in $0.commit(files) }
                let next = try await event("update.available", of: stream)
                #expect(next["to"].string == fourth, "\(next)")
                #expect(try await event("update.completed", of: stream)["to"].string == fourth)
                #expect(try await revision(client) == fourth)
            }
        }
    }

    @Test func checkOnlySaysSo() async throws {
        try await HubService.with { rig in
            try await rig.serve(standIn: false, ["--updates", "check", "--update-interval", "0.2"]) { service in
                let first = try await revision(service.client)
                let stream = try await EventStreamClient(service.client.baseURL)
                let second = rig.hub.change(HubService.repository) { [files = try Self.newer()] in $0.commit(files) }
                #expect(try await event("update.available", of: stream)["to"].string == second)
                try await looks(3, rig)
                #expect(try await revision(service.client) == first)
            }
        }
    }

    @Test func aPinHoldsWithoutAWord() async throws {
        try await HubService.with { rig in
            try await rig.serve(standIn: false, ["--updates", "apply", "--update-interval", "0.2"]) { service in
                let client = service.client
                let first = try #require(try await revision(client))
                let pinned = try await client.request(
                    "PUT", "/models/tiny/pin", headers: ["content-type": "application/json"],
                    body: Array(#"{"revision":"\#(first)"}"#.utf8))
                #expect(pinned.status == 200, "\(pinned.text)")
                let stream = try await EventStreamClient(client.baseURL)
                let second = rig.hub.change(HubService.repository) { [files = try Self.newer()] in $0.commit(files) }
                #expect(try await event("update.available", of: stream)["to"].string == second)
                try await looks(3, rig)
                #expect(try await revision(client) == first)
                #expect(try await client.request("DELETE", "/models/tiny/pin").status == 200)
                #expect(try await event("update.completed", of: stream)["to"].string == second)
            }
        }
    }

    @Test func offAsksNobody() async throws {
        try await HubService.with { rig in
            try await rig.serve(standIn: false, ["--updates", "off", "--update-interval", "0.1"]) { service in
                rig.hub.forgetRequests()
                rig.hub.change(HubService.repository) { [files = try Self.newer()] in _ = $0.commit(files) }
                // Some intervals' worth of other work.
                for _ in 0..<100 {
                    #expect(try await service.client.json("/translate", HubService.question()).status == 200)
                }
                try await Task.sleep(for: .milliseconds(500))
                #expect(rig.hub.requests.isEmpty)
            }
        }
    }
}
