from __future__ import annotations

import unicodedata

import pytest

from coco_core.file_names import NamedFile, file_name, named_files
from coco_core.intent import SearchIntent
from coco_core.query import parse_query


@pytest.mark.parametrize(
    ("query", "files"),
    [
        ("query.py", [(("query.py",), None)]),
        ("src/app/Query.py:42", [(("src", "app", "query.py"), 42)]),
        ("src\\app\\query.cs", [(("src", "app", "query.cs"), None)]),
        ("./query.py and ../other.d.ts", [(("query.py",), None), (("other.d.ts",), None)]),
        ('File "/srv/app/server.py", line 5, in get', [(("srv", "app", "server.py"), 5)]),
        ("at Foo.bar(Foo.java:123)", [(("foo.java",), 123)]),
        ("main.go:12:3: undefined", [(("main.go",), 12)]),
        ("where is the parser", []),
        ("version 1.2.3 is out", []),
        ("end of sentence. Next", []),
    ],
)
def test_named_files(query: str, files: list[tuple[tuple[str, ...], int | None]]) -> None:
    assert [(file.parts, file.line) for file in named_files(query)] == files


@pytest.mark.parametrize(
    ("query", "is_file"),
    [
        ("query.py", True),
        ("src/query.py:3", True),
        ("Übersicht.md", True),
        ("notes.txt", True),
        ("App.run", False),
        ("os.path", False),
        ("open query.py", False),
        ("Router", False),
    ],
)
def test_a_query_may_be_a_file_and_nothing_else(query: str, is_file: bool) -> None:
    parsed = parse_query(SearchIntent(query))
    assert parsed.is_file is is_file
    if is_file:
        assert (parsed.symbols, parsed.name) == ((), "")


def test_agreement_counts_parts_from_the_end() -> None:
    file = NamedFile(("srv", "app", "server.py"), None)
    assert file.agreement("app/server.py") == 2
    assert file.agreement("lib/server.py") == 1
    assert file.agreement("app/servers.py") == 0


def test_names_are_compared_composed_and_without_case() -> None:
    assert file_name(unicodedata.normalize("NFD", "docs/Übersicht.MD")) == "übersicht.md"


@pytest.mark.parametrize(
    "text", ["a." * 5_000, "a/" * 5_000, "x" * 10_000, "-" * 10_000, "a.b/" * 2_500]
)
def test_a_long_text_is_read_in_one_pass(text: str) -> None:
    """Where matching were quadratic the test would run into its time limit."""
    assert len(named_files(text * 20)) <= 20
