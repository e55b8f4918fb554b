"""Resolution of names: each is compared with the nearest canonical names of those before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from coco_flow.components.embedder import Embedder

__all__ = [
    "CanonicalSide",
    "ExistingCanonicalPolicy",
    "PairDecision",
    "PairResolver",
    "ResolutionEvent",
    "ResolvedEntities",
    "resolve_entities",
]


class CanonicalSide(StrEnum):
    """Which of two names that mean the same becomes the canonical one."""

    NEW = "new"
    MATCHED = "matched"


class ExistingCanonicalPolicy(StrEnum):
    """How names that were canonical before are treated.

    Attributes:
        PINNED: They stay canonical and separate from each other; the resolver is not called.
        PREFERRED: They win over names that were not, and may be merged with each other.
    """

    PINNED = "pinned"
    PREFERRED = "preferred"


@dataclass(frozen=True, slots=True)
class PairDecision:
    """The candidate that means the same as a name, if any, and which of the two is canonical."""

    matched: str | None = None
    canonical: CanonicalSide = CanonicalSide.MATCHED


@dataclass(frozen=True, slots=True)
class ResolutionEvent:
    """How one name was resolved.

    Attributes:
        entity: The name.
        canonical: Its canonical name, perhaps itself.
        candidates: What it was compared with.
        decision: The resolver's answer, or None if it was not called.
        repointed: The name that was canonical and is now an alias of this one.
        seeded: Whether it is canonical because it was so before.
    """

    entity: str
    canonical: str
    candidates: list[str]
    decision: PairDecision | None = None
    repointed: str | None = None
    seeded: bool = False


@runtime_checkable
class PairResolver(Protocol):
    """Judges whether a name means the same as one of several; may be called concurrently."""

    async def __call__(self, entity: str, candidates: list[str]) -> PairDecision:
        """Return the decision; what it names must be one of the candidates."""
        ...


@dataclass(frozen=True, slots=True)
class ResolvedEntities:
    """Each name with its canonical name, or None if it is canonical itself."""

    _dedup: dict[str, str | None]

    def canonical_of(self, name: str) -> str:
        """Return the canonical name; KeyError for a name that was not resolved."""
        if name not in self._dedup:
            raise KeyError(name)
        return _canonical(self._dedup, name)

    def canonicals(self) -> set[str]:
        """Return all canonical names."""
        return {name for name, above in self._dedup.items() if above is None}

    def groups(self) -> dict[str, set[str]]:
        """Return the names of each canonical name, itself included."""
        groups: dict[str, set[str]] = {}
        for name in self._dedup:
            groups.setdefault(self.canonical_of(name), set()).add(name)
        return groups

    def to_dict(self) -> dict[str, str | None]:
        """Return a copy of the map."""
        return dict(self._dedup)

    def __iter__(self) -> Iterator[str]:
        return iter(self._dedup)

    def __contains__(self, name: object) -> bool:
        return name in self._dedup

    def __len__(self) -> int:
        return len(self._dedup)


def _canonical(dedup: dict[str, str | None], name: str) -> str:
    while (above := dedup.get(name)) is not None:
        name = above
    return name


@dataclass(frozen=True, slots=True)
class _Task:
    """What resolution of one set of names needs."""

    vectors: dict[str, Any]
    existing: frozenset[str]
    policy: ExistingCanonicalPolicy
    resolve_pair: PairResolver
    least: float
    top_n: int
    dedup: dict[str, str | None]


class _Group:
    """Names that may mean the same, resolved one after another."""

    def __init__(self, task: _Task, names: list[str]) -> None:
        from coco_flow.components.ops.entity_resolution.similarity import SeenVectors

        self._task = task
        pinned = task.policy == ExistingCanonicalPolicy.PINNED
        self._seeds = [name for name in names if pinned and name in task.existing]
        self._rest = [name for name in names if name not in self._seeds]
        self._seen = SeenVectors(len(names), task.vectors[names[0]].shape[0])
        self.seeded: list[ResolutionEvent] = []
        self.resolved: list[ResolutionEvent] = []

    async def resolve(self) -> None:
        for name in self._seeds:
            self._settle(name, None)
            self.seeded.append(ResolutionEvent(name, name, [], seeded=True))
        for name in self._rest:
            self.resolved.append(await self._resolve(name))

    def _settle(self, name: str, above: str | None) -> None:
        self._task.dedup[name] = above
        self._seen.add(name, self._task.vectors[name])

    async def _resolve(self, name: str) -> ResolutionEvent:
        candidates = self._candidates(name)
        if not candidates:
            self._settle(name, None)
            return ResolutionEvent(name, name, [])
        decision = await self._task.resolve_pair(name, list(candidates))
        matched = decision.matched
        if matched is None:
            self._settle(name, None)
            return ResolutionEvent(name, name, candidates, decision)
        if matched not in candidates:
            raise ValueError(
                f"The resolver said that {name!r} matches {matched!r}, which is not in "
                f"candidates={candidates!r}; it must name one of them, or None."
            )
        if self._new_wins(name, matched, decision):
            self._settle(name, None)
            self._task.dedup[matched] = name
            return ResolutionEvent(name, name, candidates, decision, repointed=matched)
        self._settle(name, matched)
        return ResolutionEvent(name, matched, candidates, decision)

    def _candidates(self, name: str) -> list[str]:
        """Return the nearest canonical names, each once."""
        task = self._task
        if task.top_n <= 0:
            return []
        near = self._seen.nearest(task.vectors[name], task.least)
        return list(dict.fromkeys(_canonical(task.dedup, each) for each in near))[: task.top_n]

    def _new_wins(self, name: str, matched: str, decision: PairDecision) -> bool:
        was, other_was = name in self._task.existing, matched in self._task.existing
        if self._task.policy == ExistingCanonicalPolicy.PINNED:
            return not other_was and decision.canonical == CanonicalSide.NEW
        return was if was != other_was else decision.canonical == CanonicalSide.NEW


async def resolve_entities(
    entities: Iterable[str],
    *,
    embedder: Embedder,
    resolve_pair: PairResolver,
    is_existing_canonical: Callable[[str], bool] | None = None,
    existing_policy: ExistingCanonicalPolicy = ExistingCanonicalPolicy.PINNED,
    on_resolution: Callable[[ResolutionEvent], None] | None = None,
    max_distance: float = 0.3,
    top_n: int = 5,
) -> ResolvedEntities:
    """Find the canonical name of each name.

    Names are taken in alphabetical order. Those that are connected by no similarity do not touch
    each other and are resolved concurrently.

    Args:
        entities: The names.
        embedder: Makes their vectors.
        resolve_pair: Judges a name and its nearest canonical names.
        is_existing_canonical: Says which names were canonical before.
        existing_policy: What follows from that.
        on_resolution: Gets an event for each name at the end, also if the resolver fails.
        max_distance: Cosine distance beyond which names are not compared.
        top_n: How many canonical names a name is compared with at most.
    """
    names = sorted(set(entities))
    if not names:
        return ResolvedEntities({})
    from coco_flow.components.ops.entity_resolution.similarity import connected_groups, normalized

    rows = normalized(await asyncio.gather(*(embedder.embed(name) for name in names)))
    was = is_existing_canonical or (lambda _name: False)
    task = _Task(
        vectors=dict(zip(names, rows, strict=True)),
        existing=frozenset(name for name in names if was(name)),
        policy=existing_policy,
        resolve_pair=resolve_pair,
        least=1.0 - max_distance,
        top_n=top_n,
        dedup={},
    )
    members = connected_groups(rows, task.least)
    groups = [_Group(task, [names[index] for index in each]) for each in members]
    try:
        await _all_or_none([group.resolve() for group in groups])
    finally:
        if on_resolution is not None:
            seeded = (event for group in groups for event in group.seeded)
            resolved = (event for group in groups for event in group.resolved)
            for events in (seeded, resolved):
                for event in sorted(events, key=lambda each: each.entity):
                    on_resolution(event)
    return ResolvedEntities({name: task.dedup[name] for name in names})


async def _all_or_none(work: list[Any]) -> None:
    """Run everything; at the first failure, cancel the rest, whose results are not needed."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
