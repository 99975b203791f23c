import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// The queue of downloads, with pulls from a stand-in hub and from packages.
@Suite(.timeLimit(.minutes(3))) struct DownloadManagerTests {
    @Test func aDownloadFromQueueToEnd() async throws {
        let fixture = try Self.fixture()
        let bus = EventBus()
        let log = EventLog(bus)
        let queue = DownloadManager(hub: fixture.models(), events: bus)
        let queued = await queue.enqueue(fixture.entry(), purpose: .update, priority: .high)
        #expect(queued.model == "mine" && queued.purpose == .update && queued.priority == .high)
        let model = try await queue.result(queued.id)
        #expect(model.revision == (try fixture.commit()))
        let status = try await queue.status(queued.id)
        #expect(status.state == .completed && status.revision == model.revision && status.failure == nil)
        #expect(status.completedBytes == model.sizeBytes && status.totalBytes == model.sizeBytes)
        #expect(status.bytesPerSecond == 0 && status.secondsLeft == nil)
        let started = try #require(status.startedAt), ended = try #require(status.endedAt)
        #expect(status.queuedAt <= started && started <= ended)
        #expect(await queue.statuses() == [status])
        #expect(try await eventually { log.kinds.last == .downloadCompleted })
        #expect(log.kinds == [.downloadQueued, .downloadStarted, .downloadCompleted])
        #expect(log.events.allSatisfy { $0.model == "mine" && $0.fields["id"] == .text(queued.id) })
        #expect(log.events.last?.fields["revision"] == .text(model.revision))
    }

    /// Whoever asks for the same thing gets the same job, and it is downloaded once.
    @Test func theSameModelTwiceIsOneJob() async throws {
        let fixture = try HubFixture(python: "sleep 0.3\n" + HubFixture.copyingPython)
        let queue = DownloadManager(hub: try fixture.hub(), events: EventBus())
        let entry = try fixture.entry("one")
        let first = await queue.enqueue(entry, priority: .low)
        let second = await queue.enqueue(entry, priority: .high)
        let third = await queue.enqueue(entry, priority: .normal)
        #expect(first.id == second.id && second.id == third.id)
        #expect(third.priority == .high)
        // Another revision is another job.
        let other = await queue.enqueue(entry, revision: "0.9")
        #expect(other.id != first.id)
        async let one = queue.result(first.id)
        async let same = queue.result(second.id)
        let models = try await [one, same]
        #expect(models[0] == models[1])
        #expect(fixture.calls == 1)
        await #expect(throws: ModelHubError.self) { try await queue.result(other.id) }
        // What has ended is no longer joined.
        let later = await queue.enqueue(entry)
        #expect(later.id != first.id)
        _ = try await queue.result(later.id)
        #expect(fixture.calls == 1)
    }

    /// Two at a time; the highest priority first, and among equals the oldest.
    @Test func prioritiesAndTheLimit() async throws {
        let fixture = try Self.fixture(models: 8)
        fixture.hub.inject(.drip(bytesPerSecond: 50_000), path: Self.weights, host: .cdn, times: nil)
        let bus = EventBus()
        let log = EventLog(bus)
        let queue = DownloadManager(hub: fixture.models(), events: bus, limit: 2)
        let priorities: [DownloadStatus.Priority] = [.normal, .normal, .low, .normal, .high, .low, .high]
        var ids: [String] = []
        for (index, priority) in priorities.enumerated() {
            ids.append(await queue.enqueue(Self.entry(index + 1), priority: priority).id)
        }
        #expect(await queue.statuses().map { $0.state == .queued }.prefix(3) == [false, false, true])
        // The last of the low ones becomes the first.
        _ = await queue.enqueue(Self.entry(6), priority: .high)
        for id in ids { _ = try await queue.result(id) }
        #expect(try await eventually { log.kinds.count { $0 == .downloadCompleted } == 7 })
        let order = log.events.filter { $0.kind == .downloadStarted }.compactMap(\.model)
        #expect(order == ["m1", "m2", "m5", "m6", "m7", "m4", "m3"])
        var running = 0
        var most = 0
        for kind in log.kinds {
            if kind == .downloadStarted { running += 1 }
            if kind == .downloadCompleted { running -= 1 }
            most = max(most, running)
        }
        #expect(most == 2)
    }

    /// A paused download goes on from its byte.
    @Test func pauseAndResume() async throws {
        let size = 3_000_000
        let fixture = try Self.fixture(weightBytes: size)
        fixture.hub.inject(.drip(bytesPerSecond: 400_000), path: Self.weights, host: .cdn, times: nil)
        let bus = EventBus()
        let log = EventLog(bus)
        let queue = DownloadManager(hub: fixture.models(), events: bus, limit: 1)
        let job = await queue.enqueue(fixture.entry())
        let next = await queue.enqueue(Self.entry(1))
        let running = try await wait(queue, job.id) { $0.completedBytes > 600_000 }
        #expect(running.state == .downloading && running.bytesPerSecond > 0)
        #expect(running.totalBytes.map { $0 > size } == true)
        #expect(running.files.map(\.path) == ["config.json", Self.weights])
        let left = try #require(running.secondsLeft)
        #expect(left > 0.5 && left < 600)

        let paused = try await queue.pause(job.id)
        #expect(paused.state == .paused && paused.completedBytes > 600_000 && paused.bytesPerSecond == 0)
        #expect(try await queue.pause(job.id).state == .paused)
        // Its place is free for another one meanwhile.
        _ = try await queue.result(next.id)
        #expect(fixture.models().state(of: fixture.entry()) != .present)
        fixture.hub.heal()
        let before = fixture.hub.requests.count
        // Joining does not resume.
        #expect(await queue.enqueue(fixture.entry()).state == .paused)
        try await Task.sleep(for: .milliseconds(300))
        #expect(fixture.hub.requests.count == before)

        #expect([.queued, .downloading].contains(try await queue.resume(job.id).state))
        _ = try await queue.resume(job.id)
        let model = try await queue.result(job.id)
        let weights = try #require(model.files[Self.weights])
        #expect(try fixture.bytes(weights) == StandInFile(Self.weights, sizeBytes: size, seed: 3).bytes())
        let again = fixture.hub.requests[before...].filter { $0.host == .cdn && $0.file == Self.weights }
        let bytes = again.reduce(0) { $0 + $1.sent.count }
        #expect(bytes > 0 && bytes < size - 400_000, "\(bytes) of \(size) came after the pause")
        #expect(try await eventually { log.kinds.count { $0 == .downloadCompleted } == 2 })
        let kinds = log.events.filter { $0.model == "mine" && $0.kind != .downloadProgress }.map(\.kind)
        #expect(
            kinds == [.downloadQueued, .downloadStarted, .downloadPaused, .downloadResumed, .downloadCompleted])
    }

    /// Many quick changes of mind end well.
    @Test func pausingAndResumingInAHurry() async throws {
        let fixture = try Self.fixture(weightBytes: 1_000_000)
        let queue = DownloadManager(hub: fixture.models(), events: EventBus(), limit: 1)
        let job = await queue.enqueue(fixture.entry())
        for round in 0..<10 {
            _ = try? await queue.pause(job.id)
            if round % 3 == 0 { try await Task.sleep(for: .milliseconds(round * 5)) }
            _ = try? await queue.resume(job.id)
        }
        let model = try await queue.result(job.id)
        try fixture.models().verify(model, rehash: true)
    }

    @Test func cancelling() async throws {
        let fixture = try Self.fixture()
        fixture.hub.inject(.drip(bytesPerSecond: 20_000), path: Self.weights, host: .cdn, times: nil)
        let queue = DownloadManager(hub: fixture.models(), events: EventBus(), limit: 1)
        let running = await queue.enqueue(fixture.entry())
        let waiting = await queue.enqueue(Self.entry(1))
        let outcome = Task { try await queue.result(running.id) }
        _ = try await wait(queue, running.id) { $0.completedBytes > 100_000 }
        #expect(try await queue.cancel(waiting.id).state == .cancelled)
        let cancelled = try await queue.cancel(running.id)
        #expect(cancelled.state == .cancelled && cancelled.endedAt != nil && cancelled.failure == nil)
        #expect(try await queue.cancel(running.id).state == .cancelled)
        await #expect(throws: DownloadError.cancelled(id: running.id, model: "mine")) { try await outcome.value }
        await #expect(throws: DownloadError.cancelled(id: waiting.id, model: "m1")) {
            try await queue.result(waiting.id)
        }
        for wanted in ["pause", "resume"] {
            await #expect(throws: DownloadError.conflict(id: running.id, state: .cancelled, wanted: wanted)) {
                _ = wanted == "pause" ? try await queue.pause(running.id) : try await queue.resume(running.id)
            }
        }
        await queue.stop()
        #expect(try fixture.models().installed(fixture.entry()) == nil)
        #expect(try fixture.models().installed(Self.entry(1)) == nil)
    }

    /// A new job of what was just cancelled waits for the old one to let go, and is right.
    @Test func beginningAgainRightAfterCancelling() async throws {
        let fixture = try Self.fixture()
        let queue = DownloadManager(hub: fixture.models(), events: EventBus(), limit: 3)
        for _ in 0..<4 {
            let job = await queue.enqueue(fixture.entry())
            try await Task.sleep(for: .milliseconds(20))
            _ = try? await queue.cancel(job.id)
        }
        let last = await queue.enqueue(fixture.entry())
        try fixture.models().verify(try await queue.result(last.id), rehash: true)
    }

    @Test func whatCannotBeDone() async throws {
        let fixture = try Self.fixture()
        let queue = DownloadManager(hub: fixture.models(), events: EventBus())
        await #expect(throws: DownloadError.unknown(id: "nope")) { try await queue.status("nope") }
        await #expect(throws: DownloadError.unknown(id: "nope")) { try await queue.pause("nope") }
        await #expect(throws: DownloadError.unknown(id: "nope")) { try await queue.resume("nope") }
        await #expect(throws: DownloadError.unknown(id: "nope")) { try await queue.cancel("nope") }
        await #expect(throws: DownloadError.unknown(id: "nope")) { _ = try await queue.result("nope") }
        let job = await queue.enqueue(fixture.entry())
        _ = try await queue.result(job.id)
        await #expect(throws: DownloadError.conflict(id: job.id, state: .completed, wanted: "pause")) {
            try await queue.pause(job.id)
        }
        await #expect(throws: DownloadError.conflict(id: job.id, state: .completed, wanted: "cancel")) {
            try await queue.cancel(job.id)
        }
    }

    @Test func aFailureSaysWhy() async throws {
        let fixture = try Self.fixture()
        let bus = EventBus()
        let log = EventLog(bus)
        let queue = DownloadManager(hub: fixture.models(), events: bus)
        var missing = fixture.entry()
        missing.source = .huggingFace(owner: "someone", repository: "not-there", revision: nil)
        let job = await queue.enqueue(missing)
        let error = await #expect(throws: ModelHubError.self) { try await queue.result(job.id) }
        let status = try await queue.status(job.id)
        #expect(status.state == .failed && status.failure?.message == error?.description)
        #expect(status.failure?.category == error?.category)
        #expect(try await eventually { log.kinds.last == .downloadFailed })
        #expect(log.events.last?.fields["message"] == .text(try #require(status.failure?.message)))
        // The next one is another attempt.
        #expect(await queue.enqueue(missing).id != job.id)
    }

    /// Who waits may stop waiting; the download goes on.
    @Test func whoStopsWaitingStopsNothing() async throws {
        let fixture = try Self.fixture()
        let queue = DownloadManager(hub: fixture.models(), events: EventBus())
        let job = await queue.enqueue(fixture.entry())
        // So that it cannot end too soon.
        _ = try await queue.pause(job.id)
        let impatient = Task { try await queue.result(job.id) }
        try await Task.sleep(for: .milliseconds(50))
        impatient.cancel()
        await #expect(throws: CancellationError.self) { try await impatient.value }
        #expect(try await queue.resume(job.id).state != .cancelled)
        #expect(try await queue.result(job.id).name == "mine")
    }

    @Test func endedJobsAreForgotten() async throws {
        let fixture = try Self.fixture(models: 6)
        let queue = DownloadManager(hub: fixture.models(), events: EventBus(), keptCount: 2)
        var ids: [String] = []
        for index in 1...5 {
            ids.append(await queue.enqueue(Self.entry(index)).id)
            _ = try await queue.result(ids[index - 1])
        }
        #expect(Set(ids).count == 5)
        #expect(await queue.statuses().map(\.model) == ["m4", "m5"])
        await #expect(throws: DownloadError.unknown(id: ids[0])) { try await queue.status(ids[0]) }
        let brief = DownloadManager(hub: fixture.models(), events: EventBus(), keptFor: .milliseconds(50))
        _ = try await brief.result(await brief.enqueue(Self.entry(1)).id)
        try await Task.sleep(for: .milliseconds(80))
        #expect(await brief.statuses() == [])
    }

    @Test func stopping() async throws {
        let fixture = try Self.fixture(models: 3)
        fixture.hub.inject(.drip(bytesPerSecond: 20_000), path: Self.weights, host: .cdn, times: nil)
        let queue = DownloadManager(hub: fixture.models(), events: EventBus(), limit: 1)
        let running = await queue.enqueue(fixture.entry())
        let waiting = await queue.enqueue(Self.entry(1))
        _ = try await wait(queue, running.id) { $0.completedBytes > 50_000 }
        await queue.stop()
        #expect(await queue.statuses().map(\.state) == [.cancelled, .cancelled])
        let requests = fixture.hub.requests.count
        #expect(await queue.enqueue(Self.entry(2)).state == .cancelled)
        _ = waiting
        try await Task.sleep(for: .milliseconds(200))
        #expect(fixture.hub.requests.count == requests)
    }

    /// Somebody joins a pull that trusts what looks unchanged, and doubts it.
    @Test func joiningWithDoubts() async throws {
        let fixture = try HubFixture()
        let hub = try fixture.hub()
        let entry = try fixture.entry("one")
        let installed = try await hub.pull(entry)
        let model = try #require(installed.files["model"])
        try CareFixture.flip(model, keepingTime: true)
        // The pull has something to do, and has to wait for us first.
        try fixture.repository.unlinkFile(HubFixture.shared, "1.0")
        let lock = try #require(try StoreLock.tryAcquire(fixture.repository.lockPath))
        let queue = DownloadManager(hub: hub, events: EventBus())
        let job = await queue.enqueue(entry)
        let waiting = try await wait(queue, job.id) { $0.phase == .waiting }
        #expect(waiting.state == .downloading)
        #expect(await queue.enqueue(entry, rehash: true).id == job.id)
        lock.release()
        _ = try await queue.result(job.id)
        #expect(try HubFixture.bytes(model) == fixture.contents[HubFixture.one])
    }

    /// Progress is told once a second, not each time that it changes.
    @Test func progressEventsAreFew() async throws {
        let fixture = try Self.fixture()
        fixture.hub.inject(.drip(bytesPerSecond: 900_000), path: Self.weights, host: .cdn, times: nil)
        let bus = EventBus()
        let log = EventLog(bus)
        let queue = DownloadManager(hub: fixture.models(), events: bus)
        let start = ContinuousClock.now
        _ = try await queue.result(await queue.enqueue(fixture.entry()).id)
        let seconds = Double((ContinuousClock.now - start).components.seconds)
        #expect(try await eventually { log.kinds.last == .downloadCompleted })
        let progress = log.events.filter { $0.kind == .downloadProgress }
        #expect(!progress.isEmpty && Double(progress.count) <= seconds + 2)
        for event in progress {
            guard case .integer = event.fields["completed_bytes"] else {
                Issue.record("progress without bytes: \(event)")
                continue
            }
            #expect(event.fields["state"] != .text("queued"))
        }
    }

    /// Bytes per second over the last ten seconds: samples are (seconds, bytes).
    @Test(
        arguments: [
            ([], 1, 0), ([(0, 0)], 5, 0), ([(0, 0), (0.1, 1000)], 0.1, 0), ([(0, 0), (1, 1000)], 1, 1000),
            ([(0, 0), (1, 1000), (2, 5000)], 2, 2500), ([(0, 0), (1, 1000)], 4, 250), ([(0, 0), (1, 1000)], 20, 0),
            // What lay on the disk from before does not count.
            ([(0, 1_000_000), (2, 1_002_000)], 2, 1000),
            // It began anew.
            ([(0, 0), (5, 50_000), (6, 0), (8, 2000)], 8, 1000),
            // The first fast seconds are forgotten.
            ([(0, 0), (1, 1_000_000), (5, 1_000_000), (14, 1_009_000)], 14, 692.3),
        ] as [([(Double, Int)], Double, Double)]) func rates(samples: [(Double, Int)], now: Double, expected: Double)
    {
        let start = ContinuousClock.now
        var rate = ProgressRate()
        for (time, bytes) in samples { rate.record(bytes, at: start + .seconds(time)) }
        let found = rate.bytesPerSecond(at: start + .seconds(now))
        #expect(abs(found - expected) <= expected * 0.01, "\(found)")
    }
}
