"""Several indexes searched as one: their candidates in one set, each hit from its own index.

What one index over everything would do is done here as well as it goes without one. Keyword scores
are computed under the joined statistics of all (`coco_core.bm25.joined_stats`), cosines compare
because they are of one model, and ranking sees the union: an index's best hit is worth what it is
worth among all.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.search.ports import Hydrator, SearchExecutor
from coco_core.search.request import CandidateLimits, SearchRequest
from coco_core.types import Candidate, CandidateSet, FloatVector

__all__ = ["IndexShare", "JoinedExecutor", "JoinedHydrator", "Origins", "SharedHit"]

HitT = TypeVar("HitT")


@dataclass(frozen=True, slots=True)
class IndexShare:
    """One index's part in a search over several."""

    name: str
    """Unique among them, and no word that a query may hold: documents are told apart by it."""
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
        self._known: list[tuple[str, Candidate]] = []

    def join(self, name: str, candidate: Candidate) -> Candidate:
        """Return the candidate as the union knows it: keys and paths may occur in every index."""
        self._known.append((name, candidate))
        metadata = candidate.metadata
        joined = replace(metadata, key=len(self._known) - 1, doc_id=f"{name}/{metadata.doc_id}")
        return replace(candidate, metadata=joined)

    def of(self, ranked: Ranked) -> tuple[str, Ranked]:
        """Return the share that found it, and the hit as that one knows it."""
        name, candidate = self._known[ranked.candidate.metadata.key]
        return name, replace(ranked, candidate=candidate)


class JoinedExecutor:
    """Joins what the executors of all shares find."""

    def __init__(self, shares: Sequence[IndexShare]) -> None:
        """Search these indexes, once."""
        self._shares = shares
        self.origins = Origins()

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Return the best of the union, as many as one index would deliver."""
        joined: list[Candidate] = []
        total = filtered = 0
        known = static = 0.0
        for share in self._shares:
            found = share.executor.search(request, query_vector if share.same_model else None)
            joined += [self.origins.join(share.name, each) for each in found.candidates]
            total += found.total
            filtered += found.filtered
            if share.same_model:
                known += found.vector_coverage * found.filtered
                static += found.static_share * found.filtered
        return CandidateSet(
            _best(joined, request.limits),
            vector_coverage=known / filtered if filtered else 0.0,
            static_share=static / filtered if filtered else 0.0,
            total=total,
            filtered=filtered,
        )


_executor: type[SearchExecutor] = JoinedExecutor


def _best(candidates: list[Candidate], limits: CandidateLimits) -> list[Candidate]:
    """Return what each stage would have delivered from one index, in no order."""
    chosen: dict[int, Candidate] = {}

    def add(found: Sequence[Candidate]) -> None:
        chosen.update({each.metadata.key: each for each in found})

    def best(most: int, score: Callable[[Candidate], float | None]) -> list[Candidate]:
        scored = [each for each in candidates if score(each) is not None]
        return heapq.nlargest(most, scored, key=lambda each: score(each) or 0.0)

    add(best(limits.keyword, lambda each: each.keyword or None))
    add(best(limits.vector, lambda each: each.vector))
    names = {name.rpartition(".")[2].casefold() for name in limits.definitions}
    add([each for each in candidates if not names.isdisjoint(_defined(each))])
    return list(chosen.values())


def _defined(candidate: Candidate) -> set[str]:
    return {path.rpartition(".")[2].casefold() for path in candidate.metadata.definitions}


class JoinedHydrator(Generic[HitT]):
    """Gives each hit to the hydrator of its own index."""

    def __init__(self, origins: Origins, hydrators: Mapping[str, Hydrator[HitT]]) -> None:
        """Hydrate with these, by the shares' names."""
        self._origins = origins
        self._hydrators = hydrators

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

    def hydrate(self, picks: Sequence[Pick]) -> list[SharedHit[HitT]]:
        """Return the hits of the page, in order."""
        own: defaultdict[str, list[tuple[int, Pick]]] = defaultdict(list)
        for place, pick in enumerate(picks):
            name, original = self._origins.of(pick.ranked)
            own[name].append((place, replace(pick, ranked=original)))
        found: dict[int, SharedHit[HitT]] = {}
        for name, placed in own.items():
            hits = self._hydrators[name].hydrate([pick for _, pick in placed])
            for (place, _), hit in zip(placed, hits, strict=True):
                found[place] = SharedHit(name, hit)
        return [found[place] for place in range(len(picks))]
