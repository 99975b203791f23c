import Foundation
import SelfTest

/// This program, run as a child: each measurement starts from the same state, and nothing of the one who measures is in
/// its process. Settings of the environment do not reach it, and it downloads nothing.
struct OwnProgram: Sendable {
    /// A command that did not end as it should.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case failed(command: String, reason: String)

        var description: String {
            switch self {
            case .failed(let command, let reason): "\(command): \(reason)"
            }
        }
    }

    let path: String
    let limitSeconds: Double
    let scratch: ScratchDirectory
    /// What changes in its environment.
    let changes: [String: String]

    /// - Parameter catalog: the path of a catalogue instead of the built-in one.
    init(limitSeconds: Double, scratch: ScratchDirectory, catalog: String?) {
        path = Bundle.main.executablePath ?? CommandLine.arguments[0]
        (self.limitSeconds, self.scratch) = (limitSeconds, scratch)
        changes = catalog.map { ["SVC_CATALOG": $0] } ?? [:]
    }

    /// Runs a command to its end.
    ///
    /// - Throws: `Failure`, `BenchChild.Failure`.
    func run(_ arguments: [String]) async throws -> BenchChild.Outcome {
        let child = BenchChild(
            executable: path, arguments: arguments, environment: IsolatedEnvironment.variables(changes),
            limitSeconds: limitSeconds)
        let outcome = try await child.run(scratch)
        guard outcome.code == 0 else {
            throw Failure.failed(command: Self.line(arguments), reason: Self.reason(outcome))
        }
        return outcome
    }

    /// The `data` of a command that is run with `--json`.
    ///
    /// - Throws: `Failure`, `BenchChild.Failure`.
    func data<Value: Decodable>(_ arguments: [String], as: Value.Type = Value.self) async throws -> Value {
        let outcome = try await run(arguments + ["--json"])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Envelope<Value>.self, from: Data(outcome.output.utf8)).data
        } catch {
            throw Failure.failed(command: Self.line(arguments), reason: "its answer cannot be read: \(error)")
        }
    }

    private struct Envelope<Value: Decodable>: Decodable { var data: Value }
    private struct ErrorEnvelope: Decodable {
        struct Failure: Decodable { var message: String }
        var error: Failure?
    }

    private static func reason(_ outcome: BenchChild.Outcome) -> String {
        let message = try? JSONDecoder().decode(ErrorEnvelope.self, from: Data(outcome.output.utf8)).error?.message
        if let message { return message }
        let end = outcome.code < 0 ? "ended by signal \(-outcome.code)" : "exit code \(outcome.code)"
        return outcome.error.isEmpty ? end : "\(end): \(outcome.error.split(separator: "\n").last ?? "")"
    }

    private static func line(_ arguments: [String]) -> String { "svc " + arguments.joined(separator: " ") }
}

/// What `svc bench translate --json` says, as far as it is used.
struct TranslateFigures: Decodable {
    var words: Int
    var wordsPerSecond: Double
    var singleMsP50: Double
}

/// What `svc bench generate --json` says, as far as it is used.
struct GenerateFigures: Decodable {
    var prefillTokensPerSecond: Double
    var decodeTokensPerSecond: Double
    var bandwidthShare: Double
    var readBytesPerSecond: Double
}

/// What `svc bench tokens --json` says, as far as it is used.
struct TokensFigures: Decodable {
    struct Rate: Decodable {
        var batch: Int
        var beam: Int
        var targetTokensPerSecond: Double
    }

    var rates: [Rate]
}
