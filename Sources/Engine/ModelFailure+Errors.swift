internal import Checkpoints
internal import Foundation
internal import ModelHub
internal import Tokenizers

extension ModelFailure {
    /// What any error of a load means, and what a person can do about it.
    static func of(_ error: any Error, at stage: ModelState, model: String) -> ModelFailure {
        let again = "then POST /models/\(model)/load."
        func failure(_ kind: ModelFailure.Kind, _ action: String) -> ModelFailure {
            ModelFailure(kind: kind, stage: stage, reason: "\(error)", action: action)
        }
        switch error {
        case let failure as ModelFailure: return failure
        case EngineError.notInstalled: return failure(.notInstalled, "Run `svc pull \(model)`, \(again)")
        case EngineError.overBudget: return failure(.overBudget, "Make room, \(again)")
        case let error as ModelHubError:
            switch error.category {
            case .network: return failure(.network, "Check the network, \(again)")
            case .permission: return failure(.permission, "Correct the permissions, \(again)")
            case .integrity: return failure(.integrity, "Run `svc pull \(model) --repair`, \(again)")
            case .notFound, .other: return failure(.other, "Correct what the reason names, \(again)")
            }
        case let CheckpointError.io(_, _, reason) where reason == String(cString: strerror(EACCES)):
            return failure(.permission, "Correct the permissions, \(again)")
        case is CheckpointError, is GGUFMetadataError, is TokenVocabularyError, is TranslationTokenizerError:
            return failure(.integrity, "Run `svc pull \(model) --repair`, or replace the file, \(again)")
        default: return failure(.other, "Correct what the reason names, \(again)")
        }
    }
}
