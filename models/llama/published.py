"""The fixture of a published model: greedy continuations and samples of logits, as transformers gives them for the file
dequantised to float32. Before anything is written, the weights and settings that transformers took from the file are
compared with what gguf reads.
"""

import time

import gguf
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import checkpoints
import fixtures
from decoder import Decoder

SAMPLED = 8                             # ids whose logits are kept
PIECE = 128                             # positions whose logits are held at a time
SAMPLED_POSITIONS = 4000                # of all prompts together


def check_weights(model, decoder):
    """Every number of the file is where it belongs, exactly. Norms of Gemma lose a rounding: transformers adds 1 again."""
    c, held = decoder.configuration, model.state_dict()
    taken = {"lm_head.weight"} if "output.weight" not in decoder.weights else set()
    for name, weight in decoder.weights.items():
        key = checkpoints.library_name(name, c.architecture)
        stem = name.split(".")[-2]
        if c.architecture == "llama" and stem in ("attn_q", "attn_k"):
            heads = c.heads if stem == "attn_q" else c.key_value_heads
            weight = weight.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)
        value = held[key] + 1 if c.architecture == "gemma3" and stem.endswith("norm") else held[key]
        if not torch.equal(value, weight):
            raise SystemExit(f"transformers has other numbers for {name}: by {(value - weight).abs().max().item()}")
        taken.add(key)
    if taken != set(held):
        raise SystemExit(f"transformers has weights that are not of the file: {set(held) - taken}")
    tied = model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    if tied == ("output.weight" in decoder.weights):
        raise SystemExit("the output is tied to the embedding where the file has one of its own, or the other way round")


def check_settings(config, c):
    rope = config.rope_parameters
    wanted = [
        (config.num_hidden_layers, c.layers), (config.hidden_size, c.width), (config.num_attention_heads, c.heads),
        (config.num_key_value_heads, c.key_value_heads), (config.head_dim, c.head_width), (config.rms_norm_eps, c.epsilon)]
    if c.architecture == "gemma3":
        slides = [kind == "sliding_attention" for kind in config.layer_types]
        wanted += [
            (config.sliding_window, c.window), (slides, [c.slides(layer) for layer in range(c.layers)]),
            (rope["full_attention"], {"rope_theta": c.rope_base, "rope_type": "default"}),
            (rope["sliding_attention"], {"rope_theta": c.local_rope_base, "rope_type": "default"}),
            (config.query_pre_attn_scalar ** -0.5, c.query_scale), (config.final_logit_softcapping, c.softcap)]
    else:
        wanted.append((rope, {"rope_theta": c.rope_base, "rope_type": "default"}))
    for place, (had, expected) in enumerate(wanted):
        if had != expected:
            raise SystemExit(f"setting {place}: transformers has {had}, the file says {expected}")


@torch.no_grad()
def compare(model, decoder, ids, sample_ids):
    """Both networks over a whole sequence: rows of samples, the largest difference of any logit, the best two ids of
    the first and the best id of the second."""
    if decoder.configuration.softcap:
        raise SystemExit("the output layer of transformers alone leaves the soft cap out")
    library, own = model.model(torch.tensor([ids])).last_hidden_state[0], decoder.hidden(ids)
    rows, difference, best, own_best = [], 0.0, [], []
    for start in range(0, len(ids), PIECE):
        logits, own_logits = model.lm_head(library[start:start + PIECE]), decoder.output(own[start:start + PIECE])
        rows += fixtures.samples(logits, sample_ids)
        difference = max(difference, (logits - own_logits).abs().max().item())
        best += fixtures.best_two(logits)
        own_best += own_logits.argmax(-1).tolist()
    return rows, difference, best, own_best


def make(path, output, name, prompts, stop):
    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    decoder = Decoder(path)
    check_weights(model, decoder)
    check_settings(model.config, decoder.configuration)
    fields = gguf.GGUFReader(path).fields
    vocabulary = checkpoints.Vocabulary.read(fields, stop)
    tokens = vocabulary.tokens
    stop_ids = [vocabulary.id(token) for token in stop]
    # The template is applied by transformers; the ids are the file's own: transformers does not know every word pattern.
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)

    sample_ids = sorted(torch.randint(0, len(tokens), (SAMPLED,), generator=torch.Generator().manual_seed(7)).tolist())
    records, unlike = [], []
    for prompt in prompts:
        text = prompt.get("text")
        if text is None:
            text = tokenizer.apply_chat_template(prompt["messages"], add_generation_prompt=True, tokenize=False)
        prompt_ids = [vocabulary.id(vocabulary.bos)] * vocabulary.add_bos + vocabulary.encode(text)
        if tokenizer(text, add_special_tokens=False).input_ids != prompt_ids[vocabulary.add_bos:]:
            unlike.append(prompt["name"])
        records.append(prompt | dict(prompt=text, prompt_ids=prompt_ids))
    started = time.time()
    by_length = sorted(records, key=lambda record: len(record["prompt_ids"]))
    for group in (by_length[:-12], by_length[-12:-6], by_length[-6:]):
        guesses = fixtures.drafts(model, [record["prompt_ids"] for record in group], stop_ids)
        for record, guess in zip(group, guesses):
            record["ids"] = guess
        print(f"{len(group)} drafts [{time.time() - started:.0f} s]", flush=True)

    logits, worst = [], 0.0
    for record in records:
        prompt_ids, ids, redone = record["prompt_ids"], record["ids"], 0
        while True:
            rows, difference, best, own_best = compare(model, decoder, prompt_ids + ids[:-1], sample_ids)
            best, own_best = best[-len(ids):], own_best[-len(ids):]
            wrong = next((place for place, step in enumerate(best) if step[0][0] != ids[place]), None)
            if wrong is None:
                break
            redone += 1
            ids, _ = fixtures.greedy(model, prompt_ids, stop_ids, ids=[*ids[:wrong], best[wrong][0][0]])
        worst = max(worst, difference)
        record.update(ids=ids, end="stop" if ids[-1] in stop_ids else "length", output=vocabulary.decode(ids), top2=best)
        if own_best != ids:
            record["own_ids"] = fixtures.own_greedy(decoder, prompt_ids, stop_ids)
        logits.append(dict(prompt=record["name"], samples=rows))
        margin = min(first[1] - second[1] for first, second in best)
        print(f"{record['name']}: {len(prompt_ids)}+{len(ids)} {record['end']}, difference {difference:.1e}, "
              f"margin {margin:.1e}{f', {redone} times otherwise than drafted' if redone else ''}"
              f"{', own otherwise' if 'own_ids' in record else ''} [{time.time() - started:.0f} s] "
              f"{record['output']!r}", flush=True)

    # Whole prompts as far as there is room: the two longest, then from the shortest up.
    order = sorted(logits, key=lambda item: len(item["samples"]))
    order, kept = order[-2:] + order[:-2], []
    for item in order:
        if len(item["samples"]) + sum(len(other["samples"]) for other in kept) <= SAMPLED_POSITIONS:
            kept.append(item)
    kept.sort(key=lambda item: [prompt["name"] for prompt in prompts].index(item["prompt"]))
    content = dict(
        model=path.name, sha256=fixtures.digest(path), architecture=decoder.configuration.architecture,
        authority=f"transformers {type(model).__name__}", versions=fixtures.versions(), dtype="float32",
        difference=float(f"{worst:.2e}"), sample_ids=sample_ids, stop_ids=stop_ids, prompts=records, logits=kept)
    fixtures.write(output / f"{name}.json", content, ["prompts", "logits"])
    print(f"{len(records)} prompts, {len(kept)} of them with samples of logits; largest difference {worst:.1e}; "
          f"ids that the tokenizer of transformers does not give: {unlike}")
