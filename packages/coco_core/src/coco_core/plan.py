"""What is asked of an executor, and the orders that a control plane hands to whoever computes."""

from __future__ import annotations

from dataclasses import dataclass

from coco_core.intent import SearchIntent
from coco_core.query import Query

__all__ = ["Wanted", "wanted"]

# Ranking lifts what a stage put far down; peers gained up to 200 candidates and little after.
_LEAST_CANDIDATES = 200

# For each answer wanted: room for several chunks of one file and for hits that have vanished.
_PER_RESULT = 5

# Beyond this the stages' order is noise, and ranking would take tens of milliseconds.
_MOST_CANDIDATES = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many candidates each stage shall deliver, and whose definitions shall be among them."""

    keyword: int
    vector: int
    definitions: tuple[str, ...] = ()
    """Names (no paths), to be looked up without regard to case."""


def wanted(intent: SearchIntent, query: Query) -> Wanted:
    """Return what the stages must deliver so that enough is left after grouping and checking."""
    alpha = query.alpha if intent.hybrid_alpha is None else intent.hybrid_alpha
    use_keyword = intent.retrieval_mode != "vector" and (
        alpha < 1 or intent.retrieval_mode == "fts"
    )
    use_vector = intent.retrieval_mode != "fts" and (alpha > 0 or intent.retrieval_mode == "vector")
    results = intent.offset + intent.top_k
    count = min(max(_LEAST_CANDIDATES, _PER_RESULT * results), _MOST_CANDIDATES)
    names = dict.fromkeys(name.rpartition(".")[2] for name in query.symbols)
    look_up = use_keyword and intent.ranking.definitions is not False
    return Wanted(
        keyword=count if use_keyword else 0,
        vector=count if use_vector else 0,
        definitions=tuple(names) if look_up else (),
    )
