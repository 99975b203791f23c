import SelfTest
import TestSupport
import Testing

/// The tests of pulls believe that the stand-in hub does what it is told, when it is told to.
@Suite(.timeLimit(.minutes(1))) struct StandInHubTests {
    @Test("A host refuses from the moment it is told to, and takes connections from the moment it is healed")
    func refusesAtOnce() async throws {
        let hub = try StandInHub()
        defer { hub.stop() }
        for round in 0..<50 {
            hub.refuse(.hub, forSeconds: 3600)
            await #expect(throws: RawConnection.Failure.self, "round \(round)") {
                try await RawConnection.open(to: hub.url)
            }
            hub.heal()
            await #expect(throws: Never.self, "round \(round)") { try await RawConnection.open(to: hub.url).close() }
        }
    }
}
