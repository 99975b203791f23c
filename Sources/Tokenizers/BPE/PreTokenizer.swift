/// How text is cut into words before its bytes are merged, by the name in GGUF's `tokenizer.ggml.pre`.
///
/// Each is one or two regular expressions, which `models/bpe/MODEL.md` lists; `PreTokenScanner` is their
/// transcription by hand.
package enum PreTokenizer: String, Sendable, CaseIterable {
    /// GPT-2: contractions, letters, numbers, other marks, each with one space before.
    case gpt2 = "gpt-2"
    /// SmolLM: every digit alone, then as GPT-2.
    case smollm
    /// Command R and Aya: as SmolLM.
    case commandR = "command-r"
    /// StarCoder: as SmolLM.
    case starcoder
    /// Refact: as SmolLM.
    case refact
    /// Llama 3: any mark may lead a word, up to three digits together, line breaks end a word.
    case llamaBPE = "llama-bpe"
    /// Qwen 2 and later: as Llama 3, every digit alone.
    case qwen2
    /// Mistral Nemo: words end where upper case follows lower case.
    case tekken

    /// - Parameter name: the name in a model's file.
    /// - Throws: `TokenVocabularyError.unknownPreTokenizer`.
    package init(named name: String) throws(TokenVocabularyError) {
        guard let known = PreTokenizer(rawValue: name) else { throw .unknownPreTokenizer(name) }
        self = known
    }

    /// Whether a word that is a token is taken as it is, even where merges would not lead to it.
    package var ignoresMerges: Bool { self == .llamaBPE || self == .tekken }

    /// Whether a prompt begins with the begin-of-sequence token, where the model's file does not say.
    package var addsBeginOfSequence: Bool { self == .llamaBPE || self == .tekken }

    /// The words of `text`, as their lengths in bytes of UTF-8.
    package func wordLengths(in text: String) -> [Int] {
        var text = text
        return text.withUTF8 { utf8 in
            ScalarClasses.shared.withReader { classes in
                var scanner = PreTokenScanner(self, UnsafeRawBufferPointer(utf8), 0..<utf8.count, classes)
                var lengths: [Int] = []
                var start = 0
                while start < utf8.count {
                    let end = scanner.endOfWord(at: start)
                    lengths.append(end - start)
                    start = end
                }
                return lengths
            }
        }
    }

    /// Whether the text is cut around every digit before the pattern is applied.
    var splitsDigitsFirst: Bool {
        switch self {
        case .smollm, .commandR, .starcoder, .refact: true
        case .gpt2, .llamaBPE, .qwen2, .tekken: false
        }
    }

    /// The longest run of digits in one word, under the patterns of Llama 3 and its relatives.
    var maximumDigits: Int { self == .llamaBPE ? 3 : 1 }
}
