internal import Engine
internal import Generation
internal import Hummingbird
internal import ModelHub
internal import NIOCore
internal import Tokenizers

extension APIError {
    /// What a client is told of any error.
    static func from(_ error: any Error) -> APIError {
        switch error {
        case let error as APIError: return error
        case let error as EngineError: return from(error)
        case let error as GenerationError: return from(error)
        case let error as EmbeddingError: return from(error)
        case let error as ChatTemplateError: return from(error)
        case let error as QueueFullError:
            return APIError(.serviceUnavailable, "\(error)", code: "queue_full", retryAfterSeconds: 1)
        case let error as ModelHubError: return APIError(.internalServerError, "\(error)", code: "model_hub")
        case is NIOTooManyBytesError:
            return APIError(.contentTooLarge, "the body is too large", code: "body_too_large")
        case is CancellationError:
            return APIError(.serviceUnavailable, "the request was cancelled", code: "cancelled", retryAfterSeconds: 1)
        case let error as any HTTPResponseError:
            return APIError(error.status, (error as? HTTPError)?.body ?? error.status.reasonPhrase)
        default:
            return APIError(.internalServerError, "an unexpected error: \(error)", code: "internal")
        }
    }

    /// The same, where `prompt` is the parameter that holds what is to be continued.
    static func from(_ error: any Error, prompt: String) -> APIError {
        var mapped = from(error)
        switch error {
        case is GenerationError, is ChatTemplateError: mapped.param = prompt
        default: break
        }
        return mapped
    }

    private static func from(_ error: GenerationError) -> APIError {
        let code =
            switch error {
            case .emptyPrompt: "empty_prompt"
            case .idOutsideVocabulary: "invalid_value"
            case .contextOverflow, .answerOverflow: "context_length_exceeded"
            }
        return APIError(.badRequest, "\(error)", code: code)
    }

    private static func from(_ error: EmbeddingError) -> APIError {
        switch error {
        case .tooLong: APIError(.badRequest, "\(error)", param: "input", code: "context_length_exceeded")
        case .idOutsideVocabulary, .empty: APIError(.badRequest, "\(error)", param: "input", code: "invalid_value")
        }
    }

    private static func from(_ error: ChatTemplateError) -> APIError {
        switch error {
        case .refused: APIError(.badRequest, "\(error)", code: "template_refused")
        case .evaluation: APIError(.badRequest, "\(error)", code: "template_failed")
        case .limit: APIError(.badRequest, "\(error)", code: "template_limit")
        case .syntax: APIError(.serviceUnavailable, "\(error)", code: "model_failed", retryAfterSeconds: 30)
        }
    }

    private static func from(_ error: EngineError) -> APIError {
        let message = "\(error)"
        switch error {
        case .unknownModel: return APIError(.notFound, message, param: "model", code: "model_not_found")
        case .unsupportedLanguage: return APIError(.badRequest, message, code: "unsupported_language")
        case .unsupportedPair: return APIError(.badRequest, message, code: "unsupported_pair")
        case .formatNotTranslated:
            return APIError(.unprocessableContent, message, param: "format", code: "unsupported_format")
        case .wrongTask: return APIError(.badRequest, message, param: "model", code: "wrong_task")
        case .notReady(_, _, let seconds):
            return APIError(.serviceUnavailable, message, code: "model_not_ready", retryAfterSeconds: seconds)
        case .failed(_, let failure):
            return APIError(.serviceUnavailable, message, code: failure.kind.rawValue, retryAfterSeconds: 30)
        case .notInstalled:
            return APIError(.serviceUnavailable, message, code: "model_not_installed", retryAfterSeconds: 60)
        case .overBudget:
            return APIError(.serviceUnavailable, message, code: "over_memory_budget", retryAfterSeconds: 60)
        case .conflict: return APIError(.conflict, message, code: "conflict")
        case .pinned: return APIError(.conflict, message, code: "pinned")
        case .updateFailed: return APIError(.conflict, message, code: "update_failed")
        case .nothingToRollBack: return APIError(.conflict, message, code: "nothing_to_roll_back")
        case .noRevisions: return APIError(.unprocessableContent, message, code: "no_revisions")
        case .withoutStandIn(let cause, _):
            var mapped = from(cause)
            mapped.message = message
            return mapped
        case .noLanguageIdentification:
            return APIError(.unprocessableContent, message, code: "no_language_identification")
        case .noChatTemplate:
            return APIError(.badRequest, message, param: "messages", code: "no_chat_template")
        case .unusableChatTemplate:
            return APIError(.unprocessableContent, message, param: "messages", code: "unusable_chat_template")
        case .unusablePath: return APIError(.internalServerError, message)
        }
    }
}
