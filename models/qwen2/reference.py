"""The fixtures of Qwen2: a small checkpoint with random weights.

    pip install -r ../llama/requirements.txt
    python reference.py tiny [--output ../../Tests/Fixtures/generation]

What all decoder-only families share is in `../llama`: the forward pass, the writer of checkpoints, and in
the docstring of `reference.py` the fields of the fixtures.
"""

import sys
from pathlib import Path

from gguf import GGMLQuantizationType as Type

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "llama"))

import checkpoints  # noqa: E402
import command  # noqa: E402
from checkpoints import CHATML, Recipe  # noqa: E402


def recipes():
    vocabulary = checkpoints.byte_level(
        "qwen2", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<|im_end|>", "<|endoftext|>"], CHATML, "<|im_end|>",
        bos="<|endoftext|>", keys={"padding_token_id": "<|endoftext|>"})
    yield Recipe("qwen2", "qwen2", vocabulary, Type.F16, seed=21, tied=False, biases=("attn_q", "attn_k", "attn_v"),
                 epsilon=1e-6, rope_base=1_000_000.0)


if __name__ == "__main__":
    command.run(__doc__, recipes)
