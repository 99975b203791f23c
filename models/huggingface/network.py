"""The decoder-only families in the layout of Hugging Face, in float64: Llama, Mistral, Qwen2, Qwen3 and Gemma 3, with
the published ways to stretch RoPE. It reads a directory's `config.json` and tensors and nothing else;
`../llama/MODEL.md`, §8, says what is computed.
"""

import math
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "m2m100"))

from checkpoints import read  # noqa: E402


def frequencies(parameters, width, base, context, length):
    """Radians per position of each pair, and what cosines and sines are multiplied by."""
    rates = base ** (-torch.arange(0, width, 2).double() / width)
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    factor, original = parameters.get("factor"), parameters.get("original_max_position_embeddings") or context
    if kind == "default":
        return rates, 1.0
    if kind == "linear":
        return rates / factor, 1.0
    if kind == "dynamic":
        growth = factor * max(length, context) / context - factor + 1
        return (base * growth ** (width / (width - 2))) ** (-torch.arange(0, width, 2).double() / width), 1.0
    turns = original * rates / (2 * math.pi)
    if kind == "llama3":
        low, high = parameters["low_freq_factor"], parameters["high_freq_factor"]
        kept = ((turns - low) / (high - low)).clamp(0, 1)
        return (1 - kept) * rates / factor + kept * rates, 1.0
    assert kind == "yarn", kind
    factor = factor or context / original
    fast, slow = parameters.get("beta_fast") or 32, parameters.get("beta_slow") or 1
    first, last = (width * math.log(original / (beta * 2 * math.pi)) / (2 * math.log(base)) for beta in (fast, slow))
    if parameters.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, width - 1)
    ramp = ((torch.arange(width // 2).double() - first) / max(last - first, 0.001)).clamp(0, 1)

    def magnitude(scale):
        return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1

    attention = parameters.get("attention_factor")
    if attention is None:
        both = parameters.get("mscale") and parameters.get("mscale_all_dim")
        attention = magnitude(parameters["mscale"]) / magnitude(parameters["mscale_all_dim"]) if both else magnitude(1)
    return rates / factor * ramp + rates * (1 - ramp), attention


class Network:
    def __init__(self, directory):
        whole, weights = read(directory)
        self.config = whole.get("text_config") or whole
        self.family = self.config["model_type"].removesuffix("_text")
        gemma = self.family == "gemma3"
        self.weights = {}
        for name, value in weights.items():
            for prefix in ("language_model.model.", "model.language_model."):
                name = "model." + name.removeprefix(prefix) if name.startswith(prefix) else name
            # Gemma's norms hold the scale less 1.
            self.weights[name] = value + 1 if gemma and name.endswith("norm.weight") else value
        self.heads = self.config.get("num_attention_heads", 8)
        self.groups = self.config.get("num_key_value_heads", 4 if gemma else self.heads)
        self.width = self.config.get("head_dim") or (256 if gemma else self.config["hidden_size"] // self.heads)
        tied = self.config.get("tie_word_embeddings", whole.get("tie_word_embeddings", gemma))
        self.embedding = self.weights["model.embed_tokens.weight"]
        self.output = self.embedding if tied else self.weights["lm_head.weight"]

    def linear(self, name, x):
        y = x @ self.weights[name + ".weight"].T
        return y + self.weights[name + ".bias"] if name + ".bias" in self.weights else y

    def norm(self, name, x):
        root = (x.square().mean(-1, keepdim=True) + self.config["rms_norm_eps"]).sqrt()
        return x / root * self.weights[name + ".weight"]

    def slides(self, layer):
        """Whether a layer sees a window only."""
        config = self.config
        if self.family == "llama" or not config.get("sliding_window"):
            return False
        if self.family == "mistral":
            return True
        if self.family.startswith("qwen") and not config.get("use_sliding_window"):
            return False
        if config.get("layer_types"):
            return config["layer_types"][layer] == "sliding_attention"
        if self.family == "gemma3":
            return (layer + 1) % config.get("sliding_window_pattern", 6) != 0
        return layer >= config.get("max_window_layers", 28)

    def rope(self, x, layer, prompt):
        """Turns the halves of each head; x is [ids, heads, width]."""
        config, slides = self.config, self.slides(layer)
        parameters = config.get("rope_scaling") or config.get("rope_parameters") or {}
        base = config.get("rope_theta", 10_000.0)
        if self.family == "gemma3":
            if config.get("rope_parameters"):
                parameters = parameters["sliding_attention" if slides else "full_attention"]
            else:
                base = config.get("rope_theta", 1e6)
                if slides:
                    parameters, base = {}, config.get("rope_local_base_freq", 10_000.0)
        base, out, half = parameters.get("rope_theta", base), [], self.width // 2
        context = config.get("max_position_embeddings", 131_072)
        for position, row in enumerate(x):
            # A prompt is read with its whole length, a generated id with its own.
            rates, scale = frequencies(parameters, self.width, base, context, max(prompt, position + 1))
            cosines, sines = scale * (position * rates).cos(), scale * (position * rates).sin()
            a, b = row[:, :half], row[:, half:]
            out.append(torch.cat([a * cosines - b * sines, a * sines + b * cosines], -1))
        return torch.stack(out)

    def attention(self, layer, h, prompt):
        name = f"model.layers.{layer}.self_attn"
        query, key, value = (self.linear(f"{name}.{kind}_proj", h).view(len(h), -1, self.width) for kind in "qkv")
        if name + ".q_norm.weight" in self.weights:
            query, key = self.norm(name + ".q_norm", query), self.norm(name + ".k_norm", key)
        query, key = self.rope(query, layer, prompt), self.rope(key, layer, prompt)
        key, value = (x.repeat_interleave(self.heads // self.groups, 1).transpose(0, 1) for x in (key, value))
        scale = self.config.get("query_pre_attn_scalar", 256) if self.family == "gemma3" else self.width
        scores = query.transpose(0, 1) @ key.transpose(1, 2) / math.sqrt(scale)
        distance = torch.arange(len(h))[:, None] - torch.arange(len(h))
        hidden = distance < 0
        if self.slides(layer):
            hidden |= distance >= self.config["sliding_window"]
        mixed = scores.masked_fill(hidden, -torch.inf).softmax(-1) @ value
        return self.linear(name + ".o_proj", mixed.transpose(0, 1).flatten(1))

    def feed_forward(self, layer, h):
        name = f"model.layers.{layer}.mlp"
        gate = self.linear(name + ".gate_proj", h)
        gate = torch.nn.functional.gelu(gate, approximate="tanh") if self.family == "gemma3" else (
            torch.nn.functional.silu(gate))
        return self.linear(name + ".down_proj", gate * self.linear(name + ".up_proj", h))

    def decode(self, ids, prompt=None):
        """The states behind the last norm, [ids, width], and the logits, [ids, vocabulary]; the first `prompt` ids are
        the prompt, all if it is None.
        """
        prompt, gemma, x = prompt or len(ids), self.family == "gemma3", self.embedding[ids]
        if gemma:
            x = x * math.sqrt(self.config["hidden_size"])
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}"
            mixed = self.attention(layer, self.norm(name + ".input_layernorm", x), prompt)
            if gemma:
                x = x + self.norm(name + ".post_attention_layernorm", mixed)
                mixed = self.feed_forward(layer, self.norm(name + ".pre_feedforward_layernorm", x))
                x = x + self.norm(name + ".post_feedforward_layernorm", mixed)
            else:
                x = x + mixed
                x = x + self.feed_forward(layer, self.norm(name + ".post_attention_layernorm", x))
        x = self.norm("model.norm", x)
        return x, x @ self.output.T
