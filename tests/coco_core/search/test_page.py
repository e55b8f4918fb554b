from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coco_core.intent import RankingOptions, SearchIntent
from coco_core.ranking import Ranked
from coco_core.search.page import Pick, Selection, select
from coco_core.types import Candidate, ChunkKind, ChunkMetadata


def hit(doc_id: str, start: int, end: int, score: float = 1.0, tokens: int = 100) -> Ranked:
    facts = ChunkMetadata(start, doc_id, ChunkKind.TEXT, "python", "", (), start, end, tokens)
    return Ranked(Candidate(facts), score)


def intent(**fields: object) -> SearchIntent:
    return SearchIntent(**{"query": "x", **fields})  # type: ignore[arg-type]  # mixed types


def places(picks: list[Pick]) -> list[tuple[str, int, int]]:
    return [(pick.doc_id, pick.start_line, pick.end_line) for pick in picks]


def test_one_best_chunk_per_file() -> None:
    hits = [hit("a", 1, 5), hit("a", 10, 15), hit("b", 1, 5), hit("a", 20, 25)]
    assert places(select(intent(), hits)) == [("a", 1, 5), ("b", 1, 5)]
    assert places(select(intent(per_document=2), hits)) == [("a", 1, 5), ("a", 10, 15), ("b", 1, 5)]
    undiverse = intent(ranking=RankingOptions(diversity=False))
    assert len(select(undiverse, hits)) == 4


def test_overlapping_hits_become_one_without_repeated_lines() -> None:
    hits = [hit("a", 10, 19), hit("b", 1, 5), hit("a", 15, 24), hit("a", 12, 14), hit("a", 40, 45)]
    picks = select(intent(per_document=4), hits)
    assert places(picks) == [("a", 10, 24), ("b", 1, 5), ("a", 40, 45)]
    # Half of the second hit's lines were new.
    assert picks[0].token_count == 150


def test_joining_has_a_limit() -> None:
    hits = [hit("a", 1, 150), hit("a", 140, 290)]
    assert len(select(intent(per_document=2), hits)) == 2


def test_pages_follow_each_other() -> None:
    hits = [hit(f"{i}", 1, 5) for i in range(5)]
    pages = []
    offset: int | None = 0
    while offset is not None:
        selection = Selection(intent(top_k=2, offset=offset))
        for each in hits:
            if selection.full and selection.more:
                break
            selection.offer(each)
        pages.append([pick.doc_id for pick in selection.picks])
        offset = selection.next_offset
    assert pages == [["0", "1"], ["2", "3"], ["4"]]


def test_what_joined_on_one_page_does_not_come_on_the_next() -> None:
    hits = [hit("a", 10, 19), hit("b", 1, 5), hit("a", 15, 24), hit("c", 1, 5)]
    assert places(select(intent(per_document=2, top_k=1, offset=1), hits)) == [("b", 1, 5)]
    assert places(select(intent(per_document=2, top_k=9, offset=2), hits)) == [("c", 1, 5)]


def test_the_budget_holds_but_the_best_hit_always_enters() -> None:
    hits = [hit("a", 1, 5, tokens=500), hit("b", 1, 5, tokens=80), hit("c", 1, 5, tokens=1)]
    assert places(select(intent(max_tokens=100), hits)) == [("a", 1, 5)]
    selection = Selection(intent(max_tokens=590))
    for each in hits:
        selection.offer(each)
    assert [pick.doc_id for pick in selection.picks] == ["a", "b", "c"]
    selection = Selection(intent(max_tokens=550))
    entered = [selection.offer(each) for each in hits]
    # The order is kept: what no longer fits ends the page rather than letting a worse hit in.
    assert entered == [True, False, False]
    assert selection.full
    assert selection.next_offset == 1


def test_the_budget_is_the_page_s_own() -> None:
    hits = [hit("a", 1, 5, tokens=500), hit("b", 1, 5, tokens=80)]
    assert places(select(intent(max_tokens=100, offset=1), hits)) == [("b", 1, 5)]


def test_scores_below_the_least_are_left_out() -> None:
    selection = Selection(intent(min_score=0.5))
    assert selection.offer(hit("a", 1, 5, 0.5))
    assert not selection.offer(hit("b", 1, 5, 0.49))
    assert selection.full
    assert selection.next_offset is None


def test_lines_are_taken_as_they_stand_now() -> None:
    selection = Selection(intent())
    selection.offer(hit("a", 1, 5), start_line=8, end_line=13, token_count=7)
    assert places(selection.picks) == [("a", 8, 13)]
    assert selection.picks[0].token_count == 7


def test_nothing_offered() -> None:
    selection = Selection(intent())
    assert selection.picks == []
    assert not selection.full
    assert selection.next_offset is None


HITS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 60), st.integers(0, 20)), max_size=25
)


@given(HITS, st.integers(1, 4), st.integers(1, 10), st.integers(0, 5), st.integers(1, 900))
def test_rules_hold_for_any_stream(
    raw: list[tuple[str, int, int]], per_document: int, top_k: int, offset: int, budget: int
) -> None:
    hits = [hit(doc, start, start + more, tokens=40 + more) for doc, start, more in raw]
    asked = intent(per_document=per_document, top_k=top_k, offset=offset, max_tokens=budget)
    picks = select(asked, hits)
    assert len(picks) <= top_k
    documents = [pick.doc_id for pick in picks]
    assert all(documents.count(doc) <= per_document for doc in documents)
    assert len(picks) <= 1 or sum(pick.token_count for pick in picks) <= budget
