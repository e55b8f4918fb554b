"""Coherence boost: several matching chunks of a file raise its score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coco_core.fusion import Scores
from coco_core.query import Query
from coco_core.types import ChunkMetadata

__all__ = ["coherence_boosts"]

# Enough to turn near ties between files. Two peers arrived at 0.2 with chunks twice as long as
# ours, over which a file's evidence is spread half as far; 0.25 to 0.4 answer equally well.
_WEIGHT = 0.3

# A file of a hundred weak matches must not win by size: only its best chunks count.
_COUNTED_CHUNKS = 10


def coherence_boosts(query: Query, chunks: Sequence[ChunkMetadata], fused: Scores) -> Scores:
    """Return the boost of each file's best chunk; other chunks get none.

    A query that is a name gets none either: who uses the name most is not who defines it.
    """
    boosts = np.zeros_like(fused)
    if query.shape == "symbol":
        return boosts
    by_file: dict[str, list[int]] = {}
    plain = fused.tolist()
    for i in np.argsort(-fused, kind="stable").tolist():
        by_file.setdefault(chunks[i].doc_id, []).append(i)
    sums = {doc: sum(plain[i] for i in own[:_COUNTED_CHUNKS]) for doc, own in by_file.items()}
    most = max(sums.values())
    if most <= 0:
        return boosts
    for doc, own in by_file.items():
        boosts[own[0]] = _WEIGHT * sums[doc] / most
    return boosts
