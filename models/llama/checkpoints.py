"""Small GGUF checkpoints with random weights: one network for transformers and as a file, with a working tokenizer.

A checkpoint is made in the layout of transformers first. Each matrix is quantised by rows and dequantised at once, so
that the network that transformers runs and the tensors of the file hold the same numbers; then it is renamed and
rearranged into the layout of the file as converters do (`MODEL.md`).
"""

import functools
import re
from dataclasses import dataclass, field

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import TokenType as Kind
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

WORDS = ["the", "and", "in", "ing", "is", "at", "er", "on", "re", "he", "hello", "world", "one", "two", "cat", "weather",
         "Paris", "name"]

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
HEADERS = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' "
    "+ message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
INSTRUCTIONS = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}")
TURNS = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set prefix = messages[0]['content'] + '\n\n' %}"
    "{% set turns = messages[1:] %}{% else %}{% set prefix = '' %}{% set turns = messages %}{% endif %}"
    "{% for message in turns %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + (prefix if loop.first else '') + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}")
# A call is one JSON object between <tool_call> tags; what a tool said comes back between <tool_response> tags in a
# turn of the user, several answers in one turn.
TOOLS = """\
{%- set has_system = messages and messages[0].role == 'system' -%}
{%- if tools -%}
    {{- '<|im_start|>system\n' -}}
    {%- if has_system -%}{{- messages[0].content + '\n\n' -}}{%- endif -%}
    {{- 'These functions can be called:\n<tools>' -}}
    {%- for tool in tools -%}{{- '\n' -}}{{- tool | tojson -}}{%- endfor -%}
    {{- '\n</tools>\nA call is written as\n<tool_call>\n{"name": NAME, "arguments": OBJECT}\n</tool_call><|im_end|>\n' -}}
{%- elif has_system -%}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' -}}
{%- endif -%}
{%- for message in messages -%}
    {%- if message.role == 'system' and loop.first -%}
    {%- elif message.role == 'tool' -%}
        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}{{- '<|im_start|>user' -}}{%- endif -%}
        {{- '\n<tool_response>\n' + message.content + '\n</tool_response>' -}}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' -%}{{- '<|im_end|>\n' -}}{%- endif -%}
    {%- else -%}
        {{- '<|im_start|>' + message.role -}}
        {%- if message.content -%}{{- '\n' + message.content -}}{%- endif -%}
        {%- for call in message.tool_calls or [] -%}
            {%- set function = call.function if call.function else call -%}
            {{- '\n<tool_call>\n{"name": "' + function.name + '", "arguments": ' -}}
            {{- function.arguments if function.arguments is string else function.arguments | tojson -}}
            {{- '}\n</tool_call>' -}}
        {%- endfor -%}
        {{- '<|im_end|>\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
"""


ENGLISH = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
           r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


WORD_PATTERNS = {
    "smollm": pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]),
    "llama-bpe": split(ENGLISH),
    "qwen2": split(ENGLISH.replace("{1,3}", "")),
}


@dataclass(eq=False)
class Vocabulary:
    """A tokenizer section: `model` is "gpt2" (merges) or "llama" (scores)."""

    model: str
    pre: str
    tokens: list
    kinds: list
    template: str | None
    bos: str | None
    eos: str
    ends: list                          # every token that ends a generation
    add_bos: bool
    merges: list = field(default_factory=list)
    scores: list = field(default_factory=list)
    add_space_prefix: bool = False
    keys: dict = field(default_factory=dict)

    def __post_init__(self):
        self.ids = {token: place for place, token in enumerate(self.tokens)}

    @classmethod
    def read(cls, fields, ends):
        """The section of a published file. `ends` are the tokens that end its generations."""
        def value(key, default=None):
            item = fields.get(f"tokenizer.{key}")
            return default if item is None else item.contents()

        tokens = value("ggml.tokens")
        return cls(
            value("ggml.model"), value("ggml.pre"), tokens, value("ggml.token_type"), value("chat_template"),
            tokens[value("ggml.bos_token_id")], tokens[value("ggml.eos_token_id")], ends, value("ggml.add_bos_token"),
            merges=value("ggml.merges", []), scores=value("ggml.scores", []),
            add_space_prefix=value("ggml.add_space_prefix", True))

    def id(self, token):
        return self.ids[token]

    def write(self, writer):
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.kinds)
        if self.merges:
            writer.add_token_merges(self.merges)
        if self.scores:
            writer.add_token_scores(self.scores)
            writer.add_add_space_prefix(self.add_space_prefix)
        if self.bos:
            writer.add_bos_token_id(self.id(self.bos))
        writer.add_eos_token_id(self.id(self.eos))
        for key, token in self.keys.items():
            writer.add_uint32(f"tokenizer.ggml.{key}", self.id(token))
        writer.add_add_bos_token(self.add_bos)
        if self.template:
            writer.add_chat_template(self.template)

    def pieces(self, text):
        """The ids of text without special tokens."""
        if self.model == "gpt2":
            return self.byte_level_tokenizer().encode(text).ids
        score = self.piece_scores()
        symbols = list((" " * self.add_space_prefix + text).replace(" ", "▁"))
        joined = [score.get(a + b, -np.inf) for a, b in zip(symbols, symbols[1:])]
        while joined and max(joined) > -np.inf:
            place = joined.index(max(joined))           # the leftmost of the best
            symbols[place:place + 2] = ["".join(symbols[place:place + 2])]
            del joined[place]
            for left in (place - 1, place):
                if 0 <= left < len(joined):
                    joined[left] = score.get(symbols[left] + symbols[left + 1], -np.inf)
        ids = []
        for symbol in symbols:
            ids += [self.id(symbol)] if symbol in self.ids else [self.id(f"<0x{byte:02X}>") for byte in symbol.encode()]
        return ids

    @functools.cache
    def byte_level_tokenizer(self):
        ranked = [tuple(merge.split(" ")) for merge in self.merges]
        tokenizer = Tokenizer(models.BPE(self.ids, ranked, ignore_merges=self.pre == "llama-bpe"))
        tokenizer.pre_tokenizer = WORD_PATTERNS[self.pre]
        return tokenizer

    @functools.cache
    def piece_scores(self):
        return {token: score for token, score, kind in zip(self.tokens, self.scores, self.kinds) if kind == Kind.NORMAL}

    @functools.cached_property
    def special(self):
        """The tokens that are cut out of a text before anything else, the longest first."""
        special = [token for token, kind in zip(self.tokens, self.kinds) if kind in (Kind.CONTROL, Kind.USER_DEFINED)]
        return re.compile("|".join(re.escape(token) for token in sorted(special, key=len, reverse=True)))

    def encode(self, text):
        """The ids of text with special tokens; no BOS is added."""
        ids, start = [], 0
        for match in self.special.finditer(text):
            ids += self.pieces(text[start:match.start()]) if match.start() > start else []
            ids.append(self.id(match.group()))
            start = match.end()
        return ids + (self.pieces(text[start:]) if start < len(text) else [])

    def decode(self, ids):
        """The text of ids; control tokens print nothing, what is not UTF-8 becomes U+FFFD."""
        back = {character: byte for byte, character in byte_alphabet().items()}
        data = b""
        for item in ids:
            token, kind = self.tokens[item], self.kinds[item]
            if kind in (Kind.CONTROL, Kind.UNKNOWN):
                continue
            if kind == Kind.USER_DEFINED:
                data += token.encode()
            elif kind == Kind.BYTE:
                data += bytes([int(token[3:5], 16)])
            elif self.model == "gpt2":
                data += bytes(back[character] for character in token)
            else:
                data += token.replace("▁", " ").encode()
        return data.decode(errors="replace")


def byte_alphabet():
    """Byte-level merges spell each byte as one printable character."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    return {byte: chr(byte) for byte in own} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def byte_level(pre, special, ends, template, eos, bos=None, add_bos=False, user_defined=(), first=False, keys=None):
    """All 256 bytes, a few merges, and special tokens before (`first`) or behind them."""
    alphabet = byte_alphabet()
    spelled = ["".join(alphabet[byte] for byte in text.encode()) for word in WORDS for text in (word, " " + word)]
    merges, tokens = [], []
    for word in spelled:
        for end in range(1, len(word)):
            merge = f"{word[:end]} {word[end]}"
            if merge not in merges:
                merges.append(merge)
                tokens.append(word[:end + 1])
    tokens = [alphabet[byte] for byte in range(256)] + list(dict.fromkeys(tokens))
    kinds = [Kind.NORMAL] * len(tokens)
    added = [Kind.CONTROL] * len(special) + [Kind.USER_DEFINED] * len(user_defined)
    extra = [*special, *user_defined]
    tokens, kinds = (extra + tokens, added + kinds) if first else (tokens + extra, kinds + added)
    return Vocabulary("gpt2", pre, tokens, kinds, template, bos, eos, ends, add_bos, merges=merges, keys=keys or {})


def scored(special, unknown, template, bos, eos, ends, add_space_prefix, keys=None):
    """Control tokens, 256 byte tokens, characters and pieces whose score falls with their place."""
    pieces = []
    for word in WORDS:
        for text in (word, "▁" + word):
            pieces += [text[:end] for end in range(2, len(text) + 1)]
    pieces = list(dict.fromkeys(pieces))
    characters = ["▁", *map(chr, range(ord("a"), ord("z") + 1)), *"ETAOPT.,?!\n0123456789é你"]
    characters = [character for character in dict.fromkeys(characters) if character not in pieces]
    tokens = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces, *characters]
    kinds = [Kind.UNKNOWN if token == unknown else Kind.CONTROL for token in special]
    kinds += [Kind.BYTE] * 256 + [Kind.NORMAL] * (len(pieces) + len(characters))
    scores = [0.0] * (len(special) + 256) + [-float(place) for place in range(len(pieces) + len(characters))]
    return Vocabulary("llama", "default", tokens, kinds, template, bos, eos, ends, True, scores=scores,
                      add_space_prefix=add_space_prefix, keys=(keys or {}) | {"unknown_token_id": unknown})


@dataclass
class Recipe:
    """A network to be made: the sizes, and what a family or a variant has beside the common part."""

    name: str
    architecture: str
    vocabulary: Vocabulary
    kind: Type | dict                  # of the matrices; by the name's middle part, if a dict ("" for the others)
    seed: int
    layers: int = 2
    width: int = 64
    heads: int = 4
    key_value_heads: int = 2
    head_width: int = 16
    feed_forward: int = 64
    tied: bool = True
    biases: tuple = ()
    epsilon: float = 1e-5
    rope_base: float = 10_000.0
    linear_factor: float | None = None
    llama3: dict | None = None
    window: int | None = None
    pattern: int | list = 6
    pattern_written: bool = False
    local_rope_base: float = 10_000.0
    softcap: float | None = None
    head_counts_written: bool = True
    context: int = 256
    generated: int = 24                # tokens of each greedy continuation in the fixture


BLOCK = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
}
GEMMA_BLOCK = BLOCK | {
    "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}


def library_name(name, architecture):
    """The name that transformers has for a tensor of a file."""
    outer = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    if not name.startswith("blk."):
        stem, _, end = name.partition(".")
        return f"{outer[stem]}.{end}"
    _, layer, stem, end = name.split(".")
    return f"model.layers.{layer}.{(GEMMA_BLOCK if architecture == 'gemma3' else BLOCK)[stem]}.{end}"


def shapes(recipe):
    """Names and shapes of the tensors, in the order of the file."""
    r, rows = recipe, len(recipe.vocabulary.tokens)
    yield "token_embd.weight", (rows, r.width)
    for layer in range(r.layers):
        queries, keys = r.heads * r.head_width, r.key_value_heads * r.head_width
        block = {
            "attn_norm": (r.width,), "attn_q": (queries, r.width), "attn_k": (keys, r.width), "attn_v": (keys, r.width),
            "attn_output": (r.width, queries), "ffn_norm": (r.width,), "ffn_gate": (r.feed_forward, r.width),
            "ffn_up": (r.feed_forward, r.width), "ffn_down": (r.width, r.feed_forward)}
        if r.architecture in ("qwen3", "gemma3"):
            block |= {"attn_q_norm": (r.head_width,), "attn_k_norm": (r.head_width,)}
        if r.architecture == "gemma3":
            block |= {"post_attention_norm": (r.width,), "post_ffw_norm": (r.width,)}
        for stem, shape in block.items():
            yield f"blk.{layer}.{stem}.weight", shape
            if stem in r.biases:
                yield f"blk.{layer}.{stem}.bias", shape[:1]
    yield "output_norm.weight", (r.width,)
    if not r.tied:
        yield "output.weight", (rows, r.width)


def super_blocks(random, shape, kind, deviation):
    """Random blocks of a type that the gguf package reads but cannot write, with values of about that deviation."""
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (*shape[:-1], shape[-1] // 256, size), dtype=np.uint8)
    if kind == Type.Q4_K:               # values scale·q·d - minimum·dmin, both 0 to 63, q 0 to 15
        scale, minimum = deviation / 260, 7.5 * deviation / 260
        blocks[..., 0:4] = np.array([scale, minimum], dtype=np.float16).view(np.uint8)
    elif kind == Type.Q6_K:             # scale·q·d, q -32 to 31
        blocks[..., 192:208] = random.integers(-40, 41, (*blocks.shape[:-1], 16)).astype(np.int8).view(np.uint8)
        blocks[..., 208:210] = np.array([deviation / 430], dtype=np.float16).view(np.uint8)
    else:
        raise ValueError(f"no random blocks of type {kind.name}")
    return blocks.reshape(*shape[:-1], -1)


def to_neighbours(rows, heads):
    """Rows of a query or key projection from halves (x_0…x_{d/2-1}, y_0…) to neighbours (x_0, y_0, x_1, y_1, …)."""
    return rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def llama3_factors(recipe):
    """What each rotation's frequency is divided by."""
    c = recipe.llama3
    half = recipe.head_width // 2
    wave = 2 * np.pi * recipe.rope_base ** (np.arange(half) / half)
    original = c["original_max_position_embeddings"]
    share = (original / wave - c["low_freq_factor"]) / (c["high_freq_factor"] - c["low_freq_factor"])
    factors = 1 / ((1 - share) / c["factor"] + share)
    factors = np.where(wave < original / c["high_freq_factor"], 1.0, factors)
    return np.where(wave > original / c["low_freq_factor"], c["factor"], factors).astype(np.float32)


def write(recipe, path, weights=None):
    """Writes the file, with random weights or those given under transformers' names. Returns the float32 weights that
    the file holds, under these names and in transformers' layout."""
    r = recipe
    random = np.random.default_rng(r.seed)
    writer = gguf.GGUFWriter(path, r.architecture)
    writer.add_name(r.name)
    writer.add_context_length(r.context)
    writer.add_embedding_length(r.width)
    writer.add_block_count(r.layers)
    writer.add_feed_forward_length(r.feed_forward)
    writer.add_head_count(r.heads)
    if r.head_counts_written:
        writer.add_head_count_kv(r.key_value_heads)
    writer.add_layer_norm_rms_eps(r.epsilon)
    writer.add_rope_freq_base(r.rope_base)
    if r.head_width != r.width // r.heads or r.architecture in ("qwen3", "gemma3"):
        writer.add_key_length(r.head_width)
        writer.add_value_length(r.head_width)
    if r.architecture == "llama":
        writer.add_rope_dimension_count(r.head_width)
        writer.add_vocab_size(len(r.vocabulary.tokens))
    if r.linear_factor:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(r.linear_factor)
    if r.window:
        writer.add_sliding_window(r.window)
    if r.pattern_written:
        writer.add_sliding_window_pattern(r.pattern)
    if r.local_rope_base != 10_000.0:
        writer.add_float32(f"{r.architecture}.rope.freq_base_swa", r.local_rope_base)
    if r.softcap:
        writer.add_final_logit_softcapping(r.softcap)
    r.vocabulary.write(writer)

    library = {}
    for name, shape in shapes(r):
        stem = name.split(".")[-2]
        if name.endswith("norm.weight"):
            kind, values = Type.F32, (1 + 0.25 * random.standard_normal(shape)).astype(np.float32)
            if name == "output_norm.weight":
                # Signs keep a tied network from answering every token with the same token.
                values *= random.choice(np.array([-1, 1], dtype=np.float32), shape)
        elif name.endswith(".bias"):
            kind, values = Type.F32, (0.5 * random.standard_normal(shape)).astype(np.float32)
        else:
            kind = r.kind.get(stem, r.kind[""]) if isinstance(r.kind, dict) else r.kind
            deviation = 0.3 if stem in ("token_embd", "output") else 1.4 / np.sqrt(shape[-1])
            if kind in (Type.Q4_K, Type.Q6_K):
                values = super_blocks(random, shape, kind, deviation)
            else:
                values = (deviation * random.standard_normal(shape)).astype(np.float32)
        if weights:
            values = weights[library_name(name, r.architecture)]
        stored = values if kind in (Type.F32, Type.Q4_K, Type.Q6_K) else (
            values.astype(np.float16) if kind == Type.F16 else gguf.quants.quantize(values, kind))
        weight = np.asarray(gguf.quants.dequantize(stored, kind), dtype=np.float32)
        # Files hold the factor of a norm; transformers adds 1 to what it holds for Gemma.
        gemma_norm = r.architecture == "gemma3" and name.endswith("norm.weight")
        library[library_name(name, r.architecture)] = weight - np.float32(1) if gemma_norm else weight
        if r.architecture == "llama" and stem in ("attn_q", "attn_k"):
            stored = to_neighbours(stored, r.heads if stem == "attn_q" else r.key_value_heads)
        writer.add_tensor(name, np.ascontiguousarray(stored), raw_dtype=kind)
    if r.llama3:
        writer.add_tensor("rope_freqs.weight", llama3_factors(r))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return library
