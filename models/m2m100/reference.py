"""The M2M100 family (NLLB-200, M2M100): its network in float64, small checkpoints with random weights, their fixtures.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/huggingface/m2m100]

`fixtures.py` says what the fields of a fixture are, `MODEL.md` what is computed here. Versions: `requirements.txt`.
"""

import math
from pathlib import Path

import torch
from transformers import M2M100ForConditionalGeneration

import fixtures
from checkpoints import Recipe, read

ACTIVATIONS = {"relu": torch.relu, "gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu,
               "swish": torch.nn.functional.silu}
PAD, EOS, VOCABULARY = 1, 2, 96


class Network:
    def __init__(self, directory):
        self.config, self.weights = read(directory)
        self.embedding = self.weights["model.shared.weight"]
        self.output = self.weights.get("lm_head.weight", self.embedding)

    def linear(self, name, x):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, name, x):
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def embed(self, ids):
        width = self.config["d_model"]
        scale = math.sqrt(width) if self.config["scale_embedding"] else 1
        rates = torch.exp(torch.arange(width // 2) * (-math.log(10000) / (width // 2 - 1))).double()
        angles = (torch.arange(len(ids)).double() + PAD + 1)[:, None] * rates
        return self.embedding[ids] * scale + torch.cat([angles.sin(), angles.cos()], -1)

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
        x, heads = self.embed(ids), self.config["encoder_attention_heads"]
        for layer in range(self.config["encoder_layers"]):
            name = f"model.encoder.layers.{layer}"
            h = self.norm(name + ".self_attn_layer_norm", x)
            x = x + self.attention(name + ".self_attn", h, h, heads)
            x = x + self.feed_forward(name, self.norm(name + ".final_layer_norm", x))
        return self.norm("model.encoder.layer_norm", x)

    def decode(self, memory, ids):
        """The logits behind each of `ids`, [ids, vocabulary]."""
        x, heads = self.embed(ids), self.config["decoder_attention_heads"]
        for layer in range(self.config["decoder_layers"]):
            name = f"model.decoder.layers.{layer}"
            h = self.norm(name + ".self_attn_layer_norm", x)
            x = x + self.attention(name + ".self_attn", h, h, heads, causal=True)
            h = self.norm(name + ".encoder_attn_layer_norm", x)
            x = x + self.attention(name + ".encoder_attn", h, memory, heads)
            x = x + self.feed_forward(name, self.norm(name + ".final_layer_norm", x))
        return self.norm("model.decoder.layer_norm", x) @ self.output.T


def configuration(spelling=4, **changes):
    """As published; 4 and 5 are the spellings of transformers 4 and 5."""
    common = dict(
        architectures=["M2M100ForConditionalGeneration"], model_type="m2m_100", d_model=32, encoder_layers=2,
        decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48,
        activation_function="relu", scale_embedding=True, vocab_size=VOCABULARY, max_position_embeddings=64,
        bos_token_id=0, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=EOS, dropout=0.1,
        attention_dropout=0.1, activation_dropout=0.0, encoder_layerdrop=0, decoder_layerdrop=0, init_std=0.02,
        is_encoder_decoder=True, use_cache=True)
    if spelling == 4:
        common |= dict(
            max_length=40, num_hidden_layers=changes.get("encoder_layers", 2), tokenizer_class="NllbTokenizer",
            torch_dtype="float32", transformers_version="4.21.0")
    else:
        common |= dict(tie_word_embeddings=True, dtype="float32", transformers_version="5.23.0")
    return common | changes


GENERATION = dict(bos_token_id=0, decoder_start_token_id=EOS, eos_token_id=EOS, max_length=40, pad_token_id=PAD)


def eager_end(weights):
    """Random weights rarely end a sentence; a long row for the end makes it win or lose clearly."""
    weights["model.shared.weight"][EOS] *= 1.8


def published_pickle(weights):
    """What old files hold: tied matrices under each name, on one storage, the table of positions, a matrix that was
    transposed in place, and two that are slices of one storage."""
    shared = weights.pop("model.shared.weight")
    table = torch.randn(66, 32, generator=torch.Generator().manual_seed(0)).to(shared.dtype)
    content = {"model.shared.weight": shared}
    for side in ("encoder", "decoder"):
        content[f"model.{side}.embed_tokens.weight"] = shared
        # Wrong numbers: whoever reads this tensor and not the formula is found out.
        content[f"model.{side}.embed_positions.weights"] = table
    name = "model.encoder.layers.0.self_attn."
    fused = torch.cat([weights[name + "k_proj.weight"], weights[name + "v_proj.weight"]])
    weights[name + "k_proj.weight"], weights[name + "v_proj.weight"] = fused[:32], fused[32:]
    for matrix in ("model.encoder.layers.1.fc1.weight", "model.decoder.layers.0.encoder_attn.q_proj.weight"):
        weights[matrix] = weights[matrix].T.contiguous().T
    return content | weights | {"lm_head.weight": shared}


def recipes():
    common = dict(model=M2M100ForConditionalGeneration, generation=GENERATION, tweak=eager_end,
                  runs=dict(start=EOS, eos=[EOS], forced_bos=[None, 84], banned=[PAD]))
    yield Recipe("nllb", config=configuration(), seed=11, **common)
    # More decoder than encoder, other heads and widths on either side.
    yield Recipe("nllb-sharded", config=configuration(
        5, encoder_layers=1, decoder_layers=3, encoder_attention_heads=2, decoder_attention_heads=8, encoder_ffn_dim=40,
        decoder_ffn_dim=56, dtype="bfloat16"), seed=12, shards=2, dtype=torch.bfloat16, **common)
    yield Recipe("m2m100-pytorch", config=configuration(torch_dtype="float16", tokenizer_class="M2M100Tokenizer"),
                 seed=13, layout="pytorch", dtype=torch.float16, written=published_pickle, **common)
    yield Recipe("m2m100-pytorch-sharded", config=configuration(
        encoder_layers=1, scale_embedding=False, activation_function="gelu"), seed=15,
        layout="pytorch", shards=2, **common)


if __name__ == "__main__":
    fixtures.run(__doc__, "m2m100", recipes, Network, Path(__file__).parent)
