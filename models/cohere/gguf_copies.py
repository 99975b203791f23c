"""Copies of the small checkpoints of `reference.py` as GGUF, as a converter writes them: no row is reordered.

    pip install -r requirements.txt
    python gguf_copies.py [--output ../../Tests/Fixtures/huggingface/cohere]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "huggingface"))

from decoders import GGUF_NAMES, copy_as_gguf, manifest  # noqa: E402


def keys(writer, config):
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_logit_scale(config["logit_scale"])
    writer.add_rope_freq_base((config.get("rope_parameters") or config)["rope_theta"])
    if config["model_type"] == "cohere2":
        writer.add_sliding_window(config["sliding_window"])
        # Published files leave this out, and their layers go by fours.
        writer.add_sliding_window_pattern(config["sliding_window_pattern"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    parser.add_argument("--output", type=Path, default=here / "../../Tests/Fixtures/huggingface/cohere")
    output = parser.parse_args().output.resolve()
    for name, architecture in [("aya", "command-r"), ("command-r-plus", "command-r"), ("cohere2", "cohere2")]:
        copy_as_gguf(output / name, architecture, GGUF_NAMES, keys)
    manifest(output)
