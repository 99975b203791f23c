import Checkpoints
import Foundation
import Testing
import Tokenizers

/// Damaged files must be refused or work; they must not crash, hang or read outside the file.
@Suite("Damaged SentencePiece models")
struct DamagedModelTests {
    private static let probes = [
        "", "a", "The cat sees the river.", "  ÀÉ ﬁ ＡＢ１ ﷺ\u{200B}\t\r\n", "日本語 <sep> http:// \u{1F600}",
        "a\u{300}e\u{301}\u{0}\u{7F}",
    ]

    @Test(arguments: ["bytes", "user_defined", "folded"])
    func truncatedAtEveryByte(_ name: String) throws {
        let bytes = try Data(contentsOf: URL(filePath: TokenizerFixtures.path(name)))
        var accepted = 0
        for count in 0..<bytes.count where try Self.isAccepted(bytes.prefix(count)) { accepted += 1 }
        // Only what ends between two fields of the whole model is a model: behind the last piece (and then
        // without the options that would contradict it), and behind the options.
        #expect(accepted < bytes.count / 8)
    }

    @Test(arguments: ["bytes", "user_defined", "folded", "enpt"])
    func withFlippedBits(_ name: String) throws {
        let bytes = try Data(contentsOf: URL(filePath: TokenizerFixtures.path(name)))
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var refused = 0
        for round in 0..<(name == "enpt" ? 60 : 600) {
            var damaged = bytes
            // Half of the damage goes to the end of the file, where the options and the maps are.
            let start = round % 2 == 0 ? 0 : bytes.count * 2 / 5
            for _ in 0...random(8) { damaged[start + random(bytes.count - start)] ^= 1 << UInt8(random(8)) }
            if try !Self.isAccepted(damaged) { refused += 1 }
        }
        #expect(refused > 0)
    }

    @Test func truncatedRealVocabulary() throws {
        let bytes = try Data(contentsOf: URL(filePath: TokenizerFixtures.path("enpt")))
        for count in stride(from: 1, to: bytes.count, by: 8191) { _ = try Self.isAccepted(bytes.prefix(count)) }
        // The last field of the model is the normalizer, with the map: without its end it is no field.
        for missing in 1..<200 { #expect(try !Self.isAccepted(bytes.dropLast(missing)), "\(missing) bytes less") }
    }

    /// Whether the bytes are a model, after trying it. Throws whatever is not an error about the file.
    private static func isAccepted(_ bytes: Data) throws -> Bool {
        let region = ByteRegion(copying: bytes, source: "damaged.spm")
        let tokenizer: UnigramTokenizer
        do {
            tokenizer = try UnigramTokenizer(SentencePieceModel(region))
        } catch let error as CheckpointError {
            #expect(error.description.contains("byte "), "no offset in: \(error)")
            return false
        }
        for probe in probes {
            let ids = tokenizer.encode(probe)
            #expect(ids.allSatisfy { $0 >= -1 && $0 < tokenizer.vocabularySize })
            _ = tokenizer.decode(ids)
        }
        return true
    }
}
