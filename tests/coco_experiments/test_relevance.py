from __future__ import annotations

import pytest

from coco_core.errors import InvalidConfig
from coco_experiments import Expected, HitRecord, Relevance, judge_relevance


def hit(
    doc_id: str,
    lines: tuple[int | None, int | None] = (1, 9),
    *,
    symbol: str = "",
    trail: tuple[str, ...] = (),
    fragment: str = "",
    definitions: tuple[str, ...] = (),
) -> HitRecord:
    start, end = lines
    return HitRecord(doc_id, start, end, symbol, fragment, trail, definitions, 0.5, "…")


def test_each_anchor_is_credited_once_to_the_first_that_matches() -> None:
    hits = [hit("other.md"), hit("a.md"), hit("a.md", (10, 20)), hit("b.md", (5, 8))]
    judged = judge_relevance([Expected("b.md:8-12", 2.0), Expected("a.md")], hits)
    assert judged == Relevance((0.0, 1.0, 0.0, 2.0), (0, 1, 0, 1), (2.0, 1.0))


def test_a_hit_of_several_anchors_gains_the_best_and_finds_all() -> None:
    hits = [hit("a.py", symbol="App", definitions=("App", "App.run")), hit("a.py", (30, 40))]
    expected = [Expected("a.py#App.run", 3.0), Expected("a.py#App"), Expected("a.py:35")]
    assert judge_relevance(expected, hits) == Relevance((3.0, 1.0), (2, 1), (3.0, 1.0, 1.0))


def test_what_is_nested_below_counts() -> None:
    below = hit("a.md", trail=("Guide", "Set up!", "On Linux"), fragment="on-linux")
    assert judge_relevance([Expected("a.md#set-up")], [below]).gains == (1.0,)
    assert judge_relevance([Expected("a.md#linux")], [below]).gains == (0.0,)


def test_the_second_section_of_a_name_is_another_one() -> None:
    second = hit("changes.md", trail=("1.0", "Fixed"), fragment="fixed-1")
    assert judge_relevance([Expected("changes.md#fixed")], [second]).gains == (0.0,)
    assert judge_relevance([Expected("changes.md#fixed-1")], [second]).gains == (1.0,)
    assert judge_relevance([Expected("changes.md#10")], [second]).gains == (1.0,)


def test_nothing_is_found_in_nothing() -> None:
    assert judge_relevance([Expected("a.md")], []) == Relevance((), (), (1.0,))


def test_lines_need_hits_with_lines() -> None:
    without = hit("a.md", (None, None), fragment="setup")
    assert judge_relevance([Expected("a.md#setup"), Expected("b.md:3")], [without]).gains == (1.0,)
    with pytest.raises(InvalidConfig, match=r"'a\.md:3' names lines"):
        judge_relevance([Expected("a.md:3")], [without])
