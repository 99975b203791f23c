internal import LanguageID
internal import Foundation
internal import Generation
internal import ModelHub

/// The first question that a loaded model must answer before it counts as ready: one whose answer the catalogue knows, else
/// one whose answer only has to be one.
enum Canary {
    /// Tokens that a continuation may take to come to the known answer.
    private static let continuationTokens = 12
    /// How far a component of a known vector may be off: quantised weights move it by less, wrong weights by more.
    private static let vectorTolerance: Float = 0.02

    /// - Throws: `ModelFailure` saying what was asked and what came; `QueueFullError`, `CancellationError`.
    static func ask(
        _ model: LoadedModel, of name: String, known: CatalogCanary?, pool: WorkerPool
    ) async throws {
        switch model {
        case .translation(let batcher): try await translate(batcher, known)
        case .languageIdentification(let identifier):
            let text = known?.input ?? "This is a sentence in English."
            let answer = try await pool.run { _ in identifier.detect(text) }
            guard answer.language == known?.answer ?? "en" else {
                throw failure("the language \(answer.language) for \"\(text)\"")
            }
        case .embedding(let model):
            let text = known?.input ?? "OK."
            let vector = try await model.embed([.text(text)], on: pool).vectors.first ?? []
            guard !vector.isEmpty, vector.allSatisfy(\.isFinite) else { throw failure("a vector that is no numbers") }
            if let known { try compare(vector, with: known) }
        case .generation(let model): try await generate(model, known, pool)
        }
    }

    private static func translate(_ batcher: TranslationBatcher, _ known: CatalogCanary?) async throws {
        guard let known else {
            let answer = try await batcher.translate(TranslationRequest(text: "OK."))
            // A model of many languages is not told which here, and what it says then is not words in any case.
            guard answer.targetTokens > 0, !answer.text.isEmpty || !batcher.languages.isEmpty else {
                throw failure("an empty translation")
            }
            return
        }
        var direction = TranslationDirection()
        if let source = known.source.flatMap({ LanguageTag($0) }),
            let target = known.target.flatMap({ LanguageTag($0) })
        {
            direction = batcher.direction(from: source, to: target)
        }
        let answer = try await batcher.translate(
            TranslationRequest(text: known.input, direction: direction, search: SearchOptions()))
        try expect(answer.text, known)
    }

    private static func generate(_ model: GenerationModel, _ known: CatalogCanary?, _ pool: WorkerPool) async throws {
        let text = known?.input ?? "OK."
        var request = GenerationRequest(prompt: try await pool.run { _ in try model.prompt(.text(text)) })
        request.sampling = .greedy
        request.maxTokens = known == nil ? 1 : continuationTokens
        request.topLogprobs = 0
        var answer = ""
        for try await event in try model.batcher.submit(request) {
            guard case .piece(let piece) = event else { continue }
            answer += piece.text
            guard piece.logprobs.allSatisfy({ $0.logprob.isFinite }) else {
                throw failure("logits that are not numbers")
            }
        }
        if let known { try expect(answer, known) }
    }

    private static func expect(_ answer: String, _ known: CatalogCanary) throws {
        // By Unicode's mapping, not by the user's language: in Turkish "I" is not the capital of "i".
        guard answer.lowercased().contains(known.answer.lowercased()) else {
            throw failure("\"\(answer)\" for \"\(known.input)\", which should have \"\(known.answer)\" in it")
        }
    }

    /// The known answer of an embedding model is the beginning of a vector, with commas.
    private static func compare(_ vector: [Float], with known: CatalogCanary) throws {
        let expected = known.answer.split(separator: ",").compactMap {
            Float($0.trimmingCharacters(in: .whitespaces))
        }
        for (index, value) in expected.enumerated() {
            guard index < vector.count, abs(vector[index] - value) <= vectorTolerance else {
                let found = vector.prefix(expected.count).map { "\($0)" }.joined(separator: ", ")
                throw failure("the vector \(found)… for \"\(known.input)\", which should begin with \(known.answer)")
            }
        }
    }

    private static func failure(_ what: String) -> ModelFailure {
        ModelFailure(
            kind: .wrongAnswer, stage: .loading, reason: "the first inference gave \(what)",
            action: "The files are whole but do not make a working model; report it with the model's name.")
    }
}
