import Foundation
import SelfTest
import Testing
import TestSupport

/// The scripts that take the place of the program: each does its one thing wrong, and nothing else.
@Suite struct FaultyProgramTests {
    private func run(
        _ fault: ProgramFault, _ arguments: [String], input: String? = nil
    ) async throws -> (Programs.Outcome, strikes: Int) {
        try await Fixtures.withTemporaryDirectory { directory in
            let program = try FaultyProgram(Programs.svc.path, fault, in: directory)
            return (
                try await Programs.run(URL(fileURLWithPath: program.path), arguments, input: input), program.strikes
            )
        }
    }

    @Test func aFaultThatIsNotMeantChangesNothing() async throws {
        let fault = ProgramFault.exitCode(1, insteadOf: 0, when: ProgramFault.has("--json"))
        let (outcome, strikes) = try await run(fault, ["detect"], input: "Onde fica a estação?\n")
        #expect(outcome.code == 0 && outcome.output.hasPrefix("pt\t") && outcome.error.isEmpty)
        #expect(strikes == 0)
    }

    @Test func exitCodesAreChanged() async throws {
        let fault = ProgramFault.exitCode(1, insteadOf: 3)
        let (outcome, strikes) = try await run(fault, ["show", "no-such-model"])
        #expect(outcome.code == 1 && outcome.error.contains("no-such-model") && strikes == 1)
        #expect(try await run(fault, ["version"]).0.code == 0)
    }

    @Test func outputIsAddedTo() async throws {
        let line = "2026-11-21T13:02:36Z info model state\n"
        let before = try await run(.before(line, when: ProgramFault.has("--json")), ["version", "--json"]).0
        #expect(before.code == 0 && before.output.hasPrefix(line + "{\"command\""))
        let after = try await run(.after("'<|im_end|>'", when: "true"), ["detect", "Bom dia, tudo bem?"]).0
        #expect(after.code == 0 && after.output.hasSuffix("\n'<|im_end|>'"))
        let through = try await run(.through("sed s/svc/SVC/", when: "true"), ["version"]).0
        #expect(through.code == 0 && through.output.hasPrefix("SVC "), "\(through)")
        #expect(try await run(.through("cat", when: "true"), ["show", "no-such-model"]).0.code == 3)
    }

    @Test func settingsAreChanged() async throws {
        let fault = ProgramFault.environment("SVC_CPU_ISA", "portable", when: "true")
        #expect(try await run(fault, ["version"]).0.output.contains("instruction set portable"))
    }

    @Test func aServiceIsPutBehindAProxy() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let fault = ProxyFault(
                "deaf", on: ProxyFault.path("/version"), instead: { _ in ProxyAnswer(status: 500, json: "{}") })
            let program = try FaultyProgram(Programs.svc.path, services: [fault], in: directory)
            defer { program.stop() }
            let service = try await ChildService(program.path)
            #expect(try await service.client.request("GET", "/version").status == 500)
            #expect(try await service.client.request("GET", "/health/live").status == 200)
            #expect(program.strikes == 1)
            #expect(await service.stop() == 0)
        }
    }

    @Test func aServiceIgnoresSIGTERM() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let program = try FaultyProgram(Programs.svc.path, .ignoresTermination, in: directory)
            let service = try await ChildService(program.path)
            service.process.send(SIGTERM)
            try await Task.sleep(for: .seconds(1))
            #expect(service.process.isRunning)
            #expect(try await service.client.request("GET", "/health/live").status == 200)
            #expect(await service.stop(SIGKILL) == -SIGKILL)
            try await Task.sleep(for: .milliseconds(300))
            await #expect(throws: ServiceClient.Failure.self) {
                _ = try await service.client.request("GET", "/health/live")
            }
        }
    }

    @Test func aServiceLeaks() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let program = try FaultyProgram(Programs.svc.path, .leak(bytesPerRequest: 4 << 20), in: directory)
            let service = try await ChildService(program.path)
            _ = try await service.client.request("GET", "/version")
            let before = try service.residentBytes()
            for _ in 0..<10 { _ = try await service.client.request("GET", "/version") }
            try await Task.sleep(for: .milliseconds(200))
            #expect(try service.residentBytes() > before + 36 << 20)
            #expect(await service.stop() == 0)
        }
    }
}

/// A service of a program that is not the one beside these tests.
struct ChildService {
    let process: ChildProcess
    let client: ServiceClient

    init(_ program: String) async throws {
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("svc-log-\(UUID().uuidString)")
        try Data().write(to: log)
        defer { try? FileManager.default.removeItem(at: log) }
        process = try await ChildProcess(
            "/bin/sh", ["-c", #"exec "$0" serve --port 0 2> "$1""#, program, log.path],
            environment: Programs.environment())
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            let text = try String(contentsOf: log, encoding: .utf8)
            if text.hasSuffix("\n"), let range = text.range(of: #"http://[0-9.:]+"#, options: .regularExpression) {
                client = ServiceClient(baseURL: String(text[range]))
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        process.send(SIGKILL)
        throw CaseFailure("the service does not listen", evidence: [try String(contentsOf: log, encoding: .utf8)])
    }

    func stop(_ signal: Int32 = SIGTERM) async -> Int32 {
        process.send(signal)
        return await process.end()
    }

    func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return (line?.split(separator: " ").dropLast().last.flatMap { Int($0) } ?? 0) << 10
    }
}
