import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelHub

/// Many downloads at once, and the limit that they share.
@Suite(.timeLimit(.minutes(3))) struct ConcurrencyTests {
    /// What a process of its own is told to fetch.
    struct Order: Codable, Sendable {
        var url: String
        var directory: String
        var paths: [String]
        var digests: [String]
        var sizeBytes: Int

        func transfer(_ index: Int) -> FileTransfer {
            FileTransfer(
                url: "\(url)/someone/many/resolve/main/\(paths[index])", partial: "\(directory)/\(index)",
                sizeBytes: sizeBytes, etag: digests[index], expected: digests[index], freeSpaceReserveBytes: 0)
        }

        func run(_ client: TransferClient, _ indices: Range<Int>) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in indices {
                    group.addTask {
                        let result = try await client.download(transfer(index))
                        #expect(result.sha256 == digests[index])
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    static func withOrder(
        count: Int, sizeBytes: Int, _ body: (StandInHub, Order) async throws -> Void
    ) async throws {
        let hub = try StandInHub()
        defer { hub.stop() }
        let files = (0..<count).map { StandInFile("m-\($0).bin", sizeBytes: sizeBytes, seed: UInt64($0) + 7) }
        hub.add(StandInRepository("someone/many", files: files))
        try await Fixtures.withTemporaryDirectory { directory in
            let order = Order(
                url: hub.url, directory: directory.path, paths: files.map(\.path), digests: files.map(\.sha256),
                sizeBytes: sizeBytes)
            try await body(hub, order)
            for (index, file) in files.enumerated() {
                #expect(try HubFixture.bytes("\(directory.path)/\(index)") == file.bytes())
            }
        }
    }

    static func configuration(limit: Int? = nil) -> TransferConfiguration {
        var configuration = TransferConfiguration()
        configuration.bandwidthLimit = limit
        configuration.firstDelaySeconds = 0.02
        configuration.longestDelaySeconds = 0.2
        configuration.stallSeconds = 1
        configuration.attempts = 25
        configuration.chunkBytes = 250_000
        return configuration
    }

    /// The most memory that this process has had, in bytes.
    static func mostMemory() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" })[1])) * 1024
    }

    @Test("Sixty at once, of which many fail again and again, all end right, in little memory and within the limit")
    func sixty() async throws {
        try await Self.withOrder(count: 60, sizeBytes: 1_000_003) { hub, order in
            // Each file comes in five pieces; three in ten of them meet one of these.
            hub.inject(.reset, at: .body(afterBytes: 370_000), host: .cdn, times: nil, share: 0.3)
            hub.inject(.status(503), host: .cdn, times: nil, share: 0.1)
            hub.inject(.reset, host: .cdn, times: nil, share: 0.1)
            hub.inject(.close, at: .lastByte, host: .cdn, times: nil, share: 0.3)
            hub.inject(.stall(seconds: 60), at: .body(afterBytes: 800_000), host: .cdn, times: 6, share: 0.3)
            hub.inject(.status(500), host: .hub, times: nil, share: 0.3)
            await #expect(processExitsWith: .success) { [order = order as Order] in
                let limit = 20_000_000
                let client = TransferClient(ConcurrencyTests.configuration(limit: limit))
                let start = ContinuousClock.now
                try await order.run(client, 0..<60)
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                let rate = Double(60 * order.sizeBytes) / seconds
                #expect(rate <= 1.1 * Double(limit), "\(rate) bytes/s")
                let memory = try ConcurrencyTests.mostMemory()
                #expect(memory < 200_000_000, "\(memory) bytes")
            }
            #expect(hub.faultsStruck >= 18)
            #expect(hub.mostConnections <= 2 * 8 + 4, "eight are open at once; more than that are closing")
        }
    }

    @Test("The limit holds for all downloads together")
    func limited() async throws {
        let limit = 4_000_000
        try await Self.withOrder(count: 6, sizeBytes: 2_000_000) { hub, order in
            let client = TransferClient(Self.configuration(limit: limit))
            let start = ContinuousClock.now
            try await order.run(client, 0..<6)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            #expect(12_000_000 / seconds <= 1.1 * Double(limit), "12 MB in \(seconds) s")
            #expect(client.bandwidthLimit == limit)
        }
    }

    @Test("The limit can be lifted, and set, while bytes come")
    func changed() async throws {
        try await Self.withOrder(count: 2, sizeBytes: 4_000_000) { hub, order in
            let client = TransferClient(Self.configuration(limit: 10_000))
            let start = ContinuousClock.now
            async let lifted: Void = order.run(client, 0..<1)
            try await Task.sleep(for: .milliseconds(500))
            // The kernels on both sides hold a part of a chunk each.
            let soFar = hub.requests.reduce(0) { $0 + $1.sent.count }
            #expect(soFar < 3_000_000)
            client.setBandwidthLimit(nil)
            try await lifted
            // At the old limit it would have taken more than six minutes.
            #expect(ContinuousClock.now - start < .seconds(300))
            client.setBandwidthLimit(2_000_000)
            let second = ContinuousClock.now
            try await order.run(client, 1..<2)
            #expect(4_000_000 / ((ContinuousClock.now - second) / .seconds(1)) <= 1.1 * 2_000_000 + 200_000)
        }
    }

    @Test("A pull that is cancelled ends at once, and what came is kept")
    func cancelled() async throws {
        let fixture = try FaultFixture()
        // By itself it would take half a minute.
        fixture.server.inject(.drip(bytesPerSecond: 15_000), host: .cdn, times: nil)
        let hub = try fixture.hub()
        let entry = try fixture.entry
        let pull = Task { try await hub.pull(entry) }
        #expect(try await eventually { fixture.sentBytes(FaultFixture.second) > 60_000 })
        pull.cancel()
        await #expect(throws: CancellationError.self) { try await pull.value }
        let kept = try fixture.keptBytes()
        #expect(kept > 30_000)
        try fixture.expectNothingLooksWholeThatIsNot()
        fixture.server.heal()
        fixture.server.forgetRequests()
        try await fixture.pull()
        try fixture.expectWhole()
        let sent = [FaultFixture.first, FaultFixture.second].flatMap { fixture.sent($0) }.reduce(0) {
            $0 + $1.count
        }
        #expect(sent == 2 * FaultFixture.shardBytes - kept)
    }

    @Test("Pulls of one model in one process are one download")
    func together() async throws {
        let fixture = try FaultFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry
        try await withThrowingTaskGroup(of: InstalledModel.self) { group in
            for _ in 0..<8 { group.addTask { try await hub.pull(entry) } }
            let models = try await group.reduce(into: []) { $0.append($1) }
            #expect(Set(models.map(\.revision)).count == 1)
        }
        try fixture.expectWhole()
        for file in fixture.files {
            #expect(fixture.sentBytes(file.path) == file.sizeBytes, "\(file.path)")
        }
    }
}
