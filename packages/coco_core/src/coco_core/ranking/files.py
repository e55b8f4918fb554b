"""File boost: chunks of a file that the query names with its suffix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coco_core.fusion import Scores
from coco_core.query import Query
from coco_core.types import ChunkMetadata

__all__ = ["file_boosts"]

# A query that is a file's name asks for the file, as a symbol's name does for its definition.
_WHOLE_WEIGHT = 3.0

# In a longer text the file is one hint; where it comes with a line, that line is a better one.
_MENTION_WEIGHT = 0.7
_LINE_WEIGHT = 0.8

# The same name further from where the path says it stands.
_LESS_AGREEMENT = 0.5


def file_boosts(query: Query, chunks: Sequence[ChunkMetadata]) -> Scores:
    """Return a boost for the chunks of each file that the query names, most for the line named."""
    boosts = np.zeros(len(chunks))
    weight = _WHOLE_WEIGHT if query.is_file else _MENTION_WEIGHT
    for file in query.files:
        agreements = [file.agreement(chunk.doc_id) for chunk in chunks]
        best = max(agreements, default=0)
        for i, agreement in enumerate(agreements):
            if agreement:
                near = 1.0 if agreement == best else _LESS_AGREEMENT
                own = weight * near
                if file.line and chunks[i].start_line <= file.line <= chunks[i].end_line:
                    own += _LINE_WEIGHT * near
                boosts[i] = max(boosts[i], own)
    return boosts
