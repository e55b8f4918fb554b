"""Which places of a document share its hit, and how many tokens each hit may show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.search.places import share_at, shares_of, with_further
from coco_core.types import Candidate, ChunkKind, ChunkMetadata


def ranked(
    key: int, doc: str, own: float, symbol: str = "", kind: ChunkKind = ChunkKind.METHOD
) -> Ranked:
    facts = ChunkMetadata(key, doc, kind, "python", symbol, (), key, key, 10)
    return Ranked(Candidate(facts), own, own=own)


def further(picks: list[Pick]) -> list[list[int]]:
    return [[item.candidate.metadata.key for item in pick.further] for pick in picks]


def pick(item: Ranked, tokens: int = 400) -> Pick:
    return Pick(item, 1, 1, tokens)


def test_other_places_of_the_document_come_best_first_as_far_as_they_are_near() -> None:
    hits = [ranked(1, "a", 1.0), ranked(2, "b", 0.9), ranked(3, "a", 0.7), ranked(4, "a", 0.8),
            ranked(5, "a", 0.3), ranked(6, "b", 0.2)]  # fmt: skip
    assert further(with_further([pick(hits[0]), pick(hits[1])], hits)) == [[4, 3], []]


def test_what_is_a_hit_by_itself_is_no_place_of_another() -> None:
    hits = [ranked(1, "a", 1.0), ranked(2, "a", 0.9), ranked(3, "a", 0.8)]
    assert further(with_further([pick(hits[0]), pick(hits[1])], hits)) == [[3], []]


def test_a_definition_that_was_cut_is_one_place() -> None:
    hits = [ranked(1, "a", 1.0, "run"), ranked(2, "a", 0.9, "run"), ranked(3, "a", 0.8, "stop"),
            ranked(4, "a", 0.8), ranked(5, "a", 0.8)]  # fmt: skip
    assert further(with_further([pick(hits[0])], hits)) == [[3, 4, 5]]


def test_far_apart_in_a_long_definition_are_two_places() -> None:
    hits = [ranked(1, "a", 1.0, "run"), ranked(200, "a", 0.9, "run"), ranked(210, "a", 0.8, "run")]
    assert further(with_further([pick(hits[0])], hits)) == [[200]]


def test_the_head_of_a_class_gives_way_to_its_methods() -> None:
    hits = [ranked(1, "a", 1.0, "A", ChunkKind.CLASS), ranked(2, "a", 0.9, "A.b"),
            ranked(3, "a", 0.85, "B", ChunkKind.CLASS)]  # fmt: skip
    assert further(with_further([pick(hits[0])], hits)) == [[2, 3]]


def test_a_hit_that_may_show_little_shows_few_places() -> None:
    hits = [ranked(n, "a", 1.0) for n in range(9)]
    assert [len(found) for found in further(with_further([pick(hits[0], 60)], hits))] == [0]
    assert [len(found) for found in further(with_further([pick(hits[0], 170)], hits))] == [2]
    assert [len(found) for found in further(with_further([pick(hits[0], 9000)], hits))] == [4]


@given(st.integers(1, 1000), st.none() | st.integers(1, 100_000))
def test_shares_fall_and_keep_to_the_budget(hits: int, budget: int | None) -> None:
    shares = shares_of(hits, budget)
    assert 1 <= len(shares) <= hits
    assert shares == sorted(shares, reverse=True)
    if budget is None:
        assert len(shares) == hits
    else:
        assert sum(shares) <= budget
        assert len(shares) == 1 or min(shares) >= 39
        # Nothing is left for a hit beyond: it does not fit.
        assert sum(shares) + share_at(shares, len(shares)) > budget // 2 or len(shares) == 1
