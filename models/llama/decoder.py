"""The forward pass of the decoder-only families Llama, Qwen2, Qwen3 and Gemma 3, read straight from a GGUF file.

Small and slow on purpose: every step is the equation of `MODEL.md` and nothing else. It uses torch for arithmetic alone
and gguf for reading and dequantising; no line of a model comes from a library, so that it can be held against one.

    decoder = Decoder("model.gguf")
    logits = decoder(ids)                        # [positions, vocabulary]
    cache = decoder.cache(); decoder(ids, cache) # the same in pieces: keys and values are kept in `cache`
"""

import math
from dataclasses import dataclass, field

import gguf
import torch

# Which halves of a head RoPE rotates together: neighbours (0,1), (2,3), … or the two halves (0,d/2), (1,d/2+1), …
NEIGHBOURS = {"llama"}
DEFAULT_BASE = 10_000.0


@dataclass(frozen=True)
class Configuration:
    """What the metadata of a GGUF file says of its network. Keys are `ARCHITECTURE.…` unless a tensor says it."""

    architecture: str
    layers: int
    width: int
    heads: int
    key_value_heads: int
    head_width: int
    epsilon: float
    rope_base: float
    rope_factor: float = 1.0           # linear scaling: positions are divided by it
    window: int | None = None          # sliding attention: a key is seen iff 0 <= query - key < window
    pattern: int | list = 1            # layer l slides iff l % pattern < pattern - 1, or as a list says
    local_rope_base: float = DEFAULT_BASE
    query_scale: float = 0.0
    embedding_scale: float = 1.0
    gelu: bool = False
    softcap: float | None = None       # of the final logits

    @classmethod
    def read(cls, fields):
        def value(key, default=None):
            item = fields.get(key)
            return default if item is None else item.contents()

        architecture = value("general.architecture")
        if architecture not in ("llama", "qwen2", "qwen3", "gemma3"):
            raise ValueError(f"architecture {architecture!r} is none of llama, qwen2, qwen3, gemma3")

        def own(key, default=None):
            return value(f"{architecture}.{key}", default)

        width, heads = own("embedding_length"), own("attention.head_count")
        head_width = own("attention.key_length", width // heads)
        layers = own("block_count")
        scaling = own("rope.scaling.type", "none")
        if scaling not in ("none", "linear"):
            raise ValueError(f"rope.scaling.type {scaling!r} is not known here")
        gemma = architecture == "gemma3"
        # The published model of 62 layers alone scales queries by the width a head would have if heads filled the width.
        query_width = width // heads if gemma and layers == 62 else head_width
        return cls(
            architecture=architecture, layers=layers, width=width, heads=heads,
            key_value_heads=own("attention.head_count_kv", heads), head_width=head_width,
            epsilon=own("attention.layer_norm_rms_epsilon"), rope_base=own("rope.freq_base", DEFAULT_BASE),
            rope_factor=own("rope.scaling.factor", 1.0) if scaling == "linear" else 1.0,
            window=own("attention.sliding_window") or None if gemma else None,
            pattern=own("attention.sliding_window_pattern", 6) if gemma else 1,
            local_rope_base=own("rope.freq_base_swa", DEFAULT_BASE),
            query_scale=query_width ** -0.5, embedding_scale=math.sqrt(width) if gemma else 1.0,
            gelu=gemma, softcap=own("final_logit_softcapping") or None if gemma else None)

    def slides(self, layer):
        if self.window is None:
            return False
        return self.pattern[layer] if isinstance(self.pattern, list) else layer % self.pattern < self.pattern - 1


@dataclass
class Cache:
    """Keys and values of the positions seen so far, a pair `[positions, key_value_heads, head_width]` per layer."""

    pairs: list = field(default_factory=list)

    @property
    def length(self):
        return self.pairs[0][0].shape[0] if self.pairs else 0


def root_mean_square(x, weight, epsilon):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * weight


class Decoder:
    def __init__(self, path, dtype=torch.float32):
        reader = gguf.GGUFReader(path)
        self.configuration = Configuration.read(reader.fields)
        self.dtype = dtype
        self.weights = {
            item.name: torch.from_numpy(gguf.quants.dequantize(item.data, item.tensor_type).copy()).to(dtype)
            for item in reader.tensors}

    def cache(self):
        return Cache()

    def norm(self, x, name):
        return root_mean_square(x, self.weights[name + ".weight"], self.configuration.epsilon)

    def linear(self, x, name):
        y = x @ self.weights[name + ".weight"].T
        bias = self.weights.get(name + ".bias")
        return y if bias is None else y + bias

    def rotate(self, x, positions, layer):
        """RoPE of `[positions, heads, head_width]`. Angles are computed in float64."""
        c = self.configuration
        local = c.slides(layer)
        base, factor = (c.local_rope_base, 1.0) if local else (c.rope_base, c.rope_factor)
        half = c.head_width // 2
        frequency = base ** (-torch.arange(half, dtype=torch.float64) / half) / factor
        if "rope_freqs.weight" in self.weights:
            frequency = frequency / self.weights["rope_freqs.weight"].double()
        angle = torch.outer(positions.double(), frequency)[:, None, :]
        cosine, sine = angle.cos().to(self.dtype), angle.sin().to(self.dtype)
        if c.architecture in NEIGHBOURS:
            a, b = x[..., 0::2], x[..., 1::2]
            return torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1).flatten(-2)
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)

    def attention(self, h, positions, layer, cache):
        c, block = self.configuration, f"blk.{layer}."
        q = self.linear(h, block + "attn_q").unflatten(-1, (c.heads, c.head_width))
        k = self.linear(h, block + "attn_k").unflatten(-1, (c.key_value_heads, c.head_width))
        v = self.linear(h, block + "attn_v").unflatten(-1, (c.key_value_heads, c.head_width))
        if block + "attn_q_norm.weight" in self.weights:
            q, k = self.norm(q, block + "attn_q_norm"), self.norm(k, block + "attn_k_norm")
        q, k = self.rotate(q, positions, layer), self.rotate(k, positions, layer)
        if layer < len(cache.pairs):
            k, v = torch.cat([cache.pairs[layer][0], k]), torch.cat([cache.pairs[layer][1], v])
            cache.pairs[layer] = (k, v)
        else:
            cache.pairs.append((k, v))

        distance = positions[:, None] - torch.arange(k.shape[0])
        seen = distance >= 0
        if c.slides(layer):
            seen &= distance < c.window
        # Query heads g·n, …, g·n + n - 1 share the key-value head g, with n = heads / key_value_heads.
        group = c.heads // c.key_value_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        scores = torch.einsum("qhd,khd->hqk", q, k) * c.query_scale
        weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        return self.linear(torch.einsum("hqk,khd->qhd", weights, v).flatten(-2), block + "attn_output")

    def feed_forward(self, h, layer):
        block = f"blk.{layer}."
        gate = self.linear(h, block + "ffn_gate")
        if self.configuration.gelu:
            gate = 0.5 * gate * (1 + torch.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate.pow(3))))
        else:
            gate = gate * torch.sigmoid(gate)
        return self.linear(gate * self.linear(h, block + "ffn_up"), block + "ffn_down")

    @torch.no_grad()
    def hidden(self, ids, cache=None):
        """What the last layer gives for the ids that follow the cache, normalised: `[len(ids), width]`."""
        c = self.configuration
        cache = Cache() if cache is None else cache
        positions = torch.arange(cache.length, cache.length + len(ids))
        x = self.weights["token_embd.weight"][torch.tensor(ids)] * c.embedding_scale
        post_norms = "blk.0.post_attention_norm.weight" in self.weights
        for layer in range(c.layers):
            block = f"blk.{layer}."
            y = self.attention(self.norm(x, block + "attn_norm"), positions, layer, cache)
            x = x + (self.norm(y, block + "post_attention_norm") if post_norms else y)
            y = self.feed_forward(self.norm(x, block + "ffn_norm"), layer)
            x = x + (self.norm(y, block + "post_ffw_norm") if post_norms else y)
        return self.norm(x, "output_norm")

    @torch.no_grad()
    def output(self, x):
        """Logits `[positions, vocabulary]` of normalised `[positions, width]`."""
        c = self.configuration
        output = "output.weight" if "output.weight" in self.weights else "token_embd.weight"
        logits = x @ self.weights[output].T
        return logits if c.softcap is None else c.softcap * torch.tanh(logits / c.softcap)

    def __call__(self, ids, cache=None):
        """Logits `[len(ids), vocabulary]` of the ids that follow the cache."""
        return self.output(self.hidden(ids, cache))
