/// A kind of request, told apart because their times differ by orders of magnitude.
package enum SoakKind: String, Sendable, CaseIterable, Codable {
    case health
    case detect
    case embed
    case translateShort = "translate_short"
    case translateLong = "translate_long"
    case complete
    case completeStream = "complete_stream"

    /// How many of a hundred requests it is, where all kinds are there.
    fileprivate var weight: Int {
        switch self {
        case .health: 10
        case .detect: 30
        case .embed: 15
        case .translateShort: 32
        case .translateLong: 3
        case .complete, .completeStream: 5
        }
    }

    /// What it asks a model for; nil where it asks none.
    fileprivate var task: ModelTask? {
        switch self {
        case .health: nil
        case .detect: .languageIdentification
        case .embed: .embedding
        case .translateShort, .translateLong: .translation
        case .complete, .completeStream: .generation
        }
    }
}

/// The mix of requests that a service gets: always the same, in the same order.
struct SoakTraffic: Sendable {
    /// Sentences of a long text.
    private static let longSentences = 20
    /// Tokens of an answer.
    private static let tokens = 16

    /// A kind with what asks for it.
    private struct Source: Sendable {
        var kind: SoakKind
        var query: @Sendable (_ client: Int, _ number: Int) -> LoadGenerator.Query
    }

    private let sources: [Source]
    /// Indices of `sources`, each as often as its weight and spread evenly: what is asked after what.
    private let order: [Int]

    /// The kinds that the models can answer, of which the first one for each task is asked.
    ///
    /// - Throws: `CaseFailure` where a model for translation has no pair of languages.
    init(_ models: [PortfolioModel]) throws {
        let sources = try SoakKind.allCases.compactMap { kind -> Source? in
            guard let task = kind.task else {
                return Source(kind: kind) { _, _ in LoadGenerator.Query(path: "/health", body: nil) }
            }
            guard let model = models.first(where: { $0.task == task }) else { return nil }
            let query =
                switch kind {
                case .translateLong: try PerformanceQueries.document(model, sentences: Self.longSentences)
                case .complete, .completeStream:
                    PerformanceQueries.generation(model, tokens: Self.tokens, isStreamed: kind == .completeStream)
                default: try PerformanceQueries.query(model)
                }
            return Source(kind: kind, query: query)
        }
        self.sources = sources
        order = Self.spread(sources.map(\.kind.weight))
    }

    /// The kinds that are asked for.
    var kinds: [SoakKind] { sources.map(\.kind) }

    /// The request of a number, counted from 0.
    func request(_ number: Int) -> (kind: SoakKind, query: LoadGenerator.Query) {
        let source = sources[order[number % order.count]]
        return (source.kind, source.query(0, number))
    }

    /// The request that a client sends after so many others, so that all clients together ask for the same mix.
    func request(client: Int, number: Int) -> LoadGenerator.Query {
        // Clients that began at one place would all ask for the long ones at the same time.
        request(number + client * 7).query
    }

    /// Each index as often as its weight, at even distances.
    static func spread(_ weights: [Int]) -> [Int] {
        let places = weights.enumerated().flatMap { index, weight in
            (0..<weight).map { (place: (Double($0) + 0.5) / Double(weight), index: index) }
        }
        return places.sorted { ($0.place, $0.index) < ($1.place, $1.index) }.map(\.index)
    }
}
