"""Writes small Safetensors files with the format's own Python package, and what that package reads in them: the
fixtures of the tests of `SafetensorsCheckpoint`.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/safetensors]

Every run writes the same bytes.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "safetensors"
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
         torch.int64: "I64", torch.int32: "I32", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
         torch.float8_e4m3fn: "F8_E4M3"}


def listing(path):
    """Every tensor with its values, as 32-bit floats spelled exactly."""
    entries = []
    with safe_open(path, framework="pt") as file:
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            entries.append(dict(
                name=name, type=NAMES[tensor.dtype], shape=list(tensor.shape),
                values=[float(value) for value in tensor.float().flatten()]))
    return entries


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=FIXTURES)
    output = arguments.parse_args().output
    output.mkdir(parents=True, exist_ok=True)

    def write_json(name, content):
        (output / name).write_text(json.dumps(content, ensure_ascii=True, indent=0) + "\n")

    torch.manual_seed(20)
    tensors = {
        "model.embed_tokens.weight": torch.randn(7, 6),
        "model.layers.0.q_proj.weight": torch.randn(6, 6).half(),
        "model.layers.0.k_proj.weight": torch.randn(3, 6).bfloat16(),
        "model.layers.0.norm.weight": torch.tensor([0.0, -0.0, 1.5, 65504.0, 6e-8, -1.0]).half(),
        "model.conv.weight": torch.randn(2, 3, 2, 2),
        "model.scale": torch.tensor(0.5),
        "model.position_ids": torch.arange(5).unsqueeze(0),
        "model.counts": torch.arange(4, dtype=torch.int32),
        "model.bytes": torch.arange(3, dtype=torch.uint8),
        "model.mask": torch.tensor([True, False]),
        "model.double": torch.tensor([1.0, 2.0], dtype=torch.float64),
        "model.eight": torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn),
        "model.empty": torch.zeros(0, 4),
        'a "quoted" \\ na\u00efve \u65e5\u672c \U0001f600 name': torch.randn(2),
    }
    whole = output / "model.safetensors"
    save_file(tensors, whole, metadata={"format": "pt", "note": 'with "quotes", \t and \U0001f600'})
    write_json("model.json", listing(whole))
    save_file({}, output / "empty.safetensors")

    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate([names[:5], names[5:9], names[9:]], start=1):
        file = f"model-{number:05}-of-00003.safetensors"
        save_file({name: tensors[name] for name in part}, output / file, metadata={"format": "pt"})
        weight_map.update({name: file for name in part})
    total = sum(tensor.nbytes for tensor in tensors.values())
    write_json("model.safetensors.index.json", dict(metadata=dict(total_size=total), weight_map=weight_map))


if __name__ == "__main__":
    main()
