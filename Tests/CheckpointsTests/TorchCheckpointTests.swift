import Checkpoints
import Foundation
import TestSupport
import Testing

/// Files that PyTorch has written.
@Suite struct TorchCheckpointTests {
    static func path(_ name: String) -> String { Fixtures.path("torch/\(name)") }

    @Test(
        arguments: [
            "pytorch_model.bin", "ordered.bin", "protocol4.bin", "deflated.bin", "pytorch_model.bin.index.json",
        ]
    )
    func everyTensorIsRead(name: String) throws {
        let checkpoint = try TorchCheckpoint(path: Self.path(name))
        try ReferenceTensor.compare(
            Fixtures.json("torch/model.json", as: [ReferenceTensor].self), tensors: checkpoint.tensors,
            unusable: checkpoint.unusable)
        #expect(try checkpoint.tensor("scalar").floats() == [2.5])
    }

    @Test func whatAModuleSavesIsRead() throws {
        let checkpoint = try TorchCheckpoint(path: Self.path("module.bin"))
        try ReferenceTensor.compare(
            Fixtures.json("torch/module.json", as: [ReferenceTensor].self), tensors: checkpoint.tensors,
            unusable: checkpoint.unusable)
        #expect(checkpoint.unusable.keys.sorted() == ["1.num_batches_tracked"])
    }

    @Test func aLongMemoryIsRead() throws {
        let checkpoint = try TorchCheckpoint(path: Self.path("many.bin"))
        #expect(checkpoint.tensors.count == 60)
        for number in 0..<60 { #expect(try checkpoint.tensor("layer.\(number)").floats() == [Float(number)]) }
    }

    @Test func tiedWeightsShareTheirBytes() throws {
        let checkpoint = try TorchCheckpoint(path: Self.path("pytorch_model.bin"))
        let embedding = try checkpoint.tensor("embed.weight").bytes.buffer.baseAddress
        #expect(try checkpoint.tensor("lm_head.weight").bytes.buffer.baseAddress == embedding)
        #expect(try checkpoint.tensor("rows").bytes.buffer.baseAddress == embedding.map { $0 + 2 * 8 * 4 })
        #expect(try checkpoint.tensor("tied.transposed").bytes.buffer.baseAddress != embedding)
    }

    @Test func whatCannotBeAWeightIsSaid() throws {
        let checkpoint = try TorchCheckpoint(path: Self.path("pytorch_model.bin"))
        let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor("positions") }
        #expect(error?.description.contains("the tensor positions is I64 of shape [1, 300], expected F32") == true)
        let missing = #expect(throws: CheckpointError.self) { try checkpoint.tensor("no.such") }
        #expect(missing == .missingTensor(file: checkpoint.file, name: "no.such"))
    }

    @Test func theShardsAreNamed() throws {
        let checkpoint = try TorchCheckpoint(path: Self.path("pytorch_model.bin.index.json"))
        #expect(checkpoint.files == (1...2).map { Self.path("pytorch_model-0000\($0)-of-00002.bin") })
    }

    @Test(
        arguments: [
            ("old.bin", "in the format before 1.6"),
            ("object.bin", "which no checkpoint needs"),
            ("nested.bin", "\"model\" is a dictionary, not a tensor"),
            ("tensor.bin", "the pickle is a tensor, not a dictionary of tensors"),
            ("model.json", "not a zip archive"),
        ])
    func otherFilesOfPyTorchAreRefused(name: String, says: String) throws {
        let error = #expect(throws: CheckpointError.self) { try TorchCheckpoint(path: Self.path(name)) }
        #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
    }

    @Test func aShardInThePlaceOfAnotherIsNoticed() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let index = "pytorch_model.bin.index.json"
            try FileManager.default.copyItem(
                atPath: Self.path(index), toPath: directory.appending(path: index).path)
            for number in 1...2 {
                try FileManager.default.copyItem(
                    atPath: Self.path("pytorch_model-00001-of-00002.bin"),
                    toPath: directory.appending(path: "pytorch_model-0000\(number)-of-00002.bin").path)
            }
            let error = #expect(throws: CheckpointError.self) {
                try TorchCheckpoint(path: directory.appending(path: index).path)
            }
            #expect(error?.description.contains("is in \"pytorch_model-00001-of-00002.bin\" by the index") == true)
        }
    }

    @Test func tensorsOutliveTheCheckpoint() throws {
        func tensor() throws -> CheckpointTensor {
            try TorchCheckpoint(path: Self.path("many.bin")).tensor("layer.59")
        }
        #expect(try tensor().floats() == [59])
    }
}
