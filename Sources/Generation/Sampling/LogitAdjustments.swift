/// What is done to single logits before anything is chosen: the bias a client asked for, and the penalties for what has
/// been said. It costs as many operations as there are such tokens, not as the vocabulary has.
struct LogitAdjustments: Sendable {
    /// A bias of this much or more is "only this", and of as much below zero "never this", as OpenAI's clients expect
    /// of 100 and −100; how far apart a model's logits lie does not matter then.
    private static let certain: Float = 100

    /// Tokens with a bias of −100.
    let banned: [Int32]
    /// Tokens with a bias of 100. If one of them may come, no other token may.
    let forced: [Int32]
    private let biases: [(id: Int32, bias: Float)]
    private let repetitionPenalty: Float
    private let presencePenalty: Float
    private let frequencyPenalty: Float
    /// The distinct tokens of the prompt and the answer, kept if the repetition penalty needs them.
    private var seen: [Int32] = []
    private var isSeen: TokenMask
    /// The distinct tokens of the answer and how often each came, kept if the other penalties need them.
    private var answer: [(id: Int32, count: Float)] = []
    private var placeInAnswer: [Int32: Int] = [:]

    /// The adjustments for an answer to `prompt`. Ids outside of the vocabulary have no effect.
    init(_ options: SamplingOptions, prompt: [Int32], vocabularySize: Int) {
        let valid = options.logitBias.filter { $0.key >= 0 && Int($0.key) < vocabularySize }
        banned = valid.filter { $0.value <= -Self.certain }.keys.sorted()
        forced = valid.filter { $0.value >= Self.certain }.keys.sorted()
        biases = valid.filter { abs($0.value) < Self.certain && $0.value != 0 }.map { ($0.key, $0.value) }
            .sorted { $0.0 < $1.0 }
        repetitionPenalty = Float(options.repetitionPenalty)
        presencePenalty = Float(options.presencePenalty)
        frequencyPenalty = Float(options.frequencyPenalty)
        isSeen = TokenMask(count: repetitionPenalty == 1 ? 0 : vocabularySize)
        for id in prompt { noteSeen(id) }
    }

    /// Whether logits stay as they are, now and later.
    var isNone: Bool {
        banned.isEmpty && forced.isEmpty && biases.isEmpty && repetitionPenalty == 1 && !countsAnswer
    }

    private var countsAnswer: Bool { presencePenalty != 0 || frequencyPenalty != 0 }

    /// Changes the logits of the tokens concerned.
    func apply(to logits: UnsafeMutablePointer<Float>, count: Int) {
        for (id, bias) in biases where Int(id) < count { logits[Int(id)] += bias }
        for id in banned where Int(id) < count { logits[Int(id)] = -.infinity }
        if repetitionPenalty != 1 {
            for id in seen where Int(id) < count {
                let logit = logits[Int(id)]
                logits[Int(id)] = logit < 0 ? logit * repetitionPenalty : logit / repetitionPenalty
            }
        }
        for (id, times) in answer where Int(id) < count {
            logits[Int(id)] -= presencePenalty + frequencyPenalty * times
        }
    }

    /// Takes note of a token of the answer.
    mutating func note(_ id: Int32) {
        noteSeen(id)
        guard countsAnswer else { return }
        if let place = placeInAnswer[id] {
            answer[place].count += 1
        } else {
            placeInAnswer[id] = answer.count
            answer.append((id, 1))
        }
    }

    private mutating func noteSeen(_ id: Int32) {
        guard id >= 0, Int(id) < isSeen.count, !isSeen.contains(id) else { return }
        isSeen.insert(id)
        seen.append(id)
    }
}
