import ArgumentParser
import Checkpoints
import Compute
import Engine
import Foundation
import Generation
import HTTPService
import ModelHub
import SelfTest
import Tokenizers

/// How a command ended that did not end well: the exit code, and what people and programs are told.
struct CommandFailure: Error {
    /// The exit codes that docs/command-line.md promises.
    enum Code: Int32 {
        case failed = 1
        case usage = 2
        case modelNotFound = 3
        case network = 4
        case permission = 5
        case integrity = 6
        case memory = 7
        case interrupted = 130
    }

    var code: Code
    var type: String
    var message: String
    /// Whether the message is the parser's own, which names the program itself.
    var isParsed = false
    /// Text that is an answer and no failure: --help and --version.
    var answer: String?

    init(_ code: Code, type: String, _ message: String) {
        self.code = code
        self.type = type
        self.message = message
    }

    /// What any error means. `usage` renders the parser's own errors.
    init(_ error: any Error, usage: (any Error) -> String, parserCode: Int32) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as EngineError: self = Self.engine(error)
        case let error as ModelHubError: self = Self.hub(error)
        case CheckpointError.io(_, _, String(cString: strerror(EACCES))):
            self.init(.permission, type: "permission", "\(error)")
        case is CheckpointError, is GGUFMetadataError: self.init(.integrity, type: "integrity", "\(error)")
        case let error as GenerationError: self = Self.generation(error)
        case ChatTemplateError.refused: self.init(.failed, type: "invalid_input", "\(error)")
        case let error as ComputeConfigurationError: self.init(.usage, type: "usage", "\(error)")
        case let failure as ModelFailure: self = Self.model(failure, "\(failure)")
        case let error as ServiceClient.Failure: self.init(.network, type: "network", "\(error)")
        case is CancellationError: self.init(.interrupted, type: "interrupted", "interrupted")
        default:
            if parserCode == 0 {
                self.init(.failed, type: "help", "")
                answer = usage(error)
            } else if parserCode == ExitCode.validationFailure.rawValue {
                self.init(.usage, type: "usage", usage(error))
                isParsed = true
            } else {
                self.init(.failed, type: "failed", "\(error)")
            }
        }
    }

    private static func engine(_ error: EngineError) -> CommandFailure {
        switch error {
        case .unknownModel, .notInstalled: CommandFailure(.modelNotFound, type: "model_not_found", "\(error)")
        case .overBudget: CommandFailure(.memory, type: "memory_budget", "\(error)")
        case .unusablePath: CommandFailure(.modelNotFound, type: "unusable_path", "\(error)")
        case .unsupportedLanguage, .unsupportedPair, .formatNotTranslated, .wrongTask, .noChatTemplate:
            CommandFailure(.usage, type: "unsupported", "\(error)")
        case .failed(_, let failure): Self.model(failure, "\(error)")
        case .withoutStandIn(let cause, _): Self.because(cause, "\(error)")
        default: CommandFailure(.failed, type: "failed", "\(error)")
        }
    }

    private static func because(_ cause: EngineError, _ message: String) -> CommandFailure {
        var failure = engine(cause)
        failure.message = message
        return failure
    }

    private static func generation(_ error: GenerationError) -> CommandFailure {
        switch error {
        case .emptyPrompt, .contextOverflow: CommandFailure(.failed, type: "invalid_input", "\(error)")
        case .idOutsideVocabulary, .answerOverflow: CommandFailure(.usage, type: "usage", "\(error)")
        }
    }

    private static func model(_ failure: ModelFailure, _ message: String) -> CommandFailure {
        let code: Code =
            switch failure.kind {
            case .notInstalled: .modelNotFound
            case .overBudget: .memory
            case .network: .network
            case .permission: .permission
            case .integrity, .wrongAnswer: .integrity
            case .other: .failed
            }
        return CommandFailure(code, type: failure.kind.rawValue, message)
    }

    private static func hub(_ error: ModelHubError) -> CommandFailure {
        switch error.category {
        case .notFound: CommandFailure(.modelNotFound, type: "model_not_found", "\(error)")
        case .network: CommandFailure(.network, type: "network", "\(error)")
        case .permission: CommandFailure(.permission, type: "permission", "\(error)")
        case .integrity: CommandFailure(.integrity, type: "integrity", "\(error)")
        case .other: CommandFailure(.failed, type: "failed", "\(error)")
        }
    }
}
