import Checkpoints
import Foundation
import Testing
import Tokenizers

/// Files that are damaged or made to do harm: each is refused with a reason, none ends the process.
@Suite("tokenizer.json: damaged files")
struct HuggingFaceHostileTests {
    private func reason(_ json: String) -> String? {
        do {
            _ = try HuggingFaceFixtures.tokenizer(json: json)
            return nil
        } catch { return "\(error)" }
    }

    private func bytePair(_ members: String) -> String {
        HuggingFaceFixtures.small(model: #"{"type":"BPE",\#(members)}"#)
    }

    @Test(arguments: [
        (#""vocab":{"a":-1},"merges":[]"#, "whole number"), (#""vocab":{"a":0.5},"merges":[]"#, "whole number"),
        (#""vocab":{"a":1e3},"merges":[]"#, "whole number"),
        (#""vocab":{"a":99999999999999999999},"merges":[]"#, "not from 0"),
        (#""vocab":{"a":4000000},"merges":[]"#, "not from 0"), (#""vocab":{"a":"0"},"merges":[]"#, "whole number"),
        (#""vocab":{"a":0,"b":0},"merges":[]"#, "twice"), (#""vocab":{"a":0,"a":1},"merges":[]"#, "twice"),
        (#""vocab":{},"merges":[]"#, "no tokens"), (#""vocab":[],"merges":[]"#, "brace"),
        (#""vocab":7,"merges":[]"#, "brace"),
        (#""vocab":{"a":0}"#, "no merges"), (#""merges":[]"#, "no vocab"), (#""vocab":{"a":0},"merges":{}"#, "bracket"),
        (#""vocab":{"a":0},"merges":["a"]"#, "merge 0"), (#""vocab":{"a":0},"merges":["a b"]"#, "\"b\""),
        (#""vocab":{"a":0,"b":1},"merges":["a b"]"#, "\"ab\""), (#""vocab":{"a":0},"merges":[["a"]]"#, "comma"),
        (#""vocab":{"a":0},"merges":[["a","a","a"]]"#, "bracket"), (#""vocab":{"a":0},"merges":[3]"#, "no text"),
        (#""vocab":{"a":0},"merges":["a a a"]"#, "two tokens"),
        (#""vocab":{"a":0},"merges":[],"dropout":0.1"#, "dropout"),
        (#""vocab":{"a":0},"merges":[],"fuse_unk":1"#, "fuse_unk"),
        (#""vocab":{"a":0},"merges":[],"unk_token":[]"#, "unk_token"),
        (#""vocab":{"\ud800":0},"merges":[]"#, "half a character"), (#""vocab":{"\q":0},"merges":[]"#, "escape"),
        (#""vocab":{"a":0},"vocab":{"a":0},"merges":[]"#, "twice"),
        (#""vocab":{"a":0},"merges":[["a","a"]],"continuing_subword_prefix":"@@@""#, "prefix"),
    ])
    func saysWhatIsWrongWithAModel(_ members: String, _ expected: String) {
        let reason = reason(bytePair(members))
        #expect(reason?.contains(expected) == true, "\(reason ?? "read") for \(members)")
        #expect(reason?.contains("tokenizer.json") == true)
    }

    @Test(arguments: [
        (#"{"type":"Unigram","vocab":[],"unk_id":0}"#, "unk_id"), (#"{"type":"Unigram","vocab":[["a"]]}"#, "comma"),
        (#"{"type":"Unigram","vocab":[["a",1e999]]}"#, "no number"),
        (#"{"type":"Unigram","vocab":[["a",NaN]]}"#, "no number"),
        (#"{"type":"Unigram","vocab":[["a",0x10]]}"#, "no number"),
        (#"{"type":"Unigram","vocab":[["a",0],["a",1]]}"#, "twice"),
        (#"{"type":"Unigram","vocab":[["a",0]],"unk_id":-1}"#, "unk_id"),
        (#"{"type":"Unigram","vocab":[["a",0]],"unk_id":1}"#, "unk_id"),
        (#"{"type":"Unigram","vocab":[],"unk_id":null}"#, "no tokens"),
        (#"{"type":"WordPiece","vocab":{"a":0}}"#, "unknown token"),
        (#"{"type":"WordLevel","vocab":{"a":0}}"#, "WordLevel"), (#"{"vocab":{"a":0},"merges":[]}"#, "type"),
        ("[]", "brace"), ("null", "brace"),
    ])
    func refusesModels(_ model: String, _ expected: String) {
        let reason = reason(HuggingFaceFixtures.small(model: model))
        #expect(reason?.contains(expected) == true, "\(reason ?? "read") for \(model)")
    }

    @Test func namesComponentsThatItDoesNotKnow() {
        let cases = [
            (
                HuggingFaceFixtures.small(
                    normalizer: #"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Rot13"}]}"#),
                "normalizers[1]", "Rot13"
            ),
            (HuggingFaceFixtures.small(preTokenizer: #"{"type":"UnicodeScripts"}"#), "pre_tokenizer", "UnicodeScripts"),
            (
                HuggingFaceFixtures.small(
                    preTokenizer:
                        #"{"type":"Sequence","pretokenizers":[{"type":"Sequence","pretokenizers":[{"type":"X"}]}]}"#),
                "pretokenizers[0]: pretokenizers[0]", "X"
            ),
            (HuggingFaceFixtures.small(postProcessor: #"{"type":"Oracle"}"#), "post_processor", "Oracle"),
            (
                HuggingFaceFixtures.small(decoder: #"{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Zip"}]}"#),
                "decoders[1]", "Zip"
            ),
            (HuggingFaceFixtures.small(normalizer: "7"), "normalizer", "7"),
            (
                HuggingFaceFixtures.small(normalizer: #"{"type":"Precompiled","precompiled_charsmap":"@@"}"#),
                "precompiled_charsmap", "base 64"
            ),
            (
                HuggingFaceFixtures.small(normalizer: #"{"type":"Precompiled","precompiled_charsmap":"AAAA"}"#),
                "character map", "normalizer"
            ),
            (
                HuggingFaceFixtures.small(normalizer: #"{"type":"Precompiled","precompiled_charsmap":"/////wAA"}"#),
                "character map", "normalizer"
            ),
            (
                HuggingFaceFixtures.small(normalizer: #"{"type":"Replace","pattern":{"Glob":"*"},"content":""}"#),
                "pattern", "Regex"
            ),
            (
                HuggingFaceFixtures.small(
                    preTokenizer: #"{"type":"Split","pattern":{"String":"a"},"behavior":"Eaten","invert":false}"#),
                "behavior", "Isolated"
            ),
            (
                HuggingFaceFixtures.small(preTokenizer: #"{"type":"Metaspace","replacement":"ab"}"#), "replacement",
                "one character"
            ),
            (
                HuggingFaceFixtures.small(
                    preTokenizer: #"{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}"#), "prepend_scheme",
                "always"
            ),
            (
                HuggingFaceFixtures.small(postProcessor: #"{"type":"BertProcessing","sep":["a",3],"cls":["a",0]}"#),
                "sep", "below 3"
            ),
            (
                HuggingFaceFixtures.small(
                    postProcessor:
                        #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{}}"#),
                "single[0]", "special_tokens"
            ),
            (
                HuggingFaceFixtures.small(
                    postProcessor:
                        #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{"x":{"ids":[9]}}}"#
                ), "ids", "below 3"
            ),
            (HuggingFaceFixtures.small(addedTokens: #"[{"id":0,"content":"x"}]"#), "\"x\"", "\"a\""),
            (
                HuggingFaceFixtures.small(addedTokens: #"[{"id":9,"content":"x"},{"id":9,"content":"y"}]"#), "\"y\"",
                "\"x\""
            ),
            (HuggingFaceFixtures.small(addedTokens: #"[{"id":-1,"content":"x"}]"#), "added_tokens[0]", "id"),
            (HuggingFaceFixtures.small(addedTokens: #"[{"id":1e15,"content":"x"}]"#), "added_tokens[0]", "id"),
            (HuggingFaceFixtures.small(addedTokens: #"[{"id":4}]"#), "added_tokens[0]", "content"),
            (HuggingFaceFixtures.small(addedTokens: #"[5]"#), "added_tokens[0]", "object"),
        ]
        for (json, first, second) in cases {
            let reason = reason(json)
            #expect(
                reason?.contains(first) == true && reason?.contains(second) == true, "\(reason ?? "read") for \(json)")
        }
    }

    @Test func refusesWhatIsNoTokenizer() {
        let deep = String(repeating: "[", count: 100_000)
        for json in [
            "", " ", "{", "[]", "null", "{}", "7", "\"", "{\"model\":", "{\"model\":}", "{\"a\":1,}", deep,
            "{\"a\":\(deep)",
            "{\"model\":\(deep)}", HuggingFaceFixtures.small() + "x", HuggingFaceFixtures.small(normalizer: deep),
            HuggingFaceFixtures.small(
                normalizer: #"{"type":"Sequence","normalizers":["#
                    + String(repeating: #"{"type":"Sequence","normalizers":["#, count: 12)
                    + String(repeating: "]}", count: 13)),
        ] {
            #expect(reason(json) != nil, "\(json.prefix(60))")
        }
    }

    /// A file that ends anywhere, or has a byte changed anywhere, is read or refused.
    @Test(arguments: ["llama2", "t5", "bert-cased", "odd-added"])
    func survivesDamage(_ family: String) throws {
        let bytes = Array(
            try String(
                contentsOf: HuggingFaceFixtures.directory.appending(path: "\(family).tokenizer.json"), encoding: .utf8
            )
            .replacing("\"nmt_nfkc\"", with: "\"\"").utf8)
        func read(_ bytes: [UInt8]) -> Bool {
            guard
                let tokenizer = try? HuggingFaceTokenizer(
                    tokenizerJSON: ByteRegion(copying: bytes, source: "tokenizer.json"))
            else { return false }
            return tokenizer.pieces("a <s> b").allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize }
        }
        #expect(read(bytes))
        for end in stride(from: 0, to: bytes.count - 2, by: bytes.count / 60 + 1) {
            #expect(!read(Array(bytes[..<end])))
        }
        var state: UInt64 = 7
        for _ in 0..<150 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var damaged = bytes
            damaged[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
            _ = read(damaged)
        }
    }

    @Test func refusesBytesThatAreNotUTF8() {
        var bytes = Array(HuggingFaceFixtures.small().utf8)
        guard
            let place = bytes.firstIndex(of: UInt8(ascii: "a")).flatMap({ _ in
                HuggingFaceFixtures.small().utf8.count - 20
            })
        else { return }
        bytes[place] = 0xFF
        #expect(throws: CheckpointError.self) {
            try HuggingFaceTokenizer(tokenizerJSON: ByteRegion(copying: bytes, source: "tokenizer.json"))
        }
        #expect(throws: CheckpointError.self) {
            try HuggingFaceTokenizer(
                wordPieceVocabulary: ByteRegion(copying: [0x61, 0x0A, 0xC3, 0x0A], source: "vocab.txt"))
        }
        #expect(throws: CheckpointError.self) {
            try HuggingFaceTokenizer(
                vocabulary: ByteRegion(copying: #"{"a":0}"#.utf8, source: "vocab.json"),
                merges: ByteRegion(copying: "a b\n".utf8, source: "merges.txt"))
        }
    }

    /// Two spellings of one character are two tokens.
    @Test func tokensAreBytes() throws {
        let json = HuggingFaceFixtures.small(
            model:
                "{\"type\":\"BPE\",\"vocab\":{\"\u{E9}\":0,\"e\":1,\"\u{301}\":2,\"e\u{301}\":3},\"merges\":[[\"e\",\"\u{301}\"]]}"
        )
        let tokenizer = try HuggingFaceFixtures.tokenizer(json: json)
        #expect(tokenizer.pieces("\u{E9}e\u{301}") == [0, 3])
        #expect(tokenizer.token(0)?.unicodeScalars.count == 1 && tokenizer.token(3)?.unicodeScalars.count == 2)
        #expect(tokenizer.id(of: "e\u{301}") == 3 && tokenizer.id(of: "\u{E9}") == 0)
    }

    @Test func findsTheMarksOfAChat() throws {
        let configuration = try HuggingFaceFixtures.configuration(
            #"{"bos_token":{"content":"<|begin_of_text|>"},"eos_token":"<|eot_id|>","add_bos_token":true}"#)
        let tokenizer = try HuggingFaceFixtures.tokenizer("llama3", configuration: configuration)
        #expect(tokenizer.beginOfSequence == tokenizer.specialID(named: "<|begin_of_text|>"))
        #expect(tokenizer.addsBeginOfSequence && !tokenizer.addsSpacePrefix)
        let end = try #require(tokenizer.specialID(named: "<|eot_id|>"))
        #expect(tokenizer.endOfGeneration.contains(end) && tokenizer.isControl(end) && tokenizer.bytes(of: end).isEmpty)
        #expect(tokenizer.controlTokenOffsets(in: "Hé<|eot_id|>!<|eot_id|>") == [3, 14])
        #expect(tokenizer.specialID(named: "a") == nil)
        #expect(tokenizer.encode("<|eot_id|>", allowSpecial: true) == [end])
        #expect(!tokenizer.encode("<|eot_id|>", allowSpecial: false).contains(end))
        let silent = try HuggingFaceFixtures.configuration(#"{"add_bos_token":false}"#)
        #expect(try !HuggingFaceFixtures.tokenizer("llama3", configuration: silent).addsBeginOfSequence)
        #expect(try HuggingFaceFixtures.tokenizer("llama2").addsSpacePrefix)
        #expect(try !HuggingFaceFixtures.tokenizer("gemma").addsSpacePrefix)
        #expect(try HuggingFaceFixtures.tokenizer("qwen2").beginOfSequence == nil)
        #expect(tokenizer.bytes(of: -1).isEmpty && tokenizer.bytes(of: .max).isEmpty && !tokenizer.isControl(-1))
        #expect(tokenizer.decode([-5, .max, 1 << 30]).isEmpty)
    }
}
