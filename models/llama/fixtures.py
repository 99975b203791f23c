"""Greedy continuations, samples of logits, and how fixtures are written. The docstring of `reference.py` says what the
fields of a fixture are.
"""

import hashlib
import importlib.metadata
import json
import platform

import torch

GENERATED = 48


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions():
    names = ["torch", "transformers", "gguf", "tokenizers", "numpy"]
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}


def rounded(values):
    return [round(float(value), 5) for value in values]


def samples(logits, ids):
    """The row of each position: the sampled logits, the largest, log Σ exp."""
    columns = [logits[:, ids], logits.max(-1, keepdim=True).values, logits.double().logsumexp(-1, keepdim=True)]
    return [rounded(row) for row in torch.cat([column.double() for column in columns], -1)]


@torch.no_grad()
def library_logits(model, ids):
    return model(torch.tensor([ids])).logits[0].float()


@torch.no_grad()
def greedy(model, prompt_ids, stop_ids, count=GENERATED, ids=()):
    """The most likely token again and again, behind `ids` if some are known. Returns all ids and why it ended."""
    ids, cache = list(ids), None
    rest = prompt_ids + ids
    while len(ids) < count and not (ids and ids[-1] in stop_ids):
        out = model(torch.tensor([rest]), past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        ids.append(int(out.logits[0, -1].argmax()))
        rest = ids[-1:]
    return ids, "stop" if ids[-1] in stop_ids else "length"


def best_two(logits):
    """The two best candidates of each row, [[id, logit], [id, logit]]."""
    values, places = logits.float().topk(2, -1)
    return [[[int(place), round(float(value), 5)] for value, place in zip(*row)] for row in zip(values, places)]


@torch.no_grad()
def drafts(model, prompts, stop_ids, count=GENERATED):
    """What many prompts at once would be continued with: padding makes the last digits of a logit other ones, so these
    are guesses to be checked."""
    length = max(map(len, prompts))
    ids = torch.tensor([[0] * (length - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=count, do_sample=False, eos_token_id=stop_ids,
                         pad_token_id=0)
    guesses = []
    for row in out[:, length:].tolist():
        ends = [place for place, item in enumerate(row) if item in stop_ids]
        guesses.append(row[:ends[0] + 1] if ends else row)
    return guesses


def own_greedy(decoder, prompt_ids, stop_ids, count=GENERATED):
    ids, cache, rest = [], decoder.cache(), prompt_ids
    while len(ids) < count and not (ids and ids[-1] in stop_ids):
        ids.append(int(decoder.output(decoder.hidden(rest, cache)[-1:])[0].argmax()))
        rest = ids[-1:]
    return ids


def write(path, content, lists):
    """JSON with the named lists one element a line."""
    compact = dict(ensure_ascii=False, separators=(",", ":"))
    parts = []
    for key, value in content.items():
        if key in lists:
            lines = ",\n".join(json.dumps(item, **compact) for item in value)
            parts.append(f"{json.dumps(key)}:[\n{lines}\n]")
        else:
            parts.append(f"{json.dumps(key)}:{json.dumps(value, **compact)}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
