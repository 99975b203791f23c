import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Disks that are full, become full, and have room again.
@Suite(.timeLimit(.minutes(2))) struct FaultDiskTests {
    /// A file system of its own, of a few megabytes, in memory; mounting one takes the rights of root.
    final class SmallDisk {
        let directory: String

        static var isPossible: Bool { geteuid() == 0 }

        init(_ fixture: FaultFixture, megabytes: Int) async throws {
            directory = fixture.directory + "/small"
            try Disk.makeDirectory(directory)
            try await Self.run("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", directory])
        }

        func grow(toMegabytes megabytes: Int) async throws {
            try await Self.run("mount", ["-o", "remount,size=\(megabytes)m", directory])
        }

        func unmount() async throws { try await Self.run("umount", ["-l", directory]) }

        private static func run(_ program: String, _ arguments: [String]) async throws {
            let outcome = try await Programs.run(URL(fileURLWithPath: "/usr/bin/env"), [program] + arguments)
            try #require(outcome.code == 0, "\(program): \(outcome.error)")
        }
    }

    @Test("A disk without the room is not begun on", .enabled(if: SmallDisk.isPossible))
    func noRoom() async throws {
        let fixture = try FaultFixture()
        let disk = try await SmallDisk(fixture, megabytes: 40)
        // The model would fit; the reserve that is left for others would not.
        let error = await thrown(ModelHubError.self) { try await fixture.pull(in: ["HF_HOME": disk.directory]) }
        guard case .notEnoughSpace(let path, let needed, let available) = error else {
            Issue.record("\(String(describing: error))")
            try await disk.unmount()
            return
        }
        #expect(path.hasPrefix(disk.directory))
        #expect(needed > 2 * FaultFixture.shardBytes)
        #expect(available <= 40 << 20)
        #expect(fixture.sent(FaultFixture.first).isEmpty)
        try await disk.grow(toMegabytes: 200)
        try await fixture.pull(in: ["HF_HOME": disk.directory])
        try await disk.unmount()
    }

    @Test(
        "A disk that becomes full keeps what came, and the pull goes on from there", .enabled(if: SmallDisk.isPossible))
    func becomesFull() async throws {
        let fixture = try FaultFixture()
        let disk = try await SmallDisk(fixture, megabytes: 80)
        fixture.server.inject(.drip(bytesPerSecond: 20_000), host: .cdn, times: nil)
        let changes = ["HF_HOME": disk.directory]
        let hub = fixture.hub(in: changes)
        let entry = try fixture.entry
        let pull = Task { try await hub.pull(entry) }
        #expect(try await eventually { fixture.sentBytes(FaultFixture.first) > 60_000 })
        // Somebody else takes all the rest.
        let filler = disk.directory + "/filler"
        let descriptor = open(filler, O_WRONLY | O_CREAT, 0o600)
        let bytes = [UInt8](repeating: 1, count: 1 << 16)
        while write(descriptor, bytes, bytes.count) > 0 {}
        close(descriptor)
        let error = await thrown(ModelHubError.self) { try await pull.value }
        guard case .diskFull(let path, _) = error else {
            Issue.record("\(String(describing: error))")
            try await disk.unmount()
            return
        }
        #expect(path.hasPrefix(disk.directory))
        #expect("\(try #require(error))".contains("HF_HOME"))
        unlink(filler)
        fixture.server.heal()
        fixture.server.forgetRequests()
        let installed = try await fixture.pull(in: changes)
        for (role, path) in installed.files {
            let right = try fixture.file(role).bytes()
            #expect(try HubFixture.bytes(path) == right, "\(role)")
        }
        try await disk.unmount()
    }

    /// Also where nobody may mount: the system refuses to let a file grow beyond so many bytes.
    @Test("A file that may not grow further is an error that names it, and what came is kept")
    func limited() async throws {
        let fixture = try FaultFixture()
        let command = #"trap "" XFSZ; ulimit -f 2000; exec "$0" "$@""#
        let limited = try await Programs.run(
            URL(fileURLWithPath: "/bin/bash"), ["-c", command, Programs.svc.path] + fixture.pullArguments,
            environment: fixture.programEnvironment())
        #expect(limited.code == 0, "\(limited.output): files of 2 MB are allowed, and none is larger")
        let large = try FaultFixture(files: FaultFixture.files(shardBytes: 3_000_000))
        let refused = try await Programs.run(
            URL(fileURLWithPath: "/bin/bash"), ["-c", command, Programs.svc.path] + large.pullArguments,
            environment: large.programEnvironment())
        #expect(refused.code == 1, "\(refused.output)")
        #expect(refused.output.contains("File too large"), "\(refused.output)")
        #expect(refused.output.contains(".svc.incomplete"), "\(refused.output)")
        try large.expectNothingLooksWholeThatIsNot()
        let kept = try large.keptBytes()
        #expect(kept > 1_000_000)
        large.server.forgetRequests()
        let outcome = try await large.runPull()
        #expect(outcome.code == 0, "\(outcome.output)")
        try large.expectWhole()
        #expect(large.sentBytes(FaultFixture.first) + large.sentBytes(FaultFixture.second) == 6_000_000 - kept)
    }
}

extension FaultFixture {
    /// A hub with its cache elsewhere.
    fileprivate func hub(in changes: [String: String]) -> ModelHub {
        let environment = environment.merging(changes) { $1 }
        return ModelHub(
            catalog: Catalog(entries: []), store: ModelStore(environment: environment), environment: environment)
    }

    @discardableResult
    fileprivate func pull(in changes: [String: String]) async throws -> InstalledModel {
        try await hub(in: changes).pull(try entry)
    }
}
