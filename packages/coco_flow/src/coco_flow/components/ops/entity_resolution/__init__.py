"""Entity resolution: names with near vectors are candidates, a resolver decides on each pair."""

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
