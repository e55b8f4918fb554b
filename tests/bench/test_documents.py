from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.retrieval.documents import HERE, Question, question_of, scores_of
from coco_core.anchors import parse_anchor
from coco_protocol.docs import ChunkBody, Hit, HitMeta

REPOS = json.loads((HERE / "repos.json").read_text(encoding="utf-8"))


def hit(doc_id: str, first: int, last: int, tokens: int = 100) -> Hit:
    return Hit(
        meta=HitMeta(score=1.0),
        chunk=ChunkBody(
            chunk_id=f"{doc_id}:{first}",
            doc_id=doc_id,
            start_line=first,
            end_line=last,
            language="markdown",
            kind="section",
            token_count=tokens,
            content="",
        ),
    )


ONE = Question("q", (), {"a.md": [(10, 20)]})
TWO = Question("q", (), {"a.md": [(10, 20), (50, 60)], "b.md": [(1, 5)]})


def test_the_right_section_first_is_perfect() -> None:
    scores = scores_of([hit("a.md", 15, 30)], ONE)
    assert (scores.page, scores.section, scores.within) == (1.0, 1.0, 1.0)


def test_another_section_of_the_right_page_counts_for_the_page_alone() -> None:
    scores = scores_of([hit("a.md", 21, 30)], ONE)
    assert (scores.page, scores.section, scores.within) == (1.0, 0.0, 0.0)


def test_sections_of_one_page_are_alternatives_and_pages_add_up() -> None:
    assert scores_of([hit("a.md", 55, 58), hit("b.md", 1, 2)], TWO).section == 1.0
    assert scores_of([hit("a.md", 55, 58)], TWO).within == 0.5


def test_a_later_rank_and_a_spent_budget_cost() -> None:
    scores = scores_of([hit("x.md", 1, 9, tokens=1950), hit("a.md", 10, 12)], ONE)
    assert scores.section == pytest.approx(0.6309, abs=1e-4)
    assert scores.within == 0.0


def test_the_set_holds_what_its_readme_says() -> None:
    rows = [
        json.loads(line)
        for entry in REPOS
        for line in questions(entry["name"]).read_text(encoding="utf-8").splitlines()
    ]
    assert len(REPOS) == 14
    assert len(rows) == len({row["question_id"] for row in rows}) == 181
    assert sum("keyword" in row["tags"] for row in rows) == 62
    assert sum(len(row["expected_doc_ids"]) > 1 for row in rows) == 42
    for row in rows:
        named = [parse_anchor(text).doc_id for text in row["expected_doc_ids"]]
        assert named == [parse_anchor(text).doc_id for text in row["lines"]], row["question_id"]
        assert set(question_of(row).sections) == set(named)


def questions(name: str) -> Path:
    return HERE / "questions" / f"{name}.jsonl"
