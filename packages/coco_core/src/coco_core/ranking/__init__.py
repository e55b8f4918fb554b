"""Code-aware ranking: orders an executor's candidates, and explains each score.

Fused score, plus evidence that a chunk scorer cannot see (who defines the name, what the file is
called, what else in the file matches), times what counts against a file (a test, an example,
generated code). Each mechanism is one module and one switch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coco_core.fusion import Scores, fuse, normalized
from coco_core.intent import SearchIntent
from coco_core.query import Query
from coco_core.ranking.coherence import coherence_boosts
from coco_core.ranking.definitions import definition_boosts
from coco_core.ranking.pages import with_page
from coco_core.ranking.paths import path_boosts
from coco_core.ranking.penalties import penalty_factors
from coco_core.ranking.profiles import RankingSettings, is_prose, settings_for
from coco_core.types import Candidate, CandidateSet, ChunkMetadata

__all__ = ["Ranked", "RankingSettings", "rank", "settings_for"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its final score; ``explanation`` is filled if the intent asks for it."""

    candidate: Candidate
    score: float
    explanation: Mapping[str, float] | None = None
    own: float = 0.0
    """What speaks for the chunk itself: the score without what speaks for its file."""


def rank(intent: SearchIntent, query: Query, answer: CandidateSet) -> list[Ranked]:
    """Return all candidates, best first; cutting is left to `coco_core.search.page`."""
    candidates = answer.candidates
    if not candidates:
        return []
    settings = settings_for(intent, query, candidates)
    alpha = query.alpha if intent.hybrid_alpha is None else intent.hybrid_alpha
    fused = fuse(
        candidates,
        mode=intent.retrieval_mode,
        alpha=alpha,
        method=settings.fusion,
        vector_coverage=answer.vector_coverage,
    )
    chunks = [each.metadata for each in candidates]
    coherence, definitions, paths = _evidence(query, chunks, fused, settings)
    factors = (
        penalty_factors(query, candidates, against=settings.against)
        if settings.penalties
        else np.ones_like(fused)
    )
    # Boosts are in units of the best fused score, so that they weigh the same in every index.
    best = float(fused.max())
    unit = best if best > 0 else 1.0
    own = (fused + unit * definitions).tolist()
    scores = (fused + unit * (coherence + definitions + paths)) * factors
    # Plain numbers: comparing and converting NumPy's one by one takes several times as long.
    falling = (-scores).tolist()
    order = sorted(
        range(len(candidates)),
        key=lambda i: (falling[i], chunks[i].doc_id, chunks[i].start_line, chunks[i].key),
    )
    if settings.one_page:
        moved = with_page(order, chunks, fused)
        # What is moved up takes the score of its place: an answer's scores never rise.
        scores[moved] = scores[order]
        order = moved
    if not intent.explain:
        final = scores.tolist()
        return [Ranked(candidates[i], final[i], own=own[i]) for i in order]
    keyword, vector = normalized(candidates, settings.fusion)
    return [
        Ranked(
            candidates[i],
            float(scores[i]),
            {
                "keyword": float(keyword[i]),
                **({} if np.isnan(vector[i]) else {"vector": float(vector[i])}),
                "alpha": alpha,
                "fused": float(fused[i]),
                "coherence": float(unit * coherence[i]),
                "definition": float(unit * definitions[i]),
                "path": float(unit * paths[i]),
                "penalty": float(factors[i]),
            },
            own[i],
        )
        for i in order
    ]


def _evidence(
    query: Query, chunks: Sequence[ChunkMetadata], fused: Scores, settings: RankingSettings
) -> tuple[Scores, Scores, Scores]:
    """Return the boosts by coherence, definitions and paths, zeros where one is switched off."""
    prose = np.array([is_prose(chunk.language) for chunk in chunks])

    def weighted(scores: Scores, share: float) -> Scores:
        return np.where(prose, share * scores, scores)

    worth = settings.prose
    coherence = definitions = paths = np.zeros_like(fused)
    if settings.coherence:
        coherence = coherence_boosts(query, chunks, weighted(fused, worth.coherence))
    if settings.definitions:
        definitions = weighted(definition_boosts(query, chunks), worth.definitions)
    if settings.paths:
        paths = weighted(path_boosts(query, chunks), worth.paths)
    return coherence, definitions, paths
