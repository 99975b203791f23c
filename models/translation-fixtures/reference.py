"""Small translation models that are complete, from text to text: a checkpoint, its vocabularies, and what transformers
makes of texts with them. They are trained on a few sentences until they know them by heart, so that an answer is the
right sentence by a wide margin, and a test through a service can be held to it.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/huggingface/complete]

The vocabularies are those of `../translation-tokenizers`.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import (M2M100Config, M2M100ForConditionalGeneration, MarianConfig, MarianMTModel, T5Config,
                          T5ForConditionalGeneration)
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_LANGUAGES

VOCABULARIES = Path(__file__).resolve().parents[2] / "Tests/Fixtures/translation-tokenizers"

# The same things said in several languages.
PHRASES = {
    "eng_Latn": ["Good morning.", "Where is the station?", "The bread is still warm.", "We leave at half past six.",
                 "Nobody waits for it.", "It rains."],
    "por_Latn": ["Bom dia.", "Onde fica a estação?", "O pão ainda está quente.", "Partimos às seis e meia.",
                 "Ninguém espera por isso.", "Chove."],
    "deu_Latn": ["Guten Morgen.", "Wo ist der Bahnhof?", "Das Brot ist noch warm.", "Wir fahren um halb sieben.",
                 "Niemand wartet darauf.", "Es regnet."],
    "rus_Cyrl": ["Доброе утро.", "Где вокзал?", "Хлеб ещё тёплый.", "Мы уезжаем в половине седьмого.",
                 "Никто этого не ждёт.", "Идёт дождь."],
    "zho_Hans": ["早上好。", "车站在哪里？", "面包还热着。", "我们六点半出发。", "没有人等它。", "下雨了。"],
    "arb_Arab": ["صباح الخير.", "أين المحطة؟", "الخبز لا يزال دافئا.", "نغادر في السادسة والنصف.", "لا أحد ينتظره.",
                 "إنها تمطر."],
}
TAGS = {"eng_Latn": "en", "por_Latn": "pt", "deu_Latn": "de", "rus_Cyrl": "ru", "zho_Hans": "zh-Hans", "arb_Arab": "ar"}


def pairs(codes, both=True):
    for source in codes:
        for target in codes:
            if source != target and (both or codes.index(source) < codes.index(target)):
                for index, text in enumerate(PHRASES[source]):
                    yield source, target, text, PHRASES[target][index]


def train(model, examples, steps, seed):
    """Examples are (source ids, decoder ids, labels); the loss of positions below zero does not count."""
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    pad = model.config.pad_token_id

    def batch(lists, fill):
        length = max(map(len, lists))
        return torch.tensor([ids + [fill] * (length - len(ids)) for ids in lists])

    model.train()
    for step in range(steps):
        order = torch.randperm(len(examples))[:64]
        chosen = [examples[i] for i in order]
        sources = batch([e[0] for e in chosen], pad)
        logits = model(input_ids=sources, attention_mask=(sources != pad).long(),
                       decoder_input_ids=batch([e[1] for e in chosen], pad), use_cache=False).logits
        labels = batch([e[2] for e in chosen], -100)
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == steps - 1:
            print(f"  step {step}: loss {loss.item():.4f}", flush=True)
    return model.eval()


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write(folder, model, config, generation, files):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", generation)
    tensors, seen = {}, set()
    for name, value in model.state_dict().items():
        if value.data_ptr() in seen or "embed_positions" in name:
            continue
        seen.add(value.data_ptr())
        tensors[name] = value.detach().to(torch.float16).contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    # What transformers computes with from here on is what the file holds.
    model.load_state_dict({name: value.to(torch.float16).float() for name, value in model.state_dict().items()})
    for source, name in files:
        shutil.copyfile(source, folder / name)


def generate(model, ids, **options):
    output = model.generate(torch.tensor([ids]), num_beams=1, do_sample=False, max_new_tokens=60, **options)
    return output[0].tolist()


def nllb(output):
    vocabulary = VOCABULARIES / "nllb"
    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary / "sentencepiece.bpe.model"))
    base = processor.get_piece_size() + 1
    language = {code: base + index for index, code in enumerate(NLLB_LANGUAGES)}

    def pieces(text):
        return [3 if id == 0 else id + 1 for id in processor.encode(text)]

    config = {
        "architectures": ["M2M100ForConditionalGeneration"], "model_type": "m2m_100", "d_model": 64,
        "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
        "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "activation_function": "relu", "scale_embedding": True,
        "vocab_size": base + len(NLLB_LANGUAGES) + 2, "max_position_embeddings": 128, "bos_token_id": 0, "pad_token_id": 1,
        "eos_token_id": 2, "decoder_start_token_id": 2, "is_encoder_decoder": True, "tokenizer_class": "NllbTokenizer",
        "torch_dtype": "float16", "dropout": 0.0, "attention_dropout": 0.0, "transformers_version": "4.21.0"}
    torch.manual_seed(1)
    model = M2M100ForConditionalGeneration(M2M100Config(**config))
    codes = list(PHRASES)
    examples = [([language[source], *pieces(text), 2], [2, language[target], *pieces(other)],
                 [-100, *pieces(other), 2]) for source, target, text, other in pairs(codes)]
    train(model, examples, 1600, 2)
    folder = output / "nllb"
    write(folder, model, config, {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2,
                                  "max_length": 200},
          [(vocabulary / "sentencepiece.bpe.model", "sentencepiece.bpe.model")])
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "NllbTokenizer", "src_lang": "eng_Latn"})
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA fixture.\n")
    results, right = [], 0
    for source, target, text, other in pairs(codes):
        ids = generate(model, [language[source], *pieces(text), 2], forced_bos_token_id=language[target])
        kept = [id - 1 for id in ids if 3 < id < base]
        found = processor.decode(kept)
        right += found == other
        results.append({"source": TAGS[source], "target": TAGS[target], "text": text, "translation": found})
    print(f"nllb: {right} of {len(results)} as they were trained")
    return results


def marian(output):
    vocabulary = VOCABULARIES / "marian"
    source = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary / "source.spm"))
    target = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary / "target.spm"))
    ids = json.loads((vocabulary / "vocab.json").read_text())
    names = {id: piece for piece, id in ids.items()}
    pad = ids["<pad>"]

    def encode(processor, text):
        return [ids.get(piece, 1) for piece in processor.encode(text, out_type=str)]

    config = {
        "architectures": ["MarianMTModel"], "model_type": "marian", "d_model": 64, "encoder_layers": 2,
        "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 128,
        "decoder_ffn_dim": 128, "activation_function": "swish", "scale_embedding": True, "vocab_size": len(ids),
        "decoder_vocab_size": len(ids), "max_position_embeddings": 128, "pad_token_id": pad, "eos_token_id": 0,
        "bos_token_id": 0, "decoder_start_token_id": pad, "forced_eos_token_id": 0, "bad_words_ids": [[pad]],
        "num_beams": 4, "max_length": 512, "is_encoder_decoder": True, "torch_dtype": "float16",
        "share_encoder_decoder_embeddings": True, "static_position_embeddings": True, "dropout": 0.0}
    torch.manual_seed(3)
    model = MarianMTModel(MarianConfig(**config))
    with torch.no_grad():
        model.model.shared.weight[pad] = 0
    examples = []
    known = []
    for language, code in [("por_Latn", "por"), ("zho_Hans", "cmn_Hans")]:
        for index, text in enumerate(PHRASES["eng_Latn"]):
            other = encode(target, PHRASES[language][index])
            if 1 in other:
                continue
            known.append((code, TAGS[language], text, PHRASES[language][index]))
            examples.append(([ids[f">>{code}<<"], *encode(source, text), 0], [pad, *other], [*other, 0]))
    train(model, examples, 900, 4)
    with torch.no_grad():
        model.model.shared.weight[pad] = 0
    folder = output / "opus-mt"
    write(folder, model, config, {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad,
                                  "forced_eos_token_id": 0, "bad_words_ids": [[pad]], "max_length": 512, "num_beams": 4},
          [(vocabulary / name, name) for name in ("source.spm", "target.spm", "vocab.json")])
    write_json(folder / "tokenizer_config.json", {"source_lang": "en", "target_lang": "mul",
                                                  "tokenizer_class": "MarianTokenizer"})
    results, right = [], 0
    for code, tag, text, other in known:
        output_ids = generate(model, [ids[f">>{code}<<"], *encode(source, text), 0])
        kept = [names[id] for id in output_ids if id not in (0, pad)]
        found = target.decode(kept).strip()
        right += found == other
        results.append({"source": "en", "target": tag, "text": text, "translation": found})
    print(f"opus-mt: {right} of {len(results)} as they were trained")
    return results


def madlad(output):
    vocabulary = VOCABULARIES / "madlad"
    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary / "spiece.model"))
    size = processor.get_piece_size()
    config = {
        "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "d_model": 64, "d_kv": 16, "num_heads": 4,
        "d_ff": 128, "num_layers": 2, "num_decoder_layers": 2, "vocab_size": size, "feed_forward_proj": "gated-gelu",
        "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128, "layer_norm_epsilon": 1e-6,
        "tie_word_embeddings": False, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 0,
        "is_encoder_decoder": True, "torch_dtype": "float16", "dropout_rate": 0.0}
    torch.manual_seed(5)
    model = T5ForConditionalGeneration(T5Config(**config))
    marks = {"por_Latn": "<2pt>", "eng_Latn": "<2en>", "arb_Arab": "<2ar>", "zho_Hans": "<2zh>"}
    codes = list(marks)

    def source(text, target):
        return [processor.piece_to_id(marks[target]), *processor.encode(text), 2]

    examples = [(source(text, target), [0, *processor.encode(other)], [*processor.encode(other), 2])
                for _, target, text, other in pairs(codes)]
    train(model, examples, 1200, 6)
    folder = output / "madlad"
    write(folder, model, config, {"pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 0},
          [(vocabulary / "spiece.model", "spiece.model")])
    write_json(folder / "tokenizer_config.json", json.loads((vocabulary / "tokenizer_config.json").read_text()))
    results, right = [], 0
    for origin, target, text, other in pairs(codes):
        ids = generate(model, source(text, target))
        found = processor.decode([id for id in ids if id not in (0, 1, 2)])
        right += found == other
        results.append({"source": TAGS[origin], "target": TAGS[target], "text": text, "translation": found})
    print(f"madlad: {right} of {len(results)} as they were trained")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--output", type=Path, default=root / "Tests/Fixtures/huggingface/complete")
    output = parser.parse_args().output
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    for name, make in [("nllb", nllb), ("opus-mt", marian), ("madlad", madlad)]:
        results = make(output)
        write_json(output / f"{name}.json", results)
    manifest = {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(output.rglob("*")) if path.is_file() and path.name != "manifest.json"}
    write_json(output / "manifest.json", manifest)


if __name__ == "__main__":
    main()
