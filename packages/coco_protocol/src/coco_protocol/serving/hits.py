"""From the core's hits to the wire's."""

from __future__ import annotations

from typing import Any

from coco_core.ranking import Ranked

__all__ = ["scores_of"]


def scores_of(ranked: Ranked, *, explain: bool) -> dict[str, Any]:
    """Return the scores of a hit's ``meta``, the reasons with them if they were asked for."""
    candidate = ranked.candidate
    return {
        "score": round(ranked.score, 6),
        "vector": round(candidate.vector, 6) if candidate.vector is not None else None,
        "fts": round(candidate.keyword, 4) if candidate.keyword is not None else None,
        "explain": dict(ranked.explanation or {}) if explain else None,
    }
