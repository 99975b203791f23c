"""The fixtures of Llama and Mistral in the layout of Hugging Face: small checkpoints with random weights, one for each
way to stretch RoPE, and a copy of one as GGUF.

    pip install -r requirements.txt
    python huggingface.py [--output ../../Tests/Fixtures/huggingface/llama]

`../huggingface/decoders.py` says what is in the files.
"""

import sys
from pathlib import Path

import gguf
import torch
from transformers import LlamaForCausalLM, MistralForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "huggingface"))

from decoders import GENERATION, GGUF_NAMES, Recipe, configuration, copy_as_gguf, run  # noqa: E402


def llama(spelling, **changes):
    return configuration(spelling, "LlamaForCausalLM", "llama", **dict(
        attention_bias=False, mlp_bias=False, pretraining_tp=1, tie_word_embeddings=False) | changes)


def recipes():
    yield Recipe("llama", LlamaForCausalLM, llama(4, tie_word_embeddings=True), GENERATION, seed=51)
    yield Recipe("llama-linear", LlamaForCausalLM, llama(
        4, rope_scaling=dict(type="linear", factor=2.0), torch_dtype="float16"), GENERATION, seed=52,
        dtype=torch.float16, layout="pytorch")
    # Prompts of 14 and less are within the length of the training and may grow out of it.
    yield Recipe("llama-dynamic", LlamaForCausalLM, llama(
        4, rope_scaling=dict(type="dynamic", factor=4.0), max_position_embeddings=16, torch_dtype="bfloat16"),
        GENERATION, seed=53, dtype=torch.bfloat16)
    yield Recipe("llama-yarn", LlamaForCausalLM, llama(
        5, attention_bias=True, mlp_bias=True, max_position_embeddings=64, num_key_value_heads=4, rope_parameters=dict(
            rope_theta=10000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=16)),
        GENERATION, seed=54, shards=2)
    yield Recipe("llama-yarn-mscale", LlamaForCausalLM, llama(
        5, max_position_embeddings=64, head_dim=24, rope_parameters=dict(
            rope_theta=500.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=16, mscale=1.4,
            mscale_all_dim=0.6, beta_fast=2.5, beta_slow=0.3, truncate=False)), GENERATION, seed=55)
    yield Recipe("llama3", LlamaForCausalLM, llama(
        4, tie_word_embeddings=True, head_dim=16, rope_theta=5000.0, rope_scaling=dict(
            factor=8.0, high_freq_factor=4.0, low_freq_factor=1.0, original_max_position_embeddings=32,
            rope_type="llama3"), torch_dtype="bfloat16"), GENERATION, seed=56, dtype=torch.bfloat16)
    mistral = configuration(4, "MistralForCausalLM", "mistral", sliding_window=6, head_dim=12, hidden_size=40,
                            intermediate_size=44, torch_dtype="float16", tie_word_embeddings=False)
    yield Recipe("mistral", MistralForCausalLM, mistral, GENERATION, seed=57, dtype=torch.float16)


def yarn_keys(writer, config):
    rope = config["rope_parameters"]
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(rope["factor"])
    writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])


if __name__ == "__main__":
    run(__doc__, "llama", recipes, lambda output: copy_as_gguf(
        output / "llama-yarn", "llama", GGUF_NAMES, yarn_keys, reorder=True))
