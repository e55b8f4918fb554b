from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coco_flow.components.ops.entity_resolution import (
    CanonicalSide,
    ExistingCanonicalPolicy,
    PairDecision,
    ResolutionEvent,
    ResolvedEntities,
    resolve_entities,
)
from coco_flow.components.ops.entity_resolution.similarity import connected_groups, normalized


class FirstLetter:
    """Names with the same first letter are near each other."""

    async def embed(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(32, dtype=np.float32)
        vector[ord(text[0].lower()) % 32] = 1
        vector[31] = 0.01 * len(text)
        return vector


def same(pairs: dict[str, str], side: CanonicalSide = CanonicalSide.MATCHED) -> Any:
    async def resolve(entity: str, candidates: list[str]) -> PairDecision:
        return PairDecision(next((c for c in candidates if pairs.get(entity) == c), None), side)

    return resolve


def resolved(names: set[str], resolve: Any, **options: Any) -> ResolvedEntities:
    return asyncio.run(
        resolve_entities(names, embedder=FirstLetter(), resolve_pair=resolve, **options)
    )


def test_names_that_mean_the_same_come_under_one() -> None:
    result = resolved({"ann", "anna", "bob"}, same({"anna": "ann"}))
    assert result.groups() == {"ann": {"ann", "anna"}, "bob": {"bob"}}
    assert list(result) == ["ann", "anna", "bob"]
    with pytest.raises(KeyError):
        result.canonical_of("carl")


def test_the_better_name_takes_over_with_all_that_stand_under_the_other() -> None:
    result = resolved({"a", "aa", "aaa"}, same({"aa": "a", "aaa": "aa"}, CanonicalSide.NEW))
    assert result.canonical_of("a") == "aaa"
    assert result.to_dict() == {"a": "aa", "aa": "aaa", "aaa": None}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (ExistingCanonicalPolicy.PINNED, {"a": None, "ab": None, "abc": "ab"}),
        (ExistingCanonicalPolicy.PREFERRED, {"a": None, "ab": "a", "abc": None}),
    ],
)
def test_names_that_were_canonical_before(
    policy: ExistingCanonicalPolicy, expected: dict[str, str | None]
) -> None:
    result = resolved(
        {"a", "ab", "abc"},
        same({"ab": "a", "abc": "ab"}, CanonicalSide.MATCHED),
        is_existing_canonical=lambda name: name in {"a", "ab"},
        existing_policy=policy,
    )
    assert result.to_dict() == expected


def test_events_tell_what_was_decided() -> None:
    events: list[ResolutionEvent] = []
    resolved({"b", "a", "aa"}, same({"aa": "a"}), on_resolution=events.append)
    assert [event.entity for event in events] == ["a", "aa", "b"]
    assert events[1] == ResolutionEvent("aa", "a", ["a"], PairDecision("a"))


def test_a_resolver_that_names_what_it_was_not_offered_is_an_error() -> None:
    async def resolve(entity: str, candidates: list[str]) -> PairDecision:
        return PairDecision("ghost")

    with pytest.raises(ValueError, match="'ghost', which is not in candidates"):
        resolved({"a", "aa"}, resolve)


def test_a_failure_cancels_what_runs_beside_it() -> None:
    finished: list[str] = []

    async def resolve(entity: str, candidates: list[str]) -> PairDecision:
        if entity == "aa":
            raise LookupError(entity)
        await asyncio.Event().wait()
        finished.append(entity)
        return PairDecision()

    with pytest.raises(LookupError):
        resolved({"a", "aa", "b", "bb"}, resolve)
    assert finished == []


def test_groups_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(1)
    rows = normalized(list(rng.normal(size=(300, 3)).astype(np.float32)))
    least = 0.98
    near = rows @ rows.T >= least
    labels = list(range(len(rows)))
    changed = True
    while changed:
        changed = False
        for i in range(len(rows)):
            lowest = min(labels[j] for j in np.nonzero(near[i])[0])
            if lowest < labels[i]:
                labels[i] = lowest
                changed = True
    expected: dict[int, list[int]] = {}
    for index, label in enumerate(labels):
        expected.setdefault(label, []).append(index)
    assert connected_groups(rows, least) == list(expected.values())
    assert 1 < len(expected) < 300


def test_the_zero_vector_is_near_nothing() -> None:
    class Zero:
        async def embed(self, text: str) -> NDArray[np.float32]:
            return np.zeros(4, dtype=np.float32)

    asked: list[str] = []

    async def resolve(entity: str, candidates: list[str]) -> PairDecision:
        asked.append(entity)
        return PairDecision()

    result = asyncio.run(resolve_entities({"a", "b"}, embedder=Zero(), resolve_pair=resolve))
    assert result.canonicals() == {"a", "b"}
    assert asked == []


_: Callable[..., Any] = same
