import Foundation
import SelfTest
import SystemPackage
import TestSupport
import Testing

/// `svc bench soak`: that what it says adds up and that trouble is reported, not how fast anything is.
@Suite(.serialized) struct BenchSoakTests {
    private static let short = [
        "bench", "soak", "--minutes", "0.1", "--models", "lid-176,firefox-en-pt", "--share", "0.3",
    ]

    private static func report(_ output: String) throws -> (envelope: CommandTests.Envelope, data: [String: Any]) {
        let bytes = Data(output.utf8)
        let object = try JSONSerialization.jsonObject(with: bytes) as? [String: Any]
        return (
            try JSONDecoder().decode(CommandTests.Envelope.self, from: bytes),
            try #require(object?["data"] as? [String: Any])
        )
    }

    /// The sum of a key over a list.
    private static func sum(_ list: [[String: Any]], _ key: String) -> Int {
        list.reduce(0) { $0 + ($1[key] as? Int ?? 0) }
    }

    private static func list(_ data: [String: Any], _ key: String) throws -> [[String: Any]] {
        try #require(data[key] as? [[String: Any]], "\(key)")
    }

    /// Requests are counted once each, whichever way they are added up.
    private static func expectCountsToAddUp(_ data: [String: Any]) throws {
        let (kinds, intervals) = (try list(data, "kinds"), try list(data, "intervals"))
        for key in ["requests", "failures"] {
            let total = try #require(data[key] as? Int)
            #expect(sum(kinds, key) == total, "\(key) by kind")
            #expect(sum(intervals, key) == total, "\(key) by interval")
            for interval in intervals {
                #expect(sum(try list(interval, "kinds"), key) == interval[key] as? Int, "\(key) of \(interval)")
            }
        }
        for kind in kinds {
            let times = ["p50_ms", "p95_ms", "p99_ms"].compactMap { kind[$0] as? Double }
            #expect(times == times.sorted() && times.allSatisfy { $0 > 0 }, "\(kind)")
        }
    }

    @Test func itReportsWhatItSent() async throws {
        let outcome = try await Programs.run(Self.short + ["--json"])
        let (envelope, data) = try Self.report(outcome.output)
        #expect(envelope.command == "bench soak")
        #expect(Set(try #require(data["models"] as? [String])) == ["lid-176", "firefox-en-pt"])
        // Models of two tasks, and /health.
        let kinds = try Self.list(data, "kinds")
        #expect(
            Set(kinds.compactMap { $0["kind"] as? String }) == [
                "health", "detect", "translate_short", "translate_long",
            ])
        try Self.expectCountsToAddUp(data)
        let requests = try #require(data["requests"] as? Int)
        #expect(requests > 0 && data["failures"] as? Int == 0, "\(data["failure_reasons"] ?? "")")
        let capacity = try #require(data["capacity_per_second"] as? Double)
        let rate = try #require(data["rate_per_second"] as? Double)
        #expect(abs(rate - 0.3 * capacity) < 1e-6 * capacity)
        // The arrivals of 6 seconds are drawn, so their number is near their mean and not equal to it.
        let expected = rate * 6
        #expect(abs(Double(requests) - expected) < 5 * expected.squareRoot() + 1, "\(requests) of \(expected)")
        let intervals = try Self.list(data, "intervals")
        #expect(intervals.count == 8)
        #expect(intervals.allSatisfy { ($0["resident_bytes"] as? Int ?? 0) > 10_000_000 })
        let spent = ["service_seconds", "idle_seconds", "stolen_seconds"].map { key in
            intervals.compactMap { $0[key] as? Double }
        }
        #expect(spent.allSatisfy { $0.count == 8 && $0.allSatisfy { $0 >= 0 } }, "\(spent)")
        #expect(spent[0].reduce(0, +) > 0, "a service that answers takes time")
        // Whatever the verdict of such a short run: the exit code and the status say the same.
        let verdict = try #require(data["verdict"] as? [String: Any])
        let isFlat = try #require(verdict["is_flat"] as? Bool)
        #expect(outcome.code == (isFlat ? 0 : 1) && envelope.status == (isFlat ? "ok" : "error"))
        #expect(isFlat || envelope.error?.type == "not_flat")
        let latencies = try Self.list(verdict, "latencies"), memory = try #require(verdict["memory"] as? [String: Any])
        let isEachFlat = latencies.allSatisfy { $0["is_flat"] as? Bool == true }
        #expect(isFlat == (isEachFlat && memory["is_flat"] as? Bool == true))
        // A line for the process, one for the capacity, and one for each part.
        let lines = outcome.error.split(separator: "\n").filter { $0.hasPrefix("part ") }
        #expect(lines.count == 8 && lines[0].hasPrefix("part 1 of 8: ") && lines[7].hasPrefix("part 8 of 8: "))
    }

    @Test func aRateThatIsAskedForIsSent() async throws {
        let outcome = try await Programs.run(Self.short.dropLast(2) + ["--rate", "20", "--json"])
        let (_, data) = try Self.report(outcome.output)
        #expect(data["rate_per_second"] as? Double == 20)
        let capacity = try #require(data["capacity_per_second"] as? Double)
        #expect(abs(try #require(data["share"] as? Double) - 20 / capacity) < 1e-9)
        let requests = Double(try #require(data["requests"] as? Int))
        #expect(abs(requests - 120) < 5 * 120.0.squareRoot() + 1, "\(requests) of 120")
    }

    @Test func aServiceThatIsKilledIsReported() async throws {
        let soak = try await RunningSoak(Self.short + ["--json"])
        let service = try #require(await soak.service(after: "part 2 of 8"), "\(soak.errorText)")
        kill(service, SIGKILL)
        let outcome = await soak.end()
        #expect(outcome.code == 1)
        let (envelope, data) = try Self.report(outcome.output)
        #expect(envelope.status == "error" && envelope.error?.type == "service_ended")
        #expect(envelope.error?.message.contains("by signal 9") == true, "\(envelope.error?.message ?? "")")
        #expect((data["service_end"] as? String)?.contains("by signal 9") == true)
        #expect(data["verdict"] == nil)
        #expect((data["requests"] as? Int ?? 0) > 0)
        try Self.expectCountsToAddUp(data)
        let intervals = try Self.list(data, "intervals")
        #expect(intervals.count >= 2 && intervals.count < 8, "it went on for \(intervals.count) of 8")
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func anInterruptionEndsWithAReport(signal: Int32) async throws {
        let soak = try await RunningSoak(Self.short + ["--json"])
        let service = try #require(await soak.service(after: "part 1 of 8"), "\(soak.errorText)")
        soak.child.send(signal)
        let outcome = await soak.end()
        #expect(outcome.code == 130, "\(outcome.error)")
        let (envelope, data) = try Self.report(outcome.output)
        #expect(envelope.error?.type == "interrupted")
        #expect((data["requests"] as? Int ?? 0) > 0 && data["failures"] as? Int == 0)
        try Self.expectCountsToAddUp(data)
        // Nothing is left running.
        #expect(kill(service, 0) == -1)
    }

    @Test(arguments: [
        (["--minutes", "0"], Int32(2), "--minutes must be from 0.1"),
        (["--share", "0"], 2, "--share must be from 0.01"),
        (["--rate", "0"], 2, "--rate must be from 0.1"),
        (["--models", ","], 2, "--models must name"),
        (["--models", "no-such-model"], 3, "--models no-such-model: there is no such model"),
        (["--program", "/bin/false"], 1, "svc list --json ended with code 1"),
    ])
    func wrongFlags(flags: [String], code: Int32, says: String) async throws {
        let outcome = try await Programs.run(["bench", "soak"] + flags)
        #expect(outcome.code == code, "\(outcome.error)")
        #expect(outcome.error.contains(says), "\(outcome.error)")
        #expect(outcome.output.isEmpty)
    }
}

/// A soak that runs, for those who disturb it.
private final class RunningSoak {
    let child: ChildProcess
    private let directory: URL
    private let (output, error): (FileDescriptor, FileDescriptor)

    init(_ arguments: [String]) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("svc-soak-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        func open(_ name: String) throws -> FileDescriptor {
            try .open(
                directory.appendingPathComponent(name).path, .writeOnly, options: .create, permissions: .ownerReadWrite)
        }
        self.directory = directory
        (output, error) = (try open("out"), try open("err"))
        child = try await ChildProcess(
            Programs.svc.path, arguments, environment: Programs.environment(), output: output, error: error)
    }

    deinit {
        child.send(SIGKILL)
        try? output.close()
        try? error.close()
        try? FileManager.default.removeItem(at: directory)
    }

    /// What it has told so far.
    var errorText: String { text("err") }

    private func text(_ name: String) -> String {
        (try? String(contentsOf: directory.appendingPathComponent(name), encoding: .utf8)) ?? ""
    }

    /// The process of its service, once it has told of something; nil where it ends before.
    func service(after line: String) async -> Int32? {
        while !errorText.contains(line) {
            guard child.isRunning else { return nil }
            try? await Task.sleep(for: .milliseconds(20))
        }
        let words = errorText.split(separator: "\n").first { $0.hasPrefix("svc serve: process ") }?.split(
            separator: " ")
        return words.flatMap { $0.count > 3 ? Int32($0[3].filter(\.isNumber)) : nil }
    }

    struct Outcome {
        var code: Int32
        var output: String
        var error: String
    }

    /// Its end.
    func end() async -> Outcome {
        await Outcome(code: child.end(), output: text("out"), error: errorText)
    }
}
