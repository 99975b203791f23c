"""BERT and XLM-RoBERTa encoders and sentence embeddings: the network in float64, small checkpoints with random
weights, their fixtures.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/huggingface/bert]
    python reference.py --published all-MiniLM-L6-v2/ [--output ...]

Beside the checkpoint NAME/ stands NAME.json, with

    model, files      the directory, {file: SHA-256}
    architecture      `model_type` of its configuration
    authority         whose states these are: a class of transformers, in float32 whatever the type in the file
    versions, seed    of the packages, of the weights
    differences       largest absolute difference between the authority and the own network in float64
    inputs            [{ids, states, embedding}]: the last layer's states, [ids][width]; what the modules behind make
                      of them, by the formulas of sentence-transformers in float64

Floats are rounded to 6 decimals. `manifest.json` has the SHA-256 of every file below the directory. Of a published
model NAME.json has some sentences with their ids and embeddings.
"""

import argparse
import json
import os
import random
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import torch
import transformers

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "m2m100"))

import checkpoints  # noqa: E402
from checkpoints import Recipe, read  # noqa: E402
from fixtures import rounded, versions, write  # noqa: E402

LENGTHS = [1, 2, 7, 16, 33]
SENTENCES = [
    "The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.", "a",
    "How do I reset my password?", "Que horas são em São Paulo?", "東京は日本の首都です。",
    "An encoder reads the whole sentence at once; its states are averaged, and the average is made of length one. " * 6,
]


class Network:
    def __init__(self, directory):
        self.config, weights = read(directory)
        self.weights = {
            name.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias"): value
            for name, value in weights.items()}
        self.heads = self.config["num_attention_heads"]
        self.first = 0 if self.config["model_type"] == "bert" else self.config["pad_token_id"] + 1

    def linear(self, name, x):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, name, x):
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + self.config["layer_norm_eps"]).sqrt()
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attention(self, name, x):
        query, key, value = (self.linear(f"{name}.self.{kind}", x).view(len(x), self.heads, -1).transpose(0, 1)
                             for kind in ("query", "key", "value"))
        scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
        mixed = (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
        return self.norm(f"{name}.output.LayerNorm", x + self.linear(f"{name}.output.dense", mixed))

    def encode(self, ids):
        tables = [self.weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")]
        x = tables[0][ids] + tables[1][self.first:self.first + len(ids)] + tables[2][0]
        x = self.norm("embeddings.LayerNorm", x)
        activation = {"gelu": torch.nn.functional.gelu, "relu": torch.relu}[self.config["hidden_act"]]
        for layer in range(self.config["num_hidden_layers"]):
            name = f"encoder.layer.{layer}"
            x = self.attention(f"{name}.attention", x)
            inner = activation(self.linear(f"{name}.intermediate.dense", x))
            x = self.norm(f"{name}.output.LayerNorm", x + self.linear(f"{name}.output.dense", inner))
        return x


def embedding(states, modules):
    """What pooling and normalisation make of a text's states [ids, width]."""
    count = len(states)
    weights = torch.arange(1, count + 1).double()[:, None]
    pooled = dict(
        cls=states[0], max=states.amax(0), mean=states.mean(0), mean_sqrt_len=states.sum(0) / count ** 0.5,
        weightedmean=(states * weights).sum(0) / weights.sum(), lasttoken=states[-1])
    out = torch.cat([pooled[mode] for mode in pooled if mode in modules["pooling"]])
    return out / out.norm() if modules["normalize"] else out


KEYS = dict(cls="pooling_mode_cls_token", max="pooling_mode_max_tokens", mean="pooling_mode_mean_tokens",
            mean_sqrt_len="pooling_mode_mean_sqrt_len_tokens", weightedmean="pooling_mode_weightedmean_tokens",
            lasttoken="pooling_mode_lasttoken")


def write_modules(directory, width, modules):
    kinds = ["Transformer", "Pooling"] + ["Normalize"] * modules["normalize"]
    paths = ["", "1_Pooling", "2_Normalize"]
    listed = [dict(idx=place, name=str(place), path=path, type=f"sentence_transformers.models.{kind}")
              for place, (kind, path) in enumerate(zip(kinds, paths))]
    (directory / "modules.json").write_text(json.dumps(listed, indent=2) + "\n")
    (directory / "1_Pooling").mkdir(exist_ok=True)
    pooling = dict(word_embedding_dimension=width) | {key: mode in modules["pooling"] for mode, key in KEYS.items()}
    (directory / "1_Pooling/config.json").write_text(json.dumps(pooling, indent=2) + "\n")
    sizes = dict(max_seq_length=40, do_lower_case=False)
    (directory / "sentence_bert_config.json").write_text(json.dumps(sizes) + "\n")


def configuration(model_type, name, **changes):
    return dict(
        architectures=[name], attention_probs_dropout_prob=0.1, hidden_act="gelu", hidden_dropout_prob=0.1,
        hidden_size=32, initializer_range=0.02, intermediate_size=48, layer_norm_eps=1e-12, max_position_embeddings=48,
        model_type=model_type, num_attention_heads=4, num_hidden_layers=2, pad_token_id=0,
        position_embedding_type="absolute", torch_dtype="float32", transformers_version="4.44.0", type_vocab_size=2,
        use_cache=True, vocab_size=96) | changes


def old_names(weights):
    """As the first releases wrote them: a prefix, and other names for a norm's scale and bias."""
    def old(name):
        return "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    more = {"cls.predictions.bias": torch.zeros(96), "bert.embeddings.position_ids": torch.arange(48)[None]}
    return {old(name): value for name, value in weights.items()} | more


def recipes():
    yield Recipe("bert", transformers.BertModel, configuration("bert", "BertModel"), {}, seed=91,
                 runs=dict(pooling=["mean"], normalize=True))
    # Heads of 9 features.
    yield Recipe("bert-cls", transformers.BertModel, configuration(
        "bert", "BertForMaskedLM", hidden_size=36, intermediate_size=50, num_hidden_layers=3, type_vocab_size=1),
        {}, seed=92, layout="pytorch", written=old_names, runs=dict(pooling=["cls"], normalize=False))
    yield Recipe("xlm-roberta", transformers.XLMRobertaModel, configuration(
        "xlm-roberta", "XLMRobertaModel", layer_norm_eps=1e-5, max_position_embeddings=50, pad_token_id=1,
        type_vocab_size=1, bos_token_id=0, eos_token_id=2, hidden_act="relu", dtype="float16"), {}, seed=93,
        dtype=torch.float16, shards=2, runs=dict(pooling=["max", "mean"], normalize=True))


@torch.no_grad()
def fixture(recipe, directory):
    directory.mkdir(parents=True, exist_ok=True)
    for old in sorted(directory.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    checkpoints.write(recipe, directory)
    (directory / "generation_config.json").unlink()
    write_modules(directory, recipe.config["hidden_size"], recipe.runs)
    files = {str(file.relative_to(directory)): checkpoints.digest(file)
             for file in sorted(directory.rglob("*")) if file.is_file()}
    model, report = recipe.model.from_pretrained(directory, dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["mismatched_keys"], report
    model, network, numbers = model.eval(), Network(directory), random.Random(recipe.seed)
    difference, records = 0.0, []
    for length in LENGTHS:
        ids = [numbers.randrange(4, 96) for _ in range(length)]
        states, own = model(torch.tensor([ids])).last_hidden_state[0], network.encode(ids)
        difference = max(difference, float((states.double() - own).abs().max()))
        records.append(dict(
            ids=ids, states=rounded(states, 6), embedding=rounded(embedding(own, recipe.runs)[None], 6)[0]))
    write(directory.parent / f"{recipe.name}.json", dict(
        model=recipe.name, files=files, architecture=recipe.config["model_type"], authority=recipe.model.__name__,
        versions=versions(), seed=recipe.seed, differences=dict(states=float(f"{difference:.2g}")), inputs=records))
    print(recipe.name, f"{difference:.1e}", f"{sum(file.stat().st_size for file in directory.rglob('*'))} bytes")


@torch.no_grad()
def published(directory, path):
    """Sentences through a model as it is published: mean of the states, made of length one."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModel.from_pretrained(directory, dtype=torch.float32).eval()
    network, records, difference = Network(directory), [], 0.0
    for sentence in SENTENCES:
        ids = tokenizer(sentence, truncation=True, max_length=256)["input_ids"]
        states = model(torch.tensor([ids])).last_hidden_state[0]
        theirs = embedding(states.double(), dict(pooling=["mean"], normalize=True))
        own = embedding(network.encode(ids), dict(pooling=["mean"], normalize=True))
        difference = max(difference, float((theirs - own).abs().max()))
        records.append(dict(text=sentence, ids=ids, embedding=rounded(theirs[None], 6)[0]))
    files = {name: checkpoints.digest(directory / name) for name in ("config.json", "model.safetensors")}
    write(path, dict(model=path.stem, files=files, versions=versions(), differences=dict(embedding=float(
        f"{difference:.2g}")), inputs=records))
    print(path.name, f"{difference:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    parser.add_argument("--output", type=Path, default=here / "../../Tests/Fixtures/huggingface/bert")
    parser.add_argument("--published", type=Path, help="the directory of all-MiniLM-L6-v2")
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if arguments.published:
        published(arguments.published, output / "all-MiniLM-L6-v2.json")
    else:
        for recipe in recipes():
            fixture(recipe, output / recipe.name)
    files = sorted(file for file in output.rglob("*") if file.is_file() and file.name != "manifest.json")
    digests = {str(file.relative_to(output)): checkpoints.digest(file) for file in files}
    (output / "manifest.json").write_text(json.dumps(digests, indent=1) + "\n")


if __name__ == "__main__":
    main()
