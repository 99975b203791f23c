"""OPUS-MT in the layout of Hugging Face: its network in float64, small checkpoints with random weights, their fixtures.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/huggingface/marian]

Search, writer and the fields of a fixture are those of `../m2m100`; `MODEL.md` says what is computed here.
"""

import math
import sys
from pathlib import Path

import torch
from transformers import MarianMTModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "m2m100"))

import fixtures  # noqa: E402
from checkpoints import Recipe, read  # noqa: E402

ACTIVATIONS = {"relu": torch.relu, "gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu,
               "swish": torch.nn.functional.silu}
EOS, UNKNOWN, VOCABULARY = 0, 1, 96
PAD = VOCABULARY - 1


class Network:
    def __init__(self, directory):
        self.config, self.weights = read(directory)
        shared = self.weights.get("model.shared.weight")
        self.embeddings = {side: self.weights.get(f"model.{side}.embed_tokens.weight", shared)
                           for side in ("encoder", "decoder")}
        self.output = self.weights.get("lm_head.weight", self.embeddings["decoder"])

    def linear(self, name, x):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def add_and_norm(self, name, x, update):
        x = x + update
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def embed(self, side, ids):
        width = self.config["d_model"]
        scale = math.sqrt(width) if self.config["scale_embedding"] else 1
        positions = self.weights.get(f"model.{side}.embed_positions.weight")
        if positions is None:
            angles = torch.arange(len(ids)).double()[:, None] / 10000 ** (torch.arange(0, width, 2).double() / width)
            positions = torch.cat([angles.sin(), angles.cos()], -1)
        return self.embeddings[side][ids] * scale + positions[:len(ids)]

    def attention(self, name, x, memory, heads, causal=False):
        def split(y):
            return y.view(len(y), heads, -1).transpose(0, 1)
        query = split(self.linear(name + ".q_proj", x))
        key, value = split(self.linear(name + ".k_proj", memory)), split(self.linear(name + ".v_proj", memory))
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        if causal:
            scores = scores + torch.full(scores.shape[1:], -torch.inf).triu(1)
        return self.linear(name + ".out_proj", (scores.softmax(-1) @ value).transpose(0, 1).reshape(x.shape))

    def feed_forward(self, name, x):
        hidden = ACTIVATIONS[self.config["activation_function"]](self.linear(name + ".fc1", x))
        return self.linear(name + ".fc2", hidden)

    def encode(self, ids):
        """The states of the encoder, [ids, width]."""
        x, heads = self.embed("encoder", ids), self.config["encoder_attention_heads"]
        for layer in range(self.config["encoder_layers"]):
            name = f"model.encoder.layers.{layer}"
            x = self.add_and_norm(name + ".self_attn_layer_norm", x, self.attention(name + ".self_attn", x, x, heads))
            x = self.add_and_norm(name + ".final_layer_norm", x, self.feed_forward(name, x))
        return x

    def decode(self, memory, ids):
        """The logits behind each of `ids`, [ids, vocabulary]."""
        x, heads = self.embed("decoder", ids), self.config["decoder_attention_heads"]
        for layer in range(self.config["decoder_layers"]):
            name = f"model.decoder.layers.{layer}"
            update = self.attention(name + ".self_attn", x, x, heads, causal=True)
            x = self.add_and_norm(name + ".self_attn_layer_norm", x, update)
            update = self.attention(name + ".encoder_attn", x, memory, heads)
            x = self.add_and_norm(name + ".encoder_attn_layer_norm", x, update)
            x = self.add_and_norm(name + ".final_layer_norm", x, self.feed_forward(name, x))
        return x @ self.output.T + self.weights["final_logits_bias"]


def configuration(**changes):
    content = dict(
        architectures=["MarianMTModel"], model_type="marian", activation_function="swish", d_model=32, encoder_layers=2,
        decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48,
        vocab_size=VOCABULARY, decoder_vocab_size=VOCABULARY, share_encoder_decoder_embeddings=True,
        scale_embedding=True, max_position_embeddings=64, max_length=64, num_beams=4, bad_words_ids=[[PAD]],
        bos_token_id=0, eos_token_id=EOS, forced_eos_token_id=EOS, pad_token_id=PAD, decoder_start_token_id=PAD,
        dropout=0.1, attention_dropout=0.0, activation_dropout=0.0, encoder_layerdrop=0.0, decoder_layerdrop=0.0,
        init_std=0.02, is_encoder_decoder=True, static_position_embeddings=True, normalize_before=False,
        normalize_embedding=False, add_final_layer_norm=False, add_bias_logits=False, use_cache=True, torch_dtype="float32",
        transformers_version="4.22.0") | changes
    return content | dict(num_hidden_layers=content["encoder_layers"])


def generation(pad=PAD):
    return dict(
        bad_words_ids=[[pad]], bos_token_id=0, decoder_start_token_id=pad, eos_token_id=EOS, forced_eos_token_id=EOS,
        max_length=64, num_beams=4, pad_token_id=pad, renormalize_logits=True, transformers_version="4.32.0")


def tweak(weights):
    """A bias of the logits that matters, most for the end; a row of zeros for the padding, as converted models have."""
    bias = weights["final_logits_bias"]
    bias *= 4
    bias[0, EOS] = 2.5 if "model.shared.weight" in weights else 5
    for name in ("model.shared.weight", "model.decoder.embed_tokens.weight", "model.encoder.embed_tokens.weight"):
        if name in weights:
            weights[name][EOS] *= 1.3
            weights[name][-1] = 0


def without_positions(weights):
    return {name: value for name, value in weights.items() if "embed_positions" not in name}


def published_pickle(weights):
    """Converted models of the early years: each tied matrix under every name, on one storage."""
    content = {"final_logits_bias": weights["final_logits_bias"], "model.shared.weight": weights["model.shared.weight"]}
    for name in ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"):
        content[name] = weights["model.shared.weight"]
    return content | weights


def recipes():
    runs = dict(start=PAD, eos=[EOS], forced_bos=[None, 40], banned=[PAD], forced_eos=EOS, renormalize=True,
                range=(2, VOCABULARY - 16))
    common = dict(model=MarianMTModel, tweak=tweak)
    yield Recipe("opus-mt", config=configuration(), generation=generation(), seed=21, written=without_positions,
                 runs=runs, **common)
    yield Recipe("opus-mt-pytorch", config=configuration(
        torch_dtype="float16", encoder_layers=3, decoder_layers=1, decoder_attention_heads=8, encoder_ffn_dim=40),
        generation=generation(), seed=22, layout="pytorch", dtype=torch.float16, written=published_pickle,
        runs=runs | dict(renormalize=False), **common)
    # Two vocabularies: the target's is smaller, and the padding, which starts the decoder, is its last id.
    target = 80
    yield Recipe("opus-mt-two-vocabularies", config=configuration(
        share_encoder_decoder_embeddings=False, decoder_vocab_size=target, tie_word_embeddings=True,
        pad_token_id=target - 1, decoder_start_token_id=target - 1, bad_words_ids=[[target - 1]],
        activation_function="relu", encoder_layers=1, scale_embedding=False), generation=generation(target - 1),
        seed=25, runs=runs | dict(start=target - 1, banned=[target - 1], range=(2, target - 8)), **common)


if __name__ == "__main__":
    fixtures.run(__doc__, "marian", recipes, Network, Path(__file__).parent)
