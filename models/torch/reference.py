"""Writes small checkpoints with PyTorch, and what PyTorch reads in them: the fixtures of the tests of
`TorchCheckpoint`.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/torch]
"""

import argparse
import json
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "torch"
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
         torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
         torch.bool: "BOOL"}


def listing(path):
    """Every tensor with its values, as 32-bit floats spelled exactly."""
    state = torch.load(path, weights_only=True)
    return [
        dict(name=name, type=NAMES[tensor.dtype], shape=list(tensor.shape),
             values=[float(value) for value in tensor.detach().float().flatten()])
        for name, tensor in sorted(state.items())]


def tensors():
    """Tensors in every arrangement: whole, shared, transposed, strided, expanded, sliced."""
    base = torch.randn(6, 8)
    deep = torch.randn(2, 3, 4, 5)
    half = torch.randn(4, 4).half()
    brain = torch.randn(5, 3).bfloat16()
    return {
        "embed.weight": base,
        "lm_head.weight": base,
        "tied.transposed": base.t(),
        "rows": base[2:5],
        "columns": base[:, 1:4],
        "every_other": base[::2, ::3],
        "one_column": base[:, 7],
        "one_element": base[3, 5],
        "expanded": base[1].expand(3, 8),
        "permuted": deep.permute(2, 0, 3, 1),
        "middle": deep[:, 1:2, 1:3],
        "one_wide": torch.randn(4, 1, 3).transpose(0, 1),
        "channels_last": torch.randn(2, 3, 4, 2).contiguous(memory_format=torch.channels_last),
        "half": half,
        "half.transposed": half.t(),
        "brain": brain,
        "brain.transposed": brain.t(),
        "scalar": torch.tensor(2.5),
        "parameter": torch.nn.Parameter(torch.randn(3)),
        "trained": torch.randn(2).requires_grad_(),
        "empty": torch.zeros(0, 3),
        "positions": torch.arange(300).unsqueeze(0),
        "double": torch.tensor([1.0, 2.0], dtype=torch.float64),
        "integers": torch.arange(4, dtype=torch.int32),
        "shorts": torch.arange(4, dtype=torch.int16),
        "chars": torch.arange(4, dtype=torch.int8),
        "bytes": torch.arange(4, dtype=torch.uint8),
        "mask": torch.tensor([True, False]),
        "na\u00efve \u65e5\u672c \U0001f600": torch.randn(2),
    }


def deflate(source, target):
    """The same archive as a tool that compresses would pack it again."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry), zipfile.ZIP_DEFLATED)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=FIXTURES)
    output = arguments.parse_args().output
    output.mkdir(parents=True, exist_ok=True)

    def write_json(name, content):
        (output / name).write_text(json.dumps(content, ensure_ascii=True, indent=0) + "\n")

    torch.manual_seed(20)
    state = tensors()
    torch.save(state, output / "pytorch_model.bin")
    write_json("model.json", listing(output / "pytorch_model.bin"))
    torch.save(OrderedDict(state), output / "ordered.bin")
    torch.save(state, output / "protocol4.bin", pickle_protocol=4)
    deflate(output / "pytorch_model.bin", output / "deflated.bin")
    # What a module gives carries notes on versions, which are the state of an ordered dictionary.
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    torch.save(module.state_dict(), output / "module.bin")
    write_json("module.json", listing(output / "module.bin"))
    # More than 256 values in the memory take another opcode.
    torch.save({f"layer.{number}": torch.tensor([float(number)]) for number in range(60)}, output / "many.bin")

    # What is refused: the format before 1.6, a module itself, something else than a dictionary of tensors.
    torch.save({"x": torch.ones(2)}, output / "old.bin", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), output / "object.bin")
    torch.save({"model": {"x": torch.ones(2)}}, output / "nested.bin")
    torch.save(torch.ones(2), output / "tensor.bin")

    names = sorted(state)
    weight_map = {}
    for number, part in enumerate([names[:12], names[12:]], start=1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: state[name] for name in part}, output / file)
        weight_map.update({name: file for name in part})
    write_json("pytorch_model.bin.index.json", dict(metadata=dict(total_size=0), weight_map=weight_map))


if __name__ == "__main__":
    main()
