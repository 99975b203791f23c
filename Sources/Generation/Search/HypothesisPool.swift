/// The best finished hypotheses of a pooled search, best first; of two with equal scores the one that came first.
struct HypothesisPool {
    /// The most hypotheses kept.
    let capacity: Int
    private(set) var hypotheses: [Hypothesis] = []

    init(capacity: Int) { self.capacity = capacity }

    var isFull: Bool { hypotheses.count >= capacity }

    /// The score of the last, −∞ of none.
    var worst: Float { hypotheses.last?.score ?? -.infinity }

    /// Takes a hypothesis if it is better than the worst or there is room.
    mutating func add(_ hypothesis: Hypothesis) {
        let score = hypothesis.score ?? -.infinity
        let place = hypotheses.firstIndex { ($0.score ?? -.infinity) < score } ?? hypotheses.count
        hypotheses.insert(hypothesis, at: place)
        if hypotheses.count > capacity { hypotheses.removeLast() }
    }
}
