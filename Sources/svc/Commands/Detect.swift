import ArgumentParser
import Engine
import Foundation
import LanguageID

/// `svc detect`
struct Detect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell the language of a text, or of each line of standard input.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var compute: ComputeOptions

    @Argument(help: "The text. Without it, standard input is read.")
    var text: [String] = []

    private struct Item: Encodable {
        struct Candidate: Encodable {
            var language: String
            var confidence: Float
        }

        var language: String
        var confidence: Float
        var candidates: [Candidate]
    }

    private struct Answer: Encodable { var detections: [Item] }

    func run() async throws {
        let settings = try await Settings(file: compute.config)
        let engine = try compute.engine(settings)
        var texts = text.isEmpty ? [] : [text.joined(separator: " ")]
        if text.isEmpty { while let line = readLine() { texts.append(line) } }
        let items = try await engine.detect(texts).map { detection in
            Item(
                language: detection.language, confidence: detection.confidence,
                candidates: detection.candidates.map { .init(language: $0.language, confidence: $0.confidence) })
        }
        try Output.succeed("detect", Answer(detections: items), json: output.json) {
            items.map { "\($0.language)\t\(String(format: "%.4f", $0.confidence))\n" }.joined()
        }
        await engine.stop()
    }
}
