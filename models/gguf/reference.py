"""Writes small GGUF files with the format's own Python package, and what that package reads in them: the
fixtures of the tests of `GGUFCheckpoint` and `QuantizedBlocks`.

    pip install -r requirements.txt
    python reference.py [--output ../../Tests/Fixtures/gguf]

Every run writes the same bytes.
"""

import argparse
import json
import struct
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFValueType as Kind

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "gguf"

# Where a block has 16-bit floats.
SCALES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.IQ4_NL: [0],
    Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}
# 0, -0, the smallest and largest subnormals, the smallest normal, 1, the largest, infinities, NaNs.
EXTREMES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x3C00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0x7C01]
ORDINARY_BLOCKS = 6


def random_blocks(random, kind):
    """Blocks of random bytes; the first ones with ordinary scales, the others with every extreme."""
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ORDINARY_BLOCKS + len(EXTREMES), size), dtype=np.uint8)
    for place, offset in enumerate(SCALES[kind]):
        scales = random.normal(0, 0.02, len(blocks)).astype(np.float16).view(np.uint16)
        # Shifted against each other, so that scale and minimum meet as infinity and number, NaN and zero.
        extremes = np.roll(np.array(EXTREMES, dtype=np.uint16), 5 * place)
        scales[ORDINARY_BLOCKS:] = extremes
        blocks[:, offset:offset + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks


def write(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def blocks_file(path, random):
    """For every type a tensor `TYPE.blocks`, and the floats that the package makes of it as `TYPE.values`."""
    writer = gguf.GGUFWriter(path, "blocks")
    floats = {
        Type.F32: np.concatenate([
            random.normal(0, 1, 20).astype(np.float32).view(np.uint32),
            np.array([0, 1 << 31, 1, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000], dtype=np.uint32)]).astype(np.uint32),
        Type.F16: np.concatenate([random.integers(0, 1 << 16, 256), EXTREMES]).astype(np.uint16),
        Type.BF16: np.concatenate([random.integers(0, 1 << 16, 256), EXTREMES, [0x7F80, 0xFF80, 0x7FC0, 0x0001]]).astype(np.uint16),
    }
    stored = {kind: bits.view(np.uint8).reshape(1, -1) for kind, bits in floats.items()}
    stored |= {kind: random_blocks(random, kind) for kind in SCALES}
    for kind, data in stored.items():
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(data.view(np.float32) if kind == Type.F32 else data, kind)
        writer.add_tensor(f"{kind.name}.blocks", data, raw_dtype=kind)
        writer.add_tensor(f"{kind.name}.values", np.ascontiguousarray(values, dtype=np.float32))
    write(writer)


def rendered(value, kind, element=None):
    """A value as text that any language can write: bits of floats and bytes of strings in hexadecimal."""
    if kind == Kind.ARRAY:
        return "[" + ", ".join(rendered(item, element or Kind.get_type(item)) for item in value) + "]"
    if kind == Kind.STRING:
        return (value if isinstance(value, bytes) else value.encode()).hex()
    if kind == Kind.FLOAT32:
        return struct.pack(">f", value).hex()
    if kind == Kind.FLOAT64:
        return struct.pack(">d", value).hex()
    return str(value).lower()


def metadata_file(path):
    """Every kind of value at its limits, and arrays of them. Returns the list of what is there."""
    limits = {
        Kind.UINT8: [0, 255], Kind.INT8: [-128, 127], Kind.UINT16: [0, 65535], Kind.INT16: [-32768, 32767],
        Kind.UINT32: [0, 2**32 - 1], Kind.INT32: [-2**31, 2**31 - 1], Kind.UINT64: [0, 2**64 - 1],
        Kind.INT64: [-2**63, 2**63 - 1], Kind.FLOAT32: [-0.0, 1e-5, 3.5, float("inf")],
        Kind.FLOAT64: [1e300, 5e-324, -2.5], Kind.BOOL: [False, True],
        Kind.STRING: ["", "GGUF", "naïve 日本語 \U0001f600", "a\u0300", "line\nand\ttab\0", b"\xff\xfe not UTF-8"],
    }
    entries = [("general.architecture", "test", Kind.STRING, None)]
    for kind, values in limits.items():
        name = kind.name.lower()
        entries += [(f"test.{name}.{index}", value, kind, None) for index, value in enumerate(values)]
        entries.append((f"test.array.{name}", values, Kind.ARRAY, kind))
    entries += [
        ("test.nested.integers", [[1, 2, 3], [4]], Kind.ARRAY, None),
        ("test.nested.strings", [["a", ""], ["b"]], Kind.ARRAY, None),
        ("test.nested.deep", [[[[1.5], [2.5]]], [[[-1.0]]]], Kind.ARRAY, None),
    ]
    writer = gguf.GGUFWriter(path, "test")
    for key, value, kind, element in entries[1:]:
        writer.add_key_value(key, value, kind, element)
    writer.add_tensor("weight", np.arange(8, dtype=np.float32).reshape(2, 4))
    write(writer)
    return [dict(key=key, type=kind.name.lower(), value=rendered(value, kind, element)) for key, value, kind, element in entries]


def model_tensors(random):
    """Tensors of every rank and of all types that the package can quantise, in the order of the file."""
    shapes = {
        "norm": ([5], Type.F32), "one": ([1], Type.F32), "matrix": ([3, 4], Type.F16), "brain": ([2, 3], Type.BF16),
        "cube": ([2, 3, 32], Type.Q8_0), "hyper": ([2, 1, 3, 64], Type.Q4_0), "q4_1": ([4, 32], Type.Q4_1),
        "q5_0": ([1, 96], Type.Q5_0), "q5_1": ([3, 32], Type.Q5_1),
    }
    for name, (shape, kind) in shapes.items():
        values = random.normal(0, 1, shape).astype(np.float32)
        yield f"{name}.weight", kind, values


def model_file(path, tensors, alignment=None, **options):
    """Writes a model, in parts if the options say so. Returns what is in it."""
    writer = gguf.GGUFWriter(path, "test", **options)
    writer.add_name("A model of nothing")
    writer.add_uint32("test.block_count", 2)
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    listing = []
    for name, kind, values in tensors:
        data = values.astype(np.float16) if kind == Type.F16 else gguf.quants.quantize(values, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        read = gguf.quants.dequantize(data, kind)
        listing.append(dict(
            name=name, type=kind.name, shape=list(values.shape), bytes=data.nbytes,
            values=[float(value) for value in np.asarray(read, dtype=np.float32).ravel()]))
    write(writer)
    return listing


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=FIXTURES)
    output = arguments.parse_args().output
    output.mkdir(parents=True, exist_ok=True)

    def write_json(name, content):
        (output / name).write_text(json.dumps(content, ensure_ascii=True, indent=0) + "\n")

    random = np.random.default_rng(20)
    blocks_file(output / "blocks.gguf", random)
    write_json("metadata.json", metadata_file(output / "metadata.gguf"))
    # Version 2 has the same layout, so the number is all that differs.
    version2 = bytearray((output / "metadata.gguf").read_bytes())
    version2[4:8] = struct.pack("<I", 2)
    (output / "metadata-v2.gguf").write_bytes(version2)

    tensors = list(model_tensors(random))
    write_json("model.json", model_file(output / "model.gguf", tensors))
    model_file(output / "aligned.gguf", tensors, alignment=256)
    model_file(output / "split.gguf", tensors, split_max_tensors=3)


if __name__ == "__main__":
    main()
