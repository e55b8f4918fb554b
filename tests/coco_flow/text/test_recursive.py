"""The recursive splitter: what holds of chunks, whatever the text and the sizes."""

from __future__ import annotations

import logging
import pickle
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_flow.errors import DefinitionError
from coco_flow.text import (
    RecursiveSplitter,
    TextPosition,
    detect_code_language,
)
from coco_flow.text.patterns import WHITE_SPACE

split = RecursiveSplitter().split

SAMPLES = Path(__file__).parent / "samples"
CODE_SAMPLES = Path(__file__).parents[2] / "coco_core" / "chunking" / "samples"
PROSE = (SAMPLES / "prose.txt").read_text(encoding="utf-8")
MIXED = (SAMPLES / "mixed.txt").read_bytes().decode()

PIECES = st.sampled_from(
    [
        "word", "two words", "x" * 30, " ", "  ", "\n", "\n\n", "\r\n", "\t", ". ", "! ", "; ",
        ": ", "- ", ", ", "。", "\uff1f", "\uff0c", "\uff1b", "—", "— ", "天気", "🐝", "👩‍🌾", "é",
        "\u3000", "\xa0", "\x1f", "# head\n", "```\ncode\n```\n", "| a | b |\n|---|---|\n",
        "[x]: /url\n", "<div a>", "def f(x):\n    return x\n", "{ a: [1, 2] }",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=60).map("".join)
LANGUAGES = st.sampled_from([None, "markdown", "python", "json", "nope"])


@dataclass
class Language:
    language_name: str
    separators_regex: list[str]
    aliases: list[str] = field(default_factory=list)


def code(functions: int) -> str:
    return "\n\n".join(
        f"def function_{n}(first, second):\n    total = first + second\n    return total * {n}"
        for n in range(functions)
    )


CALLS = "\n".join(f"value_{n} = outer(inner({n}, 2), [3, 4, 5], 'a, b; c')" for n in range(9))


def check(text: str, chunk_size: int, **options: object) -> None:
    chunks = split(text, chunk_size=chunk_size, **options)  # type: ignore[arg-type]
    data = text.encode()
    covered = bytearray(len(data))
    last_end = 0
    for chunk in chunks:
        start, end = chunk.start, chunk.end
        assert text[start.char_offset : end.char_offset] == chunk.text
        assert data[start.byte_offset : end.byte_offset] == chunk.text.encode()
        assert chunk.text.strip(WHITE_SPACE)
        assert end.byte_offset > last_end
        last_end = end.byte_offset
        covered[start.byte_offset : end.byte_offset] = b"\1" * (end.byte_offset - start.byte_offset)
        for place in (start, end):
            before = text[: place.char_offset]
            assert place.line == before.count("\n") + 1
            assert place.column == len(before) - (before.rfind("\n") + 1) + 1
            assert place.byte_offset == len(before.encode())
    if options.get("language") is None and not options.get("hard_limit"):
        # Only separators at cuts are left out.
        left = "".join(c for c in kept_out(data, covered) if c.isalnum())
        assert not left


def kept_out(data: bytes, covered: bytearray) -> str:
    return bytes(byte for byte, kept in zip(data, covered, strict=True) if not kept).decode()


@pytest.mark.row("TX-1 location")
@pytest.mark.row("TX-1 coverage")
@settings(max_examples=150, deadline=None)
@given(
    TEXTS,
    st.integers(1, 200),
    st.none() | st.integers(0, 200),
    st.none() | st.integers(0, 100),
    LANGUAGES,
    st.booleans(),
)
def test_chunks_are_parts_of_the_text(
    text: str, size: int, least: int | None, overlap: int | None, language: str | None, hard: bool
) -> None:
    check(
        text,
        size,
        min_chunk_size=least,
        chunk_overlap=overlap,
        language=language,
        hard_limit=hard,
    )


@pytest.mark.row("TX-1 coverage")
@pytest.mark.parametrize("size", [20, 100, 700])
def test_no_word_is_lost(size: int) -> None:
    for text in (PROSE, MIXED, code(9)):
        for overlap in (None, size // 4):
            check(text, size, chunk_overlap=overlap)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(4, 60), st.none() | st.integers(0, 30), LANGUAGES)
def test_a_hard_limit_holds(
    text: str, size: int, overlap: int | None, language: str | None
) -> None:
    chunks = split(text, chunk_size=size, chunk_overlap=overlap, language=language, hard_limit=True)
    assert all(len(chunk.text.encode()) <= size for chunk in chunks)


def test_a_hard_limit_cuts_between_characters() -> None:
    chunks = split("天" * 10, chunk_size=7, hard_limit=True)
    assert [chunk.text for chunk in chunks] == ["天天"] * 5
    # One character may be larger than the limit.
    chunks = split("🐝🐝", chunk_size=3, hard_limit=True)
    assert [chunk.text for chunk in chunks] == ["🐝", "🐝"]


@pytest.mark.row("TX-1 chunk bound")
def test_only_a_word_without_boundary_is_larger_than_a_chunk() -> None:
    languages = set()
    for path in [*SAMPLES.iterdir(), *CODE_SAMPLES.iterdir()]:
        language = detect_code_language(filename=path.name.removesuffix(".sample"))
        languages.add(language)
        text = path.read_bytes().decode()
        for overlap in (None, 30):
            for chunk in split(text, chunk_size=120, chunk_overlap=overlap, language=language):
                size = len(chunk.text.encode())
                assert size <= 120 or not any(map(str.isspace, chunk.text)), (path.name, chunk)
    assert len(languages) > 28
    assert max(len(chunk.text) for chunk in split(MIXED, chunk_size=60)) > 60


@pytest.mark.row("TX-1 positions")
def test_positions_across_carriage_returns() -> None:
    text = "Größe ä\r\n\r\nzweite 🐝\r\nZeile"
    first, second = split(text, chunk_size=20, min_chunk_size=5)
    assert first.text == "Größe ä"
    assert first.start == TextPosition(byte_offset=0, char_offset=0, line=1, column=1)
    assert first.end == TextPosition(byte_offset=10, char_offset=7, line=1, column=8)
    assert second.text == "zweite 🐝\r\nZeile"
    assert second.start == TextPosition(byte_offset=14, char_offset=11, line=3, column=1)
    assert second.end == TextPosition(byte_offset=32, char_offset=26, line=4, column=6)


@pytest.mark.row("TX-1 syntax boundaries")
def test_small_functions_are_not_cut() -> None:
    chunks = split(code(12), chunk_size=200, language="python")
    for chunk in chunks:
        assert chunk.text.startswith("def ")
        assert chunk.text.count("def ") == chunk.text.count("return ")


@pytest.mark.row("TX-1 min size merge")
def test_short_paragraphs_are_merged() -> None:
    text = "\n\n".join(f"Paragraph {n}." for n in range(40))
    chunks = split(text, chunk_size=200, min_chunk_size=120)
    sizes = [len(chunk.text) for chunk in chunks]
    assert min(sizes[:-1]) >= 120
    assert max(sizes) <= 200


@pytest.mark.row("TX-1 overlap")
def test_neighbors_share_at_most_the_overlap() -> None:
    text = " ".join(f"word{n}" for n in range(200))
    chunks = split(text, chunk_size=200, chunk_overlap=60)
    shared = [
        before.end.byte_offset - after.start.byte_offset for before, after in pairwise(chunks)
    ]
    assert max(shared) <= 60
    assert min(shared) > 30
    for before, after in pairwise(split(PROSE, chunk_size=200)):
        assert before.end.byte_offset <= after.start.byte_offset


@pytest.mark.row("TX-1 unknown language")
def test_an_unknown_language_is_plain_text() -> None:
    assert split(PROSE, chunk_size=150, language="nope") == split(PROSE, chunk_size=150)
    assert split(code(9), chunk_size=90, language="haskell") == split(code(9), chunk_size=90)


def test_names_of_languages_have_no_case() -> None:
    expected = split(CALLS, chunk_size=30, language="python")
    assert expected != split(CALLS, chunk_size=30)
    for name in ("PY", ".py", ".PYI", "Python"):
        assert split(CALLS, chunk_size=30, language=name) == expected


def test_a_text_without_words_has_no_chunk() -> None:
    assert split("", chunk_size=10) == []
    assert split(" \n\t\u3000\n", chunk_size=1) == []
    assert split(" \n", chunk_size=1, language="markdown") == []


@pytest.mark.row("TX-2 custom language")
def test_a_custom_language_is_known_by_name_and_alias() -> None:
    language = Language("Report", [r"\n=+\n", r";"], [".rep"])
    splitter = RecursiveSplitter(custom_languages=[language])
    text = "one;two\n====\nthree;four"
    for name in ("report", "REPORT", ".REP"):
        chunks = splitter.split(text, 8, min_chunk_size=3, language=name)
        assert [chunk.text for chunk in chunks] == ["one;two", "three", "four"]


def test_a_splitter_with_custom_languages_can_be_pickled() -> None:
    splitter = RecursiveSplitter(custom_languages=[Language("report", [";"])])
    copy = pickle.loads(pickle.dumps(splitter))
    assert copy.split("a;b", 1, language="report") == splitter.split("a;b", 1, language="report")
    assert [chunk.text for chunk in copy.split("a;b", 1, language="report")] == ["a", "b"]


@pytest.mark.row("TX-2 custom language")
def test_a_custom_language_wins_over_a_built_in_one() -> None:
    splitter = RecursiveSplitter(custom_languages=[Language("python", ["return"])])
    chunks = splitter.split(code(2), 60, min_chunk_size=5, language="python")
    assert not any("return" in chunk.text for chunk in chunks)


@pytest.mark.row("IMG-7 custom separators")
def test_paragraphs_are_cut_before_sentences() -> None:
    language = Language("text", [r"\n(\s*\n)+", r"[\.!\?]\s+", r"\n", r"\s+"])
    text = "First one. Second one.\n\nThird one! Fourth one, which is a longer sentence."
    splitter = RecursiveSplitter(custom_languages=[language])
    chunks = splitter.split(text, 24, min_chunk_size=8, language="text")
    assert [chunk.text for chunk in chunks][:2] == ["First one. Second one.", "Third one"]


def test_what_is_wrong_with_custom_languages_is_said() -> None:
    with pytest.raises(DefinitionError, match=r"language 'one'\[1\] is not a valid .* '\('"):
        RecursiveSplitter(custom_languages=[Language("one", [";", "("])])
    with pytest.raises(DefinitionError, match="Duplicate language name or alias 'ONE'"):
        RecursiveSplitter(custom_languages=[Language("one", []), Language("two", [], ["ONE"])])


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"chunk_size": 0}, "chunk_size=0 is too small; give at least 1"),
        ({"chunk_size": 9, "min_chunk_size": -1}, "min_chunk_size=-1"),
        ({"chunk_size": 9, "chunk_overlap": -2}, "chunk_overlap=-2"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        split("text", **sizes)  # type: ignore[arg-type]


def test_a_missing_grammar_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from coco_flow.text import syntax

    syntax._grammar.cache_clear()
    monkeypatch.setitem(sys.modules, "tree_sitter_python", None)
    try:
        with caplog.at_level(logging.WARNING):
            found = [split(CALLS, chunk_size=30, language="py") for _ in range(2)]
    finally:
        syntax._grammar.cache_clear()
    assert found == [split(CALLS, chunk_size=30)] * 2
    (record,) = caplog.records
    assert "No grammar for python: the package tree-sitter-python" in record.message
    assert "pip install 'coco-flow[code]'" in record.message


def test_deep_trees_need_no_deep_stack() -> None:
    text = "[" * 3000 + "1" + "]" * 3000
    chunks = split(text, chunk_size=10, min_chunk_size=1, language="json")
    assert "".join(chunk.text for chunk in chunks) == text


def test_a_text_that_would_crash_its_grammar_is_plain_text() -> None:
    text = "\n".join("  " * level + "- a:" for level in range(300))
    assert split(text, chunk_size=200, language="yaml") == split(text, chunk_size=200)
