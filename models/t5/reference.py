"""The T5 family (T5, T5 v1.1, MADLAD-400): its network in float64, small checkpoints with random weights, and their
fixtures.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/huggingface/t5]

Search, writer and the fields of a fixture are those of `../m2m100`; `MODEL.md` says what is computed here.
"""

import math
import sys
from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "m2m100"))

import fixtures  # noqa: E402
from checkpoints import Recipe, read  # noqa: E402

VOCABULARY = 96


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def bucket(offset, both, buckets, limit):
    """The bucket of key position minus query position: exact up to a half of them, logarithmic beyond."""
    first = 0
    if both:
        buckets //= 2
        first, distance = (buckets if offset > 0 else 0), abs(offset)
    else:
        distance = max(0, -offset)
    exact = buckets // 2
    if distance < exact:
        return first + distance
    more = int(math.log(distance / exact) / math.log(limit / exact) * (buckets - exact))
    return first + min(buckets - 1, exact + more)


class Network:
    def __init__(self, directory):
        self.config, self.weights = read(directory)
        self.tied = self.config.get("tie_word_embeddings") is not False
        self.embedding = self.weights["shared.weight"]
        self.output = self.weights.get("lm_head.weight", self.embedding)

    def linear(self, name, x):
        return x @ self.weights[name + ".weight"].T

    def norm(self, name, x):
        scale = (x.square().mean(-1, keepdim=True) + self.config["layer_norm_epsilon"]).sqrt()
        return x / scale * self.weights[name + ".weight"]

    def bias(self, stack, length):
        """What is added to the scores of every self-attention of a stack, [heads, queries, keys]."""
        table = self.weights[f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
        limit = self.config.get("relative_attention_max_distance", 128)
        places = torch.tensor([[bucket(key - query, stack == "encoder", len(table), limit) for key in range(length)]
                               for query in range(length)])
        bias = table[places].permute(2, 0, 1)
        return bias + torch.full((length, length), -torch.inf).triu(1) if stack == "decoder" else bias

    def attention(self, name, x, memory, bias=0.0):
        def split(y):
            return y.view(len(y), self.config["num_heads"], -1).transpose(0, 1)
        query, key, value = (split(self.linear(f"{name}.{kind}", y)) for kind, y in zip("qkv", (x, memory, memory)))
        mixed = (query @ key.transpose(1, 2) + bias).softmax(-1) @ value
        return self.linear(name + ".o", mixed.transpose(0, 1).reshape(len(x), -1))

    def feed_forward(self, name, x):
        if self.config["feed_forward_proj"] == "relu":
            return self.linear(name + ".wo", torch.relu(self.linear(name + ".wi", x)))
        return self.linear(name + ".wo", gelu_tanh(self.linear(name + ".wi_0", x)) * self.linear(name + ".wi_1", x))

    def stack(self, stack, ids, memory=None):
        x, bias = self.embedding[ids], self.bias(stack, len(ids))
        layers = self.config["num_layers"]
        if stack == "decoder":
            layers = self.config.get("num_decoder_layers") or layers
        for number in range(layers):
            name = f"{stack}.block.{number}.layer"
            h = self.norm(f"{name}.0.layer_norm", x)
            x = x + self.attention(f"{name}.0.SelfAttention", h, h, bias)
            if memory is not None:
                x = x + self.attention(f"{name}.1.EncDecAttention", self.norm(f"{name}.1.layer_norm", x), memory)
            last = f"{name}.{1 if memory is None else 2}"
            x = x + self.feed_forward(f"{last}.DenseReluDense", self.norm(f"{last}.layer_norm", x))
        return self.norm(f"{stack}.final_layer_norm", x)

    def encode(self, ids):
        """The states of the encoder, [ids, width]."""
        return self.stack("encoder", ids)

    def decode(self, memory, ids):
        """The logits behind each of `ids`, [ids, vocabulary]."""
        x = self.stack("decoder", ids, memory)
        return (x / math.sqrt(self.config["d_model"]) if self.tied else x) @ self.output.T


def configuration(**changes):
    return dict(
        architectures=["T5ForConditionalGeneration"], model_type="t5", d_model=24, d_kv=8, d_ff=40, num_layers=2,
        num_decoder_layers=2, num_heads=4, relative_attention_num_buckets=32, dropout_rate=0.1, layer_norm_epsilon=1e-6,
        initializer_factor=1.0, feed_forward_proj="gated-gelu", is_encoder_decoder=True, use_cache=True,
        vocab_size=VOCABULARY, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, tie_word_embeddings=False,
        output_past=True, torch_dtype="float32", transformers_version="4.23.1") | changes


def generation(pad=0, eos=1):
    return dict(decoder_start_token_id=0, eos_token_id=eos, pad_token_id=pad, transformers_version="4.23.1")


def tweak(weights):
    """Scores are not divided by the root of a head's width, so queries are made smaller; the end is made likelier."""
    for name, value in weights.items():
        if name.endswith("Attention.q.weight"):
            value *= 0.2
    weights["shared.weight"] *= 3
    weights["shared.weight"][1:3] *= 1.6


def with_output(weights):
    """Adds a matrix for the output; transformers ties the two unless the file has both."""
    shared = weights["shared.weight"]
    output = torch.randn(shared.shape, generator=torch.Generator().manual_seed(7)) * 0.4
    output[1:3] *= 2
    return weights | {"lm_head.weight": output.to(shared.dtype)}


def recipes():
    common = dict(model=T5ForConditionalGeneration, tweak=tweak)
    # Long inputs reach every bucket, and distances beyond the last.
    runs = dict(start=0, eos=[1], forced_bos=[None, 40], banned=[0], long=[170])
    # The lm_head is another matrix than the embedding; heads are wider together (32) than the states (24).
    yield Recipe("t5-v1_1", config=configuration(), generation=generation(), seed=31, runs=runs, written=with_output,
                 **common)
    # The first T5: relu, one matrix of embeddings, fewer buckets that are full sooner.
    yield Recipe("t5-tied", config={key: value for key, value in configuration(
        feed_forward_proj="relu", num_layers=3, num_decoder_layers=1, relative_attention_num_buckets=8,
        relative_attention_max_distance=20, layer_norm_epsilon=1e-5).items() if key != "tie_word_embeddings"},
        generation=generation(), seed=32, runs=runs, **common)
    # As MADLAD-400: start, padding and end are 0, 1 and 2, so that the start is an id the decoder could write again.
    yield Recipe("madlad", config=configuration(
        pad_token_id=1, eos_token_id=2, torch_dtype="bfloat16", num_heads=2, d_kv=20), generation=generation(1, 2),
        seed=34, gain=1.3, dtype=torch.bfloat16, written=with_output, runs=runs | dict(eos=[2], banned=[1]), **common)


if __name__ == "__main__":
    fixtures.run(__doc__, "t5", recipes, Network, Path(__file__).parent)
