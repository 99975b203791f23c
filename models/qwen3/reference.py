"""The fixtures of Qwen3: a small checkpoint with random weights, and one that has learned when to call a tool
(`tools.py`).

    pip install -r ../llama/requirements.txt
    python reference.py tiny [--output ../../Tests/Fixtures/generation]

What all decoder-only families share is in `../llama`: the forward pass, the writer of checkpoints, and in
the docstring of `reference.py` the fields of the fixtures.
"""

import sys
import tempfile
from pathlib import Path

from gguf import GGMLQuantizationType as Type

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "llama"))

import checkpoints  # noqa: E402
import command  # noqa: E402
from checkpoints import CHATML, TOOLS, Recipe  # noqa: E402

WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"type": "function", "function": {"name": "weather", "arguments": {"city": "Paris"}}}]}
USER = {"role": "user", "content": "Is it warm in Paris?"}
CONVERSATIONS = {"qwen3-tools": {
    "plain": dict(messages=[USER]),
    "one-tool": dict(messages=[USER], tools=[WEATHER]),
    "two-calls": dict(
        messages=[{"role": "user", "content": "Is it warm in Paris or in Rome? Ask for both"}], tools=[WEATHER]),
    "answered": dict(
        messages=[{"role": "system", "content": "Be brief."}, USER, CALL, {"role": "tool", "content": "{\"celsius\": 21}"}],
        tools=[WEATHER]),
}}


def vocabulary(template, user_defined):
    return checkpoints.byte_level(
        "qwen2", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<|im_end|>", "<|endoftext|>"], template, "<|im_end|>",
        bos="<|endoftext|>", user_defined=user_defined, keys={"padding_token_id": "<|endoftext|>"})


def recipes():
    common = dict(head_width=32, feed_forward=96, epsilon=1e-6, rope_base=1_000_000.0)
    think = vocabulary(CHATML, ["<think>", "</think>"])
    yield Recipe("qwen3", "qwen3", think, Type.Q8_0, seed=31, **common)
    tools = vocabulary(TOOLS, ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"])
    yield Recipe("qwen3-tools", "qwen3", tools, Type.Q8_0, seed=32, context=4096, tied=False, generated=240, **common)


def trained(recipe):
    if recipe.name != "qwen3-tools":
        return None
    with tempfile.TemporaryDirectory() as folder:
        from tools import train
        return train(recipe, checkpoints.write(recipe, Path(folder) / "random.gguf"))


if __name__ == "__main__":
    command.run(__doc__, recipes, CONVERSATIONS, trained=trained)
