"""Retrieval metrics and the tests of whether two systems differ: pure, deterministic functions.

A ranking is given as the gains of its results in order (0 or 1, or graded), together with the
gains of everything relevant, so that what was not found counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "Interval",
    "average",
    "bootstrap_interval",
    "hit_rate_at",
    "ndcg_at",
    "percentile",
    "permutation_p",
    "precision_at",
    "recall_at",
    "reciprocal_rank",
]


def recall_at(k: int, found: Sequence[int], relevant: int) -> float:
    """Return the share of the relevant that stands among the first ``k``; 0 if nothing is.

    ``found`` says by place how many of the relevant it holds: a long result can hold several.
    """
    return sum(found[:k]) / relevant if relevant else 0.0


def precision_at(k: int, gains: Sequence[float]) -> float:
    """Return the share of the first ``k`` places that hold something relevant."""
    return sum(gain > 0 for gain in gains[:k]) / k


def hit_rate_at(k: int, gains: Sequence[float]) -> float:
    """Return 1 if anything relevant stands among the first ``k``."""
    return float(any(gain > 0 for gain in gains[:k]))


def reciprocal_rank(gains: Sequence[float]) -> float:
    """Return 1 / rank of the first relevant result, 0 if there is none."""
    return next((1.0 / rank for rank, gain in enumerate(gains, 1) if gain > 0), 0.0)


def ndcg_at(k: int, gains: Sequence[float], ideal: Sequence[float]) -> float:
    """Return the discounted gain of the first ``k`` against the best order of ``ideal``.

    Gains enter linearly, as in trec_eval and ir-measures, discounted by log2(rank + 1).
    """
    best = _discounted(sorted(ideal, reverse=True)[:k])
    return _discounted(gains[:k]) / best if best > 0 else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def average(values: Sequence[float]) -> float:
    """Return the mean, 0 of nothing."""
    return math.fsum(values) / len(values) if values else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """Return the percentile (``share`` 0 to 1) with linear interpolation."""
    return float(np.quantile(np.asarray(values, dtype=np.float64), share)) if values else 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean difference with its confidence interval."""

    mean: float
    low: float
    high: float


def bootstrap_interval(
    first: Sequence[float],
    second: Sequence[float],
    *,
    confidence: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return the paired bootstrap interval of mean(second - first), query by query."""
    differences = _paired(first, second)
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            rng.choice(differences, size=(rows, len(differences))).mean(axis=1)
            for rows in _batches(samples, len(differences))
        ]
    )
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return Interval(float(differences.mean()), float(low), float(high))


def permutation_p(
    first: Sequence[float], second: Sequence[float], *, samples: int = 10_000, seed: int = 0
) -> float:
    """Return the two-sided p-value of the paired permutation test (signs swapped at random)."""
    differences = _paired(first, second)
    observed = abs(differences.mean())
    rng = np.random.default_rng(seed)
    as_extreme = 0
    for rows in _batches(samples, len(differences)):
        signs = rng.choice((-1.0, 1.0), size=(rows, len(differences)))
        # The tolerance lets the observed arrangement itself count whatever the order of summation.
        as_extreme += int((np.abs((signs * differences).mean(axis=1)) >= observed - 1e-12).sum())
    # The observed arrangement is one of those possible, so p is never 0.
    return (as_extreme + 1) / (samples + 1)


def _paired(
    first: Sequence[float], second: Sequence[float]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if len(first) != len(second) or not first:
        raise ValueError(f"paired values needed, got {len(first)} and {len(second)}")
    return np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)


def _batches(samples: int, width: int) -> list[int]:
    """Cut the samples so that a batch takes about 16 MB."""
    rows = max(1, min(samples, 2_000_000 // width))
    return [min(rows, samples - done) for done in range(0, samples, rows)]
