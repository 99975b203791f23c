internal import Synchronization

/// What is done with the recorded figures of a machine.
package struct BaselineChoice: Sendable, Equatable {
    /// The file that they are in, which need not exist; empty for none.
    package var path: String
    /// Whether figures are held against those of the file. Off in the default profile: there nothing depends on how busy
    /// the machine is.
    package var isCompared: Bool
    /// Whether figures are written to the file.
    package var isRecorded: Bool

    /// A choice; by default nothing is compared and nothing recorded.
    package init(path: String = "", isCompared: Bool = false, isRecorded: Bool = false) {
        (self.path, self.isCompared, self.isRecorded) = (path, isCompared, isRecorded)
    }
}

/// What a case has to work with.
package struct CaseContext: Sendable {
    /// The service under test; nil for cases that have none or start their own.
    package let service: ServiceUnderTest?
    /// The model under test; nil for cases that are not run for each model.
    package let model: PortfolioModel?
    /// The models of this machine that take part.
    package let portfolio: Portfolio
    /// The program, to be run as a command and to be started as a service; nil where only an address is known.
    package let program: ProgramUnderTest?
    /// The recorded figures that performance is held against.
    package let baseline: BaselineChoice
    private let log = CaseLog()

    /// What a case is given.
    package init(
        service: ServiceUnderTest?, model: PortfolioModel?, portfolio: Portfolio, program: ProgramUnderTest?,
        baseline: BaselineChoice = BaselineChoice()
    ) {
        (self.service, self.model, self.portfolio, self.program) = (service, model, portfolio, program)
        self.baseline = baseline
    }

    /// The lines that `note` has kept.
    package var notes: [String] { log.lines }

    /// Keeps a line for the report: a figure, a choice that was made.
    package func note(_ line: String) { log.add(line) }

    /// The client of the service under test.
    ///
    /// - Throws: `CaseFailure` where there is none.
    package func client() throws -> ServiceClient {
        guard let service else { throw CaseFailure("this case needs a service, and there is none") }
        return service.client
    }

    /// The model under test.
    ///
    /// - Throws: `CaseFailure` where there is none.
    package func theModel() throws -> PortfolioModel {
        guard let model else { throw CaseFailure("this case needs a model, and there is none") }
        return model
    }

    /// The program under test.
    ///
    /// - Throws: `CaseFailure` where only an address is known.
    package func theProgram() throws -> ProgramUnderTest {
        guard let program else { throw CaseFailure("this case needs the program, and only an address is known") }
        return program
    }

    /// Fails the case with a message unless the condition holds.
    package func expect(
        _ condition: Bool, _ message: @autoclosure () -> String, evidence: @autoclosure () -> [String] = []
    ) throws {
        if !condition { throw CaseFailure(message(), evidence: evidence()) }
    }

    /// Fails the case, showing both, unless two values are equal.
    package func equal<Value: Equatable>(
        _ found: Value, _ expected: Value, _ what: String, evidence: @autoclosure () -> [String] = []
    ) throws {
        if found != expected {
            throw CaseFailure("\(what): expected \(expected), found \(found)", evidence: evidence())
        }
    }
}

/// Lines that a case has kept.
private final class CaseLog: Sendable {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }
    func add(_ line: String) { kept.withLock { $0.append(line) } }
}
