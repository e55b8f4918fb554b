"""Reranking: blends the scores of a cross-encoder with those that put the results there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.types import FloatVector

__all__ = ["blended"]

# A cross-encoder reads well and knows nothing of definitions, file names and exact text, which the
# first stage does. So each has half: neither decides unless it is surer than the other.
_RERANKER_SHARE = 0.5


def blended(picks: Sequence[Pick], scores: FloatVector, *, explain: bool) -> list[Pick]:
    """Return all results, the first of them reordered; they are as many as there are scores.

    Both scores run from 0 to 1 before they are blended: the first stage's as a share of its best.
    The result is in the first stage's unit again. Whatever lies behind those that were read keeps
    its order behind them, with no more than the score of the last one: scores never rise.

    Args:
        picks: best first.
        scores: float32[n] of the first n, 0 to 1.
        explain: whether each one's explanation shall hold both scores.
    """
    if not len(scores):
        return list(picks)
    best = max((pick.ranked.score for pick in picks), default=0.0)
    unit = best if best > 0 else 1.0
    first = [min(max(pick.ranked.score / unit, 0.0), 1.0) for pick in picks]
    read: list[Pick] = []
    for pick, share, score in zip(picks, first, scores.tolist(), strict=False):
        blend = unit * ((1 - _RERANKER_SHARE) * share + _RERANKER_SHARE * score)
        read.append(_with_score(pick, blend, score if explain else None))
    # Stable: equal scores keep the first stage's order.
    read.sort(key=lambda pick: -pick.ranked.score)
    ceiling = read[-1].ranked.score
    behind = [
        _with_score(pick, min(pick.ranked.score, ceiling), None) for pick in picks[len(read) :]
    ]
    return read + behind


def _with_score(pick: Pick, score: float, reranker: float | None) -> Pick:
    ranked: Ranked = pick.ranked
    explanation = ranked.explanation
    if explanation is not None and reranker is not None:
        explanation = {**explanation, "first_stage": ranked.score, "rerank": reranker}
    return replace(pick, ranked=replace(ranked, score=score, explanation=explanation))
