"""The fixtures of Gemma 3 in the layout of Hugging Face: small checkpoints with random weights, the text model alone
and within a multimodal one.

    pip install -r ../llama/requirements.txt
    python huggingface.py [--output ../../Tests/Fixtures/huggingface/gemma3]

`../huggingface/decoders.py` says what is in the files.
"""

import sys
from pathlib import Path

import torch
from transformers import Gemma3ForCausalLM, Gemma3ForConditionalGeneration

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "huggingface"))

from decoders import GENERATION, Recipe, configuration, run  # noqa: E402


def less_one(weights):
    """Norms hold their scale less 1; sums of sandwiched blocks are made smaller."""
    for name, values in weights.items():
        if name.endswith("norm.weight"):
            values -= 1


def text(spelling, **changes):
    config = configuration(spelling, "Gemma3ForCausalLM", "gemma3_text", **dict(
        hidden_activation="gelu_pytorch_tanh", attention_bias=False, attn_logit_softcapping=None,
        final_logit_softcapping=None, query_pre_attn_scalar=20, sliding_window=6, head_dim=16, num_hidden_layers=7,
        num_key_value_heads=1) | changes)
    return {key: value for key, value in config.items() if key != "hidden_act"}


def wrapped(weights):
    """The names that transformers 4 wrote."""
    out = {}
    for name, value in weights.items():
        for new, old in (("model.language_model.", "language_model.model."), ("model.vision_tower", "vision_tower"),
                         ("model.multi_modal_projector", "multi_modal_projector")):
            name = old + name.removeprefix(new) if name.startswith(new) else name
        out[name] = value
    return out


def recipes():
    yield Recipe("gemma3-text", Gemma3ForCausalLM, text(
        5, dtype="float16", layer_types=["sliding_attention"] * 5 + ["full_attention", "sliding_attention"],
        rope_parameters=dict(
            full_attention=dict(rope_theta=1000000.0, rope_type="linear", factor=8.0),
            sliding_attention=dict(rope_theta=10000.0, rope_type="default"))), GENERATION, seed=81, dtype=torch.float16,
        tweak=less_one)
    # Few keys, as the published multimodal models have: heads, width and bases are the defaults of the class.
    keys = ("hidden_size", "intermediate_size", "model_type", "num_hidden_layers", "sliding_window", "vocab_size",
            "rms_norm_eps", "head_dim", "query_pre_attn_scalar")
    small = {key: value for key, value in text(4, num_hidden_layers=3, sliding_window_pattern=2).items() if key in keys}
    small |= dict(rope_scaling=dict(factor=8.0, rope_type="linear"), sliding_window_pattern=2)
    vision = dict(hidden_size=16, image_size=28, intermediate_size=24, model_type="siglip_vision_model",
                  num_attention_heads=2, num_hidden_layers=1, patch_size=14, vision_use_head=False)
    yield Recipe("gemma3-multimodal", Gemma3ForConditionalGeneration, dict(
        architectures=["Gemma3ForConditionalGeneration"], boi_token_index=92, eoi_token_index=93, eos_token_id=[90],
        image_token_index=94, initializer_range=0.02, mm_tokens_per_image=1, model_type="gemma3", text_config=small,
        torch_dtype="bfloat16", transformers_version="4.50.0", vision_config=vision), GENERATION, seed=82,
        dtype=torch.bfloat16, tweak=less_one, written=wrapped)


if __name__ == "__main__":
    run(__doc__, "gemma3", recipes)
