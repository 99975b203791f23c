"""Trains the small tokenizers of the `tokenizer.json` tests, asks the `tokenizers` package what it makes of the
fixture strings with each, and writes both down.

    pip install -r requirements.txt
    python reference.py --output ../../Tests/Fixtures/tokenizers-json
"""

import argparse
import base64
import io
import json
import pathlib
import random
import sys

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2 as schema
from tokenizers import Tokenizer, trainers

import families

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tokenizers"))
import corpus  # noqa: E402

SEED = 4
SPECIAL_TEXTS = [
    "<s>hello</s>", " <s> hello </s> world", "a[L]b  [L]  c", "a [R]   b[R]\n\tc", "x  [LR]  y[LR][LR] z", "word wordy sword a word.",
    "word", " word word", "naïve Naïve NAÏVE", "the THE The end", "voilà voila VOILÀ voilàx", "<sep><cls> <sep> <SEP><sep>", "aaab aab aa a",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "<|im_start|>user\nHi there<|im_end|>\n<tool_call>{}</tool_call>",
    "<bos><start_of_turn>user\n\n\nHi<end_of_turn>   x", "▁▁▁ ▁▁▁▁ \n\n\n\n", "[CLS] a [SEP] b [MASK]. [PAD]", "fill the   <mask>   in", "x <mask>y",
    "eng_Latn Hello. por_Latn Olá.", ">>por<< Hello", "a <extra_id_0>  b", "<|endoftext|>a<|ENDOFTEXT|>", "<|startoftext|>A<|startoftext|>",
    "é! É! e\u0301! <|end|>é!", "<think> so </think>", "[INST] x [/INST]", "'ſ it'ſ IT'S we'LL 'K \u212a", "1234567 12 1234 ١٢٣٤ 1,234", "thth that axxb x",
    "don't can't I'm you've we're he's do not . , ? ! ' n't", "a|b||c |<pad>| d d", "  \n \n\n  \t\t x \r\n\r\n  y   ", "«a» (b) [c] {d} ¿e? ¡f! … — a-b_c",
    "Über ÉCOLE İI ẞ Σς ǅ", "e\u0301e\u0323\u0301 ﾊﾟ ｶﾞ ﾊ ﾟ\u3099 \u0915\u093c a\u0308\u0304\u0323", "䷀ 中文 日本語。テスト한국어", "\ufffd \ue000 \U000f0000 \u0378 \u200d \u00ad \u061c",
]


def charsmap():
    """The normalisation rules of `nmt_nfkc`, out of a model that is trained for nothing else."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g h"] * 20), model_writer=model, vocab_size=14, model_type="bpe", hard_vocab_limit=False,
        minloglevel=2, normalization_rule_name="nmt_nfkc")
    return schema.ModelProto.FromString(model.getvalue()).normalizer_spec.precompiled_charsmap


def filled(component, rules):
    """The component with the rules in the place of their name."""
    text = json.dumps(component)
    return json.loads(text.replace('"precompiled_charsmap": "nmt_nfkc"', f'"precompiled_charsmap": "{rules}"'))


def trained(family, rules, texts):
    """The `model` of the family, with a vocabulary from the texts."""
    empty = {"BPE": {"type": "BPE", "vocab": {}, "merges": []}, "Unigram": {"type": "Unigram", "vocab": [["<unk>", 0]], "unk_id": 0},
             "WordPiece": {"type": "WordPiece", "vocab": {}, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}}
    bare = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": family.get("normalizer"),
            "pre_tokenizer": family.get("pre"), "post_processor": None, "decoder": None, "model": empty[family["model"]]}
    tokenizer = Tokenizer.from_str(json.dumps(filled(bare, rules)))
    first = [entry["content"] for entry in family["added"] if entry["special"]]
    if family.get("bytes"):
        first += families.BYTES
    options = family["options"]
    if family["model"] == "Unigram":
        unknown = "<unk>"
        trainer = trainers.UnigramTrainer(vocab_size=family["size"], special_tokens=first, unk_token=unknown, show_progress=False)
    elif family["model"] == "WordPiece":
        trainer = trainers.WordPieceTrainer(vocab_size=family["size"], special_tokens=first, show_progress=False, limit_alphabet=300)
    else:
        extra = {name: options[name] for name in ["continuing_subword_prefix", "end_of_word_suffix"] if name in options}
        alphabet = [] if "ByteLevel" not in json.dumps(bare) else tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=family["size"], special_tokens=first, show_progress=False, initial_alphabet=alphabet, limit_alphabet=300, **extra)
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"] | options
    if family["model"] == "BPE":
        model["merges"] = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
        if family.get("bytes"):
            model["byte_fallback"] = True
        if family.get("legacy_merges"):
            model["merges"] = [" ".join(pair) for pair in model["merges"]]
    if family["model"] == "Unigram":
        model["vocab"] = [[piece, round(score, 5)] for piece, score in model["vocab"]]
    return model


def resolved(post, ids):
    """The post-processor with ids for names."""
    if post is None:
        return None
    if post["type"] == "Sequence":
        return post | {"processors": [resolved(part, ids) for part in post["processors"]]}
    if post["type"] == "TemplateProcessing":
        return post | {"special_tokens": {
            name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in post["special_tokens"]}}
    return post | {key: [post[key], ids[post[key]]] for key in ["sep", "cls"] if key in post}


def build(family, rules, texts):
    model = trained(family, rules, texts)
    vocabulary = model["vocab"]
    ids = vocabulary if isinstance(vocabulary, dict) else {piece: index for index, (piece, _) in enumerate(vocabulary)}
    ids = dict(ids)
    added = []
    for entry in family["added"]:
        ids.setdefault(entry["content"], max(ids.values()) + 1)
        added.append({"id": ids[entry["content"]]} | entry)
    added.sort(key=lambda entry: entry["id"])
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": family.get("normalizer"),
            "pre_tokenizer": family.get("pre"), "post_processor": resolved(family.get("post"), ids), "decoder": family.get("decoder"),
            "model": model}


def fnv(ids):
    value = 0xCBF29CE484222325
    for identifier in ids:
        for byte in identifier.to_bytes(4, "little"):
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


LONG = [("a", 3000), (" ", 3000), ("\U0001f468\u200d\U0001f469", 300), ("\u0301", 1500), ("the cat ", 500), ("1", 2000), ("\n", 1000), ("中", 1000), ("A", 2500), ("x!", 1000)]


def expected(tokenizer, texts, source):
    case = {"pieces": [], "marks": {}, "decoded": {}, "shown": {}, "plain": {}, "long": [], "sequences": []}
    for index, text in enumerate(texts):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        marked = tokenizer.encode(text).ids
        case["pieces"].append(ids)
        if marked != ids:
            at = next((start for start in range(len(marked)) if marked[start:start + len(ids)] == ids), None)
            case["marks"] = {"before": marked[:at], "after": marked[at + len(ids):]} if len(ids) > 1 else case["marks"]
        for name, skip in [("decoded", True), ("shown", False)]:
            try:
                out = tokenizer.decode(marked, skip_special_tokens=skip)
            except BaseException:  # The library gives up on empty lists with some decoders.
                out = None
            if out != (text if name == "decoded" else case["decoded"].get(str(index), text)):
                case[name][str(index)] = out
    tokenizer.encode_special_tokens = True
    for index, text in enumerate(texts):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        if ids != case["pieces"][index]:
            case["plain"][str(index)] = ids
    tokenizer.encode_special_tokens = False
    for unit, times in LONG:
        ids = tokenizer.encode(unit * times, add_special_tokens=False).ids
        case["long"].append({"unit": unit, "times": times, "count": len(ids), "hash": fnv(ids)})
    size = tokenizer.get_vocab_size()
    for _ in range(12):
        ids = [source.randrange(size + 3) for _ in range(source.randrange(1, 14))]
        case["sequences"].append({"ids": ids, "text": tokenizer.decode(ids), "all": tokenizer.decode(ids, skip_special_tokens=False)})
    case["size"] = size
    return case


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(families.FAMILIES))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rules = charsmap()
    (arguments.output / "nmt_nfkc.bin").write_bytes(rules)
    rules = base64.b64encode(rules).decode()

    training = [text for texts in corpus.SENTENCES.values() for text in texts] * 2 + SPECIAL_TEXTS
    texts = [entries[0] for entries in corpus.SENTENCES.values()] + corpus.ODD + SPECIAL_TEXTS + corpus.mixtures(25, seed=SEED)
    write(arguments.output / "texts.json", texts)
    for name in arguments.only:
        family = families.FAMILIES[name]
        description = build(family, rules, training)
        write(arguments.output / f"{name}.tokenizer.json", description)
        tokenizer = Tokenizer.from_str(json.dumps(filled(description, rules)))
        write(arguments.output / f"{name}.json", expected(tokenizer, texts, random.Random(f"{SEED} {name}")))
        # The older layouts of the same tokenizers.
        model = description["model"]
        if name in ["gpt2", "qwen2"]:
            write(arguments.output / f"{name}.vocab.json", model["vocab"])
            merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
            (arguments.output / f"{name}.merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
        if name.startswith("bert"):
            ordered = sorted(model["vocab"], key=model["vocab"].get)
            (arguments.output / f"{name}.vocab.txt").write_text("\n".join(ordered) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
