import Checkpoints
import Foundation
import Generation
import TestSupport
import Testing

@Suite struct ShortlistTests {
    static func bytes() throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: try InstalledModels.file("shortlist", of: "firefox-en-pt"))))
    }

    static func read(_ bytes: [UInt8], source: Int = 32000, target: Int = 32000, shared: Bool = true) throws
        -> Shortlist
    {
        try Shortlist(
            ByteRegion(copying: bytes, source: "lex.bin"), sourceVocabularySize: source, targetVocabularySize: target,
            sharedVocabulary: shared)
    }

    @Test func candidatesAreSortedUniqueAndHoldWhatTheyMust() throws {
        let shortlist = try Self.read(try Self.bytes())
        #expect(shortlist.alwaysFirst == 50)
        for source in [[0], [1000, 0], [5, 17, 31999, 0], Array(stride(from: Int32(2), to: 32000, by: 400))]
            as [[Int32]]
        {
            let ids = shortlist.candidates(for: source)
            #expect(ids == Set(ids).sorted())
            #expect(ids.count % 8 == 0)
            #expect(Set(ids).isSuperset(of: source))
            #expect(Array(ids.prefix(50)) == Array(0..<50))
        }
        let separate = try Self.read(try Self.bytes(), shared: false)
        // With vocabularies of their own a source token is no candidate, unless its list names it.
        let tokens = Array(Int32(20_000)..<20_200)
        #expect(tokens.allSatisfy { shortlist.candidates(for: [$0, 0]).contains($0) })
        #expect(tokens.contains { !separate.candidates(for: [$0, 0]).contains($0) })
    }

    @Test func aDamagedFileIsRefusedByName() throws {
        let whole = try Self.bytes()
        for length in [0, 1, 7, 8, 47, 48, 1000, whole.count / 2, whole.count - 1] {
            #expect(throws: CheckpointError.self) { try Self.read(Array(whole.prefix(length))) }
        }
        for position in [0, 9, 17, 33, 41, 100, 300_000, whole.count - 5] {
            var damaged = whole
            damaged[position] ^= 0x10
            #expect(throws: CheckpointError.self, "byte \(position)") { try Self.read(damaged) }
        }
        #expect(throws: CheckpointError.self) { try Self.read(whole, source: 100) }
        #expect(throws: CheckpointError.self) { try Self.read(whole, target: 1000) }
        #expect(throws: CheckpointError.self) { try Self.read(whole + [0, 0, 0, 0, 0, 0, 0, 0]) }
    }
}
