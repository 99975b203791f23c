import Architectures
import Checkpoints
import Compute
import Foundation
import Generation
import TestSupport
import Tokenizers

/// One of the real Firefox models with all that belongs to it.
struct FirefoxModel {
    let model: BergamotModel
    let tokenizer: UnigramTokenizer
    let shortlist: Shortlist
    let pipeline: TranslationPipeline

    init(_ name: String, backend: ComputeBackend = ComputeBackend()) throws {
        let files = try InstalledModels.files(name)
        func region(_ role: String) throws -> ByteRegion { try ByteRegion(mapping: files[role] ?? "") }
        model = try BergamotModel(MarianCheckpoint(try region("model")), backend: backend)
        tokenizer = try UnigramTokenizer(SentencePieceModel(try region("vocabulary")))
        shortlist = try Shortlist(
            try region("shortlist"), sourceVocabularySize: model.sourceVocabularySize,
            targetVocabularySize: model.targetVocabularySize, sharedVocabulary: true)
        let languages = name == "firefox-en-pt" ? ("en", "pt") : ("pt", "en")
        pipeline = TranslationPipeline(
            tokenizer: try BergamotTranslationTokenizer(source: tokenizer, target: tokenizer),
            sourceLanguage: languages.0, targetLanguage: languages.1)
    }

    func request(_ text: String, options: SearchOptions = SearchOptions()) -> SearchRequest {
        let source = tokenizer.encode(text) + [model.endOfSequence]
        return SearchRequest(source: source, candidates: shortlist.candidates(for: source), options: options)
    }

    func run(_ requests: [SearchRequest]) -> [[Hypothesis]] {
        BatchSearch.run(requests, model: model, workspace: Workspace())
    }

    /// Translates each text on its own, as one sentence.
    func translate(_ texts: [String]) -> [String] {
        run(texts.map { request($0) }).map { tokenizer.decode($0[0].tokens) }
    }
}

/// The sentences that Bergamot's own engine has translated.
struct BergamotFixture: Decodable {
    struct Sentence: Decodable {
        var source: String
        var bergamot: String
    }

    var sentences: [Sentence]
}
