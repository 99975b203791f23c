internal import Architectures
internal import Compute
internal import Generation
internal import ModelHub
internal import Tokenizers

/// A text to turn into a vector.
package enum EmbeddingInput: Sendable, Equatable {
    /// A text; the marks that the model wants are put around it.
    case text(String)
    /// Ids, marks included, taken as they are.
    case tokens([Int32])
}

/// Vectors of texts.
package struct EmbeddingResult: Sendable {
    /// One for each text, in order.
    package var vectors: [[Float]]
    /// Tokens read.
    package var tokens: Int
    /// The model that they are of.
    package var model = ""
    /// Whose place it takes; nil if it was asked for itself.
    package var fallback: FallbackNotice?
}

/// An embedding model in memory.
package struct EmbeddingModel: Sendable {
    let name: String
    private let encoder: TextEncoder
    private let tokenizer: HuggingFaceTokenizer
    private let backend: ComputeBackend
    private let pool: ThreadPool
    /// Tokens that a text may have; longer ones are refused rather than cut in silence.
    let maximumTokens: Int
    /// Tokens that a worker reads at a time: others' short tasks wait no longer than for this.
    private static let batchTokens = 2048

    init(
        name: String, encoder: TextEncoder, tokenizer: HuggingFaceTokenizer, maximumTokens: Int,
        backend: ComputeBackend, pool: ThreadPool
    ) {
        (self.name, self.encoder, self.tokenizer, self.maximumTokens) = (name, encoder, tokenizer, maximumTokens)
        (self.backend, self.pool) = (backend, pool)
    }

    /// Bytes of the weights.
    var sizeBytes: Int { encoder.sizeBytes }

    /// The ids of an input.
    ///
    /// - Throws: `EmbeddingError` for a text that is too long, or an id that does not exist.
    func ids(_ input: EmbeddingInput, at index: Int) throws -> [Int32] {
        let ids: [Int32] =
            switch input {
            case .text(let text): tokenizer.encodeWithMarks(text)
            case .tokens(let ids): ids
            }
        guard !ids.isEmpty else { throw EmbeddingError.empty(index: index) }
        guard ids.count <= maximumTokens else {
            throw EmbeddingError.tooLong(index: index, tokens: ids.count, maximum: maximumTokens)
        }
        if let id = ids.first(where: { $0 < 0 || Int($0) >= encoder.configuration.vocabularySize }) {
            throw EmbeddingError.idOutsideVocabulary(index: index, id: id, count: encoder.configuration.vocabularySize)
        }
        return ids
    }

    /// Vectors of texts, in batches that each hold a worker for a moment.
    ///
    /// - Throws: `EmbeddingError`, `QueueFullError`, `CancellationError`.
    func embed(_ inputs: [EmbeddingInput], on workers: WorkerPool) async throws -> EmbeddingResult {
        let ids = try await workers.run { _ in
            try inputs.enumerated().map { try self.ids($1, at: $0) }
        }
        var result = EmbeddingResult(vectors: [], tokens: 0)
        var start = 0
        while start < ids.count {
            var end = start
            var tokens = 0
            while end < ids.count, end == start || tokens + ids[end].count <= Self.batchTokens {
                tokens += ids[end].count
                end += 1
            }
            try Task.checkCancellation()
            let batch = Array(ids[start..<end])
            result.vectors += try await workers.run { context in
                context.workspace.scoped {
                    encoder.embed(
                        batch, resources: ComputeResources(backend: backend, pool: pool, workspace: context.workspace))
                }
            }
            result.tokens += tokens
            start = end
        }
        return result
    }
}

/// Why a text has no vector. The messages are shown to clients as they are.
package enum EmbeddingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nothing is left of the text when it is cut into tokens.
    case empty(index: Int)
    /// The text has more tokens than the model reads.
    case tooLong(index: Int, tokens: Int, maximum: Int)
    /// The id is not one of the vocabulary's.
    case idOutsideVocabulary(index: Int, id: Int32, count: Int)

    package var description: String {
        switch self {
        case .empty(let index): "input \(index) is empty: there is nothing to turn into a vector"
        case .tooLong(let index, let tokens, let maximum):
            "input \(index) has \(tokens) tokens, and the model reads \(maximum); shorten it or cut it into parts"
        case .idOutsideVocabulary(let index, let id, let count):
            "input \(index) has the token id \(id), which is outside the vocabulary of \(count)"
        }
    }
}

extension Engine {
    /// Vectors of texts, and the name of the model that they are of: the one that was asked, unless a person has named one
    /// that stands in for it. Loads the model if need be.
    ///
    /// - Throws: `EngineError`, `EmbeddingError`, `QueueFullError`, `CancellationError`.
    package nonisolated func embed(
        model name: String, _ inputs: [EmbeddingInput], fallback: FallbackPolicy = .never
    ) async throws -> EmbeddingResult {
        let descriptor = try await entry(name).descriptor
        let wrongTask = EngineError.wrongTask(
            model: name, task: descriptor.task.rawValue, wanted: ModelDescriptor.Task.embedding.rawValue)
        guard descriptor.task == .embedding else { throw wrongTask }
        let began = ContinuousClock.now
        var lease: ModelLease?
        do {
            let held = try await acquire(
                name, standIn: fallback == .auto ? StandInNeed(task: .embedding) : nil)
            lease = held
            guard case .embedding(let model) = held.model else { throw wrongTask }
            var result = try await model.embed(inputs, on: pool)
            (result.model, result.fallback) = (held.name, held.fallback)
            noteUse(
                of: name, .embedding, answeredBy: held, texts: inputs.count, sourceTokens: result.tokens, began: began)
            return result
        } catch {
            noteUse(of: name, .embedding, answeredBy: lease, texts: inputs.count, began: began, failure: error)
            throw error
        }
    }
}
