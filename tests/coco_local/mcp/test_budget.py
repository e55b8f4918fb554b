"""An answer's budget is spent on the results, best first, and never overdrawn."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_local.mcp.arguments import GrepArguments, SearchArguments
from coco_local.mcp.budget import Budget, estimate_tokens, notice_line, within_budget
from coco_local.mcp.finding import search
from coco_local.mcp.grepping import grep
from coco_local.mcp.scope import Caller
from coco_protocol.docs import (
    ChunkBody,
    Hit,
    HitMeta,
    QueryData,
    QueryEnvelope,
    QueryMeta,
)
from coco_protocol.grep import GrepData, GrepMatch
from coco_protocol.local import LocalService
from tests.fake_service import FakeProject, FakeService

BUDGETS = st.integers(min_value=100, max_value=2000)


def found_hit(path: str, content: str) -> Hit:
    chunk = ChunkBody(
        chunk_id="c",
        doc_id=path,
        path=path,
        start_line=7,
        end_line=7 + content.count("\n"),
        language="python",
        kind="function",
        symbol="name",
        content=content,
    )
    return Hit(meta=HitMeta(score=1.0), chunk=chunk)


HITS = st.lists(
    st.builds(found_hit, st.text("abc/é", min_size=1, max_size=60), st.text(max_size=900)),
    max_size=12,
)


def answered(hits: list[Hit], notice: str | None, max_tokens: int, limit: int) -> str:
    """Return the answer of a search that finds ``hits``, without the line of what follows."""
    more = limit if limit < len(hits) else None
    data = QueryData(results=hits[:limit], next_offset=more)
    service = FakeService({"p": FakeProject("p", "p", "/p", {})})
    envelope = QueryEnvelope(meta=QueryMeta(notice=notice), data=data)
    service.answer(LocalService.query, lambda _: envelope)
    arguments = SearchArguments(query="x", max_tokens=max_tokens, limit=limit)
    text = search(service, Caller(), arguments)
    assert estimate_tokens(text) <= max_tokens
    return text.rpartition("\nMore: offset=")[0] or text


@given(HITS, BUDGETS, st.none() | st.text("x ", max_size=400))
def test_no_search_overdraws_its_budget_or_shows_nothing(hits, max_tokens, notice):
    text = answered(hits, notice, max_tokens, 12)
    assert text.count("--- ") >= bool(hits)


@given(HITS, BUDGETS)
def test_a_larger_limit_never_returns_less(hits, max_tokens):
    answers = [answered(hits, None, max_tokens, limit) for limit in range(1, 13)]
    for fewer, more in pairwise(answers):
        assert more.startswith(fewer.rstrip("\n")) or not hits


@given(HITS, st.integers(min_value=100, max_value=1900))
def test_a_larger_budget_never_shows_fewer_places(hits, max_tokens):
    fewer, more = (answered(hits, None, budget, 12) for budget in (max_tokens, max_tokens + 100))
    assert more.count("--- ") >= fewer.count("--- ")


MATCHES = st.lists(
    st.builds(
        GrepMatch,
        path=st.sampled_from(["a.py", "b.py", "c.py"]),
        line=st.integers(1, 10_000),
        text=st.text("ab ", max_size=120),
    ),
    unique_by=lambda match: (match.path, match.line),
    max_size=80,
)


@given(MATCHES, BUDGETS)
def test_a_larger_limit_of_grep_never_returns_less(matches, max_tokens):
    matches.sort(key=lambda match: (match.path, match.line))
    shown = -1
    for limit in (1, 5, 20, 40, 60, 80):
        service = FakeService({"p": FakeProject("p", "p", "/p", {})})
        data = GrepData(matches=matches[:limit], truncated=limit < len(matches))
        service.answer(LocalService.grep, lambda _, data=data: data)
        arguments = GrepArguments(pattern="x", limit=limit, max_tokens=max_tokens)
        text = grep(service, Caller(), arguments)
        assert estimate_tokens(text) <= max_tokens
        count = sum(line.split(":")[0].isdigit() for line in text.split("\n"))
        assert count >= shown
        shown = count


@given(st.text(), st.integers(min_value=0, max_value=200))
def test_budget_is_never_overdrawn(text, tokens):
    budget = Budget(tokens)
    taken = budget.head(text.split("\n"))
    assert budget.left >= 0
    assert sum(estimate_tokens(line + "\n") for line in taken) + budget.left == tokens
    assert text.split("\n")[: len(taken)] == taken


@given(st.text(), st.integers(min_value=0, max_value=200))
def test_a_clipped_text_is_a_start_that_was_paid_for(text, tokens):
    budget = Budget(tokens)
    start = budget.clip(text)
    assert budget.left >= 0
    assert text.encode("utf-8", "replace").decode().startswith(start)
    assert not start or estimate_tokens(start) + budget.left == tokens


@given(st.text(), st.integers(min_value=100, max_value=400))
def test_no_answer_is_longer_than_its_budget(text, tokens):
    whole = text * 30
    answer = within_budget(whole, tokens)
    assert estimate_tokens(answer) <= tokens
    assert answer == whole or answer.endswith("\n(cut to fit max_tokens)")


@pytest.mark.parametrize("tokens", [100, 400])
def test_a_long_notice_leaves_half_of_the_answer(tokens):
    budget = Budget(tokens)
    line = notice_line(budget, "why " * 1000)
    assert line.startswith("[why why")
    assert line.endswith("…]\n")
    assert budget.left >= tokens // 2 - 1
