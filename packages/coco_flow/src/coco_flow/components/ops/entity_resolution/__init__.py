"""Finding out which names mean the same: near names by their vectors, the rest by a judge."""

from __future__ import annotations

from coco_flow.components.ops.entity_resolution.resolution import (
    CanonicalSide,
    ExistingCanonicalPolicy,
    PairDecision,
    PairResolver,
    ResolutionEvent,
    ResolvedEntities,
    resolve_entities,
)

__all__ = [
    "CanonicalSide",
    "ExistingCanonicalPolicy",
    "PairDecision",
    "PairResolver",
    "ResolutionEvent",
    "ResolvedEntities",
    "resolve_entities",
]
