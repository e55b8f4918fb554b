"""Model conversion: official weights to the int8 model, rejected if it is inaccurate.

It runs as a program of its own (``python -m coco_embed.convert WEIGHTS TOKENIZER DIRECTORY``): it
needs half a gigabyte for two seconds, which a daemon would never get back.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from coco_core.errors import CocoError
from coco_core.types import FloatMatrix
from coco_embed.accuracy_check import CHECK_WINDOW, embed_check_texts, measure_accuracy
from coco_embed.calibration import CALIBRATION_TEXTS
from coco_embed.graph import DIMENSION
from coco_embed.int8_overflow import weight_limit
from coco_embed.manifest import Conversion
from coco_embed.quantize import observed_graph, quantized_graph, smoothing_factors
from coco_embed.safetensors import read_safetensors
from coco_embed.session import Session, open_session
from coco_embed.tokenizer import WordPieces

__all__ = ["RECIPE", "convert"]

# Stands in the manifest; raise it with any change to the graph, the quantisation or the texts.
RECIPE = "q8x-1"


def convert(weights_path: Path, tokenizer_path: Path, directory: Path) -> Conversion:
    """Write ``model.onnx`` and the float vectors to check it with, ``check.npy``."""
    weights = read_safetensors(weights_path)
    words = WordPieces(tokenizer_path)
    observed = open_session(observed_graph(weights).SerializeToString())
    ranges = _observe(observed, words.ids(CALIBRATION_TEXTS, CHECK_WINDOW))
    limit = weight_limit()
    model = quantized_graph(weights, smoothing_factors(weights, ranges), limit)
    model_path, check_path = directory / "model.onnx", directory / "check.npy"
    model_path.write_bytes(model.SerializeToString(deterministic=True))
    np.save(check_path, embed_check_texts(observed, words), allow_pickle=False)
    accuracy = measure_accuracy(model_path, tokenizer_path, check_path)
    return Conversion(
        recipe=RECIPE,
        dimension=DIMENSION,
        weight_limit=limit,
        agreement_mean=accuracy.mean,
        agreement_minimum=accuracy.minimum,
    )


def _observe(session: Session, rows: list[list[int]]) -> dict[str, FloatMatrix]:
    """Return the range of each linear layer's input channels, averaged over the texts."""
    names = [output.name for output in session.get_outputs() if output.name != "embedding"]
    sums: list[FloatMatrix] = [np.zeros(1, np.float32)] * len(names)
    for row in rows:
        seen = session.run(names, {"input_ids": np.array([row], np.int32)})
        sums = [total + value for total, value in zip(sums, seen, strict=True)]
    return {name: total / np.float32(len(rows)) for name, total in zip(names, sums, strict=True)}


def _main(arguments: list[str]) -> int:
    weights, tokenizer, directory = (Path(argument) for argument in arguments)
    try:
        conversion = convert(weights, tokenizer, directory)
    except CocoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(conversion)))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
