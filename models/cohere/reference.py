"""The Cohere family (Command R, Aya Expanse; Cohere2: Command R7B, Command A): its network in float64, small
checkpoints with random weights, their fixtures.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/huggingface/cohere]

Search, writer and the fields of a fixture are those of `../m2m100`; `MODEL.md` says what is computed here.
"""

import math
import sys
from pathlib import Path

import torch
from transformers import Cohere2ForCausalLM, CohereForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "m2m100"))

import fixtures  # noqa: E402
from checkpoints import Recipe, read  # noqa: E402

VOCABULARY, BOS, END = 96, 5, 90


class Network:
    def __init__(self, directory):
        self.config, self.weights = read(directory)
        self.embedding = self.weights["model.embed_tokens.weight"]
        self.heads = self.config["num_attention_heads"]
        self.groups = self.config.get("num_key_value_heads") or self.heads
        self.width = self.config["hidden_size"] // self.heads
        self.base = (self.config.get("rope_parameters") or self.config)["rope_theta"]

    def linear(self, name, x):
        y = x @ self.weights[name + ".weight"].T
        return y + self.weights[name + ".bias"] if name + ".bias" in self.weights else y

    def norm(self, name, x):
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + self.config["layer_norm_eps"]).sqrt()
        return x * self.weights[name + ".weight"]

    def rope(self, x):
        """Turns neighbours (2i, 2i + 1) of each head, x is [ids, heads, width]."""
        rates = self.base ** (-torch.arange(0, self.width, 2).double() / self.width)
        angles = (torch.arange(len(x)).double()[:, None] * rates)[:, None]
        a, b = x[..., ::2], x[..., 1::2]
        return torch.stack([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1).flatten(-2)

    def slides(self, layer):
        """Whether a layer sees a window only; None in the first generation, which has no such layers."""
        if self.config["model_type"] == "cohere":
            return None
        kinds = self.config.get("layer_types")
        if kinds:
            return kinds[layer] == "sliding_attention"
        return (layer + 1) % self.config.get("sliding_window_pattern", 4) != 0

    def attention(self, layer, h):
        name, slides = f"model.layers.{layer}.self_attn", self.slides(layer)
        query, key, value = (self.linear(f"{name}.{kind}_proj", h).view(len(h), -1, self.width) for kind in "qkv")
        if self.config.get("use_qk_norm"):
            query, key = self.norm(name + ".q_norm", query), self.norm(name + ".k_norm", key)
        if slides is not False:
            query, key = self.rope(query), self.rope(key)
        key, value = (x.repeat_interleave(self.heads // self.groups, 1).transpose(0, 1) for x in (key, value))
        scores = query.transpose(0, 1) @ key.transpose(1, 2) / math.sqrt(self.width)
        distance = torch.arange(len(h))[:, None] - torch.arange(len(h))
        hidden = distance < 0
        if slides:
            hidden |= distance >= self.config["sliding_window"]
        mixed = scores.masked_fill(hidden, -torch.inf).softmax(-1) @ value
        return self.linear(name + ".o_proj", mixed.transpose(0, 1).flatten(1))

    def feed_forward(self, layer, h):
        name = f"model.layers.{layer}.mlp"
        gate = torch.nn.functional.silu(self.linear(name + ".gate_proj", h))
        return self.linear(name + ".down_proj", gate * self.linear(name + ".up_proj", h))

    def decode(self, ids):
        """The states behind the last norm, [ids, width], and the logits, [ids, vocabulary]."""
        x = self.embedding[ids]
        for layer in range(self.config["num_hidden_layers"]):
            h = self.norm(f"model.layers.{layer}.input_layernorm", x)
            x = x + self.attention(layer, h) + self.feed_forward(layer, h)
        x = self.norm("model.norm", x)
        return x, x @ self.embedding.T * self.config["logit_scale"]


def configuration(spelling, name, **changes):
    common = dict(
        architectures=[name], attention_bias=False, attention_dropout=0.0, bos_token_id=BOS, eos_token_id=END,
        hidden_act="silu", hidden_size=32, initializer_range=0.02, intermediate_size=48, layer_norm_eps=1e-5,
        logit_scale=0.25, max_position_embeddings=128, model_type="cohere2" if "2" in name else "cohere",
        num_attention_heads=4, num_hidden_layers=2, num_key_value_heads=2, pad_token_id=0, use_cache=True,
        vocab_size=VOCABULARY)
    if spelling == 4:
        common |= dict(rope_theta=10000.0, torch_dtype="float32", transformers_version="4.44.0")
    else:
        common |= dict(rope_parameters=dict(rope_theta=50000.0, rope_type="default"), tie_word_embeddings=True,
                       dtype="float32", transformers_version="5.23.0")
    return common | changes


def generation(*ends):
    return dict(_from_model_config=True, bos_token_id=BOS, eos_token_id=ends[0] if len(ends) == 1 else list(ends),
                pad_token_id=0)


def tweak(weights):
    """Logits are made small by the scale, so embeddings are made long; the end is made likelier."""
    embedding = weights["model.embed_tokens.weight"]
    embedding *= 4
    embedding[END:END + 2] *= 1.7


def recipes():
    runs = dict(decoder_only=True, prefix=[BOS], eos=[END], forced_bos=[None], banned=[], range=(8, 88))
    first, second = "CohereForCausalLM", "Cohere2ForCausalLM"
    yield Recipe("aya", CohereForCausalLM, configuration(4, first), generation(END), seed=41, tweak=tweak, runs=runs)
    # As Command R+: norms of queries and keys, which have a weight per head; besides biases.
    yield Recipe("command-r-plus", CohereForCausalLM, configuration(
        5, first, use_qk_norm=True, attention_bias=True, dtype="float16", num_key_value_heads=1), generation(END),
        seed=45, dtype=torch.float16, tweak=tweak, runs=runs)
    # Every other layer sees all and has no positions. Two tokens end a text.
    yield Recipe("cohere2", Cohere2ForCausalLM, configuration(
        4, second, num_hidden_layers=4, sliding_window=6, sliding_window_pattern=2, head_dim=8, rope_scaling=None,
        torch_dtype="bfloat16"), generation(END, END + 1), seed=43, dtype=torch.bfloat16, tweak=tweak,
        runs=runs | dict(eos=[END, END + 1]))
    yield Recipe("cohere2-sharded", Cohere2ForCausalLM, configuration(
        5, second, num_hidden_layers=3, sliding_window=4, head_dim=8, num_key_value_heads=4,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"]), generation(END), seed=44, shards=2,
        tweak=tweak, runs=runs)


if __name__ == "__main__":
    fixtures.run(__doc__, "cohere", recipes, Network, Path(__file__).parent)
