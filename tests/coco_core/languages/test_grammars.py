from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.languages import Parser, grammars, languages
from coco_core.languages.grammars import grammar_for, register
from coco_core.languages.queries import load_query
from coco_core.languages.syntax import WHOLE, Match, Range, Syntax

NATIVE = [each.name for each in languages() if each.parser is Parser.NATIVE]

NINETEEN = (
    "bash c cpp csharp elixir go haskell java javascript kotlin lua php python ruby rust scala "
    "swift typescript zig"
)


def test_the_promised_languages_are_native() -> None:
    assert set(NINETEEN.split()) <= set(NATIVE)


@pytest.mark.parametrize("name", NATIVE)
def test_every_native_grammar_loads_with_its_query(name: str) -> None:
    grammar = grammar_for(name)
    assert grammar is not None
    assert grammar is grammar_for(name)
    syntax = grammar.parse(b"x = 1\n")
    assert syntax is not None
    assert syntax.parts(*WHOLE) is not None


@pytest.mark.parametrize("name", NATIVE)
def test_queries_fit_a_screen(name: str) -> None:
    assert load_query(name).text.count("\n") <= 120


def test_conditions_are_the_hosts() -> None:
    query = load_query("elixir")
    assert "any-of" not in query.text
    assert any(
        b"defmodule" in condition.words
        for found in query.conditions.values()
        for condition in found
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("scala", b"a<b " * 20_000),
        ("bash", b"\0" * 60_000),
        ("python", b"(" * 200_000),
        ("javascript", b"{[(" * 50_000),
        ("cpp", b"a<b " * 50_000),
        ("haskell", b"if (" * 20_000),
        ("yaml", b"- " * 3_000),
        ("yaml", b"\n".join(b" " * i + b"a:\n" + b" " * i + b"- " for i in range(400))),
        ("markdown", b"> - " * 3_000),
        ("html", b"<div>" * 5_000),
    ],
)
def test_hostile_input_ends_in_time(name: str, source: bytes) -> None:
    grammar = grammar_for(name)
    assert grammar is not None
    started = time.thread_time()
    grammar.parse(source)
    assert time.thread_time() - started < 10
    # The parser is usable afterwards.
    assert grammar.parse(b"x") is not None


def test_deep_trees_do_not_exhaust_the_stack() -> None:
    for path, source in {
        "a.json": b"[" * 30_000 + b"]" * 30_000,
        "a.py": b"\n".join(b" " * i + b"if x:" for i in range(800)) + b"\n" + b" " * 800 + b"y\n",
        "a.js": b"function f(){" * 3_000 + b"}" * 3_000,
    }.items():
        document = chunk_document(path, source, ChunkingConfig())
        assert "".join(chunk.text for chunk in document.chunks).encode() == source


def test_threads_have_their_own_parsers() -> None:
    sources = [f"def f{i}():\n    return {i}\n" * 200 for i in range(8)]
    barrier = threading.Barrier(4)

    def chunk(source: str) -> list[str]:
        if barrier.n_waiting < 4 and not barrier.broken:
            barrier.wait(timeout=10)
        return [c.symbol for c in chunk_document("a.py", source.encode(), ChunkingConfig()).chunks]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(chunk, sources))
    alone = [
        [c.symbol for c in chunk_document("a.py", source.encode(), ChunkingConfig()).chunks]
        for source in sources
    ]
    assert together == alone


class LineGrammar:
    """A grammar for a language of one definition per line."""

    def parse(self, source: bytes) -> Syntax:
        ranges: list[Range] = []
        start = 0
        for line in source.splitlines(keepends=True):
            ranges.append((start, start + len(line)))
            start += len(line)
        named = [Match("definition.function", a, b, (a, b - 1)) for a, b in ranges]
        return Syntax(named, {}, lambda _start, _end: ranges)


@pytest.fixture
def line_grammar() -> Iterator[None]:
    def source(name: str) -> LineGrammar | None:
        return LineGrammar() if name == "cobol" else None

    register(source)
    yield
    grammars._sources.remove(source)
    grammars._grammars.pop("cobol")


@pytest.mark.usefixtures("line_grammar")
def test_another_source_of_grammars_can_be_plugged_in() -> None:
    document = chunk_document("a.cob", b"one\ntwo\n", ChunkingConfig())
    assert document.parsed
    assert [d.path for c in document.chunks for d in c.definitions] == ["one", "two"]
