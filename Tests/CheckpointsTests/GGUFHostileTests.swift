import Checkpoints
import Testing

/// GGUF files that lie. Each must end in an error that says what is wrong and where.
@Suite struct GGUFHostileTests {
    typealias Tensor = GGUFBuilder.Tensor
    typealias Pair = GGUFBuilder.Pair

    struct Hostile: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var says: String
        var testDescription: String { name }

        init(_ name: String, _ bytes: [UInt8], _ says: String) {
            (self.name, self.bytes, self.says) = (name, bytes, says)
        }

        init(_ name: String, _ file: GGUFBuilder, _ says: String) { self.init(name, file.bytes, says) }
    }

    static let plain = GGUFBuilder(tensors: [Tensor("x")])

    static let headers: [Hostile] = [
        Hostile("an empty file", [], "the letters GGUF needs 4 bytes, 0 are left"),
        Hostile("another format", Array("PK\u{3}\u{4}0123456789".utf8), "does not begin with the letters GGUF"),
        Hostile(
            "an older format of the same family", GGUFBuilder(magic: "ggjt"), "does not begin with the letters GGUF"),
        Hostile("only the letters", Array("GGUF".utf8), "the version needs 4 bytes"),
        Hostile("version 0", GGUFBuilder(version: 0), "GGUF version 0"),
        Hostile("version 1", GGUFBuilder(version: 1), "GGUF version 1; versions 2 and 3 are read, convert the model"),
        Hostile("version 4", GGUFBuilder(version: 4), "GGUF version 4; versions 2 and 3 are read"),
        Hostile("a big-endian version 3", GGUFBuilder(version: UInt32(3).byteSwapped), "a big-endian GGUF file"),
        Hostile("a big-endian version 2", GGUFBuilder(version: UInt32(2).byteSwapped), "a big-endian GGUF file"),
        Hostile(
            "a huge number of tensors", GGUFBuilder(tensorCount: .max), "the number of tensors is 1844674407370955"),
        Hostile("more tensors than fit", GGUFBuilder(tensorCount: 3), "the number of tensors is 3, more than the 0"),
        Hostile("a tensor too many", GGUFBuilder(tensorCount: 2, tensors: [Tensor("x")]), "a tensor's name is empty"),
        Hostile(
            "tensors too many, one of which is made of data",
            GGUFBuilder(tensorCount: 4, tensors: [Tensor("x", dimensions: [40], size: 160)]), "test.gguf"),
        Hostile("a tensor too few", GGUFBuilder(tensorCount: 0, tensors: [Tensor("x")]), "bytes follow the metadata"),
        Hostile(
            "one of two tensors only",
            GGUFBuilder(tensorCount: 1, tensors: [Tensor("x"), Tensor("y", dimensions: [9], size: 36)]),
            "bytes follow the last tensor"),
        Hostile(
            "a huge number of pairs", GGUFBuilder(pairCount: 1 << 63), "the number of metadata pairs is 922337203685"),
        Hostile("more pairs than fit", GGUFBuilder(pairCount: 2), "the number of metadata pairs is 2"),
        Hostile(
            "more pairs than anybody has",
            GGUFBuilder(pairCount: 65537, tensors: [Tensor("x", dimensions: [1 << 19], size: 1 << 21)]),
            "more than the 65536 possible"),
        Hostile("a pair too few", GGUFBuilder(pairCount: 0, pairs: [Pair("k", GGUFEncoded.uint32(1))]), "bytes follow"),
    ]

    static let metadata: [Hostile] = [
        Hostile(
            "an empty key", GGUFBuilder.with("", GGUFEncoded.uint32(1)), "a metadata key is empty"),
        Hostile(
            "a huge key", GGUFBuilder(pairs: [Pair("k", GGUFEncoded.uint32(1), keyLength: .max)]),
            "the length of a metadata key is 18446744073709551615, more than the 65535"),
        Hostile(
            "a key longer than the file", GGUFBuilder(pairs: [Pair("k", GGUFEncoded.uint32(1), keyLength: 9000)]),
            "a metadata key needs 9000 bytes"),
        Hostile(
            "a key longer than the format allows",
            GGUFBuilder.with(String(repeating: "k", count: 65536), GGUFEncoded.uint32(1)), "more than the 65535"),
        Hostile(
            "a key that is not UTF-8",
            GGUFBuilder.with("", GGUFEncoded.uint32(1)).replacingFirstKey(with: [0xc3, 0x28]),
            "a metadata key is not UTF-8"),
        Hostile(
            "the same key twice",
            GGUFBuilder(pairs: [Pair("a.b", GGUFEncoded.uint32(1)), Pair("a.b", GGUFEncoded.uint32(1))]),
            "the metadata key \"a.b\" appears twice"),
        Hostile("an unknown type", GGUFBuilder.with("k", little(UInt32(13)) + [0, 0, 0, 0]), "\"k\" has the type 13"),
        Hostile("a huge type", GGUFBuilder.with("k", little(UInt32.max)), "\"k\" has the type 4294967295"),
        Hostile("a truth value of 2", GGUFBuilder.with("k", GGUFEncoded.bool(2)), "\"k\" is the truth value 2"),
        Hostile(
            "a huge string", GGUFBuilder.with("k", GGUFEncoded.string("v", length: .max)), "the length of the metadata"),
        Hostile(
            "a string longer than the file", GGUFBuilder.with("k", GGUFEncoded.string("v", length: 200)),
            "the length of the metadata \"k\" is 200"),
        Hostile(
            "control characters in a key",
            GGUFBuilder.with("k\u{1b}[2J\n", little(UInt32(99))), "\"k\\u{1B}[2J\\n\" has the type 99"),
        Hostile(
            "a long key in the message", GGUFBuilder.with(String(repeating: "k", count: 60000), little(UInt32(99))),
            "kkkkkkkk\"… has the type 99"),
    ]

    static let arrays: [Hostile] = [
        Hostile(
            "a huge array", GGUFBuilder.with("k", GGUFEncoded.array(4, count: .max, [])),
            "\"k\" has 18446744073709551615 elements of uint32"),
        Hostile(
            "an array whose size overflows", GGUFBuilder.with("k", GGUFEncoded.array(10, count: 1 << 61, [])),
            "\"k\" has 2305843009213693952 elements of uint64"),
        Hostile(
            "an array longer than the file", GGUFBuilder.with("k", GGUFEncoded.array(0, count: 500, [1])),
            "\"k\" has 500 elements of uint8"),
        Hostile(
            "an array of an unknown type", GGUFBuilder.with("k", GGUFEncoded.array(14, count: 1, [0])),
            "the elements of the metadata \"k\" has the type 14"),
        Hostile(
            "an array with a truth value of 3", GGUFBuilder.with("k", GGUFEncoded.array(7, count: 3, [0, 1, 3])),
            "\"k\"[2] is the truth value 3"),
        Hostile(
            "a huge array of strings", GGUFBuilder.with("k", GGUFEncoded.array(8, count: 1 << 60, [])),
            "\"k\" has 1152921504606846976 elements of string"),
        Hostile(
            "a huge string in an array",
            GGUFBuilder.with(
                "k",
                GGUFEncoded.array(
                    8, count: 2, GGUFEncoded.stringBytes("a") + GGUFEncoded.stringBytes("b", length: .max))),
            "\"k\"[1] has 18446744073709551615 bytes"),
        Hostile(
            "a string in an array one byte too long",
            GGUFBuilder(
                pairs: [Pair("k", GGUFEncoded.array(8, count: 1, GGUFEncoded.stringBytes("a", length: 2)))]),
            "\"k\"[0] has 2 bytes, more than the 1 that are left"),
        Hostile(
            "a string in an array that leaves no room for the next",
            GGUFBuilder(
                pairs: [
                    Pair("k", GGUFEncoded.array(8, count: 2, GGUFEncoded.stringBytes("aaaaaaaaaaaaaaaa", length: 13)))
                ]), "\"k\"[1] needs 8 bytes, 3 are left"),
        Hostile(
            "arrays nested too deep", GGUFBuilder.with("k", GGUFEncoded.nested(5)),
            "\"k\" has arrays nested more than 4"),
        Hostile(
            "arrays nested a thousand deep", GGUFBuilder.with("k", GGUFEncoded.nested(1000)), "nested more than 4"),
        Hostile(
            "more arrays in an array than fit",
            GGUFBuilder.with("k", GGUFEncoded.array(9, count: 9, little(UInt32(4)))),
            "elements of array"),
        Hostile(
            "a huge array in an array",
            GGUFBuilder.with("k", GGUFEncoded.array(9, count: 1, little(UInt32(0)) + little(UInt64.max))),
            "\"k\" has 18446744073709551615 elements of uint8"),
    ]

    static let alignments: [Hostile] =
        [0, 1, 4, 7, 24, 33, 131_072, .max].map {
            Hostile(
                "the alignment \($0)", GGUFBuilder.with("general.alignment", GGUFEncoded.uint32($0)),
                "general.alignment is \($0), expected a power of two from 8 to 65536")
        } + [
            Hostile(
                "an alignment that is no number", GGUFBuilder.with("general.alignment", GGUFEncoded.string("32")),
                "general.alignment is string"),
            Hostile(
                "an alignment that the data does not have",
                GGUFBuilder.with("general.alignment", GGUFEncoded.uint32(4096)),
                "the data of 1 tensors needs"),
        ]

    static let tensors: [Hostile] = [
        Hostile("a tensor without a name", GGUFBuilder.with(Tensor("")), "a tensor's name is empty"),
        Hostile(
            "a huge name", GGUFBuilder.with(Tensor("x", nameLength: 1 << 40)),
            "the length of a tensor's name is 1099511627776, more than the 65535"),
        Hostile(
            "the same name twice", GGUFBuilder(tensors: [Tensor("x"), Tensor("x")]), "the tensor \"x\" appears twice"),
        Hostile(
            "five dimensions", GGUFBuilder.with(Tensor("x", dimensions: [1, 1, 1, 1, 4])), "5 dimensions, more than 4"),
        Hostile("a huge number of dimensions", GGUFBuilder.with(Tensor("x", rank: .max)), "4294967295 dimensions"),
        Hostile("an empty dimension", GGUFBuilder.with(Tensor("x", dimensions: [4, 0])), "the dimension 0"),
        Hostile(
            "a huge dimension", GGUFBuilder.with(Tensor("x", dimensions: [.max])), "the dimension 18446744073709551615"),
        Hostile(
            "dimensions that overflow", GGUFBuilder.with(Tensor("x", dimensions: [1 << 32, 1 << 32])),
            "the dimension 4294967296"),
        Hostile(
            "dimensions that overflow to zero", GGUFBuilder.with(Tensor("x", dimensions: [1 << 62, 4, 4])),
            "the dimension 4611686018427387904"),
        Hostile(
            "a tensor longer than the file", GGUFBuilder.with(Tensor("x", dimensions: [60])),
            "\"x\" of shape [60] needs 240 bytes from offset 0 on, more than the file has"),
        Hostile(
            "a tensor longer than the data", GGUFBuilder.with(Tensor("x", dimensions: [9])), "\"x\" needs 36 bytes"),
        Hostile("a type that is not read", GGUFBuilder.with(Tensor("x", type: 23)), "has the type IQ4_XS; F32, F16, "),
        Hostile("integers", GGUFBuilder.with(Tensor("x", type: 26)), "has the type I32"),
        Hostile("a type that was removed", GGUFBuilder.with(Tensor("x", type: 4)), "has the type Q4_2"),
        Hostile("a type that is unknown", GGUFBuilder.with(Tensor("x", type: 1000)), "the type 1000, which is unknown"),
        Hostile(
            "rows that are not whole blocks", GGUFBuilder.with(Tensor("x", dimensions: [33], type: 2)),
            "\"x\" has rows of 33 elements, which are no whole number of Q4_0 blocks of 32"),
        Hostile(
            "whole blocks over two rows only", GGUFBuilder.with(Tensor("x", dimensions: [16, 2], type: 8)),
            "rows of 16 elements, which are no whole number of Q8_0 blocks"),
        Hostile(
            "rows that are not whole super-blocks", GGUFBuilder.with(Tensor("x", dimensions: [128], type: 12)),
            "rows of 128 elements, which are no whole number of Q4_K blocks of 256"),
        Hostile(
            "a number of a type with blocks", GGUFBuilder.with(Tensor("x", dimensions: [], type: 2)),
            "rows of 1 elements"),
        Hostile("a huge offset", GGUFBuilder.with(Tensor("x", offset: .max - 31)), "the offset of the tensor \"x\" is"),
        Hostile(
            "an offset off the alignment", GGUFBuilder.with(Tensor("x", offset: 16)), "the offset 16, no multiple of 32"
        ),
        Hostile(
            "an offset beyond the data", GGUFBuilder.with(Tensor("x", offset: 32)), "32 bytes before the tensor \"x\""),
        Hostile(
            "two tensors in one place", GGUFBuilder(tensors: [Tensor("x"), Tensor("y", offset: 0)]),
            "overlaps"),
        Hostile(
            "tensors that overlap in part",
            GGUFBuilder(tensors: [Tensor("x", dimensions: [12], size: 48), Tensor("y", offset: 32)]),
            "the tensor \"y\" overlaps \"x\": it begins at offset 32, the other ends at 48"),
        Hostile(
            "tensors in the other order that overlap",
            GGUFBuilder(tensors: [Tensor("x", offset: 32), Tensor("y", dimensions: [9], offset: 0, size: 36)]),
            "the tensor \"x\" overlaps \"y\""),
        Hostile(
            "a gap between tensors",
            GGUFBuilder(tensors: [Tensor("x"), Tensor("y", offset: 64), Tensor("z", offset: 96)]),
            "48 bytes before the tensor \"y\" belong to no tensor"),
        Hostile(
            "bytes behind the padding", GGUFBuilder(tensors: [Tensor("x")], tail: 1), "17 bytes follow the last tensor"),
        Hostile(
            "the same file twice over", plain.bytes + plain.bytes, "bytes follow the last tensor"),
        Hostile(
            "a part of a split checkpoint without a path",
            GGUFBuilder(
                pairs: [
                    Pair("split.no", GGUFEncoded.uint32(0)), Pair("split.count", GGUFEncoded.uint32(2)),
                ]), "this is part 1 of 2, but its name does not end in -00001-of-00002.gguf"),
        Hostile(
            "a part beyond the number of parts",
            GGUFBuilder(
                pairs: [
                    Pair("split.no", GGUFEncoded.uint32(2)), Pair("split.count", GGUFEncoded.uint32(2)),
                ]), "split.no is 2, expected a number from 0 to 1"),
        Hostile(
            "a checkpoint of no parts", GGUFBuilder(pairs: [Pair("split.count", GGUFEncoded.uint32(0))]),
            "split.count is 0, expected a number from 1 to 99999"),
        Hostile(
            "parts without a number", GGUFBuilder(pairs: [Pair("split.count", GGUFEncoded.uint32(2))]),
            "split.no is missing"),
    ]

    @Test(arguments: [headers, metadata, arrays, alignments, tensors].flatMap { $0 })
    func isRefusedWithTheReason(file: Hostile) {
        let error = #expect(throws: CheckpointError.self) { try GGUFBuilder.read(file.bytes) }
        let message = error?.description ?? ""
        #expect(message.contains(file.says), "\(message)")
        #expect(message.hasPrefix("test.gguf: "))
        #expect(message.utf8.count < 1000)
        #expect(message.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    /// A file with a bit of everything; its last tensor ends with the file, so that no byte can be spared.
    static let whole = GGUFBuilder(
        pairs: [
            Pair("general.alignment", GGUFEncoded.uint32(16)), Pair("a", GGUFEncoded.string("text")),
            Pair("b", GGUFEncoded.array(8, count: 2, GGUFEncoded.stringBytes("") + GGUFEncoded.stringBytes("two"))),
            Pair("c", GGUFEncoded.nested(3)), Pair("d", GGUFEncoded.bool(1)),
            Pair("e", GGUFEncoded.array(6, count: 2, little(Float(1).bitPattern) + little(Float(2).bitPattern))),
        ],
        tensors: [
            Tensor("first", dimensions: [32, 2], type: 8, size: 68), Tensor("second", dimensions: [2, 2], size: 16),
        ], alignment: 16)

    @Test func everyTruncationIsRefused() throws {
        let bytes = Self.whole.bytes
        #expect(try GGUFBuilder.read(bytes).tensors.count == 2)
        for length in 0..<bytes.count {
            #expect(throws: CheckpointError.self, "\(length) bytes") { try GGUFBuilder.read(bytes.prefix(length)) }
        }
    }

    /// A flipped bit in a number or a name may leave a file that can be read; it must not do worse than throw, and no
    /// tensor may be taken from elsewhere than where it was.
    @Test func flippedBitsNeverCrashAndNeverMoveATensor() throws {
        let bytes = Self.whole.bytes
        let tensors = try GGUFBuilder.read(bytes).tensors.values.map { Array($0.bytes.buffer) }
        let data = bytes.count - 96
        var refused = 0
        for position in 0..<data {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << UInt8(bit)
                do {
                    let checkpoint = try GGUFBuilder.read(damaged)
                    for tensor in checkpoint.tensors.values {
                        #expect(
                            tensors.contains { $0.starts(with: tensor.bytes.buffer) }, "bit \(bit) of byte \(position)")
                    }
                    for key in checkpoint.metadata.keys { _ = try? checkpoint.metadata.texts(key) }
                } catch is CheckpointError {
                    refused += 1
                }
            }
        }
        #expect(refused > data * 4)
    }

    @Test func randomDamageNeverCrashes() throws {
        let bytes = Self.whole.bytes
        var random = SplitMix64(state: 7)
        var refused = 0
        for _ in 0..<5000 {
            var damaged = bytes
            for _ in 0...Int.random(in: 0..<6, using: &random) {
                // Whole numbers at the edges of their range do more harm than single bits.
                let position = Int.random(in: 8..<(bytes.count - 8), using: &random)
                let edges: [UInt64] = [0, 1, 32, 0x7fff_ffff, 0xffff_ffff, 1 << 62, .max]
                let edge = edges[Int.random(in: 0..<edges.count, using: &random)]
                damaged.replaceSubrange(position..<(position + 8), with: little(edge))
            }
            do {
                let checkpoint = try GGUFBuilder.read(damaged)
                for tensor in checkpoint.tensors.values { _ = tensor.floats() }
            } catch is CheckpointError {
                refused += 1
            }
        }
        #expect(refused > 2500)
    }
}

extension GGUFBuilder {
    fileprivate func replacingFirstKey(with key: [UInt8]) -> GGUFBuilder {
        var copy = self
        copy.pairs[0].key = key
        return copy
    }
}

/// Random numbers that are the same in every run.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
