import Testing

@testable import ModelHub

/// Which files of a repository are pulled: those that a loader looks for, in the best of the formats there are.
@Suite struct FileSelectionTests {
    private func paths(_ all: [String], include: [String] = []) throws -> Set<String> {
        Set(try FileSelection(of: all.shuffled(), include: include).choices.map(\.path))
    }

    private func objection(_ all: [String], include: [String] = []) throws -> String {
        let error = #expect(throws: FileSelection.Objection.self) { try FileSelection(of: all, include: include) }
        return try #require(error).reason
    }

    /// The repository of a translation model with the weights in three formats.
    @Test func takesOneSetOfWeights() throws {
        let shared = [
            "config.json", "generation_config.json", "sentencepiece.bpe.model", "tokenizer.json",
            "tokenizer_config.json",
        ]
        let ignored = [
            ".gitattributes", "README.md", "special_tokens_map.json", "flax_model.msgpack", "tf_model.h5",
            "rust_model.ot", "onnx/model.onnx", "onnx/config.json", "runs/1/events", "training_args.bin",
        ]
        let pickle = "pytorch_model.bin"
        let best = "model.safetensors"
        #expect(try paths(shared + ignored + [pickle]) == Set(shared + [pickle]))
        #expect(try paths(shared + ignored + [pickle, best]) == Set(shared + [best]))
    }

    @Test(arguments: ["model", "pytorch_model"]) func takesAllShardsOfTheIndex(stem: String) throws {
        let ending = stem == "model" ? "safetensors" : "bin"
        let index = "\(stem).\(ending).index.json"
        let shards = (1...3).map { "\(stem)-0000\($0)-of-00003.\(ending)" }
        let wanted = ["config.json", "tokenizer.json", index] + shards
        // What a variant, or an older upload, left beside them.
        let others = ["\(stem).fp16-00001-of-00002.\(ending)", "\(stem)-1-of-3.\(ending)", "sub/\(shards[0])"]
        #expect(try paths(wanted + others) == Set(wanted))
        #expect(try objection(wanted.filter { $0 != shards[1] }).contains("2 of the 3 parts"))
    }

    @Test func takesTheModulesOfSentenceEmbeddings() throws {
        let wanted = [
            "config.json", "model.safetensors", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json",
            "tokenizer.json", "vocab.txt",
        ]
        let others = ["2_Dense/config.json", "openvino/config.json", "train_script.py", "1_Pooling/readme.json"]
        #expect(try paths(wanted + others) == Set(wanted))
    }

    @Test func takesTheOneGGUFModel() throws {
        func model(_ all: [String], include: [String] = []) throws -> String? {
            let choices = try FileSelection(of: all, include: include).choices
            #expect(choices.count { $0.role == "model" } == 1)
            return choices.first { $0.role == "model" }?.path
        }
        let many = ["README.md", "config.json", "a-Q8_0.gguf", "a-Q4_K_M.gguf", "a-IQ2_XS.gguf"]
        #expect(try model(["README.md", "config.json", "only.gguf"]) == "only.gguf")
        #expect(try model(many) == "a-Q4_K_M.gguf")
        #expect(try model(["a.q4_k_m.gguf", "a.q8_0.gguf"]) == "a.q4_k_m.gguf")
        #expect(try model(many, include: ["*Q8_0*"]) == "a-Q8_0.gguf")
        #expect(try paths(many) == ["a-Q4_K_M.gguf"])
        // A checkpoint in its own format is preferred to a conversion of it.
        #expect(try paths(many + ["model.safetensors"]) == ["config.json", "model.safetensors"])
    }

    @Test func takesAllPartsOfASplitGGUFModel() throws {
        let parts = (1...2).map { "big-Q4_K_M-0000\($0)-of-00002.gguf" }
        let choices = try FileSelection(of: parts + ["big-Q8_0.gguf"], include: []).choices
        #expect(choices.map(\.path) == parts)
        #expect(choices.map(\.role) == ["model", parts[1]])
        #expect(try objection([parts[1]]).contains("1 of the 2 parts"))
    }

    @Test func saysWhichGGUFModelsThereAre() throws {
        let reason = try objection(["a-Q8_0.gguf", "a-Q5_K_M.gguf"])
        #expect(reason.contains("a-Q5_K_M.gguf, a-Q8_0.gguf") && reason.contains("include"))
        #expect(try objection(["x/a-Q4_K_M.gguf", "y/a-Q4_K_M.gguf"]).contains("several"))
    }

    @Test func followsTheEntrysPatterns() throws {
        let all = [
            "config.json", "model.safetensors", "tokenizer.json", "onnx/a.json", "onnx/b/c.json", "x1.bin", "x2.bin",
        ]
        #expect(
            try paths(all, include: ["*.json"]) == ["config.json", "tokenizer.json", "onnx/a.json", "onnx/b/c.json"])
        #expect(try paths(all, include: ["onnx/"]) == ["onnx/a.json", "onnx/b/c.json"])
        #expect(try paths(all, include: ["x?.bin", "config.json"]) == ["config.json", "x1.bin", "x2.bin"])
        #expect(try paths(all, include: ["x[13].bin"]) == ["x1.bin"])
        let reason = try objection(all, include: ["*.gguf"])
        #expect(reason.contains("*.gguf") && reason.contains("model.safetensors"))
    }

    @Test(
        arguments: [
            [], ["README.md"], ["config.json"], ["model.safetensors"],
            ["config.json", "weights.safetensors", "model.onnx"],
            ["sub/config.json", "sub/model.safetensors"],
        ] as [[String]])
    func refusesWhatNobodyCouldRun(_ all: [String]) throws {
        let reason = try objection(all)
        #expect(reason.contains("model.safetensors") && reason.contains(".gguf"))
        #expect(all.isEmpty ? reason.contains("no files") : all.allSatisfy(reason.contains))
    }

    @Test func readsTheShardsOfAnIndex() {
        func shards(_ json: String) -> [String]? { FileSelection.shards(inIndex: Array(json.utf8)) }
        #expect(
            shards(#"{"metadata": {}, "weight_map": {"a": "y.bin", "b": "x.bin", "c": "y.bin"}}"#) == [
                "x.bin", "y.bin",
            ])
        for hostile in [#"{"weight_map": {"a": "../x.bin"}}"#, #"{"weight_map": {"a": "/etc/passwd"}}"#, "{}", "[", ""]
        {
            #expect(shards(hostile) == nil)
        }
    }
}
