import Foundation
import SelfTest
import Testing
import TestSupport

/// `svc selftest` catches what it should: each of these faults is made on purpose, and the case that has to notice it
/// fails and says what is wrong, while it passes without the fault.
@Suite struct FaultTests {
    @Test(arguments: GenerationFaults.all) func aFaultOfALanguageModelIsCaught(_ fault: PlantedFault) async throws {
        try await fault.isCaught()
    }

    @Test(arguments: AnswerFaults.all) func aFaultOfAnAnswerIsCaught(_ fault: PlantedFault) async throws {
        try await fault.isCaught()
    }

    @Test(arguments: ServiceFaults.all) func aFaultOfTheServiceIsCaught(_ fault: PlantedFault) async throws {
        try await fault.isCaught()
    }

    @Test(arguments: CommandLineFaults.all) func aFaultOfTheCommandLineIsCaught(_ fault: PlantedFault) async throws {
        try await fault.isCaught()
    }

    /// What happens to a service around the cases that are run on it.
    @Test(arguments: [
        (
            "server.stop", ProgramFault.exitCode(3, insteadOf: 0, when: #"[ "$1" = serve ]"#),
            "expected exit code 0 after SIGTERM, found 3"
        ),
        (
            "server.start", ProgramFault("ends at once", when: #"[ "$1" = serve ]"#, "echo no >&2; exit 1"),
            "expected it to listen, found that it ended with code 1"
        ),
    ]) func aFaultAroundTheCasesIsCaught(_ name: String, _ fault: ProgramFault, _ words: String) async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let program = try FaultyProgram(Programs.svc.path, fault, in: directory)
            try await expect(name, of: program, toFailWith: [words])
            try await expect(name, of: nil, toFailWith: [])
        }
    }

    @Test func aCorruptedModelFileIsCaughtAtTheStart() async throws {
        try await Fixtures.withTemporaryDirectory { store in
            try await Machine.copyStore(to: store, damaging: "lid-176")
            try await Fixtures.withTemporaryDirectory { directory in
                let fault = ProgramFault.environment("SVC_HOME", store.path, when: #"[ "$1" = serve ]"#)
                let program = try FaultyProgram(Programs.svc.path, fault, in: directory)
                try await expect("server.start", of: program, toFailWith: ["lid-176", "failed", "lid.176.ftz"])
            }
        }
    }

    /// Runs a case by the runner, and looks at what that says of the service; nil for the program without a fault.
    private func expect(_ name: String, of program: FaultyProgram?, toFailWith words: [String]) async throws {
        var options = RunOptions(version: "0")
        options.patterns = ["models.show", name]
        options.filter.names = ["lid-176"]
        let runner = Runner(target: .program(path: program?.path ?? Programs.svc.path, keptLogs: nil), options: options)
        let report = await runner.run(try await runner.plan())
        let result = try #require(report.results.first { $0.name == name }, "\(report.results.map(\.name))")
        #expect(report.isSuccess == (program == nil), "\(report.results.map { $0.message ?? "" })")
        #expect(result.outcome == (program == nil ? .passed : .failed))
        for word in words { #expect(result.message?.contains(word) == true, "\(result.message ?? "")") }
        if let program { #expect(program.strikes > 0) }
    }

    /// A model that never comes to be ready: the one who waits for it gives up, and says how far it was.
    @Test func aHungLoadIsCaught() async throws {
        let model = "firefox-en-pt"
        let loading = """
            {"name":"\(model)","status":"loading","parameters":1,"size_bytes":1,"loading":{"stage":"loading",\
            "completed_bytes":7000000,"total_bytes":10000000}}
            """
        let health = #"{"status":"loading","models":{"\#(model)":{"status":"loading","stage":"loading"}}}"#
        let hangs = [
            ProxyFault(
                "hangs", on: ProxyFault.path("/models/\(model)"), instead: { _ in ProxyAnswer(json: loading) }),
            ProxyFault(
                "hangs", on: ProxyFault.path("/health"), instead: { _ in ProxyAnswer(status: 503, json: health) }),
        ]
        try await Fixtures.withTemporaryDirectory { directory in
            let program = try FaultyProgram(Programs.svc.path, services: hangs, in: directory)
            defer { program.stop() }
            let service = try await ProgramUnderTest(path: program.path).serve(models: [model])
            let failure = await #expect(throws: LoadingFailure.self) {
                try await ModelLoadingMonitor(service, timeoutSeconds: 2).wait(for: model)
            }
            await service.stop()
            let message = failure?.description ?? ""
            for word in [model, "loading", "not ready after 2 s", "(70 %)"] {
                #expect(message.contains(word), "\(message)")
            }
            #expect(failure?.evidence.contains { $0.contains("listening") } == true, "the log of the service")
        }
    }
}
