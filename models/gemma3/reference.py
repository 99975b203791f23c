"""The fixtures of Gemma 3: small checkpoints with random weights, and what Gemma 3 270M continues.

    pip install -r ../llama/requirements.txt
    python reference.py tiny [--output ../../Tests/Fixtures/generation]
    python reference.py published gemma-3-270m.gguf [--output ...]

What all decoder-only families share is in `../llama`: the forward pass, the writer of checkpoints, and in
the docstring of `reference.py` the fields of the fixtures.
"""

import sys
from pathlib import Path

from gguf import GGMLQuantizationType as Type

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "llama"))

import checkpoints  # noqa: E402
import command  # noqa: E402
from checkpoints import TURNS, Recipe  # noqa: E402


def recipes():
    vocabulary = checkpoints.scored(
        ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"], "<unk>", TURNS, "<bos>", "<eos>",
        ["<eos>", "<end_of_turn>"], add_space_prefix=False, keys={"padding_token_id": "<pad>"})
    common = dict(width=32, heads=2, key_value_heads=1, head_width=32, epsilon=1e-6, rope_base=1_000_000.0, window=8)
    # Layers 0 to 4, 6 and 7 slide, layer 5 sees everything and has its positions divided by 8.
    yield Recipe("gemma3", "gemma3", vocabulary, Type.Q8_0, seed=41, layers=8, linear_factor=8.0, **common)
    yield Recipe(
        "gemma3-softcap", "gemma3", vocabulary, Type.F16, seed=42, layers=4, pattern=3, pattern_written=True, softcap=3.0,
        local_rope_base=5_000.0, **common)
    yield Recipe(
        "gemma3-layer-list", "gemma3", vocabulary, Type.Q4_1, seed=43, layers=3, pattern=[True, False, True],
        pattern_written=True, **common)


def published(path):
    from prompts import GEMMA3
    return dict(name="gemma-3-270m", prompts=GEMMA3, stop=["<eos>", "<end_of_turn>"])


if __name__ == "__main__":
    command.run(__doc__, recipes, published=published)
