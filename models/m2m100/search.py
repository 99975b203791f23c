"""Greedy and beam search as transformers does them, for one input at a time.

`next_logits(sequences)` gives the logits [sequences, vocabulary] behind each of equally long sequences of ids.
`MODEL.md`, §5, is this file in words.
"""

from dataclasses import dataclass, field

import torch

WORST = -1.0e9


@dataclass
class Options:
    eos: list
    new_tokens: int
    beams: int = 1
    length_penalty: float = 1.0
    early_stopping: object = False  # True, False or "never"
    no_repeat_ngram: int = 0
    repetition_penalty: float = 1.0
    forced_bos: int | None = None
    forced_eos: int | None = None
    banned: list = field(default_factory=list)
    renormalize: bool = False
    count: int = 1


def repeats(ids, size):
    """The ids that would complete an n-gram of this size that `ids` already holds."""
    known = ids[len(ids) - size + 1:]
    return [ids[place + size - 1] for place in range(len(ids) - size + 1) if ids[place:place + size - 1] == known]


def processed(scores, ids, options, limit):
    """The scores of one sequence's next ids, after the processors in their order."""
    scores = scores.clone()
    if options.repetition_penalty != 1:
        seen = torch.tensor(sorted(set(ids)))
        scores[seen] = torch.where(
            scores[seen] < 0, scores[seen] * options.repetition_penalty, scores[seen] / options.repetition_penalty)
    if options.no_repeat_ngram and len(ids) + 1 >= options.no_repeat_ngram:
        scores[repeats(ids, options.no_repeat_ngram)] = -torch.inf
    scores[options.banned] = -torch.inf
    for forced, length in [(options.forced_bos, 1), (options.forced_eos, limit - 1)]:
        if forced is not None and len(ids) == length:
            scores = torch.full_like(scores, -torch.inf)
            scores[forced] = 0
    return scores.log_softmax(-1) if options.renormalize else scores


def greedy(next_logits, prompt, options):
    """The best id again and again, on logits. The ids behind the prompt, the end of the sequence included."""
    ids, limit = list(prompt), len(prompt) + options.new_tokens
    while len(ids) < limit:
        ids.append(int(processed(next_logits([ids])[0], ids, options, limit).argmax()))
        if ids[-1] in options.eos:
            break
    return ids[len(prompt):]


def beam(next_logits, prompt, options):
    """The best `count` hypotheses, [(ids behind the prompt, score)]."""
    width, limit = options.beams, len(prompt) + options.new_tokens
    keep = max(2, 1 + len(options.eos)) * width
    running = [(list(prompt), 0.0)] + [(list(prompt), WORST)] * (width - 1)
    finished, improvable = [], True
    while True:
        scores = next_logits([ids for ids, _ in running]).log_softmax(-1)
        rows = [processed(row, ids, options, limit) + score for row, (ids, score) in zip(scores, running)]
        best = torch.cat(rows).topk(keep)
        size = len(rows[0])
        candidates = [(running[place // size][0] + [place % size], value)
                      for value, place in zip(best.values.tolist(), best.indices.tolist())]
        ended = [ids[-1] in options.eos or len(ids) == limit for ids, _ in candidates]
        length = len(candidates[0][0]) - len(prompt)

        # Only the first `width` candidates can finish. A pool that was full stays as it was if the search stops early.
        if improvable and not (options.early_stopping is True and len(finished) == width):
            finished += [(ids[len(prompt):], value / length ** options.length_penalty)
                         for (ids, value), end in zip(candidates[:width], ended) if end]
            finished = sorted(finished, key=lambda hypothesis: -hypothesis[1])[:width]
        if all(ended):
            break
        running = [candidate for candidate, end in zip(candidates, ended) if not end][:width]

        full = len(finished) == width
        hopeful = options.early_stopping == "never" and options.length_penalty > 0
        reach = running[0][1] / (options.new_tokens if hopeful else length) ** options.length_penalty
        improvable = improvable and (not full or reach > finished[-1][1])
        if not improvable or (options.early_stopping is True and full):
            break
    assert len(finished) >= options.count, "too few hypotheses ended"
    return finished[:options.count]
