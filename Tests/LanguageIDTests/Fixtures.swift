import Checkpoints
import Foundation
import LanguageID
import TestSupport
import Testing

/// What `models/fasttext/reference.py` wrote.
enum Fixtures {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/fasttext")

    static func decode<T: Decodable>(_ type: T.Type, _ name: String) throws -> T {
        try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: name)))
    }

    /// A text, and the label of the language it is written in where it is in one.
    struct Text: Decodable {
        let text: String
        let language: String?
        let `repeat`: Int?

        var whole: String { String(repeating: text, count: `repeat` ?? 1) }
    }

    static func texts() throws -> [Text] { try decode([Text].self, "texts.json") }

    /// The bytes of a small model with random weights.
    static func bytes(_ model: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appending(path: "models/\(model).bin")))
    }

    static func model(_ bytes: [UInt8]) throws -> FastTextModel {
        try FastTextModel(ByteRegion(copying: bytes, source: "test"))
    }
}

/// Labels and probabilities, best first: `["en", 0.9, "de", 0.1]` in a fixture.
struct Answer: Decodable {
    let labels: [(label: String, probability: Float)]

    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        var labels: [(label: String, probability: Float)] = []
        while !container.isAtEnd {
            labels.append((try container.decode(String.self), try container.decode(Float.self)))
        }
        self.labels = labels
    }

    /// Requires the same probabilities in the same order, and the same labels; where several are equally
    /// probable their order is not fastText's to promise, nor which of them the last places go to.
    func expect(
        _ found: [(label: String, probability: Float)], within tolerance: Float, _ comment: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == labels.count, "\(comment): \(found)", sourceLocation: sourceLocation)
        for (mine, theirs) in zip(found, labels) {
            #expect(
                abs(mine.probability - theirs.probability) <= tolerance, "\(comment): \(mine) for \(theirs)",
                sourceLocation: sourceLocation)
        }
        let last = (labels.last?.probability ?? 0) + tolerance
        let clear = Set(labels.filter { $0.probability > last }.map(\.label))
        let missing = clear.subtracting(found.map(\.label))
        #expect(missing.isEmpty, "\(comment): \(missing) missing", sourceLocation: sourceLocation)
    }
}

/// The published model that the project runs on by default.
enum Lid176 {
    static let model = Result { try FastTextModel(ByteRegion(mapping: InstalledModels.file("model", of: "lid-176"))) }

    static func identifier() throws -> LanguageIdentifier { LanguageIdentifier(model: try model.get()) }
}
