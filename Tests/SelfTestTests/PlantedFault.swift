import Foundation
import SelfTest
import Testing
import TestSupport

/// A fault that is made on purpose, and the case of `svc selftest` that has to notice it.
struct PlantedFault: Sendable, CustomTestStringConvertible {
    /// Where the fault is.
    enum Place: Sendable {
        /// Between the case and a service that works.
        case inFront([ProxyFault])
        /// Between the case and the services that it starts itself, those that a condition of the shell means.
        case inFrontOfItsOwn([ProxyFault], when: String)
        /// In the program that the case runs, or starts its services with.
        case inTheProgram(ProgramFault)
        /// In a file of a model: the store that the program reads is another one, with one damaged file.
        case inTheStore(model: String)
    }

    /// What is wrong, in a few words.
    let what: String
    let place: Place
    let suite: Suite
    /// The case that has to fail.
    let name: String
    /// The model that it is run on, for cases that are run for each.
    let model: String?
    /// What its message has to contain.
    let words: [String]

    init(
        _ what: String, _ place: Place, caughtBy suite: Suite, _ name: String, on model: String? = nil,
        says words: String...
    ) {
        (self.what, self.place, self.suite, self.name, self.model) = (what, place, suite, name, model)
        self.words = words
    }

    var testDescription: String { "\(what): \(suite.rawValue) \(name)" }

    /// Runs the case with the fault and without, and expects it to fail and to pass.
    func isCaught(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let test = try #require(
            Self.cases.first { $0.suite == suite && $0.name == name }, "there is no case \(name) in \(suite.rawValue)",
            sourceLocation: sourceLocation)
        let (outcome, strikes) = try await Trial.run(test, self)
        #expect(strikes > 0, "the fault was not met", sourceLocation: sourceLocation)
        switch outcome {
        case .passed: Issue.record("\(what): not noticed", sourceLocation: sourceLocation)
        case .gated(let reason): Issue.record("\(what): gated, \(reason)", sourceLocation: sourceLocation)
        case .failed(let message, let evidence):
            for word in words where !message.contains(word) {
                Issue.record("\(what): expected \"\(word)\" in \"\(message)\"", sourceLocation: sourceLocation)
            }
            #expect(!message.isEmpty && message.count < 2000, sourceLocation: sourceLocation)
            #expect(!evidence.isEmpty, "a failure without evidence: \(message)", sourceLocation: sourceLocation)
        }
        let plain = try await Controls.shared.outcome(test, self)
        #expect(plain == .passed, "without the fault", sourceLocation: sourceLocation)
    }

    private static let cases = EndToEndSuite.cases + ParitySuite.cases + CommandLineSuite.cases
}

/// How a case ended.
enum TrialOutcome: Sendable, Equatable {
    case passed
    case gated(String)
    case failed(String, evidence: [String])
}

/// A run of one case, with a fault or without.
enum Trial {
    /// A case that takes longer hangs, as far as these tests are concerned.
    private static let longestSeconds = 100.0

    /// Runs a case with a fault. Returns how it ended, and how often the fault struck.
    static func run(_ test: TestCase, _ fault: PlantedFault) async throws -> (TrialOutcome, strikes: Int) {
        let model = try await Machine.shared.model(fault.model)
        switch fault.place {
        case .inFront(let faults):
            let service = try await Machine.shared.service()
            let proxy = try FaultyProxy(service.url, faults)
            defer { proxy.stop() }
            let client = ServiceClient(baseURL: proxy.url)
            return (try await run(test, ServiceUnderTest(client: client), model, Programs.svc.path), proxy.strikes)
        case .inFrontOfItsOwn(let faults, let condition):
            return try await withProgram { directory in
                try FaultyProgram(Programs.svc.path, services: faults, when: condition, in: directory)
            } body: { program in
                try await run(test, nil, model, program.path)
            }
        case .inTheProgram(let programFault):
            return try await withProgram { directory in
                try FaultyProgram(Programs.svc.path, programFault, in: directory)
            } body: { program in
                try await run(test, nil, model, program.path)
            }
        case .inTheStore(let damaged):
            return try await Fixtures.withTemporaryDirectory { store in
                try await Machine.copyStore(to: store, damaging: damaged)
                return try await withProgram { directory in
                    let fault = ProgramFault.environment("SVC_HOME", store.path, when: "true")
                    return try FaultyProgram(Programs.svc.path, fault, in: directory)
                } body: { program in
                    try await run(test, nil, model, program.path)
                }
            }
        }
    }

    /// Runs a case where nothing is wrong.
    static func runWithout(_ test: TestCase, _ fault: PlantedFault) async throws -> TrialOutcome {
        let model = try await Machine.shared.model(fault.model)
        switch fault.place {
        case .inFront:
            let service = try await Machine.shared.service()
            let proxy = try FaultyProxy(service.url)
            defer { proxy.stop() }
            let client = ServiceClient(baseURL: proxy.url)
            return try await run(test, ServiceUnderTest(client: client), model, Programs.svc.path)
        case .inFrontOfItsOwn, .inTheProgram, .inTheStore: return try await run(test, nil, model, Programs.svc.path)
        }
    }

    private static func withProgram(
        _ make: (URL) throws -> FaultyProgram, body: (FaultyProgram) async throws -> TrialOutcome
    ) async throws -> (TrialOutcome, strikes: Int) {
        try await Fixtures.withTemporaryDirectory { directory in
            let program = try make(directory)
            defer { program.stop() }
            return (try await body(program), program.strikes)
        }
    }

    private static func run(
        _ test: TestCase, _ service: ServiceUnderTest?, _ model: PortfolioModel?, _ program: String
    ) async throws -> TrialOutcome {
        let portfolio = try await Machine.shared.portfolio()
        let context = CaseContext(
            service: service, model: model, portfolio: portfolio, program: ProgramUnderTest(path: program))
        return try await withThrowingTaskGroup(of: TrialOutcome.self) { group in
            group.addTask {
                do {
                    try await test.body(context)
                    return .passed
                } catch let gate as CaseGated {
                    return .gated(gate.reason)
                } catch {
                    return .failed("\(error)", evidence: (error as? any ExplainedFailure)?.evidence ?? [])
                }
            }
            group.addTask {
                try await Task.sleep(for: .seconds(longestSeconds))
                throw CaseFailure("\(test.name) did not end within \(longestSeconds) s")
            }
            defer { group.cancelAll() }
            return try #require(await group.next())
        }
    }
}

/// What cases say where nothing is wrong: each is asked once, for all faults that it has to notice.
private actor Controls {
    static let shared = Controls()
    private var outcomes: [String: Task<TrialOutcome, any Error>] = [:]

    func outcome(_ test: TestCase, _ fault: PlantedFault) async throws -> TrialOutcome {
        let key = "\(test.suite.rawValue) \(test.name) \(fault.model ?? "")"
        let task = outcomes[key] ?? Task { try await Trial.runWithout(test, fault) }
        outcomes[key] = task
        return try await task.value
    }
}
