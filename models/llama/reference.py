"""The fixtures of the Llama family: small checkpoints with random weights, and what SmolLM2 135M Instruct answers.

    pip install -r requirements.txt
    python reference.py tiny [--output ../../Tests/Fixtures/generation]
    python reference.py published SmolLM2-135M-Instruct.Q4_1.gguf [--output ...]

`decoder.py` is the forward pass. Every run writes the same checkpoints; another machine may differ in the last digits
of a logit. Versions: `requirements.txt`. The fields of the fixtures, of all decoder-only families:

`tiny/NAME.json`, beside the checkpoint `tiny/NAME.gguf` with random weights (`qwen3-tools` has learned something):

    model, sha256     the file
    architecture, context, vocabulary   `general.architecture`, its context length, the number of tokens
    authority         whose logits these are: a class of transformers, float32
    versions          of the packages
    difference        largest difference of any logit between the authority and `decoder.py`, which reads the file itself
    sample_ids        the ids that `samples` are of
    sequences         [{ids, positions, logits, samples}]
        positions     the positions whose whole rows of logits are in `logits`, [len(positions)][vocabulary]
        samples       for every position the logits of `sample_ids`, then the largest logit, then log Σ exp logits
    greedy            [{name, kind, text or messages (and tools), prompt, prompt_ids, ids, end, output, top2}], as below

`NAME.json` of a published model:

    model, sha256, architecture, authority, versions, dtype, difference, sample_ids    as above
    stop_ids          the ids that end a generation
    prompts           [{name, kind, text or messages, prompt, prompt_ids, ids, end, output, top2}]
        kind          "raw": `text` is the prompt; "chat": `messages` through the file's template give it
        prompt        the text that was encoded, special tokens included
        prompt_ids    its ids, BOS included where the model wants it
        ids           greedy tokens, at most 48 (in small checkpoints 24 or 240); one that ends a generation is the last
        end           "length" or "stop" (the last of `ids` is in `stop_ids`)
        output        text of `ids` without control tokens
        top2          for each of `ids` the two best candidates [[id, logit], [id, logit]], best first: a near tie is seen
        own_ids       only if `decoder.py` decodes another sequence: that sequence
    logits            [{prompt, samples}] of some of the prompts: the rows of `samples` for every position of
                      prompt_ids + ids, the last of ids excepted

Floats are rounded to 5 decimals. Lines are one record each.
"""

from gguf import GGMLQuantizationType as Type

import checkpoints
import command
from checkpoints import CHATML, HEADERS, INSTRUCTIONS, Recipe


def recipes():
    smollm = checkpoints.byte_level(
        "smollm", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<|im_end|>", "<|endoftext|>"], CHATML, "<|im_end|>",
        bos="<|im_start|>", first=True, keys={"padding_token_id": "<|im_end|>", "unknown_token_id": "<|endoftext|>"})
    headers = checkpoints.byte_level(
        "llama-bpe", ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        ["<|end_of_text|>", "<|eot_id|>"], HEADERS, "<|end_of_text|>", bos="<|begin_of_text|>", add_bos=True,
        keys={"eot_token_id": "<|eot_id|>"})
    pieces = checkpoints.scored(
        ["<unk>", "<s>", "</s>"], "<unk>", INSTRUCTIONS, "<s>", "</s>", ["</s>"], add_space_prefix=True)
    yield Recipe("llama-tied", "llama", smollm, Type.F32, seed=1, feed_forward=32)
    yield Recipe("llama-untied-q8_0", "llama", pieces, Type.Q8_0, seed=2, feed_forward=96, tied=False)
    yield Recipe("llama-bias", "llama", smollm, Type.F16, seed=3, biases=("attn_q", "attn_k", "attn_v", "attn_output"))
    yield Recipe(
        "llama3-rope", "llama", headers, Type.BF16, seed=4, rope_base=500_000.0,
        llama3=dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64))
    # Heads wider than the width divided by their number, as in Mistral Nemo.
    yield Recipe(
        "mistral-wide-heads", "llama", pieces, Type.Q5_1, seed=5, head_width=32, tied=False, rope_base=1_000_000.0)
    # One key-value head per query head, the number of them left out of the file.
    yield Recipe(
        "llama-linear-rope", "llama", smollm, Type.Q4_0, seed=6, key_value_heads=4, linear_factor=4.0,
        head_counts_written=False)
    # Rows of 256 for the types of 256, every matrix in another type.
    kinds = {"attn_q": Type.Q4_K, "attn_k": Type.Q5_0, "attn_v": Type.Q6_K, "attn_output": Type.Q8_0, "ffn_gate": Type.F16,
             "ffn_up": Type.BF16, "ffn_down": Type.Q4_1, "token_embd": Type.Q4_0, "": Type.F32}
    yield Recipe(
        "llama-mixed-types", "llama", smollm, kinds, seed=7, layers=1, width=256, heads=4, key_value_heads=1, head_width=64,
        feed_forward=32)


def published(path):
    from prompts import SMOLLM2
    return dict(name="smollm2-135m-instruct", prompts=SMOLLM2, stop=["<|im_end|>", "<|endoftext|>"])


if __name__ == "__main__":
    command.run(__doc__, recipes, published=published)
