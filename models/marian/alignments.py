#!/usr/bin/env python3
"""Where the decoders of the small checkpoints in Tests/Fixtures/huggingface look at their sources: one file, alignments.json.

    python alignments.py ../../Tests/Fixtures/huggingface

Marian's first head of the last layer is trained to align, so it is alone; elsewhere all heads of the layer before the
last are averaged. From `cross_attentions` of the transformers package, computed eagerly, float32.
"""
import json
import pathlib
import sys

import torch
import transformers

CHECKPOINTS = ["marian/opus-mt", "marian/opus-mt-two-vocabularies", "m2m100/nllb", "t5/t5-v1_1", "t5/madlad"]


def shares(root, name):
    inputs = json.loads((root / f"{name}.json").read_text())["inputs"]
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(root / name, attn_implementation="eager").float().eval()
    result = []
    for entry in inputs:
        with torch.no_grad():
            output = model(
                input_ids=torch.tensor([entry["ids"]]), decoder_input_ids=torch.tensor([entry["decoder_ids"]]),
                output_attentions=True)
        layers = output.cross_attentions
        if name.startswith("marian"):
            share = layers[-1][0, 0]
        else:
            share = layers[max(0, len(layers) - 2)][0].mean(0)
        result.append([[round(x, 7) for x in row] for row in share.tolist()])
    return result


def main():
    root = pathlib.Path(sys.argv[1])
    content = {name: shares(root, name) for name in CHECKPOINTS}
    (root / "alignments.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
