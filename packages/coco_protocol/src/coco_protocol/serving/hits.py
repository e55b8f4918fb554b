"""From the core's hits to the wire's."""

from __future__ import annotations

from typing import Any

from coco_core.chunk_columns import to_columns
from coco_core.ranking import Ranked
from coco_core.types import Chunk
from coco_protocol.docs import ChunkFields

__all__ = ["chunk_fields", "scores_of"]


def chunk_fields(chunk: Chunk) -> dict[str, Any]:
    """Return the fields of `ChunkFields` that the core's record has under the same name."""
    known = to_columns(chunk)
    known["definitions"] = [definition.path for definition in chunk.definitions]
    return {name: known[name] for name in known.keys() & ChunkFields.model_fields.keys()}


def scores_of(ranked: Ranked, *, explain: bool) -> dict[str, Any]:
    """Return the scores of a hit's ``meta``, the reasons with them if they were asked for."""
    candidate = ranked.candidate
    return {
        "score": round(ranked.score, 6),
        "vector": round(candidate.vector, 6) if candidate.vector is not None else None,
        "fts": round(candidate.keyword, 4) if candidate.keyword is not None else None,
        "explain": dict(ranked.explanation or {}) if explain else None,
    }
