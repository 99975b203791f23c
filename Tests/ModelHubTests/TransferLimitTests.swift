import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// How fast things come, how many at once, and how it ends.
@Suite(.serialized, .timeLimit(.minutes(2))) struct TransferLimitTests {
    @Test("The limit holds over all transfers together", arguments: [1, 6])
    func limit(files: Int) async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: 4_000_000 / files))
        let client = fixture.client {
            $0.bandwidthLimit = 2_000_000
            $0.stallSeconds = 1
        }
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<files {
                let order = try fixture.transfer { $0.partial = fixture.partial + "\(number)" }
                group.addTask { _ = try await client.download(order) }
            }
            try await group.waitForAll()
        }
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        // Slower than the limit allows it may be, where the machine has other work.
        #expect(seconds > 1.8, "4 MB at 2 MB/s took \(seconds) s")
    }

    @Test("The limit can be changed while it runs, and slow is not stalled")
    func changes() async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: 3_000_000))
        let client = fixture.client {
            $0.bandwidthLimit = 20_000
            $0.stallSeconds = 0.5
        }
        let begin = ContinuousClock.now
        async let result = client.download(try fixture.transfer())
        try await Task.sleep(for: .seconds(1.5))
        #expect(client.bandwidthLimit == 20_000)
        #expect(client.bytesPerSecond < 60_000)
        client.setBandwidthLimit(2_000_000)
        try await Task.sleep(for: .seconds(1))
        #expect(client.bytesPerSecond > 500_000)
        client.setBandwidthLimit(nil)
        #expect(try await result.sha256 == fixture.file.sha256)
        // At the first limit it would have taken two minutes and a half.
        #expect(ContinuousClock.now - begin < .seconds(140))
        #expect(fixture.sentTwice == 0)
    }

    @Test("One slow connection does not hold up the end: what it has left is divided")
    func slowTail() async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: 12_000_000))
        // The second piece comes at a speed at which it alone would take seven minutes.
        fixture.hub.inject(.drip(bytesPerSecond: 10_000), host: .cdn, skipping: 1)
        let begin = ContinuousClock.now
        let client = fixture.client { $0.chunkBytes = 4_000_000 }
        let result = try await client.download(try fixture.transfer())
        #expect(result.sha256 == fixture.file.sha256)
        #expect(result.downloadedBytes == 12_000_000)
        #expect(fixture.hub.requests.count { $0.host == .cdn } <= 12)
        #expect(ContinuousClock.now - begin < .seconds(200))
    }

    @Test("There are never more connections than allowed, and questions are answered meanwhile")
    func connections() async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: 500_000))
        fixture.hub.inject(.drip(bytesPerSecond: 150_000), host: .cdn, times: nil)
        let client = fixture.client { $0.maximumConnectionsPerHost = 4 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                let order = try fixture.transfer { $0.partial = fixture.partial + "\(number)" }
                group.addTask { _ = try await client.download(order) }
            }
            try await Task.sleep(for: .milliseconds(200))
            let answer = try await client.send(TransferRequest(url: fixture.hub.url + "/api/models/someone/model"))
            #expect(answer.status == 200)
            try await group.waitForAll()
        }
        // It was not kept until the files that waited for a connection had theirs.
        let asked = try #require(fixture.hub.requests.lastIndex { $0.host == .hub && $0.file == nil })
        let lastFile = try #require(fixture.hub.requests.lastIndex { $0.host == .cdn })
        #expect(asked < lastFile)
        // To each of the two hosts; idle ones are kept for the next request.
        #expect(fixture.hub.mostConnections <= 8)
    }

    @Test("Many at once with faults all come, and a client that goes away takes its thread along")
    func many() async throws {
        let fixture = try TransferFixture(StandInFile("weights.bin", sizeBytes: 300_000))
        fixture.hub.inject(.reset, at: .body(afterBytes: 150_000), host: .cdn, times: nil, share: 0.3)
        fixture.hub.inject(.status(503), host: .cdn, times: nil, share: 0.2)
        weak var mailbox: TransferMailbox?
        do {
            let client = fixture.client { $0.attempts = 20 }
            mailbox = client.mailbox
            try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 0..<60 {
                    let order = try fixture.transfer { $0.partial = fixture.partial + "\(number)" }
                    group.addTask { try await client.download(order).sha256 }
                }
                for try await digest in group { #expect(digest == fixture.file.sha256) }
            }
        }
        // The thread holds on to it for as long as it runs.
        for _ in 0..<300 where mailbox != nil { try await Task.sleep(for: .milliseconds(10)) }
        #expect(mailbox == nil)
    }
}
