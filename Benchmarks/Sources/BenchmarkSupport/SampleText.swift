internal import Foundation

/// The prose that operations on text read: the sentences of the translation fixtures, which change with no edit of the
/// documentation.
package enum SampleText {
    /// English sentences.
    ///
    /// - Throws: if the fixture cannot be read.
    package static func sentences() throws -> [String] {
        struct Fixture: Decodable {
            struct Sentence: Decodable { var source: String }
            var sentences: [Sentence]
        }
        let path = MeasuredProgram.repository + "/Tests/Fixtures/bergamot/english.json"
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return try JSONDecoder().decode(Fixture.self, from: data).sentences.map(\.source)
    }

    /// The sentences one after the other, again and again, up to so many bytes.
    package static func text(bytes: Int) throws -> String {
        let round = try sentences().joined(separator: " ") + " "
        let text = String(repeating: round, count: bytes / max(round.utf8.count, 1) + 1)
        return String(decoding: Array(text.utf8.prefix(bytes)), as: UTF8.self)
    }
}
