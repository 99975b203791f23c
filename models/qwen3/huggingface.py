"""The fixtures of Qwen3 in the layout of Hugging Face: a small checkpoint with random weights.

    pip install -r ../llama/requirements.txt
    python huggingface.py [--output ../../Tests/Fixtures/huggingface/qwen3]

`../huggingface/decoders.py` says what is in the files.
"""

import sys
from pathlib import Path

from transformers import Qwen3ForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "huggingface"))

from decoders import GENERATION, Recipe, configuration, run  # noqa: E402


def recipes():
    yield Recipe("qwen3", Qwen3ForCausalLM, configuration(
        5, "Qwen3ForCausalLM", "qwen3", head_dim=16, attention_bias=True, use_sliding_window=False, sliding_window=None,
        max_window_layers=2, layer_types=["full_attention"] * 2, tie_word_embeddings=True,
        rope_parameters=dict(rope_theta=1000000.0, rope_type="default")), GENERATION, seed=71, shards=3)


if __name__ == "__main__":
    run(__doc__, "qwen3", recipes)
