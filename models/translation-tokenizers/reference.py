"""Trains small vocabularies of the kinds that translation models have, and writes what the transformers tokenizers make
of the fixture strings with them.

    pip install -r requirements.txt
    python reference.py --output ../../Tests/Fixtures/translation-tokenizers

The strings are those of `../tokenizers/corpus.py`. Where the reference is a class in Python that calls SentencePiece
(M2M100, Marian), its ids are written for every string. Where it is a class that imitates SentencePiece (NLLB, T5), the
sentences must agree with SentencePiece, which the run asserts; for the odd strings, where the imitation differs, the
ids are SentencePiece's, and the number of differences is printed. `MODEL.md` says why.
"""

import argparse
import io
import json
import pathlib
import random
import shutil
import sys

import sentencepiece
import transformers
from transformers import M2M100Tokenizer, MarianTokenizer, NllbTokenizer, T5Tokenizer
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M100_LANGUAGES
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_LANGUAGES

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tokenizers"))
import corpus  # noqa: E402

MADLAD_LANGUAGES = ["ace", "ar", "az_RU", "en", "fil", "iw", "jv", "ms_Arab", "pt", "ru_Latn", "sr", "zh", "zh_Latn", "zxx_xx_dtynoise"]
OPUS_LANGUAGES = ["por", "spa", "cmn_Hans", "cmn_Hant", "pt_BR", "srp_Latn", "ara", "arb", "jpn"]
# Text that looks like the marks of a model, which must stay text.
MARKS = [">>por<< The ferry leaves.", ">>xyz<< The ferry leaves.", "The >>spa<< ferry.", "<2pt> The ferry leaves.",
         "a<2zh_Latn>b", "por_Latn eng_Latn", "__pt__ The ferry.", "<s></s><pad><unk><mask>", "<extra_id_0> and"]


def train(lines, seed=0, **options):
    model = io.BytesIO()
    random.Random(seed).shuffle(lines)
    sentencepiece.SentencePieceTrainer.train(**{
        "sentence_iterator": iter(lines), "model_writer": model, "vocab_size": 900, "character_coverage": 0.985,
        "num_threads": 1, "hard_vocab_limit": False, "minloglevel": 2, **options})
    return model.getvalue()


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n", encoding="utf-8")


def texts():
    return corpus.strings() + MARKS


def sentences():
    return {text for group in corpus.SENTENCES.values() for text in group}


def sequences(size, special, seed):
    """Ids that no text gives: pieces in any order, with marks and control tokens among them."""
    source = random.Random(seed)
    result = [[], list(special)]
    for _ in range(60):
        result.append([source.choice(special) if special and source.random() < 0.15 else source.randrange(size)
                       for _ in range(source.randint(1, 14))])
    return result


def fused(ids, unknown):
    """SentencePiece gives one unknown id for a run; nothing to do but to check it."""
    assert all(pair != (unknown, unknown) for pair in zip(ids, ids[1:])), ids
    return ids


def nllb(folder, report):
    model = train(corpus.training_lines(), model_type="bpe", normalization_rule_name="nmt_nfkc")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    # The class puts <mask> before the languages if it is left to it; the published vocabularies have it behind them.
    layout = {"extra_special_tokens": [*NLLB_LANGUAGES, "<mask>"], "mask_token": None}
    tokenizer = NllbTokenizer.from_pretrained(folder, src_lang="eng_Latn", tgt_lang="por_Latn", **layout)
    base = processor.get_piece_size() + 1
    languages = {code: tokenizer.convert_tokens_to_ids(code) for code in NLLB_LANGUAGES}
    assert languages == {code: base + index for index, code in enumerate(NLLB_LANGUAGES)}

    def library(text):
        return fused([3 if id == 0 else id + 1 for id in processor.encode(text)], 3)

    expected = [library(text) for text in texts()]
    differences = 0
    for text, ids in zip(texts(), expected):
        other = tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
        differences += other != ids
        assert other == ids or text not in sentences(), text
    report("nllb", len(expected), differences)

    def frame(text, source, target, legacy=False):
        other = NllbTokenizer.from_pretrained(folder, src_lang=source, tgt_lang=target, legacy_behaviour=legacy, **layout)
        return {"text": text, "from": source, "to": target, "legacy": legacy, "ids": other(text).input_ids,
                "first": other.convert_tokens_to_ids(target)}

    special = [0, 1, 2, *languages.values()]
    decoded = []
    for ids in sequences(processor.get_piece_size(), special, 1) + expected:
        kept = [id - 1 for id in ids if 3 < id < base]
        text = processor.decode(kept)
        other = tokenizer.decode(ids, skip_special_tokens=True)
        # Only the spaces at the ends differ between the two.
        assert other.strip(" ") == text.strip(" "), (ids, other, text)
        decoded.append({"ids": ids, "text": text})
    text = "The ferry leaves at half past six, and nobody waits for it."
    write_json(folder / "expected.json", {
        "ids": expected, "decoded": decoded, "languages": languages, "size": base + len(NLLB_LANGUAGES) + 1,
        "sources": [frame(text, "eng_Latn", "por_Latn"), frame(text, "zho_Hans", "zul_Latn"),
                    frame(text, "eng_Latn", "ace_Arab", legacy=True)]})


def m2m100(folder, report):
    model = train(corpus.training_lines(), 1, model_type="bpe", normalization_rule_name="identity", vocab_size=1000)
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(id) for id in range(3, processor.get_piece_size())]
    # The dictionary is in another order than the pieces, lacks some of them and has some more.
    random.Random(2).shuffle(pieces)
    vocabulary = list(dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>"] + pieces[25:] + ["Ґ", "▁ꮳꮃꭹ", "𐌲𐌿", "ߒߞߏ"]))
    write_json(folder / "vocab.json", {piece: id for id, piece in enumerate(vocabulary)})
    # What the published models list, so that a language's token is not shown.
    marks = [f"__{code}__" for code in M2M100_LANGUAGES["m2m100"]]
    tokenizer = M2M100Tokenizer.from_pretrained(folder, src_lang="en", tgt_lang="pt", additional_special_tokens=marks)
    expected = []
    for text in texts():
        ids = tokenizer.convert_tokens_to_ids(tokenizer._tokenize(text))
        # Nothing is cut out of ordinary text before the pieces are looked for.
        assert text not in sentences() or tokenizer(text, add_special_tokens=False).input_ids == ids, text
        expected.append(ids)
    report("m2m100", len(expected), 0)
    languages = {code: tokenizer.get_lang_id(code) for code in M2M100_LANGUAGES["m2m100"]}
    special = [0, 1, 2, 3, *languages.values()]
    decoded = []
    skipped = set(special)
    for ids in sequences(len(vocabulary), special, 3) + expected:
        text = tokenizer.convert_tokens_to_string(tokenizer.convert_ids_to_tokens([id for id in ids if id not in skipped]))
        decoded.append({"ids": ids, "text": text.replace("▁", " ").strip()})
    text = "A avó da Inês faz pão de milho às quintas-feiras."
    sources = []
    for source, target in [("pt", "en"), ("zh", "ns")]:
        tokenizer.src_lang = source
        sources.append({"text": text, "from": source, "to": target, "legacy": False, "ids": tokenizer(text).input_ids,
                        "first": tokenizer.get_lang_id(target)})
    write_json(folder / "expected.json", {
        "ids": expected, "decoded": decoded, "languages": languages, "size": len(vocabulary) + len(languages),
        "sources": sources})


def marian_pair(folder):
    lines = corpus.training_lines()
    source = train([line for line in lines if "ã" not in line], 4, model_type="unigram", normalization_rule_name="nmt_nfkc",
                   character_coverage=0.98)
    target = train([line for line in lines if "the" not in line], 5, model_type="unigram", normalization_rule_name="identity")
    (folder / "source.spm").write_bytes(source)
    (folder / "target.spm").write_bytes(target)
    return [sentencepiece.SentencePieceProcessor(model_proto=model) for model in (source, target)]


def spelled(processor):
    return [processor.id_to_piece(id) for id in range(processor.get_piece_size()) if not processor.is_control(id) and id != processor.unk_id()]


def marian_expectations(folder, tokenizer, size, target_size, special, report, name, marks):
    def pieces(text):
        # The class reads a mark at the start of a text; a space before it is dropped again and hides it.
        tokens = tokenizer.spm_source.encode(text, out_type=str)
        return tokenizer.convert_tokens_to_ids(["<unk>" if token in marks else token for token in tokens])

    expected = [pieces(text) for text in texts()]
    for text, ids in zip(texts(), expected):
        assert text not in sentences() or tokenizer(text, add_special_tokens=False).input_ids == ids, text
    decoded = []
    for ids in sequences(target_size, special, 6) + (expected if size == target_size else []):
        kept = [id for id in ids if id not in set(special)]
        decoded.append({"ids": ids, "text": tokenizer.decode(kept, skip_special_tokens=True)})
    text = "How many loaves did the baker's daughter carry up the hill?"
    sources = [{"text": text, "from": None, "to": None, "legacy": False, "ids": tokenizer(text).input_ids, "first": None}]
    for mark in marks:
        sources.append({"text": text, "from": None, "to": mark[2:-2], "legacy": False,
                        "ids": tokenizer(f"{mark} {text}").input_ids, "first": None})
    report(name, len(expected), 0)
    write_json(folder / "expected.json", {
        "ids": expected, "decoded": decoded, "languages": {mark[2:-2]: tokenizer.encoder[mark] for mark in marks},
        "size": size, "targetSize": target_size, "sources": sources})


def marian(folder, report):
    source, target = marian_pair(folder)
    union = list(dict.fromkeys(spelled(target) + spelled(source)))
    random.Random(7).shuffle(union)
    marks = [f">>{code}<<" for code in OPUS_LANGUAGES]
    # Some characters are a piece of neither, as a joint dictionary may have.
    union += [text for text in ("ꮳꮃꭹ", "ߒߞߏ", "ᠮ") if text not in union]
    vocabulary = ["</s>", "<unk>"] + union[:300] + marks + union[320:] + ["<pad>"]
    write_json(folder / "vocab.json", {piece: id for id, piece in enumerate(vocabulary)})
    tokenizer = MarianTokenizer.from_pretrained(folder)
    special = [0, 1, len(vocabulary) - 1] + [tokenizer.encoder[mark] for mark in marks]
    marian_expectations(folder, tokenizer, len(vocabulary), len(vocabulary), special, report, "marian", marks)


def marian_separate(folder, report):
    source, target = marian_pair(folder)
    vocabularies = []
    for processor, name in ((source, "vocab.json"), (target, "target_vocab.json")):
        vocabulary = ["</s>", "<unk>"] + sorted(spelled(processor)) + ["<pad>"]
        write_json(folder / name, {piece: id for id, piece in enumerate(vocabulary)})
        vocabularies.append(vocabulary)
    write_json(folder / "tokenizer_config.json", {"separate_vocabs": True, "source_lang": "eng", "target_lang": "mul"})
    tokenizer = MarianTokenizer.from_pretrained(folder, target_vocab_file=str(folder / "target_vocab.json"), separate_vocabs=True)
    sizes = [len(vocabulary) for vocabulary in vocabularies]
    marian_expectations(folder, tokenizer, *sizes, [0, 1, sizes[1] - 1], report, "marian-separate", [])


def t5(folder, report):
    model = train(corpus.training_lines(), 8, model_type="unigram", normalization_rule_name="nmt_nfkc", pad_id=0, eos_id=1, unk_id=2,
                  bos_id=-1)
    (folder / "spiece.model").write_bytes(model)
    prefixes = {f"translation_en_to_{code}": {"prefix": f"translate English to {name}: ", "num_beams": 4}
                for code, name in (("de", "German"), ("fr", "French"), ("ro", "Romanian"))}
    prefixes["summarization"] = {"prefix": "summarize: "}
    write_json(folder / "config.json", {"model_type": "t5", "vocab_size": 1152, "eos_token_id": 1, "task_specific_params": prefixes})
    sentinels(folder, report, model, "t5", 100, lambda target: prefixes[f"translation_en_to_{target}"]["prefix"], ["de", "ro"], "en", {})


def madlad(folder, report):
    marks = [f"<2{code}>" for code in MADLAD_LANGUAGES]
    model = train(corpus.training_lines(), 9, model_type="unigram", normalization_rule_name="identity", byte_fallback=True,
                  vocab_size=1200, user_defined_symbols=marks)
    (folder / "spiece.model").write_bytes(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    write_json(folder / "config.json", {"model_type": "t5", "vocab_size": processor.get_piece_size() + 4, "eos_token_id": 2})
    write_json(folder / "tokenizer_config.json", {"extra_ids": 0, "tokenizer_class": "T5Tokenizer"})
    languages = {code: processor.piece_to_id(mark) for code, mark in zip(MADLAD_LANGUAGES, marks)}
    sentinels(folder, report, model, "madlad", 0, lambda target: f"<2{target}> ", ["pt", "zh_Latn", "iw"], None, languages)


def sentinels(folder, report, model, name, extra, prefix, targets, source, languages):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    tokenizer = T5Tokenizer.from_pretrained(folder, extra_ids=extra, unk_token="<unk>")
    unknown, end = processor.unk_id(), processor.eos_id()
    shielded = MARKS if name == "madlad" else []
    expected, differences = [], 0
    for text in texts():
        ids = None if text in shielded or "<2" in text and languages else fused(processor.encode(text), unknown)
        expected.append(ids)
        other = tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
        if name == "t5":
            differences += other != ids
            assert other == ids or text not in sentences(), (text, ids, other)
    report(name, len(expected), differences)
    size = processor.get_piece_size()
    special = [id for id in (0, 1, 2) if id != unknown] + sorted(languages.values())
    decoded = []
    for ids in sequences(size, special, 10) + [ids for ids in expected if ids is not None]:
        kept = [id for id in ids if id != unknown and id not in special]
        decoded.append({"ids": ids, "text": processor.decode(kept)})
    text = "Please keep the door closed; the cat mustn't get out!"
    sources = [{"text": text, "from": source, "to": target, "legacy": False, "first": None,
                "ids": processor.encode(prefix(target) + text) + [end]} for target in targets]
    sources.append({"text": text, "from": None, "to": None, "legacy": False, "first": None, "ids": processor.encode(text) + [end]})
    if name == "t5":
        for case in sources[:-1]:
            assert tokenizer(prefix(case["to"]) + text).input_ids == case["ids"]
    write_json(folder / "expected.json", {
        "ids": expected, "decoded": decoded, "languages": languages, "size": size + extra, "sources": sources})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=pathlib.Path, required=True)
    output = parser.parse_args().output
    transformers.logging.set_verbosity_error()

    def report(name, count, differences):
        print(f"{name}: {count} strings; the transformers class differs from SentencePiece in {differences}")

    output.mkdir(parents=True, exist_ok=True)
    for name, build in {"nllb": nllb, "m2m100": m2m100, "marian": marian, "marian-separate": marian_separate, "t5": t5, "madlad": madlad}.items():
        folder = output / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        build(folder, report)
    write_json(output / "texts.json", texts())
    write_json(output / "languages.json", {"nllb": NLLB_LANGUAGES, "m2m100": M2M100_LANGUAGES["m2m100"], "wmt21": M2M100_LANGUAGES["wmt21"]})


if __name__ == "__main__":
    main()
