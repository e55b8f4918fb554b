"""Accuracy check: an installed model's vectors against the float model it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coco_core.errors import Unavailable
from coco_core.types import FloatMatrix
from coco_embed.calibration import CHECK_TEXTS
from coco_embed.session import Session, open_session, run_one
from coco_embed.store import InstalledModel
from coco_embed.tokenizer import WordPieces

__all__ = ["CHECK_WINDOW", "Accuracy", "check_model", "embed_check_texts", "measure_accuracy"]

# The window of calibration and check; the model is the same for every window.
CHECK_WINDOW = 128
# A good conversion is far above these (0.998 and 0.997): below them something is broken, be it a
# kernel, a file or the processor.
_LEAST_MEAN = 0.985
_LEAST_MINIMUM = 0.97


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Cosine of the int8 vectors to the float vectors on texts outside the calibration."""

    mean: float
    minimum: float


def embed_check_texts(session: Session, words: WordPieces) -> FloatMatrix:
    """Return one vector for each of the check texts."""
    rows = words.ids(CHECK_TEXTS, CHECK_WINDOW)
    return np.vstack([run_one(session, row) for row in rows])


def check_model(model: InstalledModel) -> Accuracy:
    """Return how an installed model computes here and now; `coco doctor` asks this."""
    return measure_accuracy(model.onnx, model.tokenizer, model.directory / "check.npy")


def measure_accuracy(model: Path, tokenizer: Path, reference: Path) -> Accuracy:
    """Run the model from its file against stored float vectors; too little raises `Unavailable`.

    It also finds a model that was made on another processor and saturates on this one.
    """
    expected: FloatMatrix = np.load(reference, allow_pickle=False)
    vectors = embed_check_texts(open_session(model), WordPieces(tokenizer))
    cosines = (vectors * expected).sum(axis=1)
    mean, minimum = float(cosines.mean()), float(cosines.min())
    # Written so that a NaN fails too.
    if not (mean >= _LEAST_MEAN and minimum >= _LEAST_MINIMUM):
        raise Unavailable(
            f"The model {model} does not agree with the float model (cosine {mean:.4f} mean, "
            f"{minimum:.4f} minimum; {_LEAST_MEAN} and {_LEAST_MINIMUM} are needed).",
            hint="Build it again for this processor with: coco setup --force",
        )
    return Accuracy(mean=mean, minimum=minimum)
