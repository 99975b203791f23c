import Checkpoints
import Foundation
import TestSupport
import Testing

/// Safetensors files that lie. Each must end in an error that says what is wrong and where.
@Suite struct SafetensorsHostileTests {
    static func file(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
        little(length ?? UInt64(header.utf8.count)) + header.utf8
            + (0..<data).map { UInt8(truncatingIfNeeded: $0 &* 3) }
    }

    static func read(_ bytes: [UInt8]) throws -> SafetensorsCheckpoint {
        try SafetensorsCheckpoint(ByteRegion(copying: bytes, source: "test.safetensors"))
    }

    static func tensor(
        _ name: String = "x", dtype: String = "\"F32\"", shape: String = "[2]", offsets: String = "[0,8]"
    ) -> String {
        "\"\(name)\":{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}"
    }

    static func one(_ tensor: String, data: Int = 8) -> [UInt8] { file("{\(tensor)}", data: data) }

    static let containers: [HostileFile] = [
        HostileFile("an empty file", [], "the length of the header needs 8 bytes, 0 are left"),
        HostileFile("half a length", [1, 2, 3], "needs 8 bytes, 3 are left"),
        HostileFile("a length of nothing", file(""), "does not begin with a brace"),
        HostileFile("a huge header", file("{}", length: .max), "is 18446744073709551615, more than the 100000000"),
        HostileFile("a header beyond the bound", file("{}", length: 100_000_001), "more than the 100000000"),
        HostileFile("a header longer than the file", file("{}", length: 3), "the header needs 3 bytes, 2 are left"),
        HostileFile("a header one too short", file("{}", length: 1), "a name in the header is no JSON string"),
        HostileFile("a zip archive", Array("PK\u{3}\u{4}0123456789".utf8), "the length of the header is"),
        HostileFile("a space before the brace", file(" {}"), "does not begin with a brace"),
        HostileFile("a header that is an array", file("[]"), "does not begin with a brace"),
        HostileFile("text after the header", file("{} x"), "1 bytes follow the header"),
        HostileFile("two headers", file("{}{}"), "2 bytes follow the header"),
        HostileFile("data without tensors", file("{}", data: 3), "3 bytes follow the last tensor"),
        HostileFile("an open header", file("{"), "a name in the header is no JSON string"),
        HostileFile("a comma at the end", file("{\(tensor()),}", data: 8), "a name in the header is no JSON string"),
        HostileFile("no comma", file("{\(tensor())\(tensor("y"))}", data: 8), "does not go on with a comma"),
        HostileFile("no colon", file("{\"x\" {}}"), "a colon is missing after \"x\""),
        HostileFile("a bare name", file("{x:1}"), "a name in the header is no JSON string"),
        HostileFile("an open name", file("{\"x"), "a name in the header has no end"),
        HostileFile("an unknown escape", file(#"{"\x":1}"#), "has an unknown escape"),
        HostileFile("half an escape", file(#"{"\u00"#), "without four hexadecimal digits"),
        HostileFile("half a character", file(#"{"\ud800":1}"#), "has half a character"),
        HostileFile("the second half of a character", file(#"{"\udc00":1}"#), "has half a character"),
        HostileFile("two first halves", file(#"{"\ud800\ud800":1}"#), "has half a character"),
        HostileFile("a control character", file("{\"a\nb\":1}"), "has a control character"),
        HostileFile("a NUL", file("{\"a\0b\":1}"), "has a control character"),
        HostileFile(
            "a name that is not UTF-8", little(UInt64(7)) + [0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x7d], "UTF-8"),
        HostileFile("a value of another kind", file("{\"x\":7}"), "the tensor \"x\" is no JSON object"),
        HostileFile("deep nesting", file("{\"x\":" + String(repeating: "{\"a\":", count: 200_000)), "\"a\", which"),
    ]

    static let tensors: [HostileFile] = [
        HostileFile("the same name twice", one(tensor() + "," + tensor()), "has the name \"x\" twice"),
        HostileFile(
            "the same name, escaped", one(tensor() + "," + tensor("\\u0078")), "has the name \"x\" twice"),
        HostileFile("metadata twice", file(#"{"__metadata__":{},"__metadata__":{}}"#), "\"__metadata__\" twice"),
        HostileFile("a key of the metadata twice", file(#"{"__metadata__":{"a":"","a":""}}"#), "name \"a\" twice"),
        HostileFile("metadata of numbers", file(#"{"__metadata__":{"a":1}}"#), "the metadata \"a\" is no JSON string"),
        HostileFile("metadata of another kind", file(#"{"__metadata__":"a"}"#), "__metadata__ is no JSON object"),
        HostileFile("an empty name", one(tensor("")), "a tensor's name is empty"),
        HostileFile("no dtype", one(#""x":{"shape":[2],"data_offsets":[0,8]}"#), "\"x\" has no dtype"),
        HostileFile("no shape", one(#""x":{"dtype":"F32","data_offsets":[0,8]}"#), "\"x\" has no shape"),
        HostileFile("no offsets", one(#""x":{"dtype":"F32","shape":[2]}"#), "\"x\" has no data_offsets"),
        HostileFile(
            "another field", one(#""x":{"dtype":"F32","more":[],"shape":[2]}"#), "\"x\" has \"more\", which"),
        HostileFile(
            "a field twice", one(#""x":{"dtype":"F32","dtype":"F32"}"#), "\"x\" has the name \"dtype\" twice"),
        HostileFile("an unknown dtype", one(tensor(dtype: "\"Q4_0\"")), "has the dtype \"Q4_0\", which is unknown"),
        HostileFile("a dtype in small letters", one(tensor(dtype: "\"f32\"")), "has the dtype \"f32\""),
        HostileFile("a dtype that is a number", one(tensor(dtype: "0")), "the dtype of the tensor \"x\" is no JSON"),
        HostileFile("a negative dimension", one(tensor(shape: "[-2]")), "is no whole number"),
        HostileFile("a broken dimension", one(tensor(shape: "[2.0]")), "is no whole number"),
        HostileFile("a dimension with an exponent", one(tensor(shape: "[2e0]")), "is no whole number"),
        HostileFile("leading zeros", one(tensor(shape: "[02]")), "has leading zeros"),
        HostileFile("a dimension in quotes", one(tensor(shape: "[\"2\"]")), "is no whole number"),
        HostileFile("a shape that is a number", one(tensor(shape: "2")), "is no JSON array"),
        HostileFile("a shape without commas", one(tensor(shape: "[2 3]")), "does not go on with a comma"),
        HostileFile(
            "a dimension beyond all integers", one(tensor(shape: "[18446744073709551618]")),
            "is larger than any count can be"),
        HostileFile(
            "a product that overflows", one(tensor(shape: "[4294967296,4294967296,2]")), "no possible number of bytes"),
        HostileFile(
            "bits that overflow", one(tensor(shape: "[4611686018427387904]")), "no possible number of bytes"),
        HostileFile(
            "too many dimensions", one(tensor(shape: "[2" + String(repeating: ",1", count: 16) + "]")),
            "are more than 16 numbers"),
        HostileFile("a shape too large", one(tensor(shape: "[3]")), "needs 12 bytes, its offsets give 8"),
        HostileFile("a shape too small", one(tensor(shape: "[1]")), "needs 4 bytes, its offsets give 8"),
        HostileFile("a dtype too small", one(tensor(dtype: "\"F16\"")), "needs 4 bytes, its offsets give 8"),
        HostileFile("half a byte", one(tensor(dtype: "\"F4\"", shape: "[3]")), "no possible number of bytes"),
        HostileFile("one offset", one(tensor(offsets: "[8]")), "not a begin and an end"),
        HostileFile("three offsets", one(tensor(offsets: "[0,8,8]")), "are more than 2 numbers"),
        HostileFile("offsets backwards", one(tensor(offsets: "[8,0]")), "not a begin and an end"),
        HostileFile("an end past the data", one(tensor(shape: "[3]", offsets: "[0,12]")), "the data has 8 bytes"),
        HostileFile(
            "a huge end", one(tensor(offsets: "[0,9223372036854775807]")), "ends at 9223372036854775807"),
        HostileFile("a hole before", one(tensor(offsets: "[4,12]"), data: 12), "4 bytes before the tensor \"x\""),
        HostileFile("a hole after", one(tensor(), data: 9), "1 bytes follow the last tensor"),
        HostileFile(
            "a hole between", one(tensor() + "," + tensor("y", offsets: "[9,17]"), data: 17),
            "1 bytes before the tensor \"y\""),
        HostileFile(
            "an overlap", one(tensor() + "," + tensor("y", offsets: "[4,12]"), data: 12), "\"y\" overlaps \"x\""),
        HostileFile("the same bytes twice", one(tensor() + "," + tensor("y")), "overlaps"),
        HostileFile(
            "an empty tensor within another",
            one(tensor() + "," + tensor("y", shape: "[0]", offsets: "[4,4]")), "\"y\" overlaps \"x\""),
        HostileFile(
            "an escape sequence of a terminal", one(tensor("\\u001b[2J", shape: "[3]")), "\"\\u{1B}[2J\" of F32"),
    ]

    @Test(arguments: containers + tensors) func aLyingFileIsRefused(file: HostileFile) {
        let error = #expect(throws: CheckpointError.self) { try Self.read(file.bytes) }
        let message = error?.description ?? ""
        #expect(message.hasPrefix("test.safetensors: "))
        #expect(message.contains(file.says), "\(message)")
    }

    static let whole = Result {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("safetensors/model.safetensors"))))
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = try Self.whole.get()
        for count in 0..<bytes.count {
            #expect(throws: CheckpointError.self, "\(count) bytes") { try Self.read(Array(bytes[..<count])) }
        }
    }

    /// A damaged header is refused, or says the same but for a name, a type of the same size or a transposed shape; no
    /// tensor's bytes can come from elsewhere than a tensor's.
    @Test func everyDamagedBitIsRefusedOrHarmless() throws {
        let bytes = try Self.whole.get()
        let original = try Self.read(bytes)
        let payloads = original.tensors.values.map { Array($0.bytes.buffer) }
        let header = 8 + Int(bytes[0]) + Int(bytes[1]) << 8
        let count = original.tensors.count + original.unusable.count
        var refused = 0
        for position in 0..<header {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << UInt8(bit)
                do {
                    let checkpoint = try Self.read(damaged)
                    #expect((count - 1...count).contains(checkpoint.tensors.count + checkpoint.unusable.count))
                    for tensor in checkpoint.tensors.values {
                        #expect(tensor.floats().count == tensor.count)
                        #expect(payloads.contains { $0.elementsEqual(tensor.bytes.buffer) })
                    }
                } catch is CheckpointError {
                    refused += 1
                }
            }
        }
        #expect(refused > header * 4)
    }

    @Test func manyTensorsAreRead() throws {
        let entries = (0..<100_000).map { Self.tensor("t\($0)", shape: "[0]", offsets: "[0,0]") }
        #expect(try Self.read(Self.one(entries.joined(separator: ","), data: 0)).unusable.count == 100_000)
    }
}
