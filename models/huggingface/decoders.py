"""Small decoder-only checkpoints in the layout of Hugging Face, with random weights, and what transformers computes of
them. Beside the checkpoint NAME/ stands NAME.json, with

    model, files      the directory, {file: SHA-256}
    architecture      `model_type` of its configuration
    authority         whose numbers these are: a class of transformers, in float32 whatever the type in the file
    versions, seed    of the packages, of the weights
    differences       largest absolute difference between the authority and `network.py` in float64: of `encoder`
                      and `logits`. All ids are equal.
    inputs            [{ids, encoder, logits}]: the states behind the last norm, [ids][width]; [ids][vocabulary]
    greedy            [{input, ids}]: what is generated after an input, 20 ids, or fewer where the end came
    beam              [{input, beams, hypotheses: [{ids, score}]}]: the two best of four beams, the length penalty 1

Floats are rounded to 5 decimals. `manifest.json` has the SHA-256 of every file below the directory. A GGUF file
NAME.gguf holds what NAME/ holds, as a converter writes it.
"""

import argparse
import json
import os
import random
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import gguf  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "m2m100"))

import checkpoints  # noqa: E402
from checkpoints import Recipe  # noqa: E402, F401
from fixtures import rounded, versions, write  # noqa: E402
from network import Network  # noqa: E402

NEW_TOKENS, END, VOCABULARY = 20, 90, 96
LENGTHS = [1, 4, 9, 14, 23, 38]


def configuration(spelling, architecture, model_type, **changes):
    """What transformers 4 or 5 writes."""
    common = dict(
        architectures=[architecture], attention_dropout=0.0, bos_token_id=1, eos_token_id=END, hidden_act="silu",
        hidden_size=32, initializer_range=0.02, intermediate_size=48, max_position_embeddings=128,
        model_type=model_type, num_attention_heads=4, num_hidden_layers=2, num_key_value_heads=2, rms_norm_eps=1e-6,
        use_cache=True, vocab_size=VOCABULARY)
    if spelling == 4:
        common |= dict(rope_scaling=None, rope_theta=10000.0, torch_dtype="float32", transformers_version="4.44.0")
    else:
        common |= dict(rope_parameters=dict(rope_theta=50000.0, rope_type="default"), dtype="float32",
                       transformers_version="5.23.0")
    return common | changes


GENERATION = dict(_from_model_config=True, bos_token_id=1, eos_token_id=END)


def load(recipe, directory):
    """Anew for each input: transformers keeps the longest length that a dynamic RoPE has seen."""
    model, report = recipe.model.from_pretrained(directory, dtype=torch.float32, output_loading_info=True)
    assert not any(report.values()), report
    model.generation_config = transformers.GenerationConfig()
    return model.eval()


def greedy(model, ids):
    out = model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        generation_config=transformers.GenerationConfig(
            do_sample=False, max_new_tokens=NEW_TOKENS, eos_token_id=END, pad_token_id=0))
    return out[0, len(ids):].tolist()


def beam(model, ids):
    out = model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        generation_config=transformers.GenerationConfig(
            do_sample=False, max_new_tokens=NEW_TOKENS, eos_token_id=END, pad_token_id=0, num_beams=4,
            num_return_sequences=2, length_penalty=1.0, early_stopping=False, return_dict_in_generate=True,
            output_scores=True))
    hypotheses = []
    for sequence, score in zip(out.sequences, out.sequences_scores):
        found = sequence[len(ids):].tolist()
        if END in found:
            found = found[:found.index(END) + 1]
        hypotheses.append(dict(ids=found, score=round(float(score), 6)))
    return dict(beams=4, hypotheses=hypotheses)


def own_greedy(network, prompt):
    ids, margin = list(prompt), float("inf")
    while len(ids) < len(prompt) + NEW_TOKENS and ids[-1] != END or len(ids) == len(prompt):
        best = network.decode(ids, len(prompt))[1][-1].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        ids.append(int(best.indices[0]))
    return ids[len(prompt):], margin


@torch.no_grad()
def fixture(recipe, directory):
    files = checkpoints.write(recipe, directory)
    network, numbers = Network(directory), random.Random(recipe.seed)
    differences, records, generated, least = dict(encoder=0.0, logits=0.0), [], [], float("inf")
    searched = []
    for length in LENGTHS:
        ids = [numbers.randrange(2, END) for _ in range(length)]
        out = load(recipe, directory)(torch.tensor([ids]), output_hidden_states=True)
        states, logits = out.hidden_states[-1][0], out.logits[0]
        for key, theirs, own in zip(differences, (states, logits), network.decode(ids)):
            differences[key] = max(differences[key], float((theirs.double() - own).abs().max()))
        theirs, (own, margin) = greedy(load(recipe, directory), ids), own_greedy(network, ids)
        assert theirs == own, (recipe.name, length, theirs, own)
        least = min(least, margin)
        generated.append(dict(input=len(records), ids=theirs))
        searched.append(dict(input=len(records), **beam(load(recipe, directory), ids)))
        records.append(dict(ids=ids, encoder=rounded(states), logits=rounded(logits)))
    content = dict(
        model=recipe.name, files=files, architecture=recipe.config["model_type"], authority=recipe.model.__name__,
        versions=versions(), seed=recipe.seed,
        differences={key: float(f"{value:.2g}") for key, value in differences.items()}, inputs=records,
        greedy=generated, beam=searched)
    path = directory.parent / f"{recipe.name}.json"
    write(path, content)
    print(recipe.name, content["differences"], f"{sum(file.stat().st_size for file in directory.iterdir())} bytes,",
          f"fixture {path.stat().st_size} bytes, smallest margin {least:.1e},",
          f"{len({item for record in generated for item in record['ids']})} distinct ids")


def copy_as_gguf(directory, architecture, names, keys, reorder=False):
    """Writes NAME.gguf beside a checkpoint. `names`: the converter's name for the middle of each name; `reorder`: the
    rows of queries and keys, from halves to neighbours.
    """
    config, weights = checkpoints.read(directory)
    writer = gguf.GGUFWriter(directory.with_suffix(".gguf"), architecture)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    keys(writer, config)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, value in weights.items():
        parts = name.split(".")
        if reorder and len(parts) > 4 and parts[4] in heads:
            shape = value.shape
            value = value.view(heads[parts[4]], 2, -1, *shape[1:]).transpose(1, 2).reshape(shape)
        if len(parts) > 4:
            stored = f"blk.{parts[2]}.{names['.'.join(parts[3:-1])]}.{parts[-1]}"
        else:
            stored = names[name]
        writer.add_tensor(stored, value.float().contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    directory.with_suffix(".gguf").chmod(0o644)


GGUF_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight", "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def manifest(output):
    files = sorted(file for file in output.rglob("*") if file.is_file() and file.name != "manifest.json")
    digests = {str(file.relative_to(output)): checkpoints.digest(file) for file in files}
    (output / "manifest.json").write_text(json.dumps(digests, indent=1) + "\n")


def run(description, family, recipes, then=lambda output: None):
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=here / "../../Tests/Fixtures/huggingface" / family)
    parser.add_argument("--only", help="write this checkpoint alone")
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for recipe in recipes():
        if arguments.only in (None, recipe.name):
            fixture(recipe, output / recipe.name)
    then(output)
    manifest(output)
