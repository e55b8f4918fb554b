"""The course of a search: candidates from an executor, ranked, reranked, cut to a page, hydrated.

Each product embeds the query before, and says after it what kept the page from being complete. One
whose store must not be held while a reranker reads takes the two halves, `find_results` and
`FoundResults.page`, instead of `run_search`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeAlias, TypeVar

from coco_core.intent import SearchIntent
from coco_core.query import Query
from coco_core.ranking import Ranked, rank
from coco_core.search.literal import with_literal_evidence
from coco_core.search.page import Pick, Selection
from coco_core.search.pieces import QueryTerms
from coco_core.search.places import share_at, shares_of, with_further, with_shares
from coco_core.search.ports import Hydrator, SearchExecutor
from coco_core.search.relevance import below_floor, no_match_notice
from coco_core.search.request import SearchRequest
from coco_core.search.rerank import blended
from coco_core.types import CandidateSet, FloatVector

__all__ = [
    "EmptyReason",
    "FoundResults",
    "Rerank",
    "SearchPage",
    "StageClock",
    "Tier",
    "find_results",
    "run_search",
]

HitT = TypeVar("HitT")

Rerank: TypeAlias = Callable[[str, Sequence[str]], FloatVector | None]
"""Returns float32[n] for a query and n texts, 0 to 1; None when it cannot say."""

EmptyReason: TypeAlias = Literal[
    "nothing_indexed",
    "no_files",
    "no_such_path",
    "no_such_language",
    "no_such_symbol",
    "filtered_out",
    "below_min_score",
    "past_the_end",
    "changed",
    "no_match",
]
Tier: TypeAlias = Literal["keyword", "static", "mixed", "transformer"]

# Hits that are looked at behind a full page, to tell whether a further page is worth asking for.
_LOOK_BEYOND = 20

# Candidates that are prefetched together with those of the page: one that tells of a next page, one
# for a hit that has vanished. A row costs as much as hashing a chunk.
_SPARE = 2


class StageClock:
    """Time by stage and in total, in milliseconds."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self.took: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = time.perf_counter()
        self.took[stage] = round((now - self._last) * 1000, 3)
        self.took["total"] = round((now - self._started) * 1000, 3)
        self._last = now


@dataclass(frozen=True, slots=True)
class SearchPage(Generic[HitT]):
    """The hits of one page, best first, and what they were taken from."""

    hits: list[HitT]
    next_offset: int | None
    """Where the next page starts; None when this one is the last."""
    candidates: CandidateSet
    by_vector: bool
    """Whether there was a query vector."""
    notice: str | None = None
    """What a reader of the hits must know, in a sentence."""
    none_taken: EmptyReason = "no_match"
    """Why there is no hit although chunks passed the filters, if there is none."""

    @classmethod
    def empty(cls) -> SearchPage[HitT]:
        """Return the page of a search where nothing is indexed."""
        return cls([], None, CandidateSet([]), by_vector=False)

    @property
    def empty_reason(self) -> EmptyReason | None:
        """Why there is no hit; None when there is one."""
        if self.hits:
            return None
        if self.candidates.total == 0:
            return "nothing_indexed"
        if self.candidates.filtered == 0:
            return self.candidates.unmet or "filtered_out"
        return self.none_taken

    def tier(self, *, model_ready: bool = True) -> Tier:
        """Return whose vectors decided, as far as chunks have any."""
        if not self.by_vector or self.candidates.vector_coverage <= 0:
            return "keyword"
        if self.candidates.model_coverage <= 0 or not model_ready:
            return "static"
        return "transformer" if self.candidates.model_coverage >= 1 else "mixed"


class FoundResults(Generic[HitT]):
    """The results of a search, of which a page is yet to be cut."""

    def __init__(
        self,
        request: SearchRequest,
        candidates: CandidateSet,
        ranked: Sequence[Ranked],
        selection: Selection,
        hydrator: Hydrator[HitT],
        *,
        by_vector: bool,
        in_pieces: bool,
        notices: Sequence[str],
    ) -> None:
        self._intent = request.intent
        self._candidates = candidates
        self._ranked = ranked
        self._terms = QueryTerms.of(request.query.terms, candidates.term_weights)
        self._in_pieces = in_pieces
        self._selection = selection
        self._hydrator = hydrator
        self._by_vector = by_vector
        self._notices = notices
        self.query = request.query.embed_text
        """The query as a reranker reads it."""
        self.texts: list[str] = []
        """What a reranker reads of the first results; empty unless one was asked for."""
        if self._intent.reranker is not None:
            texts = hydrator.read(selection.picks)
            self.texts = texts[: self._intent.reranker.rerank_top_n]

    def page(self, scores: FloatVector | None = None) -> SearchPage[HitT]:
        """Return the page, in the order of the first stage unless there are scores.

        Args:
            scores: float32[n] of `texts`, 0 to 1; see `coco_core.search.rerank`.
        """
        intent, selection = self._intent, self._selection
        best = self._ranked[0].score if self._ranked else None
        if intent.reranker is not None:
            results = selection.picks
            if scores is not None:
                results = blended(results, scores, explain=intent.explain)
            best = results[0].ranked.score if results else best
            selection = self._cut(results)
        picks = selection.picks
        if self._in_pieces:
            # Few hits have more for each.
            picks = with_shares(picks, shares_of(len(picks), intent.max_tokens))
        hits = self._hydrator.hydrate(with_further(picks, self._ranked), self._terms)
        notice = " ".join(self._all_notices(best)) or None
        reason = _why_none_taken(self._intent, best)
        return SearchPage(
            hits, selection.next_offset, self._candidates, self._by_vector, notice, reason
        )

    def _cut(self, results: Sequence[Pick]) -> Selection:
        """Cut the page from results in the order in which they are shown."""
        selection = Selection(self._intent)
        shares = shares_of(self._intent.top_k, self._intent.max_tokens) if self._in_pieces else None
        for result in results:
            pick = result
            if shares is not None:
                pick = replace(pick, token_count=share_at(shares, len(selection.picks)))
            selection.take(pick)
            if selection.more:
                break
        return selection

    def _all_notices(self, best: float | None) -> list[str]:
        notices = list(self._notices)
        least = self._intent.min_score
        if least is not None and best is not None and best < least:
            notices.append(
                f"Every hit is below the least score {least:g}; the best has {best:.2f}."
            )
        return notices


def find_results(
    request: SearchRequest,
    query_vector: FloatVector | None,
    executor: SearchExecutor,
    hydrator: Hydrator[HitT],
    clock: StageClock,
    *,
    without: int | None = None,
    in_pieces: bool = False,
    floor: float | None = None,
) -> FoundResults[HitT]:
    """Return the results of which a page is cut.

    The clock ends the stages ``search``, ``literal`` and ``rank``.

    Args:
        request: what is searched.
        query_vector: float32[d], of the index's model.
        executor: of the index.
        hydrator: of the index; fresh, for this search only.
        clock: its last stage, the hydration, is the caller's to name.
        without: the key of a chunk that is no answer.
        in_pieces: whether the hydrator shows pieces of documents: then each hit has its share of
            the budget; otherwise it costs what its chunk does.
        floor: the cosine below which a vector of the index's model is no evidence, if it is known.
    """
    found = executor.search(request, query_vector)
    notices: list[str] = []
    if request.query.phrases and not found.candidates and found.filtered and request.query.terms:
        notices.append(_not_as_written(request.query))
        request = request.without_phrases()
        found = executor.search(request, query_vector)
    clock.lap("search")
    # What is like a chunk need not say what its name says.
    if without is None and request.intent.ranking.literal is not False:
        found = with_literal_evidence(request.query, found, hydrator.texts)
    clock.lap("literal")
    ranked = rank(request.intent, request.query, found)
    left_out: Set[int] = frozenset() if without is None else {without}
    if floor is not None and query_vector is not None and without is None:
        left_out = below_floor(request.query, found, floor)
        if left_out and len(left_out) == len(ranked):
            notices.append(no_match_notice(request.query, found))
    if left_out:
        ranked = [item for item in ranked if item.candidate.metadata.key not in left_out]
    clock.lap("rank")
    intent = request.intent
    shares = shares_of(intent.top_k, intent.max_tokens) if in_pieces else None
    return FoundResults(
        request,
        found,
        ranked,
        _fill(_selection(intent), ranked, hydrator, shares),
        hydrator,
        by_vector=query_vector is not None,
        in_pieces=in_pieces,
        notices=notices,
    )


def run_search(
    request: SearchRequest,
    query_vector: FloatVector | None,
    executor: SearchExecutor,
    hydrator: Hydrator[HitT],
    clock: StageClock,
    *,
    without: int | None = None,
    in_pieces: bool = False,
    floor: float | None = None,
    rerank: Rerank | None = None,
) -> SearchPage[HitT]:
    """Return a page of hits; the arguments are those of `find_results`.

    With ``rerank`` and an intent that asks for it, the clock ends the stage ``validate`` before.
    """
    found = find_results(
        request,
        query_vector,
        executor,
        hydrator,
        clock,
        without=without,
        in_pieces=in_pieces,
        floor=floor,
    )
    if rerank is None or request.intent.reranker is None:
        return found.page()
    clock.lap("validate")
    return found.page(rerank(found.query, found.texts))


def _selection(intent: SearchIntent) -> Selection:
    """Return what collects the page, or all that a reranker may bring onto it."""
    if intent.reranker is None:
        return Selection(intent)
    # The page's limits hold for the order in which it is shown. One more tells of a next page.
    most = max(intent.reranker.rerank_top_n, intent.offset + intent.top_k) + 1
    everything = replace(intent, offset=0, max_tokens=None, min_score=None)
    return Selection(everything, most=most)


def _why_none_taken(intent: SearchIntent, best: float | None) -> EmptyReason:
    """Return what keeps a page empty, if it is; ``best`` is the score of the best candidate."""
    if best is None:
        return "no_match"
    if intent.min_score is not None and best < intent.min_score:
        return "below_min_score"
    # Of the first page nothing is left only when no text is where the index has it.
    return "past_the_end" if intent.offset else "changed"


def _not_as_written(query: Query) -> str:
    phrases = " and ".join(f"“{phrase}”" for phrase in query.phrases)
    return f"Nothing that was searched holds {phrases} as written, so its words were searched."


def _fill(
    selection: Selection,
    ranked: Sequence[Ranked],
    hydrator: Hydrator[HitT],
    shares: Sequence[int] | None,
) -> Selection:
    """Take candidates until the page is full; one whose text is gone makes room for the next."""
    prefetched: set[int] = set()
    looked_beyond = 0
    for number, item in enumerate(ranked):
        if selection.full:
            looked_beyond += 1
            if selection.more or looked_beyond > _LOOK_BEYOND:
                break
        if not selection.has_room_for(item):
            continue
        if item.candidate.metadata.key not in prefetched:
            likely = _likely(ranked[number:], selection)
            prefetched.update(each.candidate.metadata.key for each in likely)
            hydrator.prefetch(likely)
        lines = hydrator.locate(item)
        if lines is not None:
            tokens = None if shares is None else share_at(shares, len(selection.picks))
            selection.offer(item, start_line=lines[0], end_line=lines[1], token_count=tokens)
    return selection


def _likely(ranked: Sequence[Ranked], selection: Selection) -> list[Ranked]:
    """Return the first candidate and those behind it that enter if all before them stand."""
    taken: Counter[str] = Counter()
    found: list[Ranked] = []
    for item in ranked:
        doc_id = item.candidate.metadata.doc_id
        if selection.has_room_for(item, after=taken[doc_id]):
            taken[doc_id] += 1
            found.append(item)
            if len(found) == selection.size + _SPARE:
                break
    return found
