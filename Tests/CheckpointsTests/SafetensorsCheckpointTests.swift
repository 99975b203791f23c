import Checkpoints
import Foundation
import TestSupport
import Testing

/// Files that the format's own package has written.
@Suite struct SafetensorsCheckpointTests {
    static let listing = Result { try Fixtures.json("safetensors/model.json", as: [ReferenceTensor].self) }

    @Test(arguments: ["model.safetensors", "model.safetensors.index.json"])
    func everyTensorIsRead(name: String) throws {
        let checkpoint = try SafetensorsCheckpoint(path: Fixtures.path("safetensors/\(name)"))
        try ReferenceTensor.compare(
            Self.listing.get(), tensors: checkpoint.tensors, unusable: checkpoint.unusable)
        #expect(checkpoint.metadata["format"] == "pt")
        #expect(checkpoint.file == Fixtures.path("safetensors/\(name)"))
        #expect(try checkpoint.tensor("model.scale").floats() == [0.5])
    }

    @Test func metadataIsUnescaped() throws {
        let checkpoint = try SafetensorsCheckpoint(path: Fixtures.path("safetensors/model.safetensors"))
        #expect(checkpoint.metadata == ["format": "pt", "note": "with \"quotes\", \t and 😀"])
    }

    @Test func theShardsAreNamed() throws {
        let checkpoint = try SafetensorsCheckpoint(path: Fixtures.path("safetensors/model.safetensors.index.json"))
        let names = (1...3).map { Fixtures.path("safetensors/model-0000\($0)-of-00003.safetensors") }
        #expect(checkpoint.files == names)
    }

    @Test func aFileWithoutTensorsIsRead() throws {
        let checkpoint = try SafetensorsCheckpoint(path: Fixtures.path("safetensors/empty.safetensors"))
        #expect(checkpoint.tensors.isEmpty && checkpoint.unusable.isEmpty && checkpoint.metadata.isEmpty)
    }

    @Test func whatCannotBeAWeightIsSaid() throws {
        let checkpoint = try SafetensorsCheckpoint(path: Fixtures.path("safetensors/model.safetensors"))
        let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor("model.position_ids") }
        #expect(
            error
                == .mismatchedTensor(
                    file: checkpoint.file, name: "model.position_ids",
                    expected: "F32, F16 or BF16 with at least one element", found: "I64 of shape [1, 5]"))
        let missing = #expect(throws: CheckpointError.self) { try checkpoint.tensor("no.such") }
        #expect(missing == .missingTensor(file: checkpoint.file, name: "no.such"))
    }

    /// Other writers order and space the header as they like.
    @Test func anyOrderAndSpaceOfTheHeaderIsRead() throws {
        let header = """
            { "b" : {"shape":[ ] ,"data_offsets":[16, 20],\t"dtype":"F32"},\r
              "\\u0061\\ud83d\\ude00" : {"dtype": "F16","data_offsets" : [ 0,16 ], "shape":[2 , 4]} }  \n
            """
        let checkpoint = try SafetensorsHostileTests.read(SafetensorsHostileTests.file(header, data: 20))
        #expect(try checkpoint.tensor("a😀").shape == [2, 4])
        #expect(try checkpoint.tensor("b").shape == [])
    }

    /// Copies the shards, changes something, and returns what reading the index then says.
    static func failure(_ change: (URL) throws -> Void) async throws -> String {
        try await Fixtures.withTemporaryDirectory { directory in
            let names =
                ["model.safetensors.index.json"] + (1...3).map { "model-0000\($0)-of-00003.safetensors" }
            for name in names {
                try FileManager.default.copyItem(
                    atPath: Fixtures.path("safetensors/\(name)"), toPath: directory.appending(path: name).path)
            }
            let index = directory.appending(path: names[0]).path
            #expect(try SafetensorsCheckpoint(path: index).files.count == 3)
            try change(directory)
            let error = #expect(throws: CheckpointError.self) { try SafetensorsCheckpoint(path: index) }
            return try #require(error).description
        }
    }

    @Test func aMissingShardIsNamed() async throws {
        let message = try await Self.failure {
            try FileManager.default.removeItem(at: $0.appending(path: "model-00002-of-00003.safetensors"))
        }
        #expect(message.contains("model-00002-of-00003.safetensors: cannot open a file of the index: No such file"))
    }

    @Test func aDamagedShardIsNamed() async throws {
        let message = try await Self.failure { directory in
            let shard = directory.appending(path: "model-00002-of-00003.safetensors")
            try Data(contentsOf: shard).dropLast().write(to: shard)
        }
        #expect(message.contains("model-00002-of-00003.safetensors: invalid at byte"))
    }

    @Test func swappedShardsAreNoticed() async throws {
        let message = try await Self.failure { directory in
            let (second, third) = (
                directory.appending(path: "model-00002-of-00003.safetensors"),
                directory.appending(path: "model-00003-of-00003.safetensors")
            )
            try FileManager.default.removeItem(at: second)
            try FileManager.default.copyItem(at: third, to: second)
        }
        #expect(message.contains("is in \"model-00003-of-00003.safetensors\" by the index"))
    }

    static let indices: [(text: String, says: String)] = [
        ("", "the index is no JSON object"),
        ("[]", "the index is no JSON object"),
        ("{}", "the index has no weight_map"),
        (#"{"weight_map": {}}"#, "weight_map of the index is empty"),
        (#"{"weight_map": []}"#, "the weight_map is no JSON object"),
        (#"{"weight_map": {"a": 1}}"#, "the file of the tensor \"a\" is no JSON string"),
        (#"{"weight_map": {"a": "../a"}}"#, "has a component . or .."),
        (#"{"weight_map": {"a": "/etc/passwd"}}"#, "is absolute"),
        (#"{"weight_map": {"a": "b/c"}}"#, "is not beside the index"),
        (#"{"weight_map": {"a": ""}}"#, "is empty"),
        (#"{"weight_map": {"a": "b\u0000"}}"#, "a control character"),
        (#"{"weight_map": {"a": "b", "a": "b"}}"#, "the weight_map has the name \"a\" twice"),
        (#"{"weight_map": {"a": "b"}, "weight_map": {"a": "b"}}"#, "the name \"weight_map\" twice"),
        (#"{"weight_map": {"a": "missing"}}"#, "cannot open a file of the index"),
        (#"{"weight_map": {"a": "model-00001-of-00003.safetensors"}}"#, "is not in the index"),
        (#"{"weight_map": {"a": "b"}} x"#, "bytes follow the index"),
        (#"{"metadata": {"x": 01}, "weight_map": {"a": "b"}}"#, "is no JSON value"),
        (#"{"metadata": {"x": nul}, "weight_map": {"a": "b"}}"#, "is no JSON value"),
        ("{\"metadata\": " + String(repeating: "[", count: 100_000), "nested more than 32 deep"),
    ]

    @Test(arguments: indices.indices) func aBadIndexIsRefused(number: Int) async throws {
        let (text, says) = Self.indices[number]
        let message = try await Self.failure {
            try Data(text.utf8).write(to: $0.appending(path: "model.safetensors.index.json"))
        }
        #expect(message.contains(says), "\(message)")
    }

    @Test func aTensorOfTheIndexThatNoShardHasIsNamed() async throws {
        let message = try await Self.failure { directory in
            let index = directory.appending(path: "model.safetensors.index.json")
            let text = try String(contentsOf: index, encoding: .utf8)
            let more = text.replacingOccurrences(
                of: "\"weight_map\": {", with: "\"weight_map\": {\"more\": \"model-00001-of-00003.safetensors\",")
            try Data(more.utf8).write(to: index)
        }
        #expect(message.contains("model-00001-of-00003.safetensors: the tensor more is missing"))
    }
}
