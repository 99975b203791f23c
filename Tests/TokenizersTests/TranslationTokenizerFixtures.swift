import Checkpoints
import Foundation
import Tokenizers

/// The files that `models/translation-tokenizers/reference.py` wrote.
enum TranslationTokenizerFixtures {
    /// What the reference makes of the texts with one tokenizer.
    struct Expectations: Decodable {
        struct Decoded: Decodable {
            var ids: [Int32]
            var text: String
        }

        struct Source: Decodable {
            var text: String
            var from: String?
            var to: String?
            /// With the mark of the source behind the end.
            var legacy: Bool
            var ids: [Int32]
            /// The token that the decoder begins with.
            var first: Int32?
        }

        /// nil where the text spells a mark, which the reference takes for one.
        var ids: [[Int32]?]
        var decoded: [Decoded]
        var languages: [String: Int32]
        var size: Int
        var targetSize: Int?
        var sources: [Source]
    }

    struct Lists: Decodable {
        var nllb: [String]
        var m2m100: [String]
        var wmt21: [String]
    }

    static let names = ["nllb", "m2m100", "marian", "marian-separate", "t5", "madlad"]

    static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/translation-tokenizers")

    static func family(_ name: String) -> String {
        switch name {
        case "nllb", "m2m100": "m2m_100"
        case "marian", "marian-separate": "marian"
        default: "t5"
        }
    }

    static func texts() throws -> [String] { try decode("texts.json") }
    static func lists() throws -> Lists { try decode("languages.json") }
    static func expectations(_ name: String) throws -> Expectations { try decode("\(name)/expected.json") }

    /// The files of a fixture by their names.
    static func files(_ name: String) throws -> [String: String] {
        let folder = directory.appending(path: name)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))
        return Dictionary(
            uniqueKeysWithValues: names.filter { $0 != "expected.json" }.map {
                ($0, folder.appending(path: $0).path(percentEncoded: false))
            })
    }

    /// The configuration of a model with as many weights as a tokenizer has ids, unless told otherwise.
    static func configuration(_ name: String, vocabularySize: Int? = nil) throws -> ModelConfiguration {
        let expected = try expectations(name)
        var members: [String: JSONValue] = [:]
        if let path = try files(name)["config.json"] { members = try ModelConfiguration(path: path).members }
        members["vocab_size"] = .number(Double(vocabularySize ?? expected.size))
        if let target = expected.targetSize { members["decoder_vocab_size"] = .number(Double(target)) }
        return ModelConfiguration(file: "config.json", members: members)
    }

    static func tokenizer(
        _ name: String, legacy: Bool = false, vocabularySize: Int? = nil, without: Set<String> = [],
        adding: [String: String] = [:], pieceTokenizer: (any PieceTokenizer)? = nil
    ) throws -> any TranslationTokenizer {
        var files = try files(name).filter { !without.contains($0.key) }
        files.merge(adding) { $1 }
        let legacyConfiguration = ModelConfiguration(
            file: "tokenizer_config.json", members: ["legacy_behaviour": .boolean(true)])
        return try TranslationTokenizers.load(
            family: family(name), directory: files, configuration: configuration(name, vocabularySize: vocabularySize),
            tokenizerConfiguration: legacy ? legacyConfiguration : nil, pieceTokenizer: pieceTokenizer)
    }

    private static func decode<Value: Decodable>(_ path: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: directory.appending(path: path)))
    }
}

/// Files that exist for the length of a test.
final class TranslationTokenizerScratch {
    private let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "translation-tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// Writes a file and returns its name and path.
    func file(_ name: String, _ bytes: some Collection<UInt8>) throws -> [String: String] {
        let file = directory.appending(path: name)
        try Data(bytes).write(to: file)
        return [name: file.path(percentEncoded: false)]
    }
}

/// A vocabulary whose entries, marks among them, are found in a text wherever they are spelled, the longest first: what
/// a `tokenizer.json` does with the entries that it adds.
struct ListedPieces: PieceTokenizer {
    var entries: [String]

    var vocabularySize: Int { entries.count }

    func pieces(_ text: String) -> [Int32] {
        var rest = Array(text.replacing(" ", with: "\u{2581}").utf8)[...]
        var ids: [Int32] = []
        let longest = entries.indices.sorted { entries[$0].utf8.count > entries[$1].utf8.count }
        while !rest.isEmpty {
            let found = longest.first { rest.starts(with: entries[$0].utf8) }
            if let found { ids.append(Int32(found)) }
            rest = rest.dropFirst(found.map { entries[$0].utf8.count } ?? 1)
        }
        return ids
    }

    func decode(_ ids: [Int32]) -> String {
        ids.compactMap(piece(of:)).joined().replacing("\u{2581}", with: " ")
    }

    func id(of piece: String) -> Int32? { entries.firstIndex(of: piece).map(Int32.init) }

    func piece(of id: Int32) -> String? { entries.indices.contains(Int(id)) ? entries[Int(id)] : nil }
}
