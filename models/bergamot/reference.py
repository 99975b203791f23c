#!/usr/bin/env python3
"""The Bergamot family in numpy: MODEL.md, executable. It also writes Tests/Fixtures/bergamot, through fixtures.py.

    reference.py translate --model M --vocabulary V [V] --shortlist S [--beam N]     lines on stdin, lines on stdout
    reference.py engine --name N --model M --vocabulary V [V] --shortlist S --input TEXT --output JSON [--scores]
    reference.py forced --direction ENGINE.json COUNT M V S --direction ... --output JSON
    reference.py tiny --output DIRECTORY
    reference.py manifest --output DIRECTORY

Only `engine` needs the original engine's Python module; it records what that engine says. Clarity comes before
speed: one sentence at a time, and a Python loop over the target positions.
"""
import argparse
import math
import re
import struct
import sys
import unicodedata

import numpy as np
import yaml

END, UNKNOWN = 0, 1  # of every vocabulary of this family


# ---------------------------------------------------------------- the model file

FLOAT32, INT8, INTGEMM8 = 0x0404, 0x0101, 0x4101  # intgemm8: integers, then one float32 multiplier


class Item:
    """One tensor of a checkpoint. `multiplier` is that of an 8-bit one: value = integer / multiplier."""

    def __init__(self, name, kind, values, multiplier=None):
        self.name, self.kind, self.values, self.multiplier = name, kind, values, multiplier

    def real(self, precision):
        if self.kind == FLOAT32:
            return self.values.astype(precision)
        return self.values.astype(precision) * precision(1 / precision(self.multiplier))


def read_model(path):
    """The tensors of a Marian binary file by name, and its configuration."""
    data = open(path, "rb").read()
    version, count = struct.unpack_from("<QQ", data)
    assert version == 1, f"{path}: version {version}, expected 1"
    headers = [struct.unpack_from("<QQQQ", data, 16 + 32 * i) for i in range(count)]
    at = 16 + 32 * count
    names, shapes = [], []
    for name_length, _, _, _ in headers:
        names.append(data[at:at + name_length - 1].decode())
        at += name_length
    for _, _, rank, _ in headers:
        shapes.append(struct.unpack_from(f"<{rank}i", data, at))
        at += 4 * rank
    at += 8 + struct.unpack_from("<Q", data, at)[0]
    items, configuration = {}, None
    for name, shape, (_, kind, _, length) in zip(names, shapes, headers):
        elements = math.prod(shape)
        if name == "special:model.yml":
            configuration = yaml.safe_load(data[at:at + length].rstrip(b"\0"))
        elif kind == FLOAT32:
            items[name] = Item(name, kind, np.frombuffer(data, "<f4", elements, at).reshape(shape))
        elif kind == INTGEMM8:
            integers = np.frombuffer(data, "i1", elements, at)
            multiplier, = struct.unpack_from("<f", data, at + elements)
            # Weights are stored transposed, embeddings (and their multipliers) as they are.
            integers = integers.reshape(shape) if "Wemb" in name else integers.reshape(shape[::-1]).T
            items[name] = Item(name, kind, integers, multiplier)
        else:
            raise ValueError(f"{path}: {name} has type {kind:#06x}")
        at += length
    assert at == len(data), f"{path}: {len(data) - at} bytes after the last tensor"
    return items, configuration


def parameters(options):
    """(name, shape) of every tensor that the configuration asks for; an activation multiplier is not one of them."""
    width, hidden = options["dim-emb"], options["transformer-dim-ffn"]
    before, after = options["transformer-preprocess"], options["transformer-postprocess"]

    def norm(prefix, operations, suffix=""):
        if "n" in operations:
            yield f"{prefix}_ln_scale{suffix}", (1, width)
            yield f"{prefix}_ln_bias{suffix}", (1, width)

    def norms(prefix):
        yield from norm(prefix, before, "_pre")
        yield from norm(prefix, after)

    def attention(prefix):
        for letter in "qkvo":
            yield f"{prefix}_W{letter}", (width, width)
            yield f"{prefix}_b{letter}", (1, width)
        yield from norms(f"{prefix}_Wo")

    def feed_forward(prefix):
        depth = options["transformer-ffn-depth"]
        sizes = [width] + [hidden] * (depth - 1) + [width]
        for i in range(depth):
            yield f"{prefix}_W{i + 1}", (sizes[i], sizes[i + 1])
            yield f"{prefix}_b{i + 1}", (1, sizes[i + 1])
        yield from norms(f"{prefix}_ffn")

    source, target = options["dim-vocabs"]
    if options["tied-embeddings-all"]:
        yield "Wemb", (source, width)
    else:
        yield "encoder_Wemb", (source, width)
        yield "decoder_Wemb", (target, width)
    yield "decoder_ff_logit_out_b", (1, target)
    for side in "encoder", "decoder":
        yield from norm(f"{side}_emb", options["transformer-postprocess-emb"], "_pre")
        yield from norm(f"{side}_top", options["transformer-postprocess-top"])
    for layer in range(1, options["enc-depth"] + 1):
        yield from attention(f"encoder_l{layer}_self")
        yield from feed_forward(f"encoder_l{layer}_ffn")
    for layer in range(1, options["dec-depth"] + 1):
        rnn = f"decoder_l{layer}_rnn"
        yield f"{rnn}_W", (width, width)
        yield f"{rnn}_Wf", (width, width)
        yield f"{rnn}_bf", (1, width)
        yield from norm(rnn, before, "_pre")
        yield from norm(f"{rnn}_ffn", after)
        yield from attention(f"decoder_l{layer}_context")
        yield from feed_forward(f"decoder_l{layer}_ffn")


# ---------------------------------------------------------------- arithmetic

class Linear:
    """y = x·W + b. W is [in, out]; in 8 bits it is made of integers, and so is x while it is multiplied."""

    def __init__(self, weight, bias, activation_multiplier, precision, transposed=False):
        self.precision = precision
        self.bias = precision(0) if bias is None else bias
        self.is_integer = weight.kind == INTGEMM8
        self.activation_multiplier = activation_multiplier
        if self.is_integer:
            # A product of these integers stays far below 2^53, so float64 accumulates it as exactly as int32 does.
            self.weight = weight.values.astype(np.float64)
            self.weight_multiplier = precision(weight.multiplier)
        else:
            self.weight = weight.values.astype(precision)
        if transposed:
            self.weight = self.weight.T
        self.prepared = None
        self.margin = math.inf  # the least distance of a scaled activation from a rounding boundary
        self.peaks = None  # a list, while activation ranges are being collected

    def select(self, columns):
        """The same layer with only these outputs."""
        chosen = object.__new__(Linear)
        chosen.__dict__ = dict(self.__dict__, weight=self.weight[:, columns], bias=self.bias[:, columns], prepared=None)
        return chosen

    def quantise(self, x, multiplier):
        scaled = x * multiplier
        inside = np.abs(scaled) < 127
        if inside.any():
            self.margin = min(self.margin, float(np.abs(scaled - np.floor(scaled) - 0.5)[inside].min()))
        return np.clip(np.rint(scaled), -127, 127)

    def __call__(self, x, per_row=False):
        if self.peaks is not None:
            self.peaks.append(float(np.abs(x).max()))
        if not self.is_integer:
            return x @ self.weight + self.bias
        multiplier = self.activation_multiplier
        if multiplier is None:  # dynamic: over the sentence in the encoder, over the hypothesis in the decoder
            largest = np.abs(x).max(axis=-1 if per_row else None, keepdims=True)
            multiplier = self.precision(127) / np.where(largest == 0, self.precision(1), largest)
        shifted = self.quantise(x, multiplier) + 127  # 0...254, unsigned
        accumulated = (shifted @ self.weight).astype(np.int32).astype(self.precision)
        scale = self.precision(1) / (multiplier * self.weight_multiplier)
        if self.prepared is None or self.activation_multiplier is None:
            # Undoes the shift: 127 · Σ_k W[k, j].
            sums = self.weight.sum(axis=0, keepdims=True).astype(self.precision)
            # The order of these operations is the engine's: another order rounds otherwise, and shows.
            unshift = -((self.precision(127) / multiplier) * (self.precision(127) / self.weight_multiplier))
            self.prepared = sums * (unshift / self.precision(127)) + self.bias
        return accumulated * scale + self.prepared



def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {"relu": lambda x: np.maximum(x, 0), "swish": lambda x: x * sigmoid(x),
               "gelu": lambda x: x * sigmoid(x * x.dtype.type(1.702))}


# ---------------------------------------------------------------- the transformer

class Model:
    def __init__(self, path, precision=np.float32):
        self.path, self.precision = path, precision
        self.items, self.options = read_model(path)
        expected = dict(parameters(self.options))
        found = {name: item.values.shape for name, item in self.items.items() if not name.endswith("_QuantMultA")}
        assert expected == found, f"{path}: {set(expected.items()) ^ set(found.items())}"
        self.width, self.heads = self.options["dim-emb"], self.options["transformer-heads"]
        shared = self.options["tied-embeddings-all"]
        self.target_embedding_name = "Wemb" if shared else "decoder_Wemb"
        self.source_embedding = self.items["Wemb" if shared else "encoder_Wemb"].real(precision)
        self.target_embedding = self.items[self.target_embedding_name].real(precision)
        self.activation = ACTIVATIONS[self.options["transformer-ffn-activation"]]
        self.perturbation = None  # a random generator, to see what rounding differences do to the results
        self.linears = {}
        for name, item in self.items.items():
            bias = re.sub("_W(.)$", r"_b\1", name)
            if bias != name:
                self.linears[name] = Linear(item, self.vector(bias), self.multiplier(name), precision)
            elif name.endswith("_rnn_W"):
                self.linears[name] = Linear(item, None, self.multiplier(name), precision)
        self.output = Linear(self.items[self.target_embedding_name], self.vector("decoder_ff_logit_out_b"),
                             self.multiplier(self.target_embedding_name, "none"), precision, transposed=True)

    def vector(self, name):
        return self.items[name].values.astype(self.precision)

    def multiplier(self, *names):
        for name in names:
            if name + "_QuantMultA" in self.items:
                return self.items[name + "_QuantMultA"].real(self.precision).reshape(())[()]
        return None

    def norm(self, x, prefix, suffix=""):
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self.precision(1e-6))
        scaled = self.vector(f"{prefix}_ln_scale{suffix}") * (centred / deviation)
        return self.disturbed(scaled + self.vector(f"{prefix}_ln_bias{suffix}"))

    def disturbed(self, x):
        if self.perturbation is None:
            return x
        return x * (1 + 5e-7 * self.perturbation.standard_normal(x.shape)).astype(self.precision)

    def before(self, operations, x, prefix):
        for operation in operations:
            assert operation in "dn", f"preprocess operation {operation}"
            x = self.norm(x, prefix, "_pre") if operation == "n" else x
        return x

    def after(self, operations, x, block_input, prefix):
        for operation in operations:
            assert operation in "dan", f"postprocess operation {operation}"
            x = x + block_input if operation == "a" else self.norm(x, prefix) if operation == "n" else x
        return x

    def positions(self, first, count):
        half = self.width // 2
        # The angles are float32 in every precision: a checkpoint was trained with their rounding.
        increment = np.float32(math.log(10000)) / np.float32(half - 1)
        exponents = np.arange(half, dtype=np.float32) * -increment
        frequencies = np.exp(exponents.astype(np.float64)).astype(np.float32)
        angles = np.arange(first, first + count, dtype=np.float32)[:, None] * frequencies
        angles = angles.astype(np.float64)
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(self.precision)

    def split(self, x):  # [n, width] -> [heads, n, width / heads]
        return x.reshape(len(x), self.heads, -1).transpose(1, 0, 2)

    def keys_values(self, prefix, x):
        return self.split(self.linears[f"{prefix}_Wk"](x)), self.split(self.linears[f"{prefix}_Wv"](x))

    def attention(self, prefix, x, keys, values, per_row=False):
        """The attention block over x [n, width], and its weights [heads, n, keys]."""
        # Only the query passes the layer norm of a pre-norm model; keys and values come from what was handed in.
        query = self.before(self.options["transformer-preprocess"], x, f"{prefix}_Wo")
        query = self.split(self.linears[f"{prefix}_Wq"](query, per_row))
        scale = self.precision(1 / math.sqrt(self.width / self.heads))
        weights = softmax(query @ keys.transpose(0, 2, 1) * scale)
        joined = (weights @ values).transpose(1, 0, 2).reshape(x.shape)
        y = self.linears[f"{prefix}_Wo"](self.disturbed(joined), per_row)
        return self.after(self.options["transformer-postprocess"], y, x, f"{prefix}_Wo"), weights

    def feed_forward(self, prefix, x, per_row=False):
        y = self.before(self.options["transformer-preprocess"], x, f"{prefix}_ffn")
        depth = self.options["transformer-ffn-depth"]
        for i in range(1, depth + 1):
            y = self.linears[f"{prefix}_W{i}"](y, per_row)
            y = self.activation(y) if i < depth else y
        return self.after(self.options["transformer-postprocess"], y, x, f"{prefix}_ffn")

    def encode(self, source):
        """[source tokens, width] of the source ids, which end with END."""
        bottom = self.source_embedding[source] * self.precision(math.sqrt(self.width)) + self.positions(0, len(source))
        x = self.before(self.options["transformer-postprocess-emb"], bottom, "encoder_emb")
        for layer in range(1, self.options["enc-depth"] + 1):
            x, _ = self.attention(f"encoder_l{layer}_self", x, *self.keys_values(f"encoder_l{layer}_self", x))
            x = self.feed_forward(f"encoder_l{layer}_ffn", x)
        return self.after(self.options["transformer-postprocess-top"], x, bottom, "encoder_top")

    def start(self, encoded):
        """The keys and values of every decoder layer, and the cells of a first hypothesis."""
        layers = range(1, self.options["dec-depth"] + 1)
        context = [self.keys_values(f"decoder_l{layer}_context", encoded) for layer in layers]
        return context, [np.zeros((1, self.width), self.precision) for _ in layers]

    def step(self, context, cells, previous, position, output):
        """Logits [hypotheses, candidates], the new cells, and the alignment [hypotheses, source tokens].

        `previous` holds the last token of each hypothesis, or is None before the first, where the input is zero.
        """
        if previous is None:
            bottom = np.zeros((1, self.width), self.precision)
        else:
            bottom = self.target_embedding[previous] * self.precision(math.sqrt(self.width))
        bottom = bottom + self.positions(position, 1)
        x = self.before(self.options["transformer-postprocess-emb"], bottom, "decoder_emb")
        new_cells = []
        for layer, (keys, values), cell in zip(range(1, len(cells) + 1), context, cells):
            prefix = f"decoder_l{layer}_rnn"
            y = self.before(self.options["transformer-preprocess"], x, prefix)
            forget = sigmoid(self.linears[f"{prefix}_Wf"](y, per_row=True))
            cell = forget * cell + (1 - forget) * self.linears[f"{prefix}_W"](y, per_row=True)
            new_cells.append(cell)
            x = self.after(self.options["transformer-postprocess"], np.maximum(cell, 0), x, f"{prefix}_ffn")
            x, weights = self.attention(f"decoder_l{layer}_context", x, keys, values, per_row=True)
            x = self.feed_forward(f"decoder_l{layer}_ffn", x, per_row=True)
        x = self.after(self.options["transformer-postprocess-top"], x, bottom, "decoder_top")
        return output(x, per_row=True), new_cells, weights[0]


# ---------------------------------------------------------------- the shortlist

class Shortlist:
    """For every source token the target tokens that it is likely to become."""

    MAGIC = 0xF11A48D5013417F5

    def __init__(self, path):
        data = open(path, "rb").read()
        magic, checksum, self.first, self.best, offsets, entries = struct.unpack_from("<6Q", data)
        assert magic == self.MAGIC and len(data) == 48 + 8 * offsets + 4 * entries, f"{path}: not a shortlist"
        assert checksum == self.checksum(data[16:]), f"{path}: wrong checksum"
        self.offsets = np.frombuffer(data, "<u8", offsets, 48)
        self.entries = np.frombuffer(data, "<u4", entries, 48 + 8 * offsets)

    @staticmethod
    def checksum(data):
        seed, mask = 0, (1 << 64) - 1
        for value in struct.unpack_from(f"<{len(data) // 8}Q", data):
            seed ^= (value + 0x9E3779B9 + (seed << 6 & mask) + (seed >> 2)) & mask
        return seed

    def candidates(self, source, vocabulary_size, is_shared):
        """The sorted target ids that a sentence may use."""
        chosen = set(range(min(self.first, vocabulary_size)))
        for word in set(source):
            chosen.update(self.entries[int(self.offsets[word]):int(self.offsets[word + 1])].tolist())
            if is_shared:
                chosen.add(word)
        for word in range(self.first, vocabulary_size):  # the integer kernels want a multiple of 8
            if len(chosen) % 8 == 0:
                break
            chosen.add(word)
        return np.array(sorted(chosen))


# ---------------------------------------------------------------- search

class Hypothesis:
    def __init__(self, tokens=(), log_probs=(), score=0.0):
        self.tokens, self.log_probs, self.score = list(tokens), list(log_probs), score  # score: the plain sum

    def extended(self, token, log_prob):
        return Hypothesis(self.tokens + [token], self.log_probs + [float(log_prob)], self.score + float(log_prob))


def all_candidates(model):
    return np.arange(len(model.target_embedding))


def force(model, source, target, candidates):
    """The log-probability of each target token given those before it, and the alignment [target, source]."""
    output = model.output.select(candidates)
    context, cells = model.start(model.encode(source))
    log_probs, alignment, previous = [], [], None
    for position, token in enumerate(target):
        logits, cells, weights = model.step(context, cells, previous, position, output)
        log_probs.append(float(log_softmax(logits)[0, np.searchsorted(candidates, token)]))
        alignment.append(weights[0].tolist())
        previous = [token]
    model.output.margin = min(model.output.margin, output.margin)
    return log_probs, alignment


def search(model, source, candidates, beam=1, normalize=1.0, word_penalty=0.0, length_factor=2.5):
    """(normalised score, hypothesis) of everything finished, best first, and the closest decision of the search."""
    output = model.output.select(candidates)
    context, cells = model.start(model.encode(source))
    live, finished, closest = [Hypothesis()], [], math.inf
    width, limit = beam, math.ceil(length_factor * len(source))
    for length in range(1, limit + 1):
        previous = None if length == 1 else [hypothesis.tokens[-1] for hypothesis in live]
        logits, cells, _ = model.step(context, cells, previous, length - 1, output)
        log_probs = log_softmax(logits)
        scores = log_probs + np.array([[hypothesis.score] for hypothesis in live])
        scores[:, candidates == UNKNOWN] = -math.inf
        order = np.argsort(-scores, axis=None, kind="stable")
        ordered = scores.ravel()[order[:width + 1]]
        closest = min(closest, float(-np.diff(ordered).max()))
        rows, columns = np.unravel_index(order[:width], scores.shape)
        extended = [live[row].extended(int(candidates[column]), log_probs[row, column])
                    for row, column in zip(rows, columns)]
        for hypothesis in extended:
            if hypothesis.tokens[-1] == END or length == limit:
                finished.append(((hypothesis.score - word_penalty * length) / length ** normalize, hypothesis))
        going = [i for i, hypothesis in enumerate(extended) if hypothesis.tokens[-1] != END]
        live, cells = [extended[i] for i in going], [cell[rows[going]] for cell in cells]
        width = len(live)  # a finished hypothesis leaves the beam, and its place is not filled again
        if width == 0:
            break
    finished.sort(key=lambda pair: -pair[0])
    for (better, _), (worse, _) in zip(finished, finished[1:]):
        closest = min(closest, better - worse)
    model.output.margin = min(model.output.margin, output.margin)
    return finished, closest


# ---------------------------------------------------------------- text

CLOSING = "['\")\\]\u2019\u201d\u00bb\u203a\u2e03\u2e05\u2e0a\u2e0d\u2e1d\u2e21]*"
CANDIDATE = re.compile(f"([.?!]+)({CLOSING}(?:\\[\\d[\\d,\\s]*\\d\\])?{CLOSING})(\\s+)")


def split_sentences(paragraph):
    """The sentences of one line: cut after [.?!] and white space unless a lowercase letter follows."""
    start, sentences = 0, []
    for match in CANDIDATE.finditer(paragraph):
        at = match.end()  # then opening punctuation, white space and combining marks
        while unicodedata.category(paragraph[at:at + 1] or "A")[0] not in "LNMS" and not paragraph[at].isspace():
            at += 1
        while paragraph[at:at + 1].isspace():
            at += 1
        while unicodedata.category(paragraph[at:at + 1] or "A")[0] == "M":
            at += 1
        category = unicodedata.category(paragraph[at]) if at < len(paragraph) else ""
        elided = match[1] == "..." and match[2] == "]" and paragraph[:match.start()].endswith("[")
        if category == "Ll" or (elided and category not in ("Lu", "Lt", "Nd", "Nl")):
            continue
        sentences.append(paragraph[start:match.start(3)].strip())
        start = match.end()
    sentences.append(paragraph[start:].strip())
    return [sentence for sentence in sentences if sentence]


class Translator:
    def __init__(self, model, vocabularies, shortlist=None, precision=np.float32):
        import sentencepiece
        self.model = Model(model, precision)
        self.source, self.target = (sentencepiece.SentencePieceProcessor(model_file=path)
                                    for path in (vocabularies[0], vocabularies[-1]))
        self.is_shared = vocabularies[0] == vocabularies[-1]
        self.shortlist = Shortlist(shortlist) if shortlist else None

    def segments(self, sentence, longest=128):
        """The ids of a sentence, each ending with END; a sentence that is too long becomes several."""
        ids = self.source.encode(sentence)
        return [ids[at:at + longest - 1] + [END] for at in range(0, len(ids), longest - 1)]

    def candidates(self, source):
        if self.shortlist is None:
            return all_candidates(self.model)
        return self.shortlist.candidates(source, len(self.model.target_embedding), self.is_shared)

    def best(self, source, beam=1):
        return search(self.model, source, self.candidates(source), beam)[0][0][1]

    def decode(self, tokens):
        return self.target.decode([token for token in tokens if token != END])

    def translate(self, line, beam=1):
        return " ".join(self.decode(self.best(source, beam).tokens)
                        for sentence in split_sentences(line) for source in self.segments(sentence))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    checkpoint = argparse.ArgumentParser(add_help=False)
    checkpoint.add_argument("--model", required=True)
    checkpoint.add_argument("--vocabulary", required=True, nargs="+")
    checkpoint.add_argument("--shortlist")
    translate = commands.add_parser("translate", parents=[checkpoint])
    translate.add_argument("--beam", type=int, default=1)
    engine = commands.add_parser("engine", parents=[checkpoint])
    engine.add_argument("--name", required=True)
    engine.add_argument("--input", required=True)
    engine.add_argument("--scores", action="store_true")
    engine.add_argument("--html", action="store_true")
    forced = commands.add_parser("forced")
    forced.add_argument("--direction", action="append", nargs=5, required=True)
    tiny, manifest = commands.add_parser("tiny"), commands.add_parser("manifest")
    for command in engine, forced, tiny, manifest:
        command.add_argument("--output", required=True)
    arguments = parser.parse_args()
    if arguments.command == "translate":
        translator = Translator(arguments.model, arguments.vocabulary, arguments.shortlist)
        for line in sys.stdin:
            print(translator.translate(line.rstrip("\n"), arguments.beam), flush=True)
    else:
        import fixtures
        getattr(fixtures, "write_" + arguments.command)(arguments)


if __name__ == "__main__":
    main()
