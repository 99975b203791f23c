"""Writes Tests/Fixtures/bergamot: called by reference.py, whose subcommands its `write_…` functions are."""
import hashlib
import html
import json
import os
import platform
import re
import struct

import numpy as np
import yaml

from reference import (END, FLOAT32, INT8, INTGEMM8, UNKNOWN, Item, Model, Shortlist, Translator, all_candidates,
                       force, parameters, search, split_sentences)

SEED = 20240917


# ---------------------------------------------------------------- the original engine

class Engine:
    """The original engine, through its Python module."""

    service = None  # a process may have only one

    def __init__(self, model, vocabularies, shortlist, **changes):
        import bergamot
        self.bergamot = bergamot
        options = {
            "models": [model], "vocabs": [vocabularies[0], vocabularies[-1]], "beam-size": 1, "normalize": 1.0,
            "word-penalty": 0, "mini-batch": 64, "maxi-batch": 1000, "maxi-batch-sort": "src", "workspace": 128,
            "max-length-factor": 2.5, "gemm-precision": "int8shiftAlphaAll", "skip-cost": True, "cpu-threads": 0,
            "quiet": True, "quiet-translation": True, "alignment": "soft", "ssplit-prefix-file": "",
            "ssplit-mode": "paragraph", "max-length-break": 128, "mini-batch-words": 1024,
        }
        if shortlist:
            options["shortlist"] = [shortlist, False]
        options.update(changes)
        # With costs skipped the engine's scores are logits; without, log-probabilities.
        Engine.service = Engine.service or bergamot.Service(bergamot.ServiceConfig(numWorkers=1, logLevel="off"))
        self.fast = self.service.modelFromConfig(yaml.safe_dump(options))
        self.exact = self.service.modelFromConfig(yaml.safe_dump(dict(options, **{"skip-cost": False})))

    def respond(self, model, lines, **options):
        defaults = {"alignment": False, "qualityScores": False, "HTML": False}
        options = self.bergamot.ResponseOptions(**dict(defaults, **options))
        return self.service.translate(model, self.bergamot.VectorString(lines), options)

    def translate(self, line, is_html=False):
        # One line a request: in a larger one the engine forms its batches, and with them the shortlists, by chance.
        return self.respond(self.fast, [line], alignment=is_html, HTML=is_html)[0].target.text.strip()

    def sentence(self, line):
        """What the engine says of one line that is one sentence: its translation, its pieces, its word scores."""
        plain = self.respond(self.exact, [line])[0]
        pieces = [[plain.target.word(i, j) for j in range(plain.target.numWords(i))]
                  for i in range(plain.target.numSentences())]
        # Scores are only to be had as attributes in the markup of HTML.
        line = html.escape(line, quote=False)
        marked = self.respond(self.exact, [line], alignment=True, qualityScores=True, HTML=True)[0].target.text
        scores = [float(score) for score in re.findall('x-bergamot-word-score="([^"]+)"', marked)]
        return {"translation": plain.target.text, "pieces": pieces, "word_log_probs": scores}


def words(pieces):
    """How the engine groups the target pieces (without END) into words: a piece that starts with a space begins one."""
    groups = [[]]
    for i, piece in enumerate(pieces):
        if piece[:1].isspace():
            groups.append([])
        groups[-1].append(i)
    return groups


# ---------------------------------------------------------------- synthetic checkpoints

CONFIGURATION = {
    "type": "transformer", "dim-emb": 24, "dim-vocabs": [96, 96], "enc-depth": 2, "dec-depth": 2, "dec-cell": "ssru",
    "enc-type": "bidirectional", "enc-cell": "gru", "enc-cell-depth": 1, "dec-cell-base-depth": 2,
    "dec-cell-high-depth": 1, "dim-rnn": 1024, "input-types": [], "layer-normalization": False, "lemma-dim-emb": 0,
    "output-omit-bias": False, "right-left": False, "skip": False, "tied-embeddings": False,
    "tied-embeddings-all": True, "tied-embeddings-src": False, "transformer-aan-activation": "swish",
    "transformer-aan-depth": 2, "transformer-aan-nogate": False, "transformer-decoder-autoreg": "rnn",
    "transformer-dim-aan": 2048, "transformer-dim-ffn": 40, "transformer-ffn-activation": "relu",
    "transformer-ffn-depth": 2, "transformer-guided-alignment-layer": "last", "transformer-heads": 3,
    "transformer-no-projection": False, "transformer-pool": False, "transformer-postprocess": "dan",
    "transformer-postprocess-emb": "d", "transformer-postprocess-top": "", "transformer-preprocess": "",
    "transformer-tied-layers": [], "transformer-train-position-embeddings": False, "ulr": False, "ulr-dim-emb": 0,
    "ulr-trainable-transformation": False, "bert-train-type-embeddings": True, "bert-type-vocab-size": 2,
    "version": "v1.9.56",
}
SEPARATE = {"dim-emb": 48, "dim-vocabs": [104, 88], "dec-depth": 3, "transformer-dim-ffn": 72,
            "transformer-ffn-activation": "swish", "tied-embeddings": True, "tied-embeddings-all": False}
PRENORM = {"dim-emb": 32, "transformer-heads": 4, "transformer-dim-ffn": 64, "transformer-ffn-activation": "gelu",
           "transformer-preprocess": "n", "transformer-postprocess": "da", "transformer-postprocess-emb": "nd",
           "transformer-postprocess-top": "n"}
DYNAMIC = {"dim-emb": 40, "dim-vocabs": [120, 120], "transformer-heads": 5, "transformer-dim-ffn": 72}

# name: (changes to the configuration, is it 8-bit, has it activation multipliers)
TINY = {
    "shared-int8": ({}, True, True),
    "shared-float32": ({}, False, False),
    "separate-int8": (SEPARATE, True, True),
    "prenorm-int8": (PRENORM, True, True),
    "dynamic-int8": (DYNAMIC, True, False),
}


def random_weights(configuration, seed):
    """Float tensors that let every part of the network move the output."""
    generator, items = np.random.default_rng(seed), []
    for name, shape in parameters(configuration):
        noise = generator.standard_normal(shape)
        per_input = 1 / np.sqrt(shape[0])
        if "_ln_scale" in name:
            values = (1 + 0.15 * noise) * generator.choice([-1, 1], shape)  # or tied embeddings repeat the last token
        elif name.endswith("Wemb"):
            values = 2 / np.sqrt(shape[1]) * noise
        elif name.endswith("context_Wo"):
            values = 0.6 * per_input * noise
        elif re.search("_W[qkvf12]?$|_Wo$", name):
            values = 1.5 * per_input * noise
        else:
            values = 0.1 * noise
        if name == "decoder_ff_logit_out_b":
            values[0, END] += 2.5
        items.append(Item(name, FLOAT32, values.astype(np.float32)))
    return items


def quantised(item):
    multiplier = np.float32(127) / np.abs(item.values).max()
    return Item(item.name, INTGEMM8, np.clip(np.rint(item.values * multiplier), -127, 127).astype(np.int8), multiplier)


def is_matrix(item):
    return item.name.endswith("Wemb") or re.search("_W[qkvof12]?$", item.name) is not None


def activation_multipliers(path, generator):
    """127 / (mean + 1.1 deviations of the largest activation) of every multiplication in a few random sentences."""
    model = Model(path)
    linears = dict(model.linears, **{model.target_embedding_name: model.output})
    for linear in linears.values():
        linear.peaks = []
    for length in range(3, 15):
        source = generator.integers(2, len(model.source_embedding), length).tolist() + [END]
        search(model, source, all_candidates(model), beam=2)
    items = []
    for name, linear in linears.items():
        peak = np.float32(127 / (np.mean(linear.peaks) + 1.1 * np.std(linear.peaks)))
        if name.endswith("Wemb"):
            # A tensor whose name holds Wemb is always written in 8 bits: 127 / multiplier is the value.
            items.append(Item(name + "_QuantMultA", INTGEMM8, np.array([[127]], np.int8), np.float32(127) / peak))
            name = "none"
        items.append(Item(name + "_QuantMultA", FLOAT32, np.array([[peak]], np.float32)))
    return items


def write_checkpoint(path, changes, is_integer, has_multipliers, seed):
    configuration = dict(CONFIGURATION, **changes)
    items = random_weights(configuration, seed)
    write_model(path, items, configuration)
    if is_integer:
        multipliers = activation_multipliers(path, np.random.default_rng([seed, 1])) if has_multipliers else []
        if "transformer-preprocess" in changes:
            multipliers = [item for item in multipliers if "Wemb" not in item.name]  # so that only `none` remains
        write_model(path, [quantised(item) if is_matrix(item) else item for item in items] + multipliers, configuration)


# ---------------------------------------------------------------- writing files

def write_model(path, items, configuration):
    """What `read_model` reads. The unused bytes of a tensor's allocation are deliberately not zero."""
    records = []
    for item in sorted(items, key=lambda item: item.name):
        if item.kind == INTGEMM8:
            integers = item.values if "Wemb" in item.name else item.values.T
            body = integers.astype("i1").tobytes() + struct.pack("<f", item.multiplier)
        else:
            body = item.values.astype("<f4").tobytes()
        body += b"\xa5" * (-len(body) % 256)
        records.append((item.name, item.kind, item.values.shape, body))
    text = yaml.safe_dump(configuration, sort_keys=True).encode() + b"\0"
    records.append(("special:model.yml", INT8, (len(text),), text))
    head = struct.pack("<QQ", 1, len(records))
    for name, kind, shape, body in records:
        head += struct.pack("<QQQQ", len(name.encode()) + 1, kind, len(shape), len(body))
    head += b"".join(name.encode() + b"\0" for name, _, _, _ in records)
    head += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, _, shape, _ in records)
    padding = ((len(head) + 8) // 256 + 1) * 256 - (len(head) + 8)
    with open(path, "wb") as file:
        file.write(head + struct.pack("<Q", padding) + bytes(padding) + b"".join(body for _, _, _, body in records))


def write_shortlist(path, first, best, lists):
    offsets = np.cumsum([0] + [len(ids) for ids in lists])
    body = struct.pack("<4Q", first, best, len(offsets), offsets[-1]) + offsets.astype("<u8").tobytes()
    body += b"".join(np.array(sorted(ids), "<u4").tobytes() for ids in lists)
    with open(path, "wb") as file:
        file.write(struct.pack("<2Q", Shortlist.MAGIC, Shortlist.checksum(body)) + body)


# ---------------------------------------------------------------- the fixtures

def digits(value):
    """A number, or lists of them, to seven significant digits."""
    return [digits(element) for element in value] if isinstance(value, (list, tuple)) else float(f"{value:.7g}")


def sha256(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def versions(*packages):
    from importlib.metadata import version
    return dict({"python": platform.python_version()}, **{package: version(package) for package in packages})


def write_json(path, header, **body):
    """One line per sentence or case, so that a difference can be read."""
    lines = [f'"header": {json.dumps(header, ensure_ascii=False, indent=1)}']
    for key, value in body.items():
        rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in value)
        lines.append(f'"{key}": [\n{rows}\n]')
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


def with_tag(line, generator):
    """A line as HTML, one to three of its words between tags, the marks behind them outside."""
    words = [html.escape(word, quote=False) for word in line.split()]
    first = generator.integers(len(words) - 1)
    last = min(len(words), first + generator.integers(1, 4))
    name = generator.choice(["a", "b", "i"])
    inside = " ".join(words[first:last])
    text = inside.rstrip(".,:!?\"')")
    attribute = ' href="x"' if name == "a" else ""
    words[first:last] = [f"<{name}{attribute}>{text}</{name}>{inside[len(text):]}"]
    return " ".join(words)


def write_engine(arguments):
    """The original engine's translations of a file's lines, one request each, one worker, no beam."""
    engine = Engine(arguments.model, arguments.vocabulary, arguments.shortlist)
    lines = [line.rstrip("\n") for line in open(arguments.input, encoding="utf-8")]
    if arguments.html:
        generator = np.random.default_rng(SEED)
        lines = [with_tag(line, generator) for line in lines if len(line.split()) > 3]
    sentences = [{"source": line, "bergamot": engine.translate(line, arguments.html)} for line in lines]
    if arguments.scores:
        for sentence in sentences:
            sentence.update(engine.sentence(sentence["source"]))
    files = [arguments.model, arguments.shortlist, *sorted(set(arguments.vocabulary))]
    header = {
        "model": arguments.name, "sha256": {os.path.basename(path): sha256(path) for path in files},
        "engine": "bergamot 0.4.5, int8shiftAlphaAll, 1 worker, beam 1, one line a request",
        "versions": {"python": platform.python_version(), "bergamot": "0.4.5"}, "seed": None,
        "note": "The rounding of activations to 8 bits turns a difference in the seventh digit into another word now "
                "and then: expect nine lines of ten to be equal and a BLEU above 95, not every line.",
    }
    write_json(arguments.output, header, sentences=sentences)


# ----- forced.json

def spread(rows, count):
    """`count` of the rows, evenly over their lengths."""
    ordered = sorted(rows, key=lambda row: len(row["source_ids"]))
    return [ordered[i] for i in np.linspace(0, len(ordered) - 1, count).round().astype(int)]


def forced_sentence(translator, record):
    """The row of one recorded sentence, or None where the engine and the reference chose different tokens."""
    if len(split_sentences(record["source"])) != 1 or len(record["pieces"]) != 1:
        return None
    segments = translator.segments(record["source"])
    candidates = translator.candidates(segments[0])
    best = translator.best(segments[0])
    groups = words(record["pieces"][0][:-1])
    spelt = translator.decode(best.tokens) == record["translation"] and len(best.tokens) == len(record["pieces"][0])
    if len(segments) != 1 or not spelt or len(groups) != len(record["word_log_probs"]):
        return None
    source, target = segments[0], best.tokens
    log_probs, _ = force(translator.model, source, target, candidates)
    means = [float(np.mean([log_probs[i] for i in group])) for group in groups]
    difference = float(np.abs(np.subtract(means, record["word_log_probs"])).max())
    is_stable = difference < 2e-5 and all(noise.max() < 1e-5 for noise in disturbances(translator, source, target, 10))
    return {
        "source": record["source"], "translation": record["translation"], "source_ids": source, "target_ids": target,
        "candidate_count": len(candidates), "candidate_sum": int(candidates.sum()), "log_probs": digits(log_probs),
        "stable": is_stable, "words": [[group[0], group[-1] + 1] for group in groups],
        "engine_word_logprobs": record["word_log_probs"], "engine_difference": digits(difference),
    }


def disturbances(translator, source, target, trials):
    """What small noise in the activations does to every log-probability, one array a trial."""
    model, candidates = translator.model, translator.candidates(source)
    undisturbed, _ = force(model, source, target, candidates)
    for trial in range(trials):
        model.perturbation = np.random.default_rng([SEED, trial])
        disturbed, _ = force(model, source, target, candidates)
        model.perturbation = None
        yield np.abs(np.subtract(disturbed, undisturbed))


def write_forced(arguments):
    rows, noise, directions = [], [], []
    for records, count, model, vocabulary, shortlist in arguments.direction:
        records = json.load(open(records, encoding="utf-8"))
        translator = Translator(model, [vocabulary], shortlist)
        found = [row for row in (forced_sentence(translator, record) for record in records["sentences"]) if row]
        stable, others = ([row for row in found if row["stable"] is kind] for kind in (True, False))
        share = round(int(count) * 2 / 3)
        chosen = spread(stable, share) + spread(others, int(count) - share)
        name = records["header"]["model"]
        directions.append({"model": name, "sha256": {os.path.basename(path): sha256(path)
                                                     for path in (model, vocabulary, shortlist)}})
        rows += [dict({"model": name}, **row) for row in chosen]
        for row in chosen[share:]:
            noise += list(disturbances(translator, row["source_ids"], row["target_ids"], 10))
        print(name, len(records["sentences"]), "lines,", len(found), "of one sentence and the engine's tokens,",
              len(stable), "stable,", sum(row["engine_difference"] < 2e-5 for row in found), "equal to the engine")
    noise = np.concatenate(noise)
    others = [row["engine_difference"] for row in rows if not row["stable"]]
    header = {
        "models": directions, "versions": dict(versions("numpy", "sentencepiece", "PyYAML"), bergamot="0.4.5"),
        "seed": SEED, "precision": "float32",
        "log_probs": "log-softmax over the sentence's shortlist, of each target token given those before it, END too",
        "engine_word_logprobs": "the original engine's own numbers, six digits: the mean log-probability of the tokens "
                                "of each word, whose half-open token ranges are in `words`; END belongs to no word",
        "engine_difference": "the largest difference between those and the reference's means",
        "tolerance": {
            "stable": 1e-4, "unstable_mean": 0.05, "unstable_each": 1.5,
            "note": "Activations are rounded to 8 bits before every product. In a `stable` row a relative noise "
                    "of 5e-7 behind every layer norm and attention, in 10 trials, changes no log-probability by "
                    "1e-5, and the engine agrees within 2e-5: hold these to `stable`, against both columns. In "
                    "the others some value sits on a rounding boundary, and another order of summation gives "
                    "other numbers: hold the mean absolute difference over all their tokens, and each single one. "
                    "All this takes float32 and MODEL.md's order of operations around the integer product: "
                    "without the shift by 127, whose large sums round in a way of their own, a third of the "
                    "stable rows remain.",
            "unstable_reference_noise": {"mean": digits(float(noise.mean())), "max": digits(float(noise.max())),
                                         "99_percent": digits(float(np.quantile(noise, 0.99)))},
            "unstable_engine_difference": {"rows": len(others), "within_2e-5": sum(value < 2e-5 for value in others),
                                           "max": max(others)},
        },
    }
    write_json(arguments.output, header, sentences=rows)


# ----- tiny/

def outcome(model, source, target, candidates):
    log_probs, alignment = force(model, source, target, candidates)
    greedy, closest_greedy = search(model, source, candidates, beam=1)
    beam, closest_beam = search(model, source, candidates, beam=4)
    return {"log_probs": log_probs, "alignment": alignment, "greedy": greedy[0], "beam": beam,
            "encoded": model.encode(source).tolist(), "closest": min(closest_greedy, closest_beam)}


def difference(one, other):
    """The largest difference between the numbers of two outcomes; infinite if tokens differ."""
    if [hypothesis.tokens for _, hypothesis in [one["greedy"], *one["beam"]]] != \
            [hypothesis.tokens for _, hypothesis in [other["greedy"], *other["beam"]]]:
        return np.inf
    scores = [abs(a - b) for (a, _), (b, _) in zip(one["beam"], other["beam"])]
    return max(np.abs(np.subtract(one[key], other[key])).max() for key in ("log_probs", "encoded")) + max(scores)


def is_instructive(one):
    """Enough different steps for positions and cells to matter, an END, a beam that finds what greedy does not."""
    greedy = one["greedy"][1].tokens
    return 3 < len(greedy) < 2 * len(set(greedy)) and greedy[-1] == END and one["beam"][0][1].tokens != greedy


def random_case(model, seed, length, attempt, candidates_of):
    """A source, a target that has nothing to do with it, its candidates and what the model says."""
    generator = np.random.default_rng([seed, length, attempt])
    source = [int(token) for token in generator.integers(1, len(model.source_embedding), length)] + [END]
    candidates = candidates_of(source)
    target = [int(token) for token in generator.choice(candidates[candidates > UNKNOWN], length)] + [END]
    return source, target, candidates, outcome(model, source, target, candidates)


def is_lively(path, seed):
    """Does this random checkpoint say anything but one token over and over?"""
    model = Model(path)
    candidates = all_candidates(model)
    outcomes = [random_case(model, seed, 3 + attempt % 5, attempt, lambda _: candidates)[3] for attempt in range(20)]
    return sum(map(is_instructive, outcomes)) > 3


def safe_case(path, seed, length, candidates_of):
    """A case of this source length that no rounding in float32 changes."""
    exact, single = Model(path, np.float64), Model(path, np.float32)
    linears = [*exact.linears.values(), exact.output]
    for attempt in range(5000):
        for linear in linears:
            linear.margin = np.inf
        source, target, candidates, one = random_case(exact, seed, length, attempt, candidates_of)
        margin = min(linear.margin for linear in linears)
        # The one- and two-token sources may end as they like: at the length limit, for one.
        if margin < 3e-5 or one["closest"] < 1e-3 or (length > 2 and not is_instructive(one)):
            continue
        largest = 0
        for trial in range(4):
            single.perturbation = np.random.default_rng(trial) if trial > 0 else None
            largest = max(largest, difference(one, outcome(single, source, target, candidates)))
        if largest < 1e-5:
            break
    else:
        raise RuntimeError(f"{path}: no case of length {length}")
    score, greedy = one["greedy"]
    case = {
        "source": source, "target": target,
        "log_probs": digits(one["log_probs"]), "alignment": digits(one["alignment"]),
        "greedy": {"target": greedy.tokens, "log_probs": digits(greedy.log_probs), "score": digits(score)},
        "beam4": [{"target": hypothesis.tokens, "score": digits(score)} for score, hypothesis in one["beam"]],
    }
    if length == 2:
        case["encoder_output"] = digits(one["encoded"])
    return case, margin, largest


def cases(path, seed, candidates_of):
    results = [safe_case(path, seed, length, candidates_of) for length in (1, 2, 3, 5, 7)]
    found, margins, differences = zip(*results)
    print(path, os.path.getsize(path), min(margins), max(differences), [case["greedy"]["target"] for case in found])
    return found, min(margins), max(differences)


def write_tiny(arguments):
    os.makedirs(arguments.output, exist_ok=True)
    seed = SEED
    for name, (changes, is_integer, has_multipliers) in TINY.items():
        path = os.path.join(arguments.output, name + ".bin")
        if changes or is_integer:  # shared-float32 has the weights that shared-int8 was rounded from
            seed += 1
        write_checkpoint(path, changes, is_integer, has_multipliers, seed)
        while is_integer and not is_lively(path, seed):
            seed += 1
            write_checkpoint(path, changes, is_integer, has_multipliers, seed)
        candidates = all_candidates(Model(path))
        found, margin, largest = cases(path, seed, lambda _: candidates)
        header = {
            "model": f"synthetic, random weights: {name}",
            "file": name + ".bin", "sha256": {name + ".bin": sha256(path)},
            "seed": seed, "versions": versions("numpy", "PyYAML"), "precision": "float64", "candidates": "all",
            "search": {"normalize": 1.0, "word_penalty": 0.0, "length_factor": 2.5, "unknown_suppressed": True},
            "rounding_margin": digits(margin) if is_integer else None, "float32_difference": digits(float(largest)),
            "tolerance": 2e-5,
            "note": "`beam4` lists every finished hypothesis, best first; a score is the normalised one. Every scaled "
                    "activation lies at least `rounding_margin` from a rounding boundary and every choice at least "
                    "0.001 from the next, so any float32 implementation must give these tokens.",
        }
        if is_integer and not has_multipliers:
            header["activation_multiplier"] = "127 / max|x|: over the whole sentence in the encoder and for the keys " \
                "and values of cross-attention, over the one row of a hypothesis in every other product"
        write_json(os.path.join(arguments.output, name + ".json"), header, cases=found)
    write_tiny_shortlist(arguments.output)


def write_tiny_shortlist(directory):
    """A shortlist for shared-int8, with an odd number of entries, an empty list for END and lists of every length."""
    model, path = os.path.join(directory, "shared-int8.bin"), os.path.join(directory, "shortlist.bin")
    generator, size = np.random.default_rng([SEED, 2]), len(Model(model).target_embedding)
    lists = [[]] + [generator.choice(size, generator.integers(0, 7), replace=False).tolist() for _ in range(size - 1)]
    if sum(map(len, lists)) % 2 == 0:
        lists[-1] = lists[-1][:-1] if lists[-1] else [5]
    write_shortlist(path, 10, 6, lists)
    shortlist = Shortlist(path)
    found, margin, largest = cases(model, SEED + 100, lambda source: shortlist.candidates(source, size, True))
    for case in found:
        case["candidates_shared"] = shortlist.candidates(case["source"], size, True).tolist()
        case["candidates_separate"] = shortlist.candidates(case["source"], size, False).tolist()
    header = {
        "model": "synthetic, random weights: shared-int8 with shortlist.bin", "file": "shared-int8.bin",
        "shortlist": "shortlist.bin", "sha256": {"shared-int8.bin": sha256(model), "shortlist.bin": sha256(path)},
        "seed": SEED + 100, "versions": versions("numpy", "PyYAML"), "precision": "float64",
        "candidates": "`candidates_shared`: the vocabulary is shared; `candidates_separate`: what they would be if not",
        "search": {"normalize": 1.0, "word_penalty": 0.0, "length_factor": 2.5, "unknown_suppressed": True},
        "rounding_margin": digits(margin), "float32_difference": digits(float(largest)), "tolerance": 2e-5,
        "first": 10, "best": 6,
    }
    write_json(os.path.join(directory, "shortlist.json"), header, cases=found)


def write_manifest(arguments):
    """The SHA-256 of every file beside the manifest."""
    names = sorted(name for name in os.listdir(arguments.output) if name != "manifest.json")
    files = {name: {"sha256": sha256(os.path.join(arguments.output, name)),
                    "bytes": os.path.getsize(os.path.join(arguments.output, name))} for name in names}
    with open(os.path.join(arguments.output, "manifest.json"), "w", encoding="utf-8") as file:
        header = {"model": "synthetic", "seed": SEED, "versions": versions("numpy", "PyYAML")}
        json.dump({"header": header, "files": files}, file, indent=1)
        file.write("\n")
