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
from coco_core.ranking.files import file_boosts
from coco_core.ranking.pages import with_page
from coco_core.ranking.paths import path_boosts
from coco_core.ranking.penalties import penalty_factors
from coco_core.ranking.profiles import RankingSettings, is_prose, settings_for
from coco_core.types import Candidate, CandidateSet

__all__ = ["Ranked", "RankingSettings", "rank", "settings_for"]

# Text that stands as it was asked for beats whatever resembles it: more than a perfect match with
# all other evidence but for the definition of a name that is asked for by itself.
_LITERAL_WEIGHT = 3.0

_LEAST_FACTOR = 0.8


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
    evidence = _evidence(query, candidates, fused, settings)
    scores = evidence.scores(fused)
    own = evidence.own(fused).tolist()
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
                **evidence.explained(i),
            },
            own[i],
        )
        for i in order
    ]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for and against each candidate apart from its fused score."""

    unit: float
    """Boosts by words are in units of the best fused score, so that they weigh the same in every
    index; what was asked for letter by letter counts however little the stages made of it."""
    coherence: Scores
    definitions: Scores
    paths: Scores
    files: Scores
    literal: Scores
    factors: Scores

    def scores(self, fused: Scores) -> Scores:
        """Return the final scores."""
        found = (fused + self.unit * (self.coherence + self.definitions + self.paths)) * (
            self.factors
        )
        # A file that is asked for by its name is meant, whatever kind of file it is. Text that
        # stands there as asked is the answer, even in a test: there equals are ordered, no more.
        kind = np.maximum(self.factors, _LEAST_FACTOR)
        total: Scores = found + self.files + self.literal * kind
        return total

    def own(self, fused: Scores) -> Scores:
        """Return what speaks for each chunk itself, without what speaks for its file."""
        total: Scores = fused + self.unit * self.definitions + self.literal
        return total

    def explained(self, i: int) -> dict[str, float]:
        """Return one candidate's evidence by name."""
        return {
            "coherence": float(self.unit * self.coherence[i]),
            "definition": float(self.unit * self.definitions[i]),
            "path": float(self.unit * self.paths[i] + self.files[i]),
            "literal": float(self.literal[i]),
            "penalty": float(self.factors[i]),
        }


def _evidence(
    query: Query, candidates: Sequence[Candidate], fused: Scores, settings: RankingSettings
) -> _Evidence:
    """Weigh the evidence, zeros where a mechanism is switched off."""
    chunks = [each.metadata for each in candidates]
    prose = np.array([is_prose(chunk.language) for chunk in chunks])
    nothing = np.zeros_like(fused)

    def weighted(scores: Scores, share: float) -> Scores:
        return np.where(prose, share * scores, scores)

    worth = settings.prose
    coherence = definitions = paths = files = literal = nothing
    if settings.coherence:
        coherence = coherence_boosts(query, chunks, weighted(fused, worth.coherence))
    if settings.definitions:
        definitions = weighted(definition_boosts(query, chunks), worth.definitions)
    if settings.paths:
        paths = weighted(path_boosts(query, chunks), worth.paths)
        files = file_boosts(query, chunks)
    if settings.literal:
        literal = _LITERAL_WEIGHT * np.array([each.literal for each in candidates])
    factors = (
        penalty_factors(query, candidates, against=settings.against)
        if settings.penalties
        else np.ones_like(fused)
    )
    best = float(fused.max())
    return _Evidence(
        unit=best if best > 0 else 1.0,
        coherence=coherence,
        definitions=definitions,
        paths=paths,
        files=files,
        literal=literal,
        factors=factors,
    )
