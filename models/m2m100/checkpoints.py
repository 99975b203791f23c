"""Checkpoints in the layout of Hugging Face: random weights of a seed, written as one file or several; and their
tensors read back.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field

import safetensors.torch
import torch


@dataclass
class Recipe:
    name: str
    model: type  # a class of transformers
    config: dict
    generation: dict
    seed: int
    layout: str = "safetensors"  # or "pytorch"
    shards: int = 1
    dtype: torch.dtype = torch.float32
    gain: float = 1.6  # of the matrices; more makes logits of larger spread
    tweak: object = lambda weights: None  # changes the weights in place
    written: object = lambda weights: weights  # the tensors to write, by name
    runs: dict = field(default_factory=dict)  # what `fixtures.py` decodes with


def random_weights(recipe):
    """Every parameter of the model, tied ones once, in an order and with numbers that the seed determines."""
    model = recipe.model(recipe.model.config_class(**recipe.config))
    generator = torch.Generator().manual_seed(recipe.seed)
    weights = {}
    for name, parameter in list(model.named_parameters()) + [
            (name, buffer) for name, buffer in model.named_buffers() if name == "final_logits_bias"]:
        if "embed_positions" in name:
            weights[name] = parameter.detach().clone()
            continue
        values = torch.randn(parameter.shape, generator=generator)
        if name.endswith(("norm.weight", "layernorm.weight", "final_layer_norm.weight")):
            values = 1 + 0.2 * values
        elif name.endswith("bias"):
            values = 0.2 * values
        elif "relative_attention_bias" in name:
            values = 1.5 * values
        elif "shared" in name or "embed_tokens" in name or "lm_head" in name:
            values = values * recipe.gain / math.sqrt(parameter.shape[1])
        else:
            values = values * recipe.gain / math.sqrt(parameter.shape[-1])
        weights[name] = values
    recipe.tweak(weights)
    return {name: values.to(recipe.dtype) for name, values in weights.items()}


def write(recipe, directory):
    """Writes the checkpoint; earlier contents go. Returns {file: SHA-256}."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    for name, content in [("config.json", recipe.config), ("generation_config.json", recipe.generation)]:
        (directory / name).write_text(json.dumps(content, indent=2) + "\n")
    weights = recipe.written(random_weights(recipe))
    safe = recipe.layout == "safetensors"
    stem, suffix = ("model", ".safetensors") if safe else ("pytorch_model", ".bin")
    names = list(weights)
    parts, mapping = [names[place::recipe.shards] for place in range(recipe.shards)], {}
    for number, part in enumerate(parts, 1):
        file = stem + (f"-{number:05d}-of-{recipe.shards:05d}" if recipe.shards > 1 else "") + suffix
        content = {name: weights[name] for name in part}
        if safe:
            content = {name: value.contiguous() for name, value in content.items()}
            safetensors.torch.save_file(content, directory / file, metadata={"format": "pt"})
        else:
            torch.save(content, directory / file)
        mapping |= {name: file for name in part}
    if recipe.shards > 1:
        total = sum(value.numel() * value.element_size() for value in weights.values())
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(mapping.items()))}
        (directory / f"{stem}{suffix}.index.json").write_text(json.dumps(index, indent=2) + "\n")
    for file in directory.iterdir():
        file.chmod(0o644)
    return {file.name: digest(file) for file in sorted(directory.iterdir())}


def read(directory):
    """The configuration and every tensor in float64."""
    weights = {}
    for file in sorted(directory.glob("*.safetensors")):
        weights |= safetensors.torch.load_file(file)
    for file in sorted(directory.glob("*.bin")):
        weights |= torch.load(file, weights_only=True)
    config = json.loads((directory / "config.json").read_text())
    return config, {name: value.double() for name, value in weights.items()}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
