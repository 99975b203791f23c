import Architectures
import Checkpoints
import Compute
import Foundation
import TestSupport
import Testing

/// How a checkpoint becomes a model: options, strict binding, errors that name the tensor.
@Suite struct BergamotBindingTests {
    static let yaml = """
        type: transformer
        transformer-decoder-autoreg: rnn
        dec-cell: ssru
        dim-emb: 24
        transformer-dim-ffn: 40
        enc-depth: 2
        dec-depth: 1
        transformer-heads: 3
        transformer-ffn-activation: relu
        transformer-preprocess: ""
        transformer-postprocess: dan
        transformer-postprocess-emb: d
        dim-vocabs: [96, 112]
        tied-embeddings-all: true
        dim-rnn: 1024
        """

    @Test func optionsAreRead() throws {
        let configuration = try BergamotConfiguration(yaml: Self.yaml, file: "model.bin")
        #expect(configuration.hiddenSize == 24)
        #expect(configuration.attentionHeads == 3)
        #expect(configuration.activation == .relu)
        #expect(configuration.preprocess.isEmpty)
        #expect(configuration.postprocess == [.addInput, .normalize])
        #expect(configuration.embeddingPostprocess.isEmpty)
        #expect((configuration.sourceVocabularySize, configuration.targetVocabularySize) == (96, 112))
        #expect(configuration.sharedEmbeddings && configuration.tiedOutput && configuration.outputBias)
    }

    @Test(arguments: [
        ("dec-cell: ssru", "dec-cell: gru", "dec-cell: gru"),
        ("transformer-decoder-autoreg: rnn", "transformer-decoder-autoreg: self-attention", "self-attention"),
        ("type: transformer", "type: s2s", "type: s2s"),
        ("dim-emb: 24", "dim-emb: 25", "dim-emb 25"),
        ("dim-emb: 24", "dim-emb: -3", "dim-emb is -3"),
        ("dim-emb: 24", "dim-emb: many", "dim-emb is many"),
        ("dim-emb: 24\n", "", "dim-emb is missing"),
        ("enc-depth: 2", "enc-depth: 100000", "enc-depth is 100000"),
        ("relu", "tanh", "tanh"),
        ("transformer-postprocess: dan", "transformer-postprocess: dhn", "dhn"),
        ("dim-vocabs: [96, 112]", "dim-vocabs: [96]", "dim-vocabs"),
        ("dim-vocabs: [96, 112]", "dim-vocabs: [0, 5]", "dim-vocabs"),
        ("dim-rnn: 1024", "transformer-train-position-embeddings: true", "transformer-train-position-embeddings"),
        ("type: transformer", "type: [", "special:model.yml"),
    ])
    func aWrongOptionIsNamed(from: String, to: String, says: String) {
        let yaml = Self.yaml.replacing(from, with: to)
        let error = #expect(throws: CheckpointError.self) { try BergamotConfiguration(yaml: yaml, file: "model.bin") }
        #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("model.bin") == true)
    }

    /// Renames a tensor inside a real small file: what it was called is missing.
    @Test(arguments: ["encoder_l1_self_Wq", "decoder_l1_rnn_Wf", "encoder_l1_ffn_b1", "Wemb"])
    func aMissingTensorIsNamed(name: String) throws {
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("bergamot/tiny/shared-int8.bin"))))
        let needle = Array(name.utf8) + [0]
        let position = try #require(bytes.indices.first { bytes[$0...].starts(with: needle) && bytes[$0 - 1] == 0 })
        bytes[position] = UInt8(ascii: "X")
        let region = ByteRegion(copying: bytes, source: "model.bin")
        let error = #expect(throws: CheckpointError.self) {
            try BergamotModel(MarianCheckpoint(region), backend: ComputeBackend())
        }
        #expect(error == .missingTensor(file: "model.bin", name: name))
    }
}
