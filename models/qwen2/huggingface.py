"""The fixtures of Qwen2 in the layout of Hugging Face: a small checkpoint with random weights.

    pip install -r ../llama/requirements.txt
    python huggingface.py [--output ../../Tests/Fixtures/huggingface/qwen2]

`../huggingface/decoders.py` says what is in the files.
"""

import sys
from pathlib import Path

import torch
from transformers import Qwen2ForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "huggingface"))

from decoders import GENERATION, Recipe, configuration, run  # noqa: E402


def recipes():
    # Widths that are no multiple of a vector, and a window in the last layers.
    yield Recipe("qwen2", Qwen2ForCausalLM, configuration(
        4, "Qwen2ForCausalLM", "qwen2", hidden_size=36, intermediate_size=50, num_attention_heads=6,
        num_key_value_heads=3, num_hidden_layers=3, use_sliding_window=True, sliding_window=5, max_window_layers=1,
        tie_word_embeddings=True, rope_theta=1000000.0, torch_dtype="bfloat16"), GENERATION, seed=61,
        dtype=torch.bfloat16)
    # As published models are: a window is named and switched off.
    yield Recipe("qwen2-no-window", Qwen2ForCausalLM, configuration(
        5, "Qwen2ForCausalLM", "qwen2", use_sliding_window=False, sliding_window=5, max_window_layers=1,
        layer_types=["full_attention"] * 2, tie_word_embeddings=False), GENERATION, seed=62)


if __name__ == "__main__":
    run(__doc__, "qwen2", recipes)
