"""Makes a checkpoint with random weights and its fixture: the logits that transformers' own implementation of the
family gives for a few sequences, and greedy continuations of a few prompts. The docstring of
`reference.py` says what is in the file.
"""

import json

import jinja2
import jinja2.ext
import jinja2.sandbox
import numpy as np
import torch
import transformers

import checkpoints
import fixtures
from decoder import Decoder

LENGTHS = [1, 2, 5, 17, 40, 73]
WHOLE = 17                              # sequences up to this length have all their logits in the fixture
TEXTS = {"word": "hello world", "sentence": "The weather in Paris is", "digits": "one 1, two 22, 333: "}
QUESTION = [{"role": "user", "content": "Is the cat in the world?"}]
SYSTEM = [{"role": "system", "content": "One word."}, *QUESTION]


def library_model(recipe, weights):
    """The network as transformers runs it, in float32."""
    r = recipe
    rope = {"rope_type": "default", "rope_theta": r.rope_base}
    if r.linear_factor:
        rope |= {"rope_type": "linear", "factor": r.linear_factor}
    if r.llama3:
        rope |= {"rope_type": "llama3"} | r.llama3
    common = dict(
        vocab_size=len(r.vocabulary.tokens), hidden_size=r.width, intermediate_size=r.feed_forward,
        num_hidden_layers=r.layers, num_attention_heads=r.heads, num_key_value_heads=r.key_value_heads,
        max_position_embeddings=r.context, rms_norm_eps=r.epsilon, tie_word_embeddings=r.tied, rope_parameters=rope,
        bos_token_id=None, eos_token_id=None, pad_token_id=None)
    if r.architecture == "llama" and r.head_width != r.width // r.heads:
        name, config = "Mistral", transformers.MistralConfig(**common, head_dim=r.head_width, sliding_window=None)
    elif r.architecture == "llama":
        name, config = "Llama", transformers.LlamaConfig(**common, attention_bias=bool(r.biases))
    elif r.architecture == "qwen2":
        name, config = "Qwen2", transformers.Qwen2Config(**common)
    elif r.architecture == "qwen3":
        name, config = "Qwen3", transformers.Qwen3Config(**common, head_dim=r.head_width)
    else:
        local = {"rope_type": "default", "rope_theta": r.local_rope_base}
        slides = r.pattern if isinstance(r.pattern, list) else [
            layer % r.pattern < r.pattern - 1 for layer in range(r.layers)]
        common["rope_parameters"] = {"full_attention": rope, "sliding_attention": local}
        name, config = "Gemma3", transformers.Gemma3TextConfig(
            **common, head_dim=r.head_width, query_pre_attn_scalar=r.head_width, sliding_window=r.window,
            layer_types=["sliding_attention" if slide else "full_attention" for slide in slides],
            final_logit_softcapping=r.softcap)
    config._attn_implementation = "eager"
    model = getattr(transformers, f"{name}ForCausalLM")(config).float().eval()
    if r.tied:
        weights = weights | {"lm_head.weight": weights["model.embed_tokens.weight"]}
    model.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in weights.items()}, strict=True)
    return model


def render(vocabulary, messages, tools=None):
    """The prompt that the template makes of messages, as transformers sets Jinja up."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
    # Jinja's own filter escapes HTML; templates expect plain JSON.
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(vocabulary.template).render(
        messages=messages, tools=tools, add_generation_prompt=True, bos_token=vocabulary.bos or "",
        eos_token=vocabulary.eos)


def prompts(recipe, conversations):
    """Raw texts and conversations with their ids."""
    v = recipe.vocabulary
    bos = [v.id(v.bos)] if v.add_bos else []
    for name, text in TEXTS.items():
        yield dict(name=name, kind="raw", text=text, prompt=text, prompt_ids=bos + v.encode(text))
    for name, conversation in conversations.items():
        prompt = render(v, **conversation)
        ids = v.encode(prompt)
        # A template that writes the BOS itself must not get a second one.
        ids = ids if not bos or ids[:1] == bos else bos + ids
        yield dict(name=name, kind="chat", **conversation, prompt=prompt, prompt_ids=ids)


def make(recipe, output, conversations=None, weights=None):
    path = output / f"{recipe.name}.gguf"
    model = library_model(recipe, checkpoints.write(recipe, path, weights))
    decoder = Decoder(path)
    random = np.random.default_rng(recipe.seed + 1000)
    count = len(recipe.vocabulary.tokens)
    sample_ids = sorted(random.choice(count, 8, replace=False).tolist())
    sequences, worst = [], 0.0
    for length in LENGTHS:
        ids = random.integers(0, count, length).tolist()
        logits = fixtures.library_logits(model, ids)
        worst = max(worst, (decoder(ids) - logits).abs().max().item())
        # In pieces over a cache it must come to the same.
        cache = decoder.cache()
        pieces = torch.cat([decoder(part, cache) for part in (ids[:length // 2], ids[length // 2:]) if part])
        worst = max(worst, (pieces - logits).abs().max().item())
        positions = list(range(length)) if length <= WHOLE else sorted({0, 7, 8, 9, length // 2, length - 1})
        sequences.append(dict(
            ids=ids, positions=positions, logits=[fixtures.rounded(logits[position]) for position in positions],
            samples=fixtures.samples(logits, sample_ids)))
    stop_ids = [recipe.vocabulary.id(token) for token in recipe.vocabulary.ends]
    if conversations is None:
        conversations = {"question": dict(messages=QUESTION), "system": dict(messages=SYSTEM)}
    records = []
    for prompt in prompts(recipe, conversations):
        ids, end = fixtures.greedy(model, prompt["prompt_ids"], stop_ids, recipe.generated)
        best = fixtures.best_two(fixtures.library_logits(model, prompt["prompt_ids"] + ids[:-1])[-len(ids):])
        own = fixtures.own_greedy(decoder, prompt["prompt_ids"], stop_ids, recipe.generated)
        record = prompt | dict(ids=ids, end=end, output=recipe.vocabulary.decode(ids), top2=best)
        records.append(record if own == ids else record | dict(own_ids=own))
    content = dict(
        model=path.name, sha256=fixtures.digest(path), architecture=recipe.architecture, context=recipe.context,
        vocabulary=count, authority=f"transformers {type(model).__name__}", versions=fixtures.versions(), dtype="float32",
        difference=float(f"{worst:.2e}"), sample_ids=sample_ids, stop_ids=stop_ids, sequences=sequences, greedy=records)
    fixtures.write(output / f"{recipe.name}.json", content, ["sequences", "greedy"])
    size = path.stat().st_size
    margins = [step[0][1] - step[1][1] for record in records for step in record["top2"]]
    print(f"{recipe.name}: {size} bytes, {count} tokens, difference {worst:.1e}, smallest margin {min(margins):.1e}, "
          f"other than own: {sum('own_ids' in record for record in records)}, distinct tokens "
          f"{len({item for record in records for item in record['ids']})}, ends {[record['end'] for record in records]}")
