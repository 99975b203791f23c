"""Writes Tests/Fixtures/search/pooled.json: greedy and beam searches of transformers over made-up logits.

The authority is `generate()` of transformers with a model whose logits are a function of the tokens so far, which
`Tests/GenerationTests/BeamSearchModel.swift` computes too, bit by bit. `MODEL.md` has the function and the fields.
"""

import argparse
import itertools
import json
import os
import random
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy
import torch
import transformers
from transformers.modeling_outputs import CausalLMOutput

MASK = (1 << 64) - 1
START = 2
# Below it are the sums of hypotheses that transformers makes up where there are too few.
WORST = -5.0e8


def mixed(value):
    """The finaliser of SplitMix64, of an integer or of an array of them."""
    if isinstance(value, int):
        value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & MASK
        value = ((value ^ value >> 27) * 0x94D049BB133111EB) & MASK
        return value ^ value >> 31
    value = (value ^ value >> numpy.uint64(30)) * numpy.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ value >> numpy.uint64(27)) * numpy.uint64(0x94D049BB133111EB)
    return value ^ value >> numpy.uint64(31)


def row_of_logits(seed, tokens, vocabulary, ends):
    """The logits behind the generated `tokens`: one part follows from the last token, a smaller one from all."""
    last = mixed(seed << 20 ^ (tokens[-1] + 1 if tokens else 0))
    everything = mixed(seed)
    for token in tokens:
        everything = mixed(everything ^ token)
    ids = numpy.arange(vocabulary, dtype=numpy.uint64)
    first = mixed(ids ^ numpy.uint64(last)) >> numpy.uint64(44)
    second = mixed(ids ^ numpy.uint64(everything)) >> numpy.uint64(44)
    # Both below 2^20: the sum is exact in 32 bits of float.
    steps = first.astype(numpy.int64) * 6 + second.astype(numpy.int64)
    for end in ends:
        steps[end] += len(tokens) << 18
    return torch.from_numpy((steps.astype(numpy.float64) / 2**20).astype(numpy.float32))


class HashedConfig(transformers.PretrainedConfig):
    model_type = "hashed-logits"


class HashedLogits(transformers.PreTrainedModel, transformers.GenerationMixin):
    """A decoder without weights."""

    config_class = HashedConfig
    main_input_name = "input_ids"

    def __init__(self, seed, vocabulary, ends):
        super().__init__(HashedConfig(vocab_size=vocabulary))
        self.nothing = torch.nn.Parameter(torch.zeros(1))
        self.seed, self.vocabulary, self.ends = seed, vocabulary, ends
        self.generation_config = transformers.GenerationConfig()

    def forward(self, input_ids, **_):
        rows = [row_of_logits(self.seed, ids[1:], self.vocabulary, self.ends) for ids in input_ids.tolist()]
        return CausalLMOutput(logits=torch.stack(rows)[:, None, :])


def settings():
    """What is searched with: every combination of the first few options, the others drawn."""
    numbers = random.Random(5)
    plain = itertools.product([1], [1.0], [False], [0, 1, 2, 3], [1.0, 1.3, 0.8], range(6))
    beams = itertools.product([2, 4, 5], [0.0, 0.5, 1.0, 2.0, -1.0], [True, False, "never"], [0, 2, 3], [1.0, 1.3],
                              range(2))
    for index, (width, penalty, stopping, ngram, repetition, _) in enumerate(itertools.chain(plain, beams)):
        vocabulary = numbers.choice([24, 40, 61, 130, 300, 1000])
        ends = numbers.choice([[3], [3], [2], [0, 7], [5, 2, 11]])
        others = [token for token in range(vocabulary) if token not in ends]
        yield dict(
            seed=index + 1, vocabulary=vocabulary, ends=ends, beams=width, new_tokens=numbers.choice([1, 4, 9, 14, 14]),
            length_penalty=penalty, early_stopping=stopping, no_repeat_ngram=ngram, repetition_penalty=repetition,
            forced_first=numbers.choice([None, None, numbers.randrange(vocabulary)]),
            forced_last=numbers.choice([None, None, ends[0]]),
            banned=numbers.choice([[], [], sorted(numbers.sample(others, 3)), sorted(numbers.sample(others, 9))]),
            minimum=numbers.choice([0, 0, 3]), renormalize=numbers.random() < 0.3,
            count=numbers.choice([1, width, max(1, width - 1)]))


def generate(model, case):
    """[(ids, score)] without the start token, the score None for greedy search."""
    several = case["beams"] > 1
    more = dict(length_penalty=case["length_penalty"], early_stopping=case["early_stopping"],
                num_return_sequences=case["count"]) if several else {}
    out = model.generate(
        torch.tensor([[START]]), attention_mask=torch.ones(1, 1, dtype=torch.long),
        generation_config=transformers.GenerationConfig(
            num_beams=case["beams"], do_sample=False, max_length=1 + case["new_tokens"], eos_token_id=case["ends"],
            # Outside the vocabulary, so that what fills a row cannot be mistaken for a token.
            pad_token_id=case["vocabulary"], no_repeat_ngram_size=case["no_repeat_ngram"],
            repetition_penalty=case["repetition_penalty"], forced_bos_token_id=case["forced_first"],
            forced_eos_token_id=case["forced_last"], bad_words_ids=[[item] for item in case["banned"]] or None,
            min_new_tokens=case["minimum"] or None, renormalize_logits=case["renormalize"], use_cache=False,
            return_dict_in_generate=True, output_scores=True, **more))
    scores = out.sequences_scores.tolist() if several else [None]
    found = []
    for row, score in zip(out.sequences[:, 1:].tolist(), scores):
        places = [place for place, item in enumerate(row) if item in case["ends"]]
        found.append(([item for item in row[:places[0] + 1 if places else None] if item < case["vocabulary"]], score))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    parser.add_argument("--output", type=Path, default=here / "../../Tests/Fixtures/search/pooled.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    cases, ended, short = [], 0, 0
    for case in settings():
        found = generate(HashedLogits(case["seed"], case["vocabulary"], case["ends"]), case)
        real = [(ids, score) for ids, score in found
                if score is None or score * max(1, case["new_tokens"] ** case["length_penalty"]) > WORST]
        short += len(real) < len(found)
        ended += sum(ids[-1] in case["ends"] for ids, _ in real)
        cases.append(case | dict(hypotheses=[
            dict(ids=ids) if score is None else dict(ids=ids, score=round(score, 6)) for ids, score in real]))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    probe = row_of_logits(1, [4, 9], 24, [3])
    versions = dict(torch=torch.__version__.split("+")[0], transformers=transformers.__version__)
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    head = json.dumps(dict(versions=versions, start=START, probe=probe.tolist()), separators=(",", ":"))
    arguments.output.write_text(head[:-1] + ',"cases":[\n' + lines + "\n]}\n")
    hypotheses = sum(len(case["hypotheses"]) for case in cases)
    tokens = sum(len(item["ids"]) for case in cases for item in case["hypotheses"])
    print(f"{len(cases)} cases, {hypotheses} hypotheses of {tokens / hypotheses:.1f} tokens, {ended} ended,",
          f"{short} cases with fewer than asked for, {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    with torch.no_grad():
        main()
