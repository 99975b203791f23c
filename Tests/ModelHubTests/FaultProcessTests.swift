import Foundation
import SelfTest
import SystemPackage
import TestSupport
import Testing

@testable import ModelHub

/// Pulls by the real program: that die at moments that nobody chose, and that meet.
@Suite(.timeLimit(.minutes(3))) struct FaultProcessTests {
    static func expectNotAskedAgain(_ recorded: [String: [Range<Int>]], _ fixture: FaultFixture) {
        for (path, ranges) in recorded {
            for sent in fixture.sent(path) {
                #expect(ranges.allSatisfy { !$0.overlaps(sent) }, "\(path): \(sent) was here: \(ranges)")
            }
        }
    }

    /// Twenty deaths in all.
    @Test("A pull that is killed at any moment is gone on with", arguments: 0..<4)
    func killed(round: Int) async throws {
        // Slow enough that it never ends between deaths.
        let fixture = try FaultFixture()
        fixture.server.inject(.drip(bytesPerSecond: 5_000), host: .cdn, times: nil)
        for death in 0..<5 {
            let kept = try fixture.kept()
            fixture.server.forgetRequests()
            let child = try await ChildProcess(
                Programs.svc.path, fixture.pullArguments, environment: fixture.programEnvironment())
            if death == 2 {
                // One in each round comes when there is something to go on from.
                #expect(try await eventually { try fixture.keptBytes() > 0 })
            } else {
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...1500)))
            }
            child.send(SIGKILL)
            #expect(await child.end() == -SIGKILL)
            try fixture.expectNothingLooksWholeThatIsNot()
            Self.expectNotAskedAgain(kept, fixture)
        }
        let kept = try fixture.kept()
        #expect(try fixture.keptBytes() > 0)
        fixture.server.heal()
        fixture.server.forgetRequests()
        let outcome = try await fixture.runPull()
        #expect(outcome.code == 0, "\(outcome.output) \(outcome.error)")
        try fixture.expectWhole()
        Self.expectNotAskedAgain(kept, fixture)
    }

    @Test("Processes that pull the same model share one download")
    func shared() async throws {
        let fixture = try FaultFixture()
        fixture.server.inject(.drip(bytesPerSecond: 1_000_000), at: .headers, host: .cdn, times: nil)
        let outcomes = try await withThrowingTaskGroup(of: Programs.Outcome.self) { group in
            for _ in 0..<3 { group.addTask { try await fixture.runPull() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for outcome in outcomes { #expect(outcome.code == 0, "\(outcome.output) \(outcome.error)") }
        try fixture.expectWhole()
        for file in fixture.files {
            #expect(fixture.sentBytes(file.path) == file.sizeBytes, "\(file.path)")
        }
    }

    @Test("A process that waits for one that dies does its work")
    func inherited() async throws {
        let fixture = try FaultFixture()
        fixture.server.inject(.drip(bytesPerSecond: 50_000), at: .headers, host: .cdn, times: nil)
        let first = try await ChildProcess(
            Programs.svc.path, fixture.pullArguments, environment: fixture.programEnvironment())
        #expect(try await eventually { !fixture.sent(FaultFixture.first).isEmpty })
        async let second = fixture.runPull()
        try await Task.sleep(for: .milliseconds(300))
        first.send(SIGKILL)
        _ = await first.end()
        fixture.server.heal()
        let outcome = try await second
        #expect(outcome.code == 0, "\(outcome.output) \(outcome.error)")
        try fixture.expectWhole()
    }
}
