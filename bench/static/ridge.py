"""Fit a table of word pieces to a model's vectors: ridge regression by conjugate gradients."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sparse

from coco_core.types import FloatMatrix, FloatVector
from coco_embed.static import StaticTable, bag

__all__ = ["calibration", "fit", "quantized"]

# Strength of the penalty, in texts: a piece is believed after a tenth of a text of its own.
_PENALTY = 0.1
_ITERATIONS = 25


def fit(
    bags: Sequence[Sequence[int]], size: int, targets: FloatMatrix
) -> tuple[FloatMatrix, FloatVector]:
    """Return the rows float32[size, d] and the mean float32[d] of the model's vectors."""
    mean: FloatVector = targets.mean(axis=0)
    return _solve(_matrix(bags, size), targets - mean), mean


def _matrix(bags: Sequence[Sequence[int]], size: int) -> Any:
    known = np.ones(size, np.bool_)
    parts = [bag(pieces, known) for pieces in bags]
    ends = np.cumsum([0, *(len(found) for found, _ in parts)])
    return sparse.csr_matrix(
        (
            np.concatenate([shares for _, shares in parts]),
            np.concatenate([found for found, _ in parts]),
            ends,
        ),
        shape=(len(bags), size),
    )


def _solve(shares: Any, targets: FloatMatrix) -> FloatMatrix:
    """Solve (X'X + penalty) W = X'Y, every column for itself, scaled by the diagonal."""
    transposed = shares.T.tocsr()
    diagonal = np.asarray(shares.multiply(shares).sum(axis=0)).ravel() + _PENALTY
    scale = (1.0 / diagonal).astype(np.float32)[:, None]
    rows: FloatMatrix = np.zeros((shares.shape[1], targets.shape[1]), np.float32)
    rest = transposed @ targets
    step = scale * rest
    energy = (rest * step).sum(axis=0)
    for _ in range(_ITERATIONS):
        image = transposed @ (shares @ step) + np.float32(_PENALTY) * step
        length = energy / np.maximum((step * image).sum(axis=0), 1e-20)
        rows += length * step
        rest -= length * image
        before, energy = energy, (rest * (scale * rest)).sum(axis=0)
        step = scale * rest + (energy / np.maximum(before, 1e-20)) * step
    return rows


def quantized(
    vocabulary: Sequence[str], rows: FloatMatrix, mean: FloatVector, model: str
) -> StaticTable:
    """Return the table in int8, one scale a row; pieces that no text held have none."""
    pieces = np.flatnonzero(np.abs(rows).max(axis=1) > 0)
    largest = np.maximum(np.abs(rows[pieces]).max(axis=1), 1e-6)
    # Rounded first, so that the bytes fit the scale that is stored.
    scales = (largest / 127).astype(np.float16)
    scaled = rows[pieces] / scales.astype(np.float32)[:, None]
    stored = np.clip(np.rint(scaled), -127, 127).astype(np.int8)
    digest = hashlib.blake2b(stored.tobytes() + scales.tobytes(), digest_size=4).hexdigest()
    return StaticTable(
        vocabulary=tuple(vocabulary),
        pieces=pieces.astype(np.uint16),
        rows=stored,
        scales=scales,
        mean=mean,
        spread=1.0,
        shift=np.zeros_like(mean),
        name=f"{model}-static#{digest}",
    )


def calibration(own: FloatMatrix, real: FloatMatrix) -> tuple[float, FloatVector]:
    """Return spread and shift that give a table's vectors the model's mean and variance."""
    spread = float(np.sqrt(real.var(axis=0).sum() / own.var(axis=0).sum()))
    shift: FloatVector = real.mean(axis=0) - np.float32(spread) * own.mean(axis=0)
    return spread, shift
