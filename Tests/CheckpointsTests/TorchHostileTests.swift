import Checkpoints
import Foundation
import TestSupport
import Testing

/// PyTorch files that lie, or want to run something. Each must end in an error that says what is wrong and where.
@Suite struct TorchHostileTests {
    typealias Pickle = Pickled

    static func hostile(_ name: String, _ pickle: [UInt8], _ says: String) -> HostileFile {
        HostileFile(name, TorchBuilder(pickle: pickle).bytes, says)
    }

    static func hostile(_ name: String, tensor: [UInt8], _ says: String) -> HostileFile {
        hostile(name, Pickle.dictionary([("x", tensor)]), says)
    }

    static func asks(_ module: String, _ name: String) -> HostileFile {
        hostile(
            "\(module).\(name)",
            Pickle.program(Pickle.call(Pickle.global(module, name), [Pickle.string("touch /tmp/hacked")])),
            "not supported, at byte 2: the pickle asks for \"\(module).\(name)\", which no checkpoint needs")
    }

    static let globals: [HostileFile] = [
        asks("os", "system"), asks("posix", "system"), asks("builtins", "eval"), asks("__builtin__", "exec"),
        asks("subprocess", "Popen"), asks("torch", "load"), asks("torch.storage", "_load_from_bytes"),
        asks("torch._utils", "_rebuild_tensor"), asks("torch.serialization", "load"), asks("collections", "deque"),
        asks("Collections", "OrderedDict"), asks("torch", "FloatTensor"), asks("torch", ""), asks("", ""),
        asks("torch._utils._rebuild_tensor_v2", ""), asks("collections OrderedDict", ""),
        hostile(
            "a global by strings",
            Pickle.program(Pickle.string("os") + Pickle.string("system") + [0x93]), "asks for \"os.system\""),
        hostile(
            "a global by numbers", Pickle.program([0x4b, 1, 0x4b, 2, 0x93]), "a global is not named by two strings"),
        hostile(
            "a global without an end", Pickle.program([0x63] + [UInt8](repeating: 0x61, count: 900)),
            "the module of a global has no end within 256 bytes"),
        hostile("a global that is not UTF-8", Pickle.program([0x63, 0xff, 0x0a, 0x61, 0x0a]), "is not UTF-8"),
    ]

    static let opcodes: [HostileFile] =
        [
            (0x30, "POP"), (0x31, "POP_MARK"), (0x32, "DUP"), (0x49, "INT"), (0x4c, "LONG"), (0x50, "PERSID"),
            (0x53, "STRING"), (0x64, "DICT"), (0x69, "INST"), (0x6f, "OBJ"), (0x81, "NEWOBJ"), (0x82, "EXT1"),
            (0x92, "NEWOBJ_EX"), (0x8b, "LONG4"), (0x96, "BYTEARRAY8"), (0x97, "NEXT_BUFFER"),
        ].map { byte, name in
            hostile(
                "the opcode \(name)", Pickle.program([byte]),
                "not supported, at byte 2: the pickle opcode \(name) (0x\(String(byte, radix: 16))) is not one")
        } + [
            hostile("no opcode", Pickle.program([0xff]), "invalid at byte 2: 0xff is no pickle opcode"),
            hostile("an empty pickle", [], "a pickle opcode needs 1 bytes, 0 are left"),
            hostile("protocol 0", [0x80, 0, 0x2e], "pickle protocol 0"),
            hostile("protocol 6", [0x80, 6, 0x2e], "pickle protocol 6"),
            hostile("a second protocol", Pickle.program([0x80, 2]), "pickle protocol 2, at the start"),
            hostile("an end without a value", Pickle.program([]), "ends with 0 values and 0 marks"),
            hostile("two values", Pickle.program([0x7d, 0x7d]), "ends with 2 values"),
            hostile("an open mark", Pickle.program([0x7d, 0x28]), "ends with 1 values and 1 marks"),
            hostile("bytes after the end", Pickle.program([0x7d]) + [0], "1 bytes follow the end of the pickle"),
            hostile("no end", [0x80, 2, 0x7d], "a pickle opcode needs 1 bytes"),
            hostile("a tuple without a mark", Pickle.program([0x74]), "up to a mark that it has not set"),
            hostile("a tuple of nothing", Pickle.program([0x85]), "takes a value from an empty stack"),
            hostile("a value below the mark", Pickle.program([0x4e, 0x28, 0x85]), "takes a value from an empty stack"),
            hostile("a memory of nothing", Pickle.program([0x71, 0]), "takes a value from an empty stack"),
            hostile("what was not kept", Pickle.program([0x68, 7]), "recalls the value 7, which it has not kept"),
            hostile("what was kept far away", Pickle.program([0x6a, 255, 255, 255, 255]), "recalls the value 4294967"),
            hostile("items of a number", Pickle.program([0x4b, 1, 0x4b, 1, 0x4b, 1, 0x73]), "items of an integer"),
            hostile("a key without a value", Pickle.program([0x7d, 0x28, 0x4e, 0x75]), "a key without a value"),
            hostile("an element of a dictionary", Pickle.program([0x7d, 0x4e, 0x61]), "appends to a dictionary"),
            hostile("a state for a number", Pickle.program([0x4b, 1, 0x7d, 0x62]), "gives a state to an integer"),
            hostile("a huge string", Pickle.program([0x58, 255, 255, 255, 255]), "a string needs 4294967295 bytes"),
            hostile(
                "a string of 64 bits", Pickle.program([0x8d] + little(UInt64.max)), "the length of a string is 184467"),
            hostile("a string that is not UTF-8", Pickle.program([0x8c, 1, 0xff]), "a string is not UTF-8"),
            hostile(
                "a huge frame", Pickle.program([0x95] + little(UInt64.max)), "the length of a pickle frame is 1844"),
            hostile(
                "an integer of nine bytes", Pickle.program([0x8a, 9] + [UInt8](repeating: 1, count: 9)), "9 bytes"),
            hostile("a call of a number", Pickle.program([0x4b, 1, 0x29, 0x52]), "calls an integer with a tuple"),
            hostile(
                "a call of a storage's class", Pickle.program(Pickle.call(Pickle.global("torch", "FloatStorage"), [])),
                "makes a storage of F32 by a call"),
            hostile("a persistent number", Pickle.program([0x4b, 1, 0x51]), "identifier is not a storage's"),
        ]

    static let tensors: [HostileFile] = [
        hostile("a number for a tensor", tensor: [0x4b, 1], "\"x\" is an integer, not a tensor"),
        hostile(
            "a number for a name", Pickle.program([0x7d, 0x4b, 1] + Pickle.tensor() + [0x73]), "is a tensor's name"),
        hostile("an empty name", Pickle.dictionary([("", Pickle.tensor())]), "is a tensor's name, or it is empty"),
        hostile(
            "the same name twice", Pickle.dictionary([("x", Pickle.tensor()), ("x", Pickle.tensor())]),
            "the tensor \"x\" appears twice"),
        hostile(
            "a tensor of two arguments",
            tensor: Pickle.call(Pickle.global("torch._utils", "_rebuild_tensor_v2"), [Pickle.storage(), [0x4b, 0]]),
            "a tensor is not made of a storage"),
        hostile(
            "a parameter of a number",
            tensor: Pickle.call(Pickle.global("torch._utils", "_rebuild_parameter"), [[0x4b, 1], [0x89], [0x4e]]),
            "a parameter is not made of a tensor"),
        hostile(
            "an ordered dictionary of something",
            tensor: Pickle.call(Pickle.global("collections", "OrderedDict"), [[0x5d]]), "is made of 1 arguments"),
        hostile("a storage that is not there", tensor: Pickle.tensor(Pickle.storage(key: "1")), "not in the archive"),
        hostile(
            "a storage elsewhere", tensor: Pickle.tensor(Pickle.storage(key: "../data.pkl")), "not in the archive"),
        hostile(
            "a storage too large", tensor: Pickle.tensor(Pickle.storage(count: 7)),
            "has 7 elements of F32 by the pickle, and 24 bytes in the archive"),
        hostile("a storage too small", tensor: Pickle.tensor(Pickle.storage(count: 5)), "has 5 elements of F32"),
        hostile("a storage of another type", tensor: Pickle.tensor(Pickle.storage("HalfStorage")), "6 elements of F16"),
        hostile("a huge storage", tensor: Pickle.tensor(Pickle.storage(count: .max)), "has 9223372036854775807"),
        hostile("a storage below 0", tensor: Pickle.tensor(Pickle.storage(count: -6)), "is not a storage's"),
        hostile(
            "a storage of two types",
            Pickle.dictionary([
                ("x", Pickle.tensor()), ("y", Pickle.tensor(Pickle.storage("HalfStorage", count: 12))),
            ]), "has 6 elements of F32, and 12 of F16"),
        hostile("an offset too far", tensor: Pickle.tensor(offset: 1), "does not lie within its storage"),
        hostile("a huge offset", tensor: Pickle.tensor(offset: .max), "does not lie within its storage"),
        hostile("an offset below 0", tensor: Pickle.tensor(offset: -1), "a tensor is not made of a storage"),
        hostile("a shape too large", tensor: Pickle.tensor(shape: [3, 3]), "does not lie within its storage"),
        hostile("strides too large", tensor: Pickle.tensor(strides: [4, 1]), "does not lie within its storage"),
        hostile("huge strides", tensor: Pickle.tensor(strides: [.max, .max]), "does not lie within its storage"),
        hostile("strides below 0", tensor: Pickle.tensor(offset: 5, strides: [-3, -1]), "a tensor's strides has"),
        hostile("dimensions below 0", tensor: Pickle.tensor(shape: [-2, -3]), "a tensor's shape has"),
        hostile("another number of strides", tensor: Pickle.tensor(strides: [1]), "2 dimensions and 1 strides"),
        hostile(
            "too many dimensions",
            tensor: Pickle.tensor(
                shape: [Int](repeating: 1, count: 17), strides: [Int](repeating: 1, count: 17)),
            "no tuple of at most 16 integers"),
        hostile("a huge shape", tensor: Pickle.tensor(shape: [.max, .max], strides: [0, 0]), "larger than any file"),
        hostile(
            "an expanded number", tensor: Pickle.tensor(shape: [1 << 20, 1 << 20], strides: [0, 0]),
            "copying it needs 4398046511104 bytes, more than the 96 left"),
        hostile(
            "many transposed tensors",
            Pickle.dictionary((0..<5).map { ("x\($0)", Pickle.tensor(shape: [3, 2], strides: [1, 3])) }),
            "copying it needs 24 bytes, more than the 0 left"),
    ]

    static let plain = Pickle.dictionary([("x", Pickle.tensor())])

    static let archives: [HostileFile] = [
        HostileFile("an empty file", [], "not a zip archive"),
        HostileFile("a pointer", Array("version https://git-lfs".utf8), "a Git LFS pointer"),
        HostileFile(
            "no pickle", TorchBuilder.archive([("a/b", [1])]), "0 entries of the archive are a FOLDER/data.pkl"),
        HostileFile(
            "a pickle without a folder", TorchBuilder.archive([("data.pkl", plain)]), "0 entries of the archive"),
        HostileFile(
            "two pickles", TorchBuilder(pickle: plain, more: [("b/data.pkl", plain)]).bytes, "2 entries of"),
        HostileFile(
            "a program", TorchBuilder(pickle: plain, more: [("archive/constants.pkl", [])]).bytes, "TorchScript"),
        HostileFile("the other byte order", TorchBuilder(pickle: plain, byteOrder: "big").bytes, "byte order \"big\""),
        HostileFile(
            "a long byte order", TorchBuilder(pickle: plain, byteOrder: String(repeating: "l", count: 99)).bytes,
            "more than the 16 expected"),
        HostileFile(
            "a huge pickle", TorchBuilder(pickle: [UInt8](repeating: 0x28, count: (1 << 25) + 1)).bytes,
            "more than the 33554432 expected"),
    ]

    @Test(arguments: globals + opcodes + tensors + archives) func aLyingFileIsRefused(file: HostileFile) {
        let error = #expect(throws: CheckpointError.self) { try TorchBuilder.read(file.bytes) }
        let message = error?.description ?? ""
        #expect(message.hasPrefix("test.bin"))
        #expect(message.contains(file.says), "\(message)")
    }

    @Test func theHonestFileIsRead() throws {
        let bytes = TorchBuilder(pickle: Self.plain).bytes
        #expect(try TorchBuilder.read(bytes).tensor("x").shape == [2, 3])
        #expect(try TorchBuilder.read(TorchBuilder(pickle: Self.plain, byteOrder: nil).bytes).tensors.count == 1)
    }

    /// A stride that is never taken can be anything.
    @Test(arguments: [([1, 3], [Int.max, 2]), ([3, 1], [2, Int.max]), ([1, 3, 1], [Int.max, 2, 1 << 62])])
    func hugeStridesOfOneAreHarmless(shape: [Int], strides: [Int]) throws {
        let tensor = Pickle.tensor(shape: shape, strides: strides)
        let checkpoint = try TorchBuilder.read(TorchBuilder(pickle: Pickle.dictionary([("x", tensor)])).bytes)
        let bits = try checkpoint.tensor("x").floats().map(\.bitPattern)
        #expect(bits == [0x0302_0100, 0x0b0a_0908, 0x1312_1110])
    }

    /// Pickles that want memory or time: each is refused, or read, at once.
    static let bombs: [(name: String, pickle: [UInt8])] = [
        ("marks", [UInt8](repeating: 0x28, count: 3_000_000)),
        ("values", [UInt8](repeating: 0x7d, count: 3_000_000)),
        ("nested tuples", [0x29] + [UInt8](repeating: 0x85, count: 1_500_000) + [0x2e]),
        (
            "nested lists",
            [UInt8](repeating: 0x5d, count: 900_000) + [UInt8](repeating: 0x61, count: 899_999) + [0x2e]
        ),
        ("doubling tuples", [0x29, 0x71, 0] + (0..<400_000).flatMap { _ in [0x68, 0, 0x86, 0x71, 0] as [UInt8] }),
        (
            "a list within itself",
            [0x5d, 0x71, 0] + (0..<600_000).flatMap { _ in [0x68, 0, 0x61] as [UInt8] } + [0x2e]
        ),
        (
            "items one by one",
            [0x7d] + (0..<500_000).flatMap { _ in [0x4b, 1, 0x4e, 0x73] as [UInt8] } + [0x2e]
        ),
        (
            "calls without end",
            Pickle.global("collections", "OrderedDict") + [0x71, 0]
                + (0..<600_000).flatMap { _ in [0x68, 0, 0x29, 0x52] as [UInt8] }
        ),
        ("a full memory", [0x7d] + (0..<600_000).flatMap { [0x72] + little(UInt32($0) &* 7919) } + [0x2e]),
    ]

    @Test(arguments: bombs.indices) func bombsAreBounded(number: Int) throws {
        let (name, pickle) = Self.bombs[number]
        let bytes = TorchBuilder(pickle: pickle).bytes
        // That this returns at all is the point: unbounded, each of them would take hours or all memory.
        if name == "a full memory" {
            // A dictionary of nothing, whatever it remembers.
            #expect(try TorchBuilder.read(bytes).tensors.isEmpty)
        } else {
            #expect(throws: CheckpointError.self, "\(name)") { try TorchBuilder.read(bytes) }
        }
    }

    @Test func manyTensorsAreRead() throws {
        let pickle = Pickle.dictionary((0..<20_000).map { ("layer.\($0)", Pickle.tensor()) })
        #expect(try TorchBuilder.read(TorchBuilder(pickle: pickle).bytes).tensors.count == 20_000)
    }

    @Test(arguments: ["module.bin", "deflated.bin"]) func everyTruncationIsRefused(name: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("torch/\(name)"))))
        for count in 0..<bytes.count {
            #expect(throws: CheckpointError.self, "\(count) bytes") { try TorchBuilder.read(Array(bytes[..<count])) }
        }
    }

    /// A damaged bit is refused, or leaves the tensors' names and shapes as they are; their values too, unless it is in
    /// a storage, which is mapped and not summed.
    @Test func everyDamagedBitIsRefusedOrHarmless() throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("torch/module.bin"))))
        let original = try TorchBuilder.read(bytes)
        // Every tensor of the file has a storage of its own.
        let storages = original.tensors.values.reduce(0) { $0 + $1.bytes.count }
        var changed: [Int: Int] = [:]
        var refused = 0
        for position in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << UInt8(bit)
                do {
                    let checkpoint = try TorchBuilder.read(damaged)
                    #expect(checkpoint.unusable == original.unusable)
                    #expect(Set(checkpoint.tensors.keys) == Set(original.tensors.keys))
                    for (name, tensor) in checkpoint.tensors {
                        let expected = try original.tensor(name)
                        #expect(tensor.shape == expected.shape && tensor.type == expected.type)
                        if !tensor.bytes.buffer.elementsEqual(expected.bytes.buffer) {
                            changed[position, default: 0] += 1
                        }
                    }
                } catch is CheckpointError {
                    refused += 1
                }
            }
        }
        #expect(changed.count == storages && changed.values.allSatisfy { $0 == 8 }, "\(changed)")
        #expect(refused > 4000)
    }

    /// Without the archive's sums in the way: random damage to the pickle itself.
    @Test func aDamagedPickleNeverCrashes() throws {
        let pickle = Pickle.dictionary([
            ("x", Pickle.tensor()), ("y", Pickle.tensor(shape: [3, 2], strides: [1, 3])),
        ])
        var random = SplitMix64(state: 11)
        var refused = 0
        for position in pickle.indices {
            for _ in 0..<12 {
                var damaged = pickle
                damaged[position] = UInt8.random(in: 0...255, using: &random)
                if Bool.random(using: &random) {
                    damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                do {
                    let checkpoint = try TorchBuilder.read(TorchBuilder(pickle: damaged).bytes)
                    for tensor in checkpoint.tensors.values { #expect(tensor.floats().count == tensor.count) }
                } catch is CheckpointError {
                    refused += 1
                }
            }
        }
        #expect(refused > pickle.count * 4)
    }
}
