"""Several indexes searched as one: their candidates in one set, their hits from their own disks.

What one index over all projects would do is done here as well as it goes without one. Keyword
scores are computed under the joined statistics of all, cosines compare because they are of one
model, and ranking sees the union: a project's best hit is worth what it is worth among all.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.search.ports import Hydrator, SearchExecutor
from coco_core.search.request import CandidateLimits, SearchRequest
from coco_core.types import Candidate, CandidateSet, FloatVector
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.search.executor import InMemoryExecutor
from coco_local.search.hydrate import DiskHydrator, VerifiedHit

__all__ = ["IndexShare", "JoinedExecutor", "JoinedHydrator", "SharedHit"]


@dataclass(frozen=True, slots=True)
class IndexShare:
    """One index's part in a search over several."""

    indexer: ProjectIndexer
    executor: InMemoryExecutor
    hydrator: DiskHydrator
    same_model: bool
    """Whether its vectors are of the model that embeds the question. Cosines of two models do not
    compare: without it, keywords alone speak for the project, and its vectors are unknown."""


@dataclass(frozen=True, slots=True)
class SharedHit:
    """A hit and the index that it is from."""

    share: IndexShare
    hit: VerifiedHit


class _Origins:
    """Where the joined candidates came from: their keys in the union are places in here."""

    def __init__(self) -> None:
        self._known: list[tuple[IndexShare, Candidate]] = []

    def __len__(self) -> int:
        return len(self._known)

    def join(self, share: IndexShare, candidate: Candidate) -> Candidate:
        """Return the candidate as the union knows it: keys and paths occur in every project."""
        self._known.append((share, candidate))
        metadata = candidate.metadata
        doc_id = f"{share.indexer.project.project_id}/{metadata.doc_id}"
        return replace(
            candidate, metadata=replace(metadata, key=len(self._known) - 1, doc_id=doc_id)
        )

    def of(self, ranked: Ranked) -> tuple[IndexShare, Ranked]:
        """Return the share that found it, and the hit as that one knows it."""
        share, candidate = self._known[ranked.candidate.metadata.key]
        return share, replace(ranked, candidate=candidate)


class JoinedExecutor:
    """Joins what the executors of all shares find."""

    def __init__(self, shares: Sequence[IndexShare]) -> None:
        """Search these; each one's `InMemoryExecutor.look_up` was called with joined statistics."""
        self._shares = shares
        self.origins = _Origins()

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Return the best of the union, as many as one index would deliver."""
        joined: list[Candidate] = []
        total = filtered = 0
        known = static = 0.0
        for share in self._shares:
            found = share.executor.search(request, query_vector if share.same_model else None)
            joined += [self.origins.join(share, each) for each in found.candidates]
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
    names = {name.rpartition(".")[2].lower() for name in limits.definitions}
    add([each for each in candidates if not names.isdisjoint(_defined(each))])
    return list(chosen.values())


def _defined(candidate: Candidate) -> set[str]:
    return {path.rpartition(".")[2].lower() for path in candidate.metadata.definitions}


class JoinedHydrator:
    """Gives each hit to the hydrator of its own project."""

    def __init__(self, origins: _Origins) -> None:
        self._origins = origins

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        """Fetch at once what `locate` needs."""
        by_project: dict[int, tuple[IndexShare, list[Ranked]]] = {}
        for item in ranked:
            share, own = self._origins.of(item)
            by_project.setdefault(id(share), (share, []))[1].append(own)
        for share, own_items in by_project.values():
            share.hydrator.prefetch(own_items)

    def locate(self, ranked: Ranked) -> tuple[int, int] | None:
        """Return the lines of a candidate now; None when its text is gone."""
        share, own = self._origins.of(ranked)
        return share.hydrator.locate(own)

    def hydrate(self, picks: Sequence[Pick]) -> list[SharedHit]:
        """Return the hits of the page, in order."""
        found: dict[int, SharedHit] = {}
        places: defaultdict[int, list[int]] = defaultdict(list)
        owners: dict[int, IndexShare] = {}
        own_picks: dict[int, Pick] = {}
        for place, pick in enumerate(picks):
            share, own = self._origins.of(pick.ranked)
            owners[id(share)] = share
            places[id(share)].append(place)
            own_picks[place] = replace(pick, ranked=own)
        for owner, numbers in places.items():
            share = owners[owner]
            hits = share.hydrator.hydrate([own_picks[number] for number in numbers])
            found.update(
                (number, SharedHit(share, hit)) for number, hit in zip(numbers, hits, strict=True)
            )
        return [found[place] for place in range(len(picks))]


_hydrator: type[Hydrator[SharedHit]] = JoinedHydrator
