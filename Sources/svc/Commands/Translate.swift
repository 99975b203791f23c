import ArgumentParser
import Engine
import Foundation
import Generation
#if canImport(Glibc)
    import Glibc
#endif

/// `svc translate`
struct Translate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Translate a text, or standard input line by line.",
        discussion:
            "Without --from the language of each line is detected. Lines come out in order, as soon as they are done.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var compute: ComputeOptions

    @Option(help: "The source language (BCP 47); detected by default.")
    var from: String?

    @Option(help: "The target language (BCP 47).")
    var to: String

    @Option(help: "The model, by its name or the path of a directory; by default the one for the pair.")
    var model: String?

    @Option(help: "Hypotheses kept by beam search; 1 is greedy.")
    var beamSize = 1

    @Option(help: "What the text is: text or html, whose tags stay. HTML on standard input is read as one document.")
    var format = TranslationFormat.text

    @Argument(help: "The text. Without it, standard input is read.")
    var text: [String] = []

    private struct Item: Encodable {
        struct Warning: Encodable {
            var code: String
            var message: String
        }

        var text: String
        var sourceLang: String
        var targetLang: String
        var model: String?
        var warnings: [Warning]

        init(_ item: TranslatedItem) {
            text = item.text
            sourceLang = item.source
            targetLang = item.target
            model = item.model
            warnings = item.warnings.map { Warning(code: $0.kind, message: $0.message) }
        }
    }

    private struct Answer: Encodable { var translations: [Item] }

    /// Lines translated together: enough for full batches, few enough that the first come out soon.
    private static let linesAtOnce = 128

    func validate() throws {
        guard (1...16).contains(beamSize) else { throw ValidationError("--beam-size must be from 1 to 16") }
    }

    func run() async throws {
        let settings = try await Settings(file: compute.config)
        let (model, paths) = try model.map { try ComputeOptions.named($0) } ?? (nil, [])
        let engine = try compute.engine(settings, paths: paths)
        let readsLines = text.isEmpty && format == .text
        let items =
            readsLines
            ? try await translateInput(engine, model)
            : try await translate([try document()], engine, model)
        if output.json {
            try Output.succeed("translate", Answer(translations: items.map(Item.init)), json: true) { "" }
        } else if !readsLines {
            Output.write(items.map(\.text).joined() + (text.isEmpty ? "" : "\n"))
        }
        await engine.stop()
    }

    /// What the arguments say, or all of standard input.
    private func document() throws -> String {
        guard text.isEmpty else { return text.joined(separator: " ") }
        let input = try FileHandle.standardInput.readToEnd() ?? Data()
        guard let document = String(data: input, encoding: .utf8), !document.unicodeScalars.contains("\0") else {
            throw CommandFailure(
                .failed, type: "invalid_input", "standard input is not UTF-8, or holds a NUL character")
        }
        return document
    }

    private func translate(
        _ texts: [String], _ engine: Engine, _ model: String?
    ) async throws -> [TranslatedItem] {
        let source = from == "auto" ? nil : from
        let items = try await engine.translate(
            TranslationQuery(
                texts: texts, source: source, target: to, model: model, search: SearchOptions(beamSize: beamSize),
                format: format))
        for warning in items.flatMap(\.warnings) { Output.note("svc: warning: \(warning.message)") }
        return items
    }

    /// Line by line, in windows; with --json all are kept for the one object at the end.
    private func translateInput(_ engine: Engine, _ model: String?) async throws -> [TranslatedItem] {
        let bar = ProgressBar(json: output.json)
        let total = Self.inputBytes
        var kept: [TranslatedItem] = []
        var window: [String] = []
        var readBytes = 0, lines = 0
        func flush() async throws {
            let items = try await translate(window, engine, model)
            window = []
            lines += items.count
            bar.clear()
            if output.json { kept += items } else { Output.write(items.map { $0.text + "\n" }.joined()) }
            bar.draw(
                "translating", total.map { Double(readBytes) / Double($0) }, "\(lines) \(lines == 1 ? "line" : "lines")"
            )
        }
        while let line = readLine() {
            guard !line.unicodeScalars.contains("\0") else {
                throw CommandFailure(
                    .failed, type: "invalid_input", "line \(lines + window.count + 1) holds a NUL character")
            }
            window.append(line)
            readBytes += line.utf8.count + 1
            if window.count == Self.linesAtOnce || (lines == 0 && window.count == 1) { try await flush() }
        }
        if !window.isEmpty { try await flush() }
        bar.clear()
        return kept
    }

    /// The size of standard input where it is a file.
    private static var inputBytes: Int? {
        var status = stat()
        guard fstat(STDIN_FILENO, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else {
            return nil
        }
        return Int(status.st_size)
    }
}

extension TranslationFormat: ExpressibleByArgument {}
