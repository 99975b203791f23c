import Checkpoints
import Testing
import Tokenizers

@Suite("SentencePiece model files")
struct SentencePieceModelTests {
    @Test func readsAHandMadeModel() throws {
        let model = try HandMadeModel().model()
        #expect(model.source == "hand-made.spm")
        #expect(model.pieces.map { String(decoding: $0.bytes, as: UTF8.self) } == ["<unk>", "a", "b", "ab"])
        #expect(model.pieces.map(\.score) == [0, -1, -1, -1])
        #expect(model.pieces.map(\.kind) == [.unknown, .normal, .normal, .normal])
        #expect(model.unknownID == 0 && model.endID == nil)
        #expect(!model.normalizer.addsDummyPrefix && !model.normalizer.removesExtraWhitespace)
        #expect(model.normalizer.escapesWhitespace && model.denormalizer == nil)
        #expect(model.unknownSurface == Array(" \u{2047} ".utf8))
        #expect(try HandMadeModel().tokenizer().encode("abba?!a") == [3, 2, 1, 0, 1])
    }

    @Test func skipsFieldsItDoesNotKnow() throws {
        var model = HandMadeModel()
        model.extra =
            HandMadeModel.field(99, varint: .max) + HandMadeModel.field(98, [1, 2, 3]) + HandMadeModel.field(97, 1.5)
            + HandMadeModel.varint(96 << 3 | 1) + [1, 2, 3, 4, 5, 6, 7, 8]
        #expect(try model.tokenizer().encode("ab") == [3])
    }

    @Test func appliesACharacterMap() throws {
        var model = HandMadeModel()
        model.charactersMap = HandMadeModel.charactersMap(
            HandMadeModel.oneRule(value: 0), replacements: [0x62, 0x62, 0])
        #expect(try model.tokenizer().encode("a") == [2, 2])
        model.charactersMap = HandMadeModel.charactersMap(
            HandMadeModel.oneRule(value: 2), replacements: [0x62, 0x62, 0])
        #expect(try model.tokenizer().encode("aba") == [2])
    }

    @Test func looksAtAsManyRulesAsTheLibrary() throws {
        // One rule each for 1 to 40 letters; the library takes the longest of the first 32 that match.
        var units = (0..<(42 * 256)).map { UInt32($0 & 0xFF) ^ 1 }
        units[0] = 256 << 10
        for length in 1...40 {
            let (node, children) = (length * 256 ^ 0x61, (length + 1) * 256)
            units[node] = UInt32(node ^ children) << 10 | 0x100 | 0x61
            units[children] = 0x8000_0000
        }
        var model = HandMadeModel()
        model.charactersMap = HandMadeModel.charactersMap(units, replacements: [0x62, 0])
        #expect(try model.tokenizer().encode(String(repeating: "a", count: 32)) == [2])
        #expect(try model.tokenizer().encode(String(repeating: "a", count: 40)) == [2, 2])

        // The same for user-defined pieces, of 2 to 70 letters, where the limit is 64: the longest that is seen
        // has 65 letters, and the rule applies to the letter behind it.
        model.pieces += (65...70).map { .init(String(repeating: "a", count: $0), kind: 4) }
        model.pieces += (2...64).map { .init(String(repeating: "a", count: $0), kind: 4) }
        #expect(try model.tokenizer().encode(String(repeating: "a", count: 66)) == [4, 2])
        #expect(try model.tokenizer().encode(String(repeating: "a", count: 70)) == [9])
    }

    @Test(arguments: [(2, "bytePairEncoding"), (3, "word"), (4, "character")] as [(UInt64, String)])
    func refusesOtherKindsOfModels(_ kind: UInt64, _ name: String) throws {
        let model = try { () throws -> SentencePieceModel in
            var model = HandMadeModel()
            model.modelKind = kind
            return try model.model()
        }()
        let error = #expect(throws: CheckpointError.self) { try UnigramTokenizer(model) }
        guard case .unsupported(let file, let offset, let reason) = error else {
            Issue.record("\(String(describing: error)) is not about something unsupported")
            return
        }
        #expect(file == "hand-made.spm" && offset > 0 && reason.contains(name))
    }

    /// Models that are wrong in one way, and what the message must mention.
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var message: String
        var bytes: [UInt8]

        init(_ name: String, _ message: String, _ change: (inout HandMadeModel) -> Void) {
            var model = HandMadeModel()
            change(&model)
            (testDescription, self.message, bytes) = (name, message, model.bytes)
        }

        init(_ name: String, _ message: String, bytes: [UInt8]) {
            (testDescription, self.message, self.bytes) = (name, message, bytes)
        }
    }

    @Test(arguments: contradictions + malformations + damagedMaps)
    func refuses(_ fault: Fault) {
        let region = ByteRegion(copying: fault.bytes, source: "faulty.spm")
        let error = #expect(throws: CheckpointError.self) { try UnigramTokenizer(SentencePieceModel(region)) }
        let description = error?.description ?? "no error"
        #expect(description.contains(fault.message) && description.contains("faulty.spm"), "\(description)")
        #expect(description.contains("byte "), "no offset in: \(description)")
    }

    static let contradictions = [
        Fault("no pieces", "has no pieces") { $0.pieces = [] },
        Fault("an empty file", "has no pieces", bytes: []),
        Fault("an empty piece", "piece 1 is empty") { $0.pieces[1].text = [] },
        Fault("a NUL in a piece", "contains a NUL") { $0.pieces[1].text = [0x61, 0] },
        Fault("an endless piece", "has 8000 bytes") { $0.pieces[1].text = [UInt8](repeating: 0x61, count: 8000) },
        Fault("a score that is no number", "score of piece 2 is nan") { $0.pieces[2].score = .nan },
        Fault("an infinite score", "score of piece 2 is -inf") { $0.pieces[2].score = -.infinity },
        Fault("a piece twice", "piece 3 is spelled like piece 1") { $0.pieces[3].text = $0.pieces[1].text },
        Fault("a control piece twice", "piece 5 is spelled like piece 4") {
            $0.pieces += [.init("<s>", kind: 3), .init("<s>", kind: 3)]
        },
        Fault("two unknown pieces", "second unknown piece") { $0.pieces.append(.init("<u>", kind: 2)) },
        Fault("no unknown piece", "no unknown piece") { $0.pieces.removeFirst() },
        Fault("byte pieces without byte fallback", "no byte fallback") { $0.pieces.append(.init("<0x00>", kind: 6)) },
        Fault("byte pieces in lower case", "not spelled <0x00>") {
            $0.byteFallback = true
            $0.pieces.append(.init("<0xab>", kind: 6))
        },
        Fault("too few byte pieces", "no piece for the byte 1") {
            $0.byteFallback = true
            $0.pieces.append(.init("<0x00>", kind: 6))
        },
        Fault("a kind of piece that is unknown", "9 is not the kind of a piece") { $0.pieces[1].kind = 9 },
        Fault("a kind of model that is unknown", "7 is not the kind of a model") { $0.modelKind = 7 },
    ]

    static let malformations = [
        Fault("a field numbered 0", "is not the tag of a field") { $0.extra = [0x02, 0] },
        Fault("a group", "is not the tag of a field") { $0.extra = [0x0B, 0x0C] },
        Fault("an endless varint", "not a varint of 64 bits") {
            $0.extra = [0x78] + [UInt8](repeating: 0xFF, count: 12)
        },
        Fault("a varint of 65 bits", "not a varint of 64 bits") {
            $0.extra = [0x78] + [UInt8](repeating: 0xFF, count: 9) + [2]
        },
        Fault("a varint cut off", "truncated") { $0.extra = [0x78, 0x80] },
        Fault("a length beyond the end", "a piece needs 200 bytes") { $0.extra = [0x0A, 0xC8, 0x01, 1] },
        Fault("a length of 64 bits", "truncated") { $0.extra = [0x0A] + HandMadeModel.varint(.max) },
        Fault("a nested length beyond its message", "a piece's text needs 3 bytes, 2 are left") {
            $0.extra = [0x0A, 4, 0x0A, 3, 0x61, 0x62, 0x63, 0x64]
        },
        Fault("a score of two bytes", "a piece's score needs 4 bytes") { $0.extra = [0x0A, 3, 0x15, 0, 0] },
        Fault("a piece that is a number", "wire type varint, expected lengthDelimited") { $0.extra = [0x08, 1] },
        Fault("a score that is text", "wire type lengthDelimited, expected fixed32") { $0.extra = [0x0A, 2, 0x12, 0] },
        Fault("text in place of a model", "", bytes: Array("not a model at all\n".utf8)),
    ]

    static let damagedMaps: [Fault] = {
        func fault(_ name: String, _ message: String, _ map: [UInt8]) -> Fault {
            Fault(name, message) { $0.charactersMap = map }
        }
        func fault(_ name: String, _ message: String, at index: Int, _ unit: UInt32) -> Fault {
            var units = HandMadeModel.oneRule(value: 0)
            units[index] = unit
            return fault(name, message, HandMadeModel.charactersMap(units, replacements: [0x62, 0]))
        }
        let rule = HandMadeModel.oneRule(value: 0)
        return [
            fault("a map of three bytes", "too few", [0, 0, 0]),
            fault("a map without a trie", "not the size of a trie", [0, 0, 0, 0, 0]),
            fault("a trie of half a unit", "not the size of a trie", [2, 0, 0, 0, 0, 0, 0]),
            fault("a trie beyond the map", "leaves no replacements", [0, 4, 0, 0, 0]),
            fault(
                "a trie as long as the map", "leaves no replacements",
                HandMadeModel.charactersMap(rule, replacements: [])),
            fault(
                "replacements without an end", "does not end with a NUL",
                HandMadeModel.charactersMap(rule, replacements: [1])),
            fault("a trie without a root", "not the root", at: 0, 0x100),
            fault("a root that leads nowhere", "not the root", at: 0, 0),
            fault("a root beyond the trie", "not the root", at: 0, 4096 << 10),
            fault("a unit beyond the trie", "points outside the 768 units", at: 700, 4096 << 10 | 0x05),
            fault("a far unit beyond the trie", "points outside the 768 units", at: 700, 0xFFFF_FE05 & 0x7FFF_FEFF),
            fault("a value beyond the replacements", "points outside the 2 bytes", at: 512, 0x8000_0002),
            fault("a value that is no value", "has no value", at: 512, 0xFF),
            fault("a loop", "leads back to itself", at: 256 ^ 0x61, 0x61 << 10 | 0x61),
            fault(
                "an endless replacement", "more than 1024 bytes",
                HandMadeModel.charactersMap(rule, replacements: [UInt8](repeating: 0x62, count: 1025) + [0])),
            fault("a trie of one unit", "not the root", HandMadeModel.charactersMap([256 << 10], replacements: [0])),
        ]
    }()

    @Test func findsEveryPieceOfALargeVocabulary() throws {
        // Nodes with hundreds of children, long chains, and pieces that begin like others.
        var model = HandMadeModel()
        var texts: Set<String> = ["a", "b", "ab"]
        var state: UInt32 = 7
        func random(_ bound: UInt32) -> UInt32 {
            state = state &* 1_664_525 &+ 1_013_904_223
            return (state >> 8) % bound
        }
        let scalars = (0x80..<0x800).compactMap(Unicode.Scalar.init) + (0x61...0x7A).compactMap(Unicode.Scalar.init)
        while model.pieces.count < 60_000 {
            var text = ""
            for _ in 0...random(6) { text.unicodeScalars.append(scalars[Int(random(UInt32(scalars.count)))]) }
            // Not by equality of strings, which would drop spellings that are equivalent.
            let inserted = texts.insert(text.unicodeScalars.map { String($0.value) }.joined(separator: " ")).inserted
            if inserted, text != "a", text != "b", text != "ab" { model.pieces.append(.init(text)) }
        }
        let tokenizer = try model.tokenizer()
        for (id, piece) in model.pieces.enumerated().dropFirst() {
            let ids = piece.text.withUnsafeBytes { tokenizer.encode(utf8: $0) }
            #expect(ids == [Int32(id)])
            #expect(tokenizer.pieceBytes(Int32(id)) == piece.text)
        }
    }
}
