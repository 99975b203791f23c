"""What transformers computes of a checkpoint, compared with the own network and written as JSON. For every family in
the layout of Hugging Face. Beside the checkpoint NAME/ stands NAME.json, with

    model, files      the directory, {file: SHA-256}
    architecture      `model_type` of its configuration
    authority         whose numbers these are: a class of transformers, in float32 whatever the type in the file
    versions, seed    of the packages, of the weights
    differences       largest absolute difference between the authority and the own network in float64: of `encoder`,
                      `logits`, `scores`. All sequences of ids are equal.
    parameters        number of elements of all parameters, tied ones once
    ignored           tensors in the file that the authority makes no use of
    inputs            [{ids, encoder, decoder_ids, logits}]
        ids           what is encoded (for decoder-only models: the prompt)
        encoder       the states behind the encoder's last norm, [ids][width]; for decoder-only models those behind
                      the last norm
        decoder_ids   what the decoder is given, the start token first (for decoder-only models: `ids`)
        logits        [decoder_ids][vocabulary]
    long              [{ids, encoder_places, encoder, decoder_ids, decoder_places, logits}], where positions beyond those of
                      `inputs` matter: as there, but only the states and logits at some places
    greedy            [{input, new_tokens, no_repeat_ngram, repetition_penalty, forced_bos, ids}]
        input         index into `inputs`
        new_tokens    the most tokens that are generated
        ids           what was generated: without the start token (prompt), with the end if it came
    beam              [{input, new_tokens, beams, length_penalty, early_stopping, no_repeat_ngram, repetition_penalty,
                      forced_bos, hypotheses}]
        hypotheses    [{ids, score}], the best first: `ids` as above, `score` as `sequences_scores` of transformers
    options           what holds for greedy and beam: {start, eos, banned, forced_eos, renormalize}; `banned` are ids
                      that are never generated, `forced_eos` is the last of `new_tokens` tokens, `renormalize` is
                      another log-softmax behind the processors; `start` is null for decoder-only models

Floats are rounded to 5 decimals, scores to 6. `manifest.json` has the SHA-256 of every file below the directory.
"""

import argparse
import importlib.metadata
import itertools
import json
import os
import platform
import random
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import torch
import transformers

import checkpoints
import search

NEW_TOKENS = 20
LENGTHS = [2, 5, 9, 14, 23]


def rounded(values, digits=5):
    return [[round(value, digits) for value in row] for row in values.tolist()]


def versions():
    names = ["torch", "transformers", "safetensors", "numpy"]
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}


def inputs(recipe):
    """Ids of several lengths, ended as the family ends them; what the decoder is fed with."""
    numbers, runs = random.Random(recipe.seed), recipe.runs
    low, high = runs.get("range", (5, recipe.config["vocab_size"] - 16))
    for length in LENGTHS:
        source = runs.get("prefix", []) + [numbers.randrange(low, high) for _ in range(length - 1)]
        source += [] if runs.get("decoder_only") else runs["eos"][:1]
        yield source, [runs.get("start")] + [numbers.randrange(low, high) for _ in range(max(3, length - 2))]


def long_inputs(recipe):
    """As `inputs`, of one length that the recipe may ask for, and the places to keep."""
    numbers, runs = random.Random(recipe.seed + 1), recipe.runs
    low, high = runs.get("range", (5, recipe.config["vocab_size"] - 16))
    for length in runs.get("long", []):
        source = [numbers.randrange(low, high) for _ in range(length - 1)] + runs["eos"][:1]
        decoder_ids = [runs["start"]] + [numbers.randrange(low, high) for _ in range(length - 1)]
        yield source, decoder_ids, [0, 1, 40, length // 2, length - 1]


def settings(recipe):
    """What to decode with, greedily and with four beams."""
    forced = recipe.runs["forced_bos"]
    for ngram, bos in itertools.product([0, 3], forced):
        yield dict(no_repeat_ngram=ngram, repetition_penalty=1.0, forced_bos=bos)
    yield dict(no_repeat_ngram=0, repetition_penalty=1.3, forced_bos=forced[-1])
    for penalty, stopping, ngram, bos in itertools.product([1.0, 0.6], [True, False, "never"], [0, 3], forced):
        yield dict(beams=4, length_penalty=penalty, early_stopping=stopping, no_repeat_ngram=ngram,
                   repetition_penalty=1.0, forced_bos=bos)
    yield dict(beams=4, length_penalty=1.0, early_stopping=False, no_repeat_ngram=2, repetition_penalty=1.3,
               forced_bos=forced[-1])


def generate(model, source, setting, options):
    """The authority's hypotheses, [(ids, score)]; of greedy search the score is None."""
    beams = setting.get("beams", 1)
    more = dict(early_stopping=setting["early_stopping"], length_penalty=setting["length_penalty"],
                num_return_sequences=2) if beams > 1 else {}
    prompt = len(source) if options["start"] is None else 1
    if options["start"] is not None:
        more["decoder_start_token_id"] = options["start"]
    out = model.generate(
        torch.tensor([source]), attention_mask=torch.ones(1, len(source), dtype=torch.long),
        generation_config=transformers.GenerationConfig(
            num_beams=beams, do_sample=False, max_length=prompt + NEW_TOKENS, eos_token_id=options["eos"],
            pad_token_id=options["pad"], no_repeat_ngram_size=setting["no_repeat_ngram"],
            repetition_penalty=setting["repetition_penalty"], forced_bos_token_id=setting["forced_bos"],
            forced_eos_token_id=options["forced_eos"], bad_words_ids=[[item] for item in options["banned"]] or None,
            renormalize_logits=options["renormalize"], return_dict_in_generate=True, output_scores=True, **more))
    scores = out.sequences_scores.tolist() if beams > 1 else [None]
    sequences = []
    for row in out.sequences[:, prompt:].tolist():
        ends = [place for place, item in enumerate(row) if item in options["eos"]]
        sequences.append(row[:ends[0] + 1] if ends else row)
    return list(zip(sequences, scores))


def own_search(network, source, setting, options):
    if options["start"] is None:
        prompt = source

        def next_logits(rows):
            return torch.stack([network.decode(row)[1][-1] for row in rows])
    else:
        prompt, memory = [options["start"]], network.encode(source)

        def next_logits(rows):
            return torch.stack([network.decode(memory, row)[-1] for row in rows])

    given = {key: options[key] for key in ("eos", "banned", "forced_eos", "renormalize")} | setting
    given = search.Options(new_tokens=NEW_TOKENS, count=2, **given)
    if given.beams == 1:
        return [(search.greedy(next_logits, prompt, given), None)]
    return search.beam(next_logits, prompt, given)


@torch.no_grad()
def fixture(recipe, directory, network_class):
    files = checkpoints.write(recipe, directory)
    model, report = recipe.model.from_pretrained(directory, dtype=torch.float32, output_loading_info=True)
    ignored = sorted(report.pop("unexpected_keys"))
    assert not any(report.values()) and all("embed_positions" in name for name in ignored), (report, ignored)
    model = model.eval()
    model.generation_config = transformers.GenerationConfig()
    network, runs = network_class(directory), recipe.runs
    options = dict(start=runs.get("start"), eos=runs["eos"], banned=runs["banned"], forced_eos=runs.get("forced_eos"),
                   renormalize=runs.get("renormalize", False), pad=recipe.config["pad_token_id"])
    differences, records, greedy, beam = dict(encoder=0.0, logits=0.0, scores=0.0), [], [], []

    def compare(key, theirs, own):
        differences[key] = max(differences[key], float((theirs.double() - own).abs().max()))

    for index, (source, decoder_ids) in enumerate(inputs(recipe)):
        if options["start"] is None:
            decoder_ids = source
            states = model.model(torch.tensor([source])).last_hidden_state[0]
            logits = model(torch.tensor([source])).logits[0]
            own_states, own_logits = network.decode(source)
        else:
            out = model(torch.tensor([source]), decoder_input_ids=torch.tensor([decoder_ids]))
            states, logits = out.encoder_last_hidden_state[0], out.logits[0]
            own_states = network.encode(source)
            own_logits = network.decode(own_states, decoder_ids)
        compare("encoder", states, own_states)
        compare("logits", logits, own_logits)
        records.append(dict(ids=source, encoder=rounded(states), decoder_ids=decoder_ids, logits=rounded(logits)))
        for setting in settings(recipe):
            theirs, own = generate(model, source, setting, options), own_search(network, source, setting, options)
            assert [ids for ids, _ in theirs] == [ids for ids, _ in own], (recipe.name, index, setting, theirs, own)
            record = dict(input=index, new_tokens=NEW_TOKENS) | setting
            if "beams" not in setting:
                greedy.append(record | dict(ids=theirs[0][0]))
                continue
            compare("scores", *(torch.tensor([score for _, score in found]).double() for found in (theirs, own)))
            beam.append(record | dict(hypotheses=[dict(ids=ids, score=round(score, 6)) for ids, score in theirs]))
    long = []
    for source, decoder_ids, places in long_inputs(recipe):
        out = model(torch.tensor([source]), decoder_input_ids=torch.tensor([decoder_ids]))
        own_states = network.encode(source)
        compare("encoder", out.encoder_last_hidden_state[0], own_states)
        compare("logits", out.logits[0], network.decode(own_states, decoder_ids))
        long.append(dict(
            ids=source, encoder_places=places, encoder=rounded(out.encoder_last_hidden_state[0][places]),
            decoder_ids=decoder_ids, decoder_places=places, logits=rounded(out.logits[0][places])))
    options.pop("pad")
    parameters = sum(value.numel() for name, value in model.named_parameters() if "embed_positions" not in name)
    content = dict(
        model=recipe.name, files=files, architecture=recipe.config["model_type"], authority=recipe.model.__name__,
        versions=versions(), seed=recipe.seed,
        differences={key: float(f"{value:.2g}") for key, value in differences.items()}, parameters=parameters,
        ignored=ignored, options=options, inputs=records, **({"long": long} if long else {}), greedy=greedy,
        beam=beam)
    path = directory.parent / f"{recipe.name}.json"
    write(path, content)
    hypotheses = [item["ids"] for record in beam for item in record["hypotheses"]]
    ended = [ids[-1] in options["eos"] for ids in hypotheses]
    print(recipe.name, content["differences"], f"{content['parameters']} parameters,",
          f"{sum(file.stat().st_size for file in directory.iterdir())} bytes, fixture {path.stat().st_size} bytes,",
          f"{len(greedy)} greedy, {len(beam)} beam, {sum(ended)}/{len(ended)} hypotheses end,",
          f"{sum(map(len, hypotheses)) / len(hypotheses):.1f} tokens, {len(set(map(tuple, hypotheses)))} different,",
          f"logits' deviation {torch.tensor(records[-1]['logits']).std():.2f}")


def write(path, content):
    """JSON with the records of lists one a line."""
    compact = dict(separators=(",", ":"))
    lines = []
    for key, value in content.items():
        if key in ("inputs", "long", "greedy", "beam"):
            value = "[\n" + ",\n".join(json.dumps(item, **compact) for item in value) + "\n]"
        else:
            value = json.dumps(value, **compact)
        lines.append(f"{json.dumps(key)}:{value}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def run(description, family, recipes, network_class, here):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=here / "../../Tests/Fixtures/huggingface" / family)
    parser.add_argument("--only", help="write this checkpoint alone")
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for recipe in recipes():
        if arguments.only in (None, recipe.name):
            fixture(recipe, output / recipe.name, network_class)
    files = sorted(file for file in output.rglob("*") if file.is_file() and file.name != "manifest.json")
    digests = {str(file.relative_to(output)): checkpoints.digest(file) for file in files}
    (output / "manifest.json").write_text(json.dumps(digests, indent=1) + "\n")
