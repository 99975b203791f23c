import Foundation

/// Which amounts of work are measured.
struct GrowthPlan: Sendable {
    /// What grows.
    enum Kind: String, CaseIterable, Sendable, Encodable {
        case sentence
        case batch
        case prompt
        case streams
        case models

        var title: String {
            switch self {
            case .sentence: "Length of a sentence"
            case .batch: "Sentences in a batch"
            case .prompt: "Length of a prompt"
            case .streams: "Answers written together"
            case .models: "Models loaded at once"
            }
        }

        /// The unit of the work.
        var unit: String {
            switch self {
            case .sentence, .prompt: "tokens"
            case .batch: "sentences"
            case .streams: "answers"
            case .models: "models"
            }
        }

        /// What the time is of.
        var timed: String {
            switch self {
            case .sentence: "one sentence translated alone, p50"
            case .batch: "one batch translated"
            case .prompt: "one prompt read"
            case .streams: "one step, a token for each answer"
            case .models: "from process start until all are ready"
            }
        }

        /// Whether time is proportional to work, as mathematics has it: reading a prompt compares each token with all
        /// before it.
        var isLinear: Bool { self != .prompt }
    }

    /// A subset that takes under a minute.
    var isQuick: Bool

    /// The amounts of work, rising.
    func work(_ kind: Kind) -> [Int] {
        switch kind {
        case .sentence: isQuick ? [5, 30, 60, 120] : [5, 10, 15, 20, 30, 40, 60, 80, 100, 120]
        case .batch: isQuick ? [1, 8, 32, 64] : [1, 2, 4, 8, 16, 32, 48, 64]
        case .prompt: isQuick ? [16, 128, 512, 1024] : [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8000]
        case .streams: isQuick ? [1, 8, 32] : [1, 2, 4, 8, 16, 24, 32, 48, 64]
        case .models: isQuick ? [1, 2, 4] : [1, 2, 3, 4]
        }
    }
}
