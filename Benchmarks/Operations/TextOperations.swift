internal import Benchmark
internal import BenchmarkSupport
internal import Checkpoints
internal import LanguageID
internal import Tokenizers

/// What is done to text before and after the arithmetic. Their bound is the reading of the text, of which they can only
/// be a small share: the times count.
enum TextOperations {
    private static let textBytes = 100_000
    private static let work = Work(bytes: textBytes)

    static var operations: [Operation] {
        [("SmolLM2", "smollm2-135m-instruct"), ("Gemma", "gemma-3-270m")].flatMap { [encode($0, $1), stream($0, $1)] }
            + [split, detect]
    }

    private static func tokenizer(_ model: String) throws -> any TextTokenizer {
        try GGUFTokenizer.tokenizer(GGUFCheckpoint(path: InstalledFile.path("model", of: model)).metadata)
    }

    private static func encode(_ label: String, _ model: String) -> Operation {
        Operation("BPE encode, \(label), 100 KB", work) {
            let tokenizer = try tokenizer(model), text = try SampleText.text(bytes: textBytes)
            return { _ in blackHole(tokenizer.encode(text, allowSpecial: false)) }
        }
    }

    private static func stream(_ label: String, _ model: String) -> Operation {
        Operation("streaming detokenizer, \(label), 100 KB", work) {
            let tokenizer = try tokenizer(model)
            let ids = tokenizer.encode(try SampleText.text(bytes: textBytes), allowSpecial: false)
            return { _ in
                var detokenizer = StreamingDetokenizer(tokenizer)
                for id in ids { blackHole(detokenizer.append(id)) }
                blackHole(detokenizer.finish())
            }
        }
    }

    private static var split: Operation {
        Operation("sentence splitter, 100 KB", work) {
            let splitter = SentenceSplitter(language: "en"), text = try SampleText.text(bytes: textBytes)
            return { _ in blackHole(splitter.split(text)) }
        }
    }

    private static var detect: Operation {
        // A sentence of the fixtures has 94 bytes in the mean.
        Operation("language detection, a sentence", Work(bytes: 94), runs: 100) {
            let region = try ByteRegion(mapping: InstalledFile.path("model", of: "lid-176"))
            let identifier = LanguageIdentifier(model: try FastTextModel(region))
            let sentences = try SampleText.sentences()
            return { run in blackHole(identifier.detect(sentences[run % sentences.count])) }
        }
    }
}
