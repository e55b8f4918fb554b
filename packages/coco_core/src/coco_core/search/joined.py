"""Several indexes searched as one: their candidates in one set, each hit from its own index.

What one index over everything would do is done here as well as it goes without one. Keyword scores
are computed under the joined statistics of all (`coco_core.bm25.joined_stats`), cosines compare
because they are of one model, and ranking sees the union: an index's best hit is worth what it is
worth among all.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from coco_core.file_names import file_name
from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.search.pieces import QueryTerms
from coco_core.search.ports import Hydrator, SearchExecutor
from coco_core.search.request import CandidateLimits, SearchRequest
from coco_core.types import Candidate, CandidateSet, ChunkMetadata, FilterName, FloatVector

__all__ = ["IndexShare", "JoinedExecutor", "JoinedHydrator", "Origins", "SharedHit"]

HitT = TypeVar("HitT")


@dataclass(frozen=True, slots=True)
class IndexShare:
    """One index's part in a search over several."""

    name: str
    """Unique among them, and no word that a query may hold: it keeps their documents apart."""
    executor: SearchExecutor
    """Its keyword scores are computed under the joined statistics."""
    same_model: bool
    """Whether its vectors are of the model that embeds the question. Cosines of two models do not
    compare: without it, keywords alone speak for the index, and its vectors are unknown."""


@dataclass(frozen=True, slots=True)
class SharedHit(Generic[HitT]):
    """A hit, and the name of the share that it is from."""

    name: str
    hit: HitT


class Origins:
    """Where joined candidates came from: their keys in the union are places in here."""

    def __init__(self) -> None:
        """Know no candidate yet."""
        self._known: list[tuple[str, ChunkMetadata]] = []

    def join(self, name: str, candidate: Candidate) -> Candidate:
        """Return the candidate as the union knows it: keys and paths may occur in every index."""
        metadata = candidate.metadata
        self._known.append((name, metadata))
        joined = replace(metadata, key=len(self._known) - 1, doc_id=f"{name}/{metadata.doc_id}")
        return replace(candidate, metadata=joined)

    def of(self, ranked: Ranked) -> tuple[str, Ranked]:
        """Return the share that found it, and the hit as that one knows it."""
        name, candidate = self.of_candidate(ranked.candidate)
        return name, replace(ranked, candidate=candidate)

    def of_candidate(self, joined: Candidate) -> tuple[str, Candidate]:
        """Return the share that found a candidate, and the candidate as that one knows it."""
        name, metadata = self._known[joined.metadata.key]
        # What was found out about it since, such as its literal evidence, stays.
        return name, replace(joined, metadata=metadata)


class JoinedExecutor:
    """Joins what the executors of all shares find."""

    def __init__(self, shares: Sequence[IndexShare]) -> None:
        """Search these indexes, once."""
        self._shares = shares
        self.origins = Origins()

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Return the best of the union, as many as one index would deliver."""
        joined: list[Candidate] = []
        frequencies: Counter[str] = Counter()
        promising: list[int] = []
        weights: dict[str, float] = {}
        unmet: set[FilterName | None] = set()
        total = filtered = 0
        known = static = 0.0
        for share in self._shares:
            found = share.executor.search(request, query_vector if share.same_model else None)
            own = [self.origins.join(share.name, each) for each in found.candidates]
            wanted = set(found.promising)
            promising += [
                union.metadata.key
                for union, each in zip(own, found.candidates, strict=True)
                if each.metadata.key in wanted
            ]
            joined += own
            frequencies.update(found.frequencies)
            # Under joined statistics they are the same in each.
            weights.update(found.term_weights)
            unmet.add(found.unmet)
            total += found.total
            filtered += found.filtered
            if share.same_model:
                known += found.vector_coverage * found.filtered
                static += found.static_share * found.filtered
        return CandidateSet(
            _best(joined, request.limits, set(promising)),
            vector_coverage=known / filtered if filtered else 0.0,
            static_share=static / filtered if filtered else 0.0,
            total=total,
            filtered=filtered,
            # One filter is to blame only where it is in every index.
            unmet=unmet.pop() if len(unmet) == 1 else None,
            term_weights=weights,
            frequencies=frequencies,
            promising=promising,
        )


_executor: type[SearchExecutor] = JoinedExecutor


def _best(
    candidates: list[Candidate], limits: CandidateLimits, promising: Set[int]
) -> list[Candidate]:
    """Return what one index would have delivered, in the order of its rows."""
    if limits.literal:
        # All of them hold the text that was asked for.
        return candidates
    names = {name.rpartition(".")[2].casefold() for name in limits.definitions}

    def asked_for(each: Candidate) -> bool:
        return (
            each.metadata.key in promising
            or file_name(each.metadata.doc_id) in limits.files
            or not names.isdisjoint(_defined(each))
        )

    def best(most: int, score: Callable[[Candidate], float | None]) -> list[Candidate]:
        scored = [each for each in candidates if score(each) is not None]
        return heapq.nlargest(most, scored, key=lambda each: score(each) or 0.0)

    chosen = filter(asked_for, candidates)
    by_keyword = best(limits.keyword, lambda each: each.keyword or None)
    by_vector = best(limits.vector, lambda each: each.vector)
    keys = {each.metadata.key for each in (*chosen, *by_keyword, *by_vector)}
    return [each for each in candidates if each.metadata.key in keys]


def _defined(candidate: Candidate) -> set[str]:
    return {path.rpartition(".")[2].casefold() for path in candidate.metadata.definitions}


class JoinedHydrator(Generic[HitT]):
    """Gives each hit to the hydrator of its own index."""

    def __init__(self, origins: Origins, hydrators: Mapping[str, Hydrator[HitT]]) -> None:
        """Hydrate with these, by the shares' names."""
        self._origins = origins
        self._hydrators = hydrators

    def texts(self, candidates: Sequence[Candidate]) -> list[str]:
        """Return the texts of candidates as they are now, in order; empty where one is gone."""
        own: defaultdict[str, list[tuple[int, Candidate]]] = defaultdict(list)
        for place, candidate in enumerate(candidates):
            name, original = self._origins.of_candidate(candidate)
            own[name].append((place, original))
        found = [""] * len(candidates)
        for name, placed in own.items():
            texts = self._hydrators[name].texts([candidate for _, candidate in placed])
            for (place, _), text in zip(placed, texts, strict=True):
                found[place] = text
        return found

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        """Fetch at once what `locate` needs."""
        own: defaultdict[str, list[Ranked]] = defaultdict(list)
        for item in ranked:
            name, original = self._origins.of(item)
            own[name].append(original)
        for name, items in own.items():
            self._hydrators[name].prefetch(items)

    def locate(self, ranked: Ranked) -> tuple[int, int] | None:
        """Return the lines of a candidate now; None when its text is gone."""
        name, original = self._origins.of(ranked)
        return self._hydrators[name].locate(original)

    def read(self, picks: Sequence[Pick]) -> list[str]:
        """Return what a reranker reads of located candidates, in order."""
        texts = [""] * len(picks)
        for name, placed in self._by_share(picks).items():
            own = self._hydrators[name].read([pick for _, pick in placed])
            for (place, _), text in zip(placed, own, strict=True):
                texts[place] = text
        return texts

    def hydrate(self, picks: Sequence[Pick], terms: QueryTerms) -> list[SharedHit[HitT]]:
        """Return the hits of the page, in order."""
        found: dict[int, SharedHit[HitT]] = {}
        for name, placed in self._by_share(picks).items():
            hits = self._hydrators[name].hydrate([pick for _, pick in placed], terms)
            for (place, _), hit in zip(placed, hits, strict=True):
                found[place] = SharedHit(name, hit)
        return [found[place] for place in range(len(picks))]

    def _by_share(self, picks: Sequence[Pick]) -> dict[str, list[tuple[int, Pick]]]:
        """Return each share's picks as that one knows them, with their places among all."""
        own: defaultdict[str, list[tuple[int, Pick]]] = defaultdict(list)
        for place, pick in enumerate(picks):
            name, original = self._origins.of(pick.ranked)
            further = tuple(self._origins.of(each)[1] for each in pick.further)
            own[name].append((place, replace(pick, ranked=original, further=further)))
        return own
