import Checkpoints
import TestSupport
import Testing

/// The typed accessors of metadata.
@Suite struct GGUFMetadataTests {
    static func metadata(_ pairs: [(String, [UInt8])]) throws -> GGUFMetadata {
        try GGUFBuilder(pairs: pairs.map { GGUFBuilder.Pair($0.0, $0.1) }).read().metadata
    }

    static func fixture() throws -> GGUFMetadata {
        try GGUFCheckpoint(path: Fixtures.path("gguf/metadata.gguf")).metadata
    }

    @Test func integersOfAllTypesAreRead() throws {
        let metadata = try Self.fixture()
        for (name, bounds) in [
            ("uint8", [0, 255]), ("int8", [-128, 127]), ("uint16", [0, 65535]), ("int16", [-32768, 32767]),
            ("uint32", [0, Int(UInt32.max)]), ("int32", [Int(Int32.min), Int(Int32.max)]), ("int64", [.min, .max]),
        ] {
            #expect(try metadata.integer("test.\(name).0") == bounds[0])
            #expect(try metadata.integerIfPresent("test.\(name).1") == bounds[1])
            #expect(try metadata.integers("test.array.\(name)") == bounds)
        }
    }

    @Test func floatsBooleansAndStringsAreRead() throws {
        let metadata = try Self.fixture()
        #expect(try metadata.float("test.float32.1") == 1e-5)
        #expect(try metadata.float("test.float64.2") == -2.5)
        #expect(try metadata.floats("test.array.float32") == [-0.0, 1e-5, 3.5, .infinity])
        #expect(try metadata.floats("test.array.float64") == [.infinity, 0, -2.5])
        #expect(try metadata.boolean("test.bool.1"))
        #expect(try metadata.booleans("test.array.bool") == [false, true])
        #expect(try metadata.string("test.string.0") == "")
        #expect(try metadata.string("test.string.2") == "naïve 日本語 \u{1F600}")
        let strings = try metadata.strings("test.array.string")
        #expect(strings.count == 6)
        #expect(strings.text(at: 1) == "GGUF")
        // Not composed on the way: tokens are bytes.
        #expect(Array(strings.bytes(at: 3)) == [0x61, 0xcc, 0x80])
        #expect(Array(strings.bytes(at: 4)) == Array("line\nand\ttab\0".utf8))
    }

    @Test func whatIsAbsentIsNilOrNamed() throws {
        let metadata = try Self.metadata([])
        #expect(try metadata.integerIfPresent("llama.block_count") == nil)
        #expect(try metadata.floatIfPresent("a") == nil)
        #expect(try metadata.booleanIfPresent("a") == nil)
        #expect(try metadata.stringIfPresent("a") == nil)
        #expect(try metadata.integersIfPresent("a") == nil)
        #expect(try metadata.floatsIfPresent("a") == nil)
        #expect(try metadata.booleansIfPresent("a") == nil)
        #expect(try metadata.stringsIfPresent("a")?.count == nil)
        let calls: [(expected: String, call: () throws -> Void)] = [
            ("an integer of at most 63 bits", { _ = try metadata.integer("a.b") }),
            ("a float", { _ = try metadata.float("a.b") }),
            ("a bool", { _ = try metadata.boolean("a.b") }),
            ("a string", { _ = try metadata.string("a.b") }),
            ("an array of integers of at most 63 bits", { _ = try metadata.integers("a.b") }),
            ("an array of floats", { _ = try metadata.floats("a.b") }),
            ("an array of bools", { _ = try metadata.booleans("a.b") }),
            ("an array of strings", { _ = try metadata.strings("a.b") }),
            ("an array of strings", { _ = try metadata.texts("a.b") }),
        ]
        for (expected, call) in calls {
            let error = #expect(throws: GGUFMetadataError.self, performing: call)
            #expect(error == .missing(file: "test.gguf", key: "a.b", expected: expected))
            #expect(error?.description == "test.gguf: the metadata has no a.b, expected to be \(expected)")
        }
    }

    @Test func anotherTypeIsNamed() throws {
        let metadata = try Self.metadata([
            ("count", GGUFEncoded.uint32(3)), ("huge", GGUFEncoded.uint64(1 << 63)), ("rate", GGUFEncoded.float32(1)),
            ("name", GGUFEncoded.string("x")), ("flag", GGUFEncoded.bool(0)), ("nested", GGUFEncoded.nested(2)),
            ("list", GGUFEncoded.array(4, count: 2, little(UInt64(0)))),
            ("words", GGUFEncoded.array(8, count: 1, GGUFEncoded.stringBytes("w"))),
            ("huges", GGUFEncoded.array(10, count: 1, little(UInt64.max))),
        ])
        let calls: [(key: String, found: String, call: (String) throws -> Void)] = [
            ("rate", "float32", { _ = try metadata.integer($0) }),
            ("huge", "uint64", { _ = try metadata.integer($0) }),
            ("list", "array of 2 × uint32", { _ = try metadata.integer($0) }),
            ("count", "uint32", { _ = try metadata.float($0) }),
            ("count", "uint32", { _ = try metadata.boolean($0) }),
            ("flag", "bool", { _ = try metadata.string($0) }),
            ("words", "array of 1 × string", { _ = try metadata.string($0) }),
            ("count", "uint32", { _ = try metadata.integers($0) }),
            ("words", "array of 1 × string", { _ = try metadata.integers($0) }),
            ("huges", "array of 1 × uint64", { _ = try metadata.integers($0) }),
            ("list", "array of 2 × uint32", { _ = try metadata.floats($0) }),
            ("list", "array of 2 × uint32", { _ = try metadata.booleans($0) }),
            ("nested", "array of 1 × array", { _ = try metadata.strings($0) }),
            ("name", "string", { _ = try metadata.texts($0) }),
            ("name", "string", { _ = try metadata.stringsIfPresent($0) }),
            ("name", "string", { _ = try metadata.integerIfPresent($0) }),
        ]
        for (key, found, call) in calls {
            let error = #expect(throws: GGUFMetadataError.self) { try call(key) }
            guard case .mismatched(_, key, _, found) = error else {
                Issue.record("\(key): \(String(describing: error))")
                continue
            }
            #expect(error?.description.hasPrefix("test.gguf: the metadata \(key) is \(found), expected a") == true)
        }
    }

    @Test func textThatIsNotUTF8IsRefusedWhereItIsAskedFor() throws {
        let metadata = try Self.fixture()
        let single = #expect(throws: GGUFMetadataError.self) { try metadata.string("test.string.5") }
        #expect(single == .notUTF8(file: metadata.file, key: "test.string.5", index: nil))
        let element = #expect(throws: GGUFMetadataError.self) { try metadata.texts("test.array.string") }
        #expect(element == .notUTF8(file: metadata.file, key: "test.array.string", index: 5))
        #expect(element?.description.hasSuffix("the metadata test.array.string[5] is not UTF-8") == true)
        let strings = try metadata.strings("test.array.string")
        #expect(strings.text(at: 5) == nil)
        #expect(Array(strings.bytes(at: 5).prefix(2)) == [0xff, 0xfe])
    }

    @Test func emptyArraysAreRead() throws {
        let metadata = try Self.metadata([
            ("integers", GGUFEncoded.array(4, count: 0, [])), ("strings", GGUFEncoded.array(8, count: 0, [])),
            ("arrays", GGUFEncoded.array(9, count: 0, [])),
        ])
        #expect(try metadata.integers("integers") == [])
        #expect(try metadata.texts("strings") == [])
        #expect(metadata.keys.count == 3)
    }

    /// The largest vocabularies have 250,000 tokens, each found where it is.
    @Test func aLargeVocabularyIsRead() throws {
        let count = 250_000
        var elements: [UInt8] = []
        for index in 0..<count { elements += GGUFEncoded.stringBytes("token \(index)") }
        let region = ByteRegion(
            copying: GGUFBuilder(pairs: [
                GGUFBuilder.Pair("tokens", GGUFEncoded.array(8, count: UInt64(count), elements))
            ]).bytes, source: "test.gguf")
        let tokens = try GGUFCheckpoint(region).metadata.strings("tokens")
        #expect(tokens.count == count)
        #expect(tokens.text(at: 0) == "token 0")
        #expect(tokens.text(at: 123_456) == "token 123456")
        #expect(tokens.text(at: count - 1) == "token \(count - 1)")
    }
}
