"""Score fusion: combines keyword and vector scores into one between 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coco_core.intent import FusionMethod, RetrievalMode
from coco_core.types import Candidate

__all__ = ["Scores", "effective_alpha", "fuse", "normalized"]

Scores = NDArray[np.float64]

# The constant of the original reciprocal-rank method: the first ranks differ by about 1.6 %.
_RRF_K = 60.0


def effective_alpha(mode: RetrievalMode, alpha: float, vector_coverage: float) -> float:
    """Return the weight of the vectors: while few chunks have one, keywords decide more.

    The odds are scaled rather than the weight, so that 0 and 1 stay what they are.
    """
    if mode == "vector":
        return 1.0
    if mode == "fts":
        return 0.0
    if alpha in (0.0, 1.0):
        return alpha
    weight = alpha * min(max(vector_coverage, 0.0), 1.0)
    return weight / (weight + (1.0 - alpha))


def fuse(
    candidates: Sequence[Candidate],
    *,
    mode: RetrievalMode,
    alpha: float,
    method: FusionMethod,
    vector_coverage: float,
) -> Scores:
    """Return one score for each candidate, in order.

    Alpha 0 and 1 give exactly the order of the one stage. A chunk without a vector gets the vector
    score that its keywords let expect: it neither wins nor loses by the lack. (That is not learnt
    from what the vector stage found; those were chosen for their high scores.)
    """
    keyword, vector = normalized(candidates, method)
    weight = effective_alpha(mode, alpha, vector_coverage)
    unknown = np.isnan(vector)
    if weight in (0.0, 1.0) or not unknown.any():
        return weight * np.where(unknown, 0.0, vector) + (1.0 - weight) * keyword
    judged = ~unknown & (keyword > 0)
    if not judged.any():
        # Nothing that tells what a vector is worth here: such a chunk stands on its keywords.
        return np.where(unknown, keyword, weight * vector + (1.0 - weight) * keyword)
    expected = _expected(keyword[judged], vector[judged], keyword)
    return weight * np.where(unknown, expected, vector) + (1.0 - weight) * keyword


def _expected(keyword: Scores, vector: Scores, asked: Scores) -> Scores:
    """Return the vector score to expect of chunks with the keyword scores ``asked``.

    A straight line through the chunks that have both: what matches well by keywords mostly does by
    meaning too, and must not fall behind because its vector is still missing.
    """
    spread = keyword - keyword.mean()
    across = float(spread @ spread)
    slope = max(float(spread @ vector) / across, 0.0) if across > 0 else 0.0
    line: Scores = np.clip(vector.mean() + slope * (asked - keyword.mean()), 0.0, 1.0)
    return line


def normalized(candidates: Sequence[Candidate], method: FusionMethod) -> tuple[Scores, Scores]:
    """Return keyword scores (0 where there is no evidence) and vector scores (NaN if unknown)."""
    keyword = np.array([each.keyword or 0.0 for each in candidates], dtype=np.float64)
    vector = np.array(
        [np.nan if each.vector is None else each.vector for each in candidates], dtype=np.float64
    )
    if method == "rrf":
        return _reciprocal(keyword, keyword > 0, 0.0), _reciprocal(
            vector, ~np.isnan(vector), np.nan
        )
    return _share_of_best(keyword), _spread(vector)


def _share_of_best(scores: Scores) -> Scores:
    """Divide by the best: BM25 has a true zero, so the weakest hit is still evidence."""
    best = scores.max(initial=0.0)
    return scores / best if best > 0 else scores


def _spread(scores: Scores) -> Scores:
    """Stretch over 0 to 1: cosines of one model crowd in a narrow band that has no true zero."""
    known = scores[~np.isnan(scores)]
    if not known.size:
        return scores
    low, high = known.min(), known.max()
    if high <= low:
        return np.where(np.isnan(scores), np.nan, 1.0)
    spread: Scores = (scores - low) / (high - low)
    return spread


def _reciprocal(scores: Scores, found: NDArray[np.bool_], missing: float) -> Scores:
    """Return (k + 1) / (k + rank), 1 for the best; equal scores share the better rank."""
    result = np.full(scores.shape, missing)
    if found.any():
        ordered = -np.sort(-scores[found])
        ranks = np.searchsorted(-ordered, -scores[found], side="left") + 1
        result[found] = (_RRF_K + 1) / (_RRF_K + ranks)
    return result
