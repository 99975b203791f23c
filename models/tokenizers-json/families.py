"""The tokenizers of the fixtures: for each the components of a family's published `tokenizer.json`, in small."""

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
PREFIX = r"[^\r\n\p{L}\p{N}]?"
TEKKEN = f"{PREFIX}{UPPER}*{LOWER}+|{PREFIX}{UPPER}+{LOWER}*" + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL
O200K = (f"{PREFIX}{UPPER}*{LOWER}+{CONTRACTIONS}?|{PREFIX}{UPPER}+{LOWER}*{CONTRACTIONS}?"
         + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL)
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*" + TAIL)
BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
THOUSANDS = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))|\P{N}+"


def regex(pattern):
    return {"Regex": pattern}


def split(pattern, behavior="Isolated", invert=False):
    pattern = pattern if isinstance(pattern, dict) else {"String": pattern}
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def replace(pattern, content):
    pattern = pattern if isinstance(pattern, dict) else {"String": pattern}
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(kind, *parts):
    name = {"normalizer": "normalizers", "pre": "pretokenizers", "post": "processors", "decoder": "decoders"}[kind]
    return {"type": "Sequence", name: list(parts)}


def byte_level(prefix=False, use_regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": use_regex}


def metaspace(scheme="always", split_=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split_}


def token(content, special=True, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": not special,
            "special": special} | flags


def template(*pieces):
    def part(piece):
        return {"Sequence": {"id": "A", "type_id": 0}} if piece == "$A" else {
            "SpecialToken": {"id": piece, "type_id": 0}}
    single = [part(piece) for piece in pieces]
    return {"type": "TemplateProcessing", "single": single,
            "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {piece: piece for piece in pieces if piece != "$A"}}


CHARSMAP = {"type": "Precompiled", "precompiled_charsmap": "nmt_nfkc"}
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LLAMA_DECODER = sequence(
    "decoder", replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0})
WORDPIECE_DECODER = {"type": "WordPiece", "prefix": "##", "cleanup": True}
NAMED = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None}
BERT_MARKS = [token(name) for name in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]]
SPECIAL = [token("<unk>"), token("<s>"), token("</s>")]

# name: kind of model, and what differs from nothing. `size` is the vocabulary's; `options` go into the model.
FAMILIES = {
    "llama2": dict(
        model="BPE", bytes=True, size=900, options={"fuse_unk": True, "unk_token": "<unk>"}, added=SPECIAL,
        normalizer=sequence("normalizer", {"type": "Prepend", "prepend": "▁"}, replace(" ", "▁")),
        post=template("<s>", "$A"), decoder=LLAMA_DECODER),
    "llama2-metaspace": dict(
        model="BPE", bytes=True, size=800, options={"fuse_unk": True, "unk_token": "<unk>"}, added=SPECIAL,
        pre=metaspace("first", False), post=template("<s>", "$A"), decoder=LLAMA_DECODER),
    "llama2-legacy": dict(
        model="BPE", bytes=True, size=700, options={"unk_token": "<unk>"}, added=SPECIAL,
        pre={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}, post=template("<s>", "$A", "</s>"),
        decoder={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}),
    "llama3": dict(
        model="BPE", size=900, options={"ignore_merges": True}, legacy_merges=True,
        added=[token("<|begin_of_text|>"), token("<|end_of_text|>"), token("<|eot_id|>"), token("<|start_header_id|>")],
        pre=sequence("pre", split(regex(LLAMA3)), byte_level(use_regex=False)),
        post=sequence("post", byte_level(True), template("<|begin_of_text|>", "$A")), decoder=byte_level(True)),
    "gpt2": dict(
        model="BPE", size=800, options={}, legacy_merges=True, added=[token("<|endoftext|>", normalized=True)],
        pre=byte_level(), post=byte_level(), decoder=byte_level()),
    "roberta": dict(
        model="BPE", size=700, options={}, added=[
            token("<s>"), token("<pad>"), token("</s>"), token("<unk>"), token("<mask>", lstrip=True)],
        pre=byte_level(True),
        post={"type": "RobertaProcessing", "sep": "</s>", "cls": "<s>", "trim_offsets": True, "add_prefix_space": True},
        decoder=byte_level(True)),
    "qwen2": dict(
        model="BPE", size=900, options={}, added=[
            token("<|endoftext|>"), token("<|im_start|>"), token("<|im_end|>"), token("<tool_call>", special=False, normalized=False)],
        normalizer={"type": "NFC"}, pre=sequence("pre", split(regex(QWEN2)), byte_level(use_regex=False)),
        post=byte_level(), decoder=byte_level()),
    "cohere": dict(
        model="BPE", size=800, options={}, added=[token("<PAD>"), token("<UNK>"), token("<BOS_TOKEN>"), token("<|END_OF_TURN_TOKEN|>")],
        normalizer={"type": "NFC"}, pre=sequence("pre", {"type": "Digits", "individual_digits": True}, byte_level()),
        post=template("<BOS_TOKEN>", "$A"), decoder=byte_level(True)),
    "gemma": dict(
        model="BPE", bytes=True, size=900, options={"fuse_unk": True, "unk_token": "<unk>"},
        added=[token("<pad>"), token("<eos>"), token("<bos>"), token("<unk>"), token("<start_of_turn>"),
               token("\n\n", special=False, normalized=False), token("▁▁▁", special=False, normalized=False)],
        normalizer=replace(" ", "▁"), pre=split(" ", "MergedWithPrevious"), post=template("<bos>", "$A"),
        decoder=sequence("decoder", replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"})),
    "tekken": dict(
        model="BPE", size=900, options={"ignore_merges": True}, added=[token("<unk>"), token("<s>"), token("</s>"), token("[INST]")],
        pre=sequence("pre", split(regex(TEKKEN)), byte_level(use_regex=False)), post=template("<s>", "$A"),
        decoder=byte_level(True)),
    "o200k": dict(
        model="BPE", size=800, options={}, added=[token("<|endoftext|>")],
        pre=sequence("pre", split(regex(O200K), "Removed", True), byte_level(use_regex=False)), post=byte_level(True), decoder=byte_level(True)),
    "cl100k": dict(
        model="BPE", size=700, options={}, added=[token("<|endoftext|>")],
        pre=sequence("pre", split(regex(CL100K), "Removed", True), byte_level(use_regex=False)), decoder=byte_level()),
    "deepseek": dict(
        model="BPE", size=900, options={}, added=[token("<｜begin▁of▁sentence｜>"), token("<think>", special=False)],
        normalizer=sequence("normalizer"),
        pre=sequence("pre", split(regex(r"\p{N}{1,3}")), split(regex("[一-龥぀-ゟ゠-ヿ]+")), split(regex(DEEPSEEK)),
                     byte_level(use_regex=False)),
        post=byte_level(), decoder=byte_level()),
    "deepseek-coder": dict(
        model="BPE", size=700, options={}, added=[token("<｜begin▁of▁sentence｜>")],
        pre=sequence("pre", split(regex("[\r\n]")), split(regex(r"\s?\p{L}+")), split(regex(r"\s?\p{P}+")),
                     split(regex("[一-龥ࠀ-一가-퟿]+")), {"type": "Digits", "individual_digits": True}, byte_level(use_regex=False)),
        post=byte_level(), decoder=byte_level()),
    "falcon": dict(
        model="BPE", size=700, options={}, added=[token("<|endoftext|>")],
        pre=sequence("pre", {"type": "Punctuation", "behavior": "Contiguous"}, byte_level(),
                     {"type": "Digits", "individual_digits": False}, split(regex("[0-9][0-9][0-9]"))), decoder=byte_level()),
    "bloom": dict(
        model="BPE", size=700, options={}, added=[token("<unk>"), token("<s>"), token("</s>")],
        pre=sequence("pre", split(regex(BLOOM)), byte_level(use_regex=False)), post=byte_level(True), decoder=byte_level(True)),
    "clip": dict(
        model="BPE", size=800, options={"end_of_word_suffix": "</w>", "unk_token": "<|endoftext|>"},
        added=[token("<|startoftext|>", normalized=True), token("<|endoftext|>")],
        normalizer=sequence("normalizer", {"type": "NFC"}, replace(regex(r"\s+"), " "), {"type": "Lowercase"}),
        pre=sequence("pre", split(regex(CLIP), "Removed", True), byte_level()),
        post={"type": "RobertaProcessing", "sep": "<|endoftext|>", "cls": "<|startoftext|>", "trim_offsets": False,
              "add_prefix_space": False}, decoder=byte_level()),
    "t5": dict(
        model="Unigram", size=900, options={"byte_fallback": False}, added=[token("<pad>"), token("</s>"), token("<unk>"), token("<extra_id_0>", lstrip=True, rstrip=True)],
        normalizer=CHARSMAP, pre=sequence("pre", {"type": "WhitespaceSplit"}, metaspace("always")),
        post=template("$A", "</s>"), decoder=metaspace("always")),
    "xlm-roberta": dict(
        model="Unigram", size=900, options={}, added=[token("<s>"), token("<pad>"), token("</s>"), token("<unk>"), token("<mask>", lstrip=True)],
        normalizer=sequence("normalizer", CHARSMAP, replace(regex(" {2,}"), " ")), pre=metaspace("always"),
        post=template("<s>", "$A", "</s>"), decoder=metaspace("always")),
    "unigram-bytes": dict(
        model="Unigram", bytes=True, size=800, options={"byte_fallback": True}, added=SPECIAL,
        normalizer=sequence("normalizer", {"type": "Nmt"}, {"type": "NFKC"}, replace(regex(" {2,}"), "▁"), {"type": "Strip", "strip_left": True, "strip_right": False}),
        pre=metaspace("first"), post=template("$A", "</s>"),
        decoder=sequence("decoder", {"type": "ByteFallback"}, metaspace("first"))),
    "nllb": dict(
        model="BPE", size=900, options={"fuse_unk": True, "unk_token": "<unk>"},
        added=[token("<s>"), token("<pad>"), token("</s>"), token("<unk>"), token("eng_Latn"), token("por_Latn"), token("<mask>", lstrip=True)],
        normalizer=sequence("normalizer", CHARSMAP, replace(regex(" {2,}"), " ")), pre=metaspace("always"),
        post=template("eng_Latn", "$A", "</s>"), decoder=metaspace("always")),
    "marian": dict(
        model="Unigram", size=1200, options={}, added=[token("</s>"), token("<unk>"), token("<pad>"), token(">>por<<")],
        normalizer=sequence("normalizer", CHARSMAP, replace(regex(r"\s+"), " "), {"type": "Strip", "strip_left": True, "strip_right": True}),
        pre=metaspace("always"), post=template("$A", "</s>"), decoder=metaspace("always")),
    "bert-uncased": dict(
        model="WordPiece", size=900, options={"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
        added=BERT_MARKS, normalizer=NAMED | {"lowercase": True}, pre={"type": "BertPreTokenizer"},
        post={"type": "BertProcessing", "sep": "[SEP]", "cls": "[CLS]"}, decoder=WORDPIECE_DECODER),
    "bert-cased": dict(
        model="WordPiece", size=900, options={"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20},
        added=BERT_MARKS, normalizer=NAMED | {"lowercase": False}, pre={"type": "BertPreTokenizer"},
        post=template("[CLS]", "$A", "[SEP]"), decoder=WORDPIECE_DECODER | {"cleanup": False}),
    "odd-added": dict(
        model="BPE", size=500, options={"unk_token": "<unk>"}, added=[
            token("<unk>"), token("[L]", lstrip=True), token("[R]", rstrip=True), token("[LR]", lstrip=True, rstrip=True),
            token("word", special=False, single_word=True), token("Naïve", special=False), token("THE ", special=False),
            token("voilà", special=False, normalized=True, single_word=True), token("<sep>", normalized=True), token("<sep><cls>"),
            token("aa", special=False, normalized=False), token("aab", special=False, normalized=False)],
        normalizer=sequence("normalizer", {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}),
        pre={"type": "Whitespace"}, decoder={"type": "BPEDecoder", "suffix": "</w>"}),
    "odd-ctc": dict(
        model="BPE", size=300, options={"unk_token": "<unk>", "continuing_subword_prefix": "@@"},
        added=[token("<pad>"), token("<unk>"), token("|", special=False)],
        normalizer=sequence("normalizer", {"type": "NFKD"}, replace(" ", "|")), pre=split("|", "Contiguous"),
        decoder={"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}),
    "odd-splits": dict(
        model="BPE", size=600, options={"unk_token": "[UNK]", "fuse_unk": False}, added=[token("[UNK]")],
        normalizer={"type": "Strip", "strip_left": True, "strip_right": True},
        pre=sequence("pre", split(regex(THOUSANDS)), split(regex("[aeiou]+"), "MergedWithPrevious"), split(regex(r"[\p{Lu}&&[^A-C]]"), "MergedWithNext"),
                     split(regex("x*"), "Contiguous"), split("th", "Removed"), {"type": "Punctuation", "behavior": "MergedWithPrevious"}), decoder=None),
    "odd-normalizer-bytes": dict(
        model="BPE", size=500, options={}, added=[token("<|end|>"), token("é!", special=False, normalized=True)],
        normalizer=sequence("normalizer", {"type": "NFC"}, {"type": "ByteLevel"}), pre=split(regex(r"Ġ?\p{L}+"), "Isolated"),
        decoder=sequence("decoder", byte_level(), {"type": "Strip", "content": " ", "start": 2, "stop": 0})),
}
