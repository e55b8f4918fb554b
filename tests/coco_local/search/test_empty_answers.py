"""What is said of an answer that is empty or thin is true, whatever the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import get_args

import pytest

from coco_core.errors import InvalidInput
from coco_core.search import course
from coco_local.cli import grep as cli_grep
from coco_local.cli import hits as cli_hits
from coco_local.mcp import format as mcp_format
from coco_local.mcp import grepping as mcp_grep
from coco_local.tui import nothing_found as tui
from coco_protocol.docs import (
    EmptyReason,
    FiltersBody,
    QueryEnvelope,
    QueryRequest,
    RelatedRequest,
    RetrievalBody,
)
from coco_protocol.grep import GrepEmptyReason
from tests.local_daemon import Bench, open_bench

Ask = Callable[..., QueryEnvelope]

_FILES = {
    "src/cart.py": "def add_item(cart, item):\n    cart.append(item)\n",
    "src/pay.py": "class Payment:\n    def refund(self):\n        return 0\n",
    "README.md": "# Shop\n\nHow parcels are sent.\n",
    "big.c": "int filler;\n" * 130_000 + "int wombat_crossing;\n",
    "build/out.js": "ignored\n",
    ".gitignore": "build\n",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("project")
    for name, text in _FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    with open_bench(tmp_path_factory.mktemp("home"), root) as bench:
        yield bench


@pytest.fixture
def ask(bench: Bench) -> Ask:
    def query(text: str, **options: object) -> QueryEnvelope:
        filters = options.pop("filters", {})
        retrieval = {"retrieval_mode": "fts", **options}
        return bench.daemon.query(
            QueryRequest(
                query=text,
                project_id=bench.project_id,
                filters=FiltersBody.model_validate(filters),
                retrieval_config=RetrievalBody.model_validate(retrieval),
            )
        )

    return query


@pytest.mark.parametrize(
    ("options", "reason", "notice"),
    [
        ({"filters": {"languages": ["rust"]}}, "no_such_language", None),
        ({"filters": {"languages": ["py"], "kinds": ["section"]}}, "filtered_out", None),
        ({"filters": {"symbol": "Cart"}}, "no_such_symbol", None),
        ({"filters": {"exclude": ["**"]}}, "filtered_out", None),
        ({"filters": {"include": ["/nope"]}}, "no_such_path", "There is no 'nope' in the project."),
        (
            {"filters": {"include": ["*.rs"]}},
            "no_such_path",
            "No file that is indexed matches '*.rs'.",
        ),
        (
            {"filters": {"include": ["/build/out.js"]}},
            "no_such_path",
            "'build/out.js' is not indexed: ignored by a rule (.gitignore:1: build).",
        ),
        (
            {"filters": {"include": ["big.c"]}},
            "no_such_path",
            "'big.c' is not indexed: larger than the limit.",
        ),
        (
            {"min_score": 99.0},
            "below_min_score",
            "Every hit is below the least score 99; the best has N.",
        ),
        ({"offset": 50}, "past_the_end", None),
        ({}, None, None),
    ],
)
def test_the_reason_is_the_one_that_decided(
    ask: Ask, options: dict[str, object], reason: str | None, notice: str | None
) -> None:
    answer = ask("cart item", **options)
    assert answer.data.empty_reason == reason
    said = answer.meta.notice
    assert (re.sub(r"has \d+\.\d+", "has N", said) if said else said) == notice
    assert bool(answer.data.results) == (reason is None)


def test_one_path_of_two_that_is_not_there_is_named(ask: Ask) -> None:
    answer = ask("cart item", filters={"include": ["src/**", "/lib"]})
    assert answer.data.results
    assert answer.meta.notice == "There is no 'lib' in the project."


def test_a_word_that_only_an_unindexed_file_holds_is_found_there(ask: Ask) -> None:
    there = (
        "1 file that is not indexed contains it: big.c (larger than the limit); "
        "grep finds the lines."
    )
    phrase = "int wombat_crossing"
    unwritten = (
        f"Nothing that was searched holds “{phrase}” as written, so its words were searched."
    )
    for query, notice in (("wombat_crossing", there), (f'"{phrase}"', f"{unwritten} {there}")):
        answer = ask(query)
        assert answer.data.empty_reason == "no_match"
        assert answer.meta.notice == notice
    assert ask("no_such_word_anywhere").meta.notice is None


def test_the_model_is_named_only_where_it_was_wanted(ask: Ask) -> None:
    wanted = ask("cart item", retrieval_mode="hybrid").meta.notice
    assert wanted is not None
    assert "model" in wanted
    assert ask("cart item", hybrid_alpha=0.0, retrieval_mode="hybrid").meta.notice is None


def test_a_language_that_does_not_exist_is_refused(ask: Ask) -> None:
    with pytest.raises(InvalidInput, match="There is no language 'pyhton'") as refused:
        ask("cart", filters={"languages": ["pyhton"]})
    assert refused.value.hint == "Did you mean python?"
    assert ask("cart", filters={"languages": [".PY"]}).data.results


def test_related_says_why_a_file_is_not_indexed(bench: Bench) -> None:
    for name, why in (("big.c", "larger than the limit"), ("nope.py", "There is no 'nope.py'")):
        with pytest.raises(Exception, match=why):
            bench.daemon.related(RelatedRequest(doc_id=name, line=1, project_id=bench.project_id))


def test_an_empty_project_has_no_files(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("empty")
    (root / "a.png").write_bytes(b"\x89PNG\0")
    with open_bench(tmp_path_factory.mktemp("home"), root, settle=False) as bench:
        _, data = bench.ask("cart", retrieval_mode="fts")
        assert data.empty_reason == "no_files"


def test_every_reason_has_its_words_on_every_surface() -> None:
    reasons = set(get_args(EmptyReason))
    assert reasons == set(get_args(course.EmptyReason))
    for table in (cli_hits._EMPTY, mcp_format.EMPTY, tui.NO_HIT):
        assert set(table) == reasons
    for table in (cli_grep._EMPTY, mcp_grep.EMPTY, tui.NO_LINE):
        assert set(table) == set(get_args(GrepEmptyReason))
