"""What one search asks: the intent, its query parsed, and what the executor shall deliver."""

from __future__ import annotations

from dataclasses import dataclass

from coco_core.fusion import effective_alpha
from coco_core.intent import SearchIntent
from coco_core.query import Query, parse_query

__all__ = ["MOST_OF_FILE", "CandidateLimits", "SearchRequest", "candidate_limits"]

# Ranking lifts what a stage put far down; peers gained up to 200 candidates and little after. Where
# both stages deliver, 150 of each answer as well (100 do, too, unless documents crowd the code).
_LEAST_CANDIDATES = 200
_LEAST_OF_TWO = 150

# For each answer wanted: room for several chunks of one file and for hits that have vanished.
_PER_RESULT = 5

# Beyond this the stages' order is noise, and ranking would take tens of milliseconds.
_MOST_CANDIDATES = 10_000

# Chunks of the files of one name that become candidates: of a long file, or of many `index.js`.
MOST_OF_FILE = 200


@dataclass(frozen=True, slots=True)
class CandidateLimits:
    """How many candidates each stage shall deliver, and whose definitions shall be among them."""

    keyword: int
    vector: int
    definitions: tuple[str, ...] = ()
    """Names (no paths), to be looked up without regard to case."""
    files: tuple[str, ...] = ()
    """File names in lower case whose chunks shall be among the candidates."""
    literal: int = 0
    """How many chunks that hold `Query.phrases` shall be among the candidates, in any order."""
    keyword_scores: bool = True
    """Whether ranking looks at the keyword scores of candidates, whichever stage delivers them. An
    executor may leave them out where not, and tell only which chunks hold `Query.name`."""


def candidate_limits(intent: SearchIntent, query: Query) -> CandidateLimits:
    """Return what the stages must deliver so that enough is left after grouping and checking."""
    alpha = query.alpha if intent.hybrid_alpha is None else intent.hybrid_alpha
    weight = effective_alpha(intent.retrieval_mode, alpha, vector_coverage=1.0)
    use_keyword, use_vector = weight < 1, weight > 0
    results = intent.offset + intent.top_k
    if intent.reranker is not None:
        results = max(results, intent.reranker.rerank_top_n)
    least = _LEAST_OF_TWO if use_keyword and use_vector else _LEAST_CANDIDATES
    count = min(max(least, _PER_RESULT * results), _MOST_CANDIDATES)
    names = dict.fromkeys(name.rpartition(".")[2] for name in query.symbols)
    look_up = use_keyword and intent.ranking.definitions is not False
    return CandidateLimits(
        keyword=count if use_keyword else 0,
        vector=count if use_vector else 0,
        definitions=tuple(names) if look_up else (),
        literal=count if query.phrases else 0,
        files=tuple(dict.fromkeys(file.name for file in query.files)),
        # Without a word in the score they still tell what a user's question is about.
        keyword_scores=use_keyword
        or intent.explain
        or (query.asks_as_user and intent.ranking.profile == "auto"),
    )


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """An intent, and what follows from it whichever index is searched."""

    intent: SearchIntent
    query: Query
    limits: CandidateLimits

    @classmethod
    def of(cls, intent: SearchIntent) -> SearchRequest:
        """Parse the query of an intent."""
        query = parse_query(intent)
        return cls(intent, query, candidate_limits(intent, query))

    def without_phrases(self) -> SearchRequest:
        """Return the same search, for which quoted strings need not occur."""
        query = self.query.without_phrases()
        return SearchRequest(self.intent, query, candidate_limits(self.intent, query))

    @property
    def needs_vector(self) -> bool:
        """Whether the query must be embedded: the one place that decides it."""
        return self.limits.vector > 0
