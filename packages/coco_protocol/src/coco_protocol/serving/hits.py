"""From the core's hits to the wire's."""

from __future__ import annotations

from typing import Any

from coco_core.chunk_columns import CHUNK_COLUMNS
from coco_core.ranking import Ranked
from coco_core.types import Chunk
from coco_protocol.docs import ChunkFields

__all__ = ["chunk_fields", "scores_of"]


# Fields that the wire and the core's record call by the same name.
_SHOWN = tuple(ChunkFields.model_fields.keys() & set(CHUNK_COLUMNS))


def chunk_fields(chunk: Chunk) -> dict[str, Any]:
    """Return what a chunk's record knows of `ChunkFields`."""
    known = {name: getattr(chunk, name) for name in _SHOWN}
    known["kind"] = chunk.kind.value
    known["definitions"] = [definition.path for definition in chunk.definitions]
    return known


def scores_of(ranked: Ranked, *, explain: bool) -> dict[str, Any]:
    """Return the scores of a hit's ``meta``, the reasons with them if they were asked for."""
    candidate = ranked.candidate
    return {
        "score": round(ranked.score, 6),
        "vector": round(candidate.vector, 6) if candidate.vector is not None else None,
        "fts": round(candidate.keyword, 4) if candidate.keyword is not None else None,
        "explain": dict(ranked.explanation or {}) if explain else None,
    }
