"""`query`: arguments by the handler's annotations, answers as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import click
import pytest

from coco_flow.cli.query_text import arguments_from, signature_of
from coco_flow.query_handler import QueryHandler, QueryOutput
from tests.coco_flow.cli.program import coco_flow, document


@pytest.mark.row("QRY-4 query command")
def test_a_query_prints_json_with_at_most_the_limit(built: Path) -> None:
    (built / "docs" / "c.md").write_text("one more text")
    coco_flow(built, "update", "app.py:DocFlow")
    done = coco_flow(built, "query", "app.py", "search", "--query", "text", "--limit", "2")
    assert done.returncode == 0, done.stderr
    assert document(done) == {
        "results": [{"filename": "a.md", "words": 4}, {"filename": "b.md", "words": 4}],
        "query_info": {"embedding": None, "similarity_metric": None},
    }
    short = coco_flow(built, "query", "app.py:DocFlow", "search", "text", "--limit=1")
    assert len(document(short)["results"]) == 1


@pytest.mark.row("QRY-1b async handler")
def test_an_async_handler_and_values_of_many_types(built: Path) -> None:
    done = coco_flow(built, "query", "app.py", "mean", "--factor", "0.5")
    answer = document(done)
    assert answer["results"] == [
        {"factor": 0.5, "raw": {"@type": "bytes", "value": "YWI="}, "hit": {"filename": "x"}}
    ]
    assert answer["query_info"]["similarity_metric"] == "CosineSimilarity"
    assert '"embedding": [0.25, 0.5]' in done.stdout, "a vector takes one line"


@pytest.mark.row("QRY-4b parameter types")
def test_a_bad_number_and_unknown_or_missing_names_are_usage_errors(built: Path) -> None:
    for words, message in (
        (["--query", "x", "--limit", "many"], "limit='many' is not int"),
        (["--query", "x", "--nope", "1"], "no parameter 'nope'"),
        ([], "needs: query"),
    ):
        done = coco_flow(built, "query", "app.py", "search", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


def test_handlers_are_listed_and_unknown_ones_told(built: Path) -> None:
    listed = coco_flow(built, "query", "app.py")
    assert "DocFlow: search(query: str, limit: int = 10, exact: bool = False)" in listed.stdout
    unknown = coco_flow(built, "query", "app.py", "find")
    assert unknown.returncode == 1
    assert "DocFlow: search" in unknown.stderr


def _handler(function: Any) -> QueryHandler:
    return QueryHandler("h", function, None)


@pytest.mark.row("QRY-4b parameter types")
@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["a", "--number", "3"], {"text": "a", "number": 3}),
        (["--text=a=b", "--share", "1.5"], {"text": "a=b", "share": 1.5}),
        (["a", "--exact"], {"text": "a", "exact": True}),
        (["a", "--no-exact"], {"text": "a", "exact": False}),
        (["a", "--exact", "false"], {"text": "a", "exact": False}),
        (["--exact", "a"], {"text": "a", "exact": True}),
        (["a", "--maybe", "7"], {"text": "a", "maybe": 7}),
        (["a", "--noted", "8"], {"text": "a", "noted": 8}),
        (["a", "--many-tags", "1", "--many-tags", "2"], {"text": "a", "many_tags": [1, 2]}),
        (["a", "--many-tags", "1"], {"text": "a", "many_tags": [1]}),
        (["a", "5"], {"text": "a", "number": 5}),
        (["-1"], {"text": "-1"}),
    ],
)
def test_words_become_arguments(words: list[str], arguments: dict[str, Any]) -> None:
    def handler(
        text: str,
        number: int = 1,
        share: float = 1.0,
        exact: bool = True,
        maybe: int | None = None,
        noted: Annotated[Optional[int], "note"] = None,  # noqa: UP045 - the older form works, too
        many_tags: list[int] | None = None,
    ) -> QueryOutput[Any]:
        raise NotImplementedError

    assert arguments_from(_handler(handler), words) == arguments


def test_too_many_words_are_refused() -> None:
    def handler(text: str) -> QueryOutput[Any]:
        raise NotImplementedError

    with pytest.raises(click.UsageError, match="no parameter for 'b'"):
        arguments_from(_handler(handler), ["a", "b"])
    assert signature_of(_handler(handler)) == "h(text: str)"
