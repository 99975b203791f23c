"""fastText supervised models in numpy, and the fixtures of the parity tests.

    python reference.py fixtures LID_176_FTZ   # writes Tests/Fixtures/fasttext
    python reference.py predict MODEL TEXT...  # the five best labels of each text

MODEL.md has the equations. `Model` reads a file and predicts, `write_model` writes one. Every model
and every text is also given to fasttext-predict, the published implementation, and both must agree;
the expected answers in the fixtures are the published implementation's.
"""

import argparse
import json
import struct
from pathlib import Path

import fasttext
import numpy as np

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "fasttext"
MAGIC = 793712314
HS, NS, SOFTMAX, OVA = 1, 2, 3, 4
END = b"</s>"
PREFIX = b"__label__"
SPACES = b" \n\r\t\v\f\0"
# Both sides work in 32-bit floats, but add in different orders.
TOLERANCE = 2e-5


def fnv(data):
    """32-bit FNV-1a, each byte sign-extended before it is mixed in."""
    value = 2166136261
    for byte in data:
        value ^= byte | 0xFFFFFF00 if byte >= 0x80 else byte
        value = value * 16777619 & 0xFFFFFFFF
    return value


def smooth_log(probability):
    return np.float32(np.log(np.float64(np.float32(probability)) + 1e-5))


def table_sigmoid(x):
    """The logistic function from a table of 512 steps over [-8, 8]."""
    if x < -8:
        return np.float32(0)
    if x > 8:
        return np.float32(1)
    step = int((np.float32(x) + np.float32(8)) * np.float32(512) / np.float32(8) / np.float32(2))
    return np.float32(1 / (1 + np.exp(-np.float64(step * 16 / 512 - 8))))


def huffman(counts):
    """Children of the inner nodes n, n+1, ... of the tree over n leaves."""
    n = len(counts)
    weights = list(counts) + [10**15] * (n - 1)
    leaf, node, children = n - 1, n, []
    for parent in range(n, 2 * n - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        weights[parent] = weights[pair[0]] + weights[pair[1]]
        children.append(tuple(pair))
    return children


# ---------------------------------------------------------------------------------------------- reading


class Model:
    """A model file, read and dequantized."""

    def __init__(self, path):
        self.data, self.at = Path(path).read_bytes(), 0
        magic, version = self.take("<ii")
        assert magic == MAGIC and version in (11, 12), (magic, version)
        (self.dim, _, _, _, _, self.word_ngrams, self.loss, kind, self.bucket, self.minn, self.maxn, _, _) = self.take(
            "<12id"
        )
        assert kind == 3, "not a supervised model"
        if version == 11:
            self.maxn = 0

        size, self.words, n_labels, _, kept = self.take("<iiiqq")
        assert size == self.words + n_labels
        entries, counts = [], []
        for i in range(size):
            end = self.data.index(0, self.at)
            entries.append(self.data[self.at : end])
            self.at = end + 1
            count, type_ = self.take("<qb")
            assert type_ == (i >= self.words)
            counts.append(count)
        self.ids = {entry: i for i, entry in enumerate(entries)}
        self.labels = [entry.removeprefix(PREFIX).decode() for entry in entries[self.words :]]
        self.kept = None if kept < 0 else dict(self.take("<ii") for _ in range(kept))

        quantized = self.take("<?")[0]
        self.input = self.matrix(quantized)
        quantized_output = self.take("<?")[0]
        self.output = self.matrix(quantized and quantized_output)
        assert self.at == len(self.data), "bytes after the end"
        self.children = huffman(counts[self.words :])

    def take(self, layout):
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def array(self, dtype, count):
        values = np.frombuffer(self.data, dtype, count, self.at)
        self.at += values.nbytes
        return values

    def matrix(self, quantized):
        if not quantized:
            rows, columns = self.take("<qq")
            return self.array("<f4", rows * columns).reshape(rows, columns)
        has_norms = self.take("<?")[0]
        rows, columns, size = self.take("<qqi")
        codes = self.array("u1", size).reshape(rows, -1)
        runs = self.centroids()
        matrix = np.concatenate([run[codes[:, i]] for i, run in enumerate(runs)], axis=1)
        assert matrix.shape == (rows, columns)
        if has_norms:
            codes = self.array("u1", rows)
            matrix = matrix * self.centroids()[0][codes]
        return matrix

    def centroids(self):
        """A list of [256, length] arrays, one for each run of columns."""
        dim, runs, length, last = self.take("<4i")
        flat = self.array("<f4", dim * 256)
        lengths = [length] * (runs - 1) + [last]
        assert sum(lengths) == dim
        ends = np.cumsum(lengths) * 256
        return [flat[end - n * 256 : end].reshape(256, n) for end, n in zip(ends, lengths)]

    # ------------------------------------------------------------------------------------------ predicting

    def tokens(self, line):
        token = bytearray()
        for byte in line.split(b"\n")[0] + b" ":
            if byte not in SPACES:
                token.append(byte)
                continue
            if token:
                yield bytes(token)
                if token == END:
                    return
            token = bytearray()
        yield END

    def hashed(self, value):
        """The rows of a hashed feature: one, or none where it was pruned."""
        bucket = value % self.bucket
        if self.kept is not None:
            if bucket not in self.kept:
                return []
            bucket = self.kept[bucket]
        return [self.words + bucket]

    def subwords(self, token):
        word = b"<" + token + b">"
        starts = [i for i, byte in enumerate(word) if byte & 0xC0 != 0x80] + [len(word)]
        last = len(starts) - 1
        for i in range(last):
            for n in range(1, min(self.maxn, last - i) + 1):
                if n < self.minn or (n == 1 and (i == 0 or i + n == last)):
                    continue
                yield from self.hashed(fnv(word[starts[i] : starts[i + n]]))

    def features(self, line):
        rows, hashes = [], []
        for token in self.tokens(line):
            id_ = self.ids.get(token)
            if id_ is None and token.startswith(PREFIX) or id_ is not None and id_ >= self.words:
                continue
            if id_ is not None:
                rows.append(id_)
            if token != END and self.maxn > 0:
                rows.extend(self.subwords(token))
            hashes.append(fnv(token))
        signed = [h - 2**32 if h >= 2**31 else h for h in hashes]
        for i in range(len(signed)):
            value = signed[i] % 2**64
            for following in signed[i + 1 : i + self.word_ngrams]:
                value = (value * 116049371 + following) % 2**64
                rows.extend(self.hashed(value))
        return rows

    def scores(self, hidden, threshold):
        """(log probability, label) of every label that reaches the threshold."""
        if self.loss == HS:
            found, stack = [], [(2 * len(self.labels) - 2, np.float32(0))]
            while stack:
                node, score = stack.pop()
                if score < smooth_log(threshold):
                    continue
                if node < len(self.labels):
                    found.append((score, node))
                    continue
                inner = node - len(self.labels)
                right = np.float32(1 / (1 + np.exp(-np.dot(self.output[inner], hidden))))
                stack.append((self.children[inner][1], score + smooth_log(right)))
                stack.append((self.children[inner][0], score + smooth_log(np.float32(1) - right)))
            return found
        logits = self.output @ hidden
        if self.loss == SOFTMAX:
            p = np.exp(logits - logits.max())
            p = p / p.sum()
        else:
            p = [table_sigmoid(x) for x in logits]
        return [(smooth_log(value), i) for i, value in enumerate(p) if value >= threshold]

    def predict(self, text, k=1, threshold=0.0):
        """[(label, probability)], best first; of equal ones the first in the file."""
        rows = self.features(text.encode())
        if not rows:
            return []
        hidden = self.input[rows].sum(axis=0, dtype=np.float32) * np.float32(1 / len(rows))
        best = sorted(self.scores(hidden, threshold), key=lambda pair: (-pair[0], pair[1]))[:k]
        return [(self.labels[i], float(np.exp(score))) for score, i in best]


# ---------------------------------------------------------------------------------------------- writing


def quantized_bytes(rng, rows, columns, run, norms, scale):
    runs = -(-columns // run)
    out = struct.pack("<?qqi", norms, rows, columns, rows * runs)
    out += rng.integers(0, 256, rows * runs, dtype=np.uint8).tobytes()
    out += struct.pack("<4i", columns, runs, run, columns - (runs - 1) * run)
    out += rng.normal(0, scale, columns * 256).astype("<f4").tobytes()
    if norms:
        out += rng.integers(0, 256, rows, dtype=np.uint8).tobytes()
        out += struct.pack("<4i", 1, 1, 1, 1) + rng.uniform(0.5, 2, 256).astype("<f4").tobytes()
    return out


def dense_bytes(rng, rows, columns, scale):
    return struct.pack("<qq", rows, columns) + rng.normal(0, scale, rows * columns).astype("<f4").tobytes()


def write_model(
    path,
    *,
    loss,
    words,
    labels,
    seed,
    version=12,
    dim=5,
    word_ngrams=1,
    minn=0,
    maxn=0,
    bucket=0,
    kept=None,
    quantized=False,
    quantized_output=False,
    run=2,
    norms=False,
    scale=1.5,
):
    """A model with random weights. `labels` maps names to counts; `kept` is a number of buckets to keep."""
    rng = np.random.default_rng(seed)
    out = struct.pack("<ii", MAGIC, version)
    out += struct.pack("<12id", dim, 5, 5, 1, 5, word_ngrams, loss, 3, bucket, minn, maxn, 100, 1e-4)
    entries = [(w, 100 - i, 0) for i, w in enumerate(words)] + [(n, c, 1) for n, c in labels.items()]
    out += struct.pack("<iiiqq", len(entries), len(words), len(labels), 1000, -1 if kept is None else kept)
    for name, count, type_ in entries:
        out += name.encode() + b"\0" + struct.pack("<qb", count, type_)
    hashed = bucket
    if kept is not None:
        hashed = kept
        for row, key in enumerate(rng.permutation(bucket)[:kept]):
            out += struct.pack("<ii", key, row)
    rows = len(words) + hashed
    out += struct.pack("<?", quantized)
    out += quantized_bytes(rng, rows, dim, run, norms, scale) if quantized else dense_bytes(rng, rows, dim, scale)
    out += struct.pack("<?", quantized_output)
    if quantized and quantized_output:
        out += quantized_bytes(rng, len(labels), dim, 2, norms, scale)
    else:
        out += dense_bytes(rng, len(labels), dim, scale)
    path.write_bytes(out)
    assert len(out) < 60_000, (path, len(out))


WORDS = ["</s>", "the", "river", "rio", "größe", "дом", "水", "a", "x", "été"]
LABELS = {f"__label__{name}": count for name, count in
          [("aa", 900), ("bb", 700), ("cc", 700), ("dd", 250), ("ee", 90), ("ff", 90), ("gg", 3)]}  # fmt: skip
SUBWORDS = dict(minn=2, maxn=4, bucket=97)
SYNTHETIC = {
    "softmax": dict(loss=SOFTMAX, **SUBWORDS),
    "softmax-words-only": dict(loss=SOFTMAX),
    "softmax-single-characters": dict(loss=SOFTMAX, minn=1, maxn=3, bucket=50),
    "softmax-word-ngrams": dict(loss=SOFTMAX, word_ngrams=3, bucket=60),
    "softmax-both-ngrams": dict(loss=SOFTMAX, word_ngrams=2, **SUBWORDS),
    "softmax-no-end-of-line": dict(loss=SOFTMAX, words=WORDS[1:]),
    "softmax-no-words": dict(loss=SOFTMAX, words=[], **SUBWORDS),
    "softmax-dim-16": dict(loss=SOFTMAX, dim=16, **SUBWORDS),
    "hs": dict(loss=HS, **SUBWORDS),
    "hs-one-label": dict(loss=HS, labels={"__label__only": 12}, **SUBWORDS),
    "hs-two-labels": dict(loss=HS, labels={"__label__one": 12, "__label__two": 12}, **SUBWORDS),
    "hs-deep": dict(loss=HS, labels={f"__label__n{i}": 2 ** (24 - i) for i in range(24)}, **SUBWORDS),
    "hs-steep": dict(loss=HS, scale=6, **SUBWORDS),
    "ns": dict(loss=NS, **SUBWORDS),
    "ova": dict(loss=OVA, **SUBWORDS),
    "ova-saturated": dict(loss=OVA, scale=5, **SUBWORDS),
    "other-prefix": dict(loss=SOFTMAX, labels={"lang:aa": 5, "lang:bb": 4, "__label__cc": 3}, **SUBWORDS),
    "version-11": dict(loss=SOFTMAX, version=11, **SUBWORDS),
    "quantized": dict(loss=SOFTMAX, quantized=True, **SUBWORDS),
    "quantized-norms": dict(loss=SOFTMAX, quantized=True, norms=True, **SUBWORDS),
    "quantized-pairs": dict(loss=HS, quantized=True, norms=True, dim=6, **SUBWORDS),
    "quantized-runs-of-3": dict(loss=SOFTMAX, quantized=True, run=3, dim=7, **SUBWORDS),
    "quantized-output": dict(loss=SOFTMAX, quantized=True, quantized_output=True, **SUBWORDS),
    "quantized-output-norms": dict(loss=HS, quantized=True, quantized_output=True, norms=True, dim=6, **SUBWORDS),
    "quantized-output-ova": dict(loss=OVA, quantized=True, quantized_output=True, norms=True, **SUBWORDS),
    "dense-input-flagged-output": dict(loss=SOFTMAX, quantized_output=True, **SUBWORDS),
    "pruned": dict(loss=HS, quantized=True, norms=True, kept=40, word_ngrams=2, **SUBWORDS),
    "pruned-of-all": dict(loss=SOFTMAX, quantized=True, kept=0, **SUBWORDS),
}
LINES = [
    "", "the river", "The River", "the", "rio", "unknown words only", "größe дом 水", "дома домой", "水水 水", "x",
    "a b c", "été e\u0301te\u0301", "the the the the", "  the\t\triver\u0000rio\r", "the </s> river", "</s>", "</s> the",
    "__label__aa river", "__label__zz", "lang:aa river", "lang:zz", "🙂 the 🙂", "river " * 50,
    "a" * 300, "\u3000the\u00a0river", "< > <<>>",
]  # fmt: skip
QUERIES = [(100, 0.0), (2, 0.0), (100, 0.05), (1, 0.3)]


# ---------------------------------------------------------------------------------------------- fixtures


def published(model, text, k, threshold=0.0):
    labels, probabilities = model.predict(text, k, threshold)
    return [(label.removeprefix("__label__"), float(p)) for label, p in zip(labels, probabilities)]


def difference(left, right):
    """The largest difference of two answers' probabilities; equal ones may stand in any order."""
    assert len(left) == len(right), (left, right)
    worst = max((abs(a - b) for (_, a), (_, b) in zip(left, right)), default=0.0)
    # Where the cut falls between equals, either may be in the answer.
    last = right[-1][1] if right else 0
    clear = [{name for name, p in side if p > last + TOLERANCE} for side in (left, right)]
    assert clear[0] == clear[1], (left, right)
    return worst


def flat(answer):
    """[label, probability, label, probability, ...], to seven significant digits."""
    return [value for label, p in answer for value in (label, float(f"{p:.7g}"))]


def dump(path, rows):
    compact = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    path.write_text("[\n" + ",\n".join(compact) + "\n]\n")


def real_fixture(path):
    ours, theirs = Model(path), fasttext.load_model(str(path))
    rows, worst = [], 0.0
    for entry in json.loads((FIXTURES / "texts.json").read_text()):
        text = entry["text"] * entry.get("repeat", 1)
        expected = published(theirs, text, 5)
        if len(text) < 2000:
            worst = max(worst, difference(ours.predict(text, 5), expected))
        rows.append(flat(expected))
    dump(FIXTURES / "lid176.json", rows)
    print(f"lid.176: {len(rows)} texts, largest difference of the numpy reference {worst:.1e}")
    assert worst < TOLERANCE


def synthetic_fixtures():
    folder = FIXTURES / "models"
    folder.mkdir(exist_ok=True)
    rows, worst = [{"lines": LINES, "queries": QUERIES}], 0.0
    for seed, (name, options) in enumerate(SYNTHETIC.items()):
        path = folder / f"{name}.bin"
        write_model(path, **({"words": WORDS, "labels": LABELS, "seed": seed} | options))
        ours, theirs = Model(path), fasttext.load_model(str(path))
        answers = []
        for k, threshold in QUERIES:
            expected = [published(theirs, line, k, threshold) for line in LINES]
            differences = [difference(ours.predict(line, k, threshold), e) for line, e in zip(LINES, expected)]
            worst = max(worst, *differences)
            answers.append([flat(e) for e in expected])
        rows.append({"model": name, "answers": answers})
    dump(FIXTURES / "synthetic.json", rows)
    print(f"{len(SYNTHETIC)} models, {len(LINES)} lines, largest difference of the numpy reference {worst:.1e}")
    assert worst < TOLERANCE


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("fixtures")
    command.add_argument("lid_176_ftz", type=Path)
    command = commands.add_parser("predict")
    command.add_argument("model", type=Path)
    command.add_argument("texts", nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "fixtures":
        real_fixture(arguments.lid_176_ftz)
        synthetic_fixtures()
    else:
        model = Model(arguments.model)
        for text in arguments.texts:
            print(text, *(f"{label} {p:.4f}" for label, p in model.predict(text, 5)), sep="\t")


if __name__ == "__main__":
    main()
