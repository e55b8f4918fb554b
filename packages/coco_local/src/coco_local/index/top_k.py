"""The rows of the k best scores, without sorting the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_rows", "kth_best"]

# Scores of which only the best one takes part in the search for a threshold: reading all of them
# once in long stretches takes a tenth of partitioning them.
_STRIDES = 16


def best_rows(scores: NDArray[np.float32], k: int, floor: float) -> NDArray[np.int64]:
    """Return the places of the k best scores above ``floor``; of equal ones the first count."""
    if k <= 0:
        return np.empty(0, np.int64)
    rows = np.flatnonzero(scores > floor)
    if len(rows) <= k:
        return rows
    found = scores[rows]
    kept = found >= kth_best(found, k)
    rows, found = rows[kept], found[kept]
    # Ties at the border are broken by row, so that the same query answers the same.
    return rows[np.argsort(-found, kind="stable")[:k]]


def kth_best(scores: NDArray[np.float32], k: int) -> np.float32:
    """Return the k-th highest of at least k scores."""
    width = len(scores) // _STRIDES
    if width > k:
        # The k-th best of the strides' maxima is no higher than the k-th best of all.
        maxima = scores[: width * _STRIDES].reshape(_STRIDES, width).max(axis=0)
        scores = scores[scores >= np.partition(maxima, width - k)[width - k]]
    best: np.float32 = np.partition(scores, len(scores) - k)[len(scores) - k]
    return best
