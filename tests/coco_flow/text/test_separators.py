"""Splitting at separators, and regular expressions in Rust's syntax."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_flow.errors import DefinitionError
from coco_flow.text import SeparatorSplitter, TextPosition
from coco_flow.text.patterns import compile_pattern, matches


def pieces(text: str, *separators: str, **options: object) -> list[str]:
    splitter = SeparatorSplitter(separators, **options)  # type: ignore[arg-type]
    return [chunk.text for chunk in splitter.split(text)]


@pytest.mark.row("TX-3 keep_separator")
def test_separators_are_left_out_or_kept_on_one_side() -> None:
    assert pieces("a--b--c", "--") == ["a", "b", "c"]
    assert pieces("a--b--c", "--", keep_separator="left") == ["a--", "b--", "c"]
    assert pieces("a--b--c", "--", keep_separator="right") == ["a", "--b", "--c"]
    with pytest.raises(DefinitionError, match="keep_separator='up' is not known"):
        SeparatorSplitter(["--"], keep_separator="up")  # type: ignore[arg-type]


@pytest.mark.row("TX-3 include_empty/trim")
def test_empty_chunks_are_kept_on_demand() -> None:
    assert pieces("a,,b", ",") == ["a", "b"]
    assert pieces("a,,b", ",", include_empty=True) == ["a", "", "b"]
    assert pieces("a, ,b", ",", include_empty=True) == ["a", "", "b"]
    assert pieces("a, ,b", ",", trim=False) == ["a", " ", "b"]


@pytest.mark.row("TX-3 include_empty/trim")
@settings(max_examples=100, deadline=None)
@given(
    st.text(st.sampled_from("ab,;\n\t é天🐝"), max_size=40),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, "left", "right"]),
)
def test_places_give_the_text(text: str, empty: bool, trim: bool, keep: str | None) -> None:
    splitter = SeparatorSplitter(
        [",", r"\n+"],
        include_empty=empty,
        trim=trim,
        keep_separator=keep,  # type: ignore[arg-type]
    )
    for chunk in splitter.split(text):
        start, end = chunk.start, chunk.end
        assert text[start.char_offset : end.char_offset] == chunk.text
        assert text.encode()[start.byte_offset : end.byte_offset] == chunk.text.encode()
        assert not trim or chunk.text == chunk.text.strip("\t\n ")
        assert empty or chunk.text


def test_places_are_counted_in_characters_and_bytes() -> None:
    chunk = SeparatorSplitter([r"\n"]).split("天気\n 🐝 x ")[1]
    assert chunk.text == "🐝 x"
    assert chunk.start == TextPosition(byte_offset=8, char_offset=4, line=2, column=2)
    assert chunk.end == TextPosition(byte_offset=14, char_offset=7, line=2, column=5)


def test_without_separators_the_text_is_one_chunk() -> None:
    assert pieces(" a b\n\nc ") == ["a b\n\nc"]
    assert pieces("   ") == []


def test_a_splitter_can_be_pickled() -> None:
    splitter = pickle.loads(pickle.dumps(SeparatorSplitter(["^#"])))
    assert [chunk.text for chunk in splitter.split("#a\n#b")] == ["a", "b"]


def test_the_wrong_separator_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"separators_regex\[1\] is not .* '\[a': a charac"):
        SeparatorSplitter(["x", "[a"])


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        # `$` and `\z` are the end, not the last line feed.
        (r"b$", "b\nb\n", []),
        (r"b\n\z", "b\nb\n", ["b\n"]),
        (r"(?m)b$", "b\nb\n", ["b", "b"]),
        (r"(?m:b$)\n$", "b\nb\n", ["b\n"]),
        # White space is Unicode's, without the four control characters that Python adds.
        (r"\s+", "a\x1c \u3000b", [" \u3000"]),
        (r"\S+", "a\x1c \u3000b", ["a\x1c", "b"]),
        (r"[\s,]+", "a\x1f, b", [", "]),
        (r"[^\S\n]+", "a \x1f\nb\t", [" ", "\t"]),
        # Flags may come in the middle, and hold to the end of their group.
        (r"a(?i)b|c", "aB ab C", ["aB", "ab", "C"]),
        (r"(a(?i)b|c)d", "aBd aBD cd Cd", ["aBd", "cd", "Cd"]),
        (r"(?i-s:a.)b", "A\nb Axb", ["Axb"]),
        (r"(?u)\w+", "é1", ["é1"]),
        (r"(?<word>\w)\s", "a b", ["a "]),
        (r"(?<!a)b", "ab bb", ["b", "b"]),
        (r"[[:digit:][:punct:]]+", "a1!b", ["1!"]),
        (r"[]a]+", "a]b", ["a]"]),
        (r"[a|b&~]+", "a|b", ["a|b"]),
        (r"\x{1F41D}|\u{e9}", "🐝é", ["🐝", "é"]),
        (r"x*", "axb", ["", "x", ""]),
    ],
)
def test_patterns_match_as_in_the_field(pattern: str, text: str, expected: list[str]) -> None:
    compiled = compile_pattern(pattern, "pattern")
    assert [text[start:end] for start, end in matches(compiled, text)] == expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"\p{L}", r"\\p is not supported; list the characters in brackets"),
        (r"[a&&b]", "sets inside of a character class"),
        (r"[a[b]]", "sets inside of a character class"),
        (r"(?U)a", "the flag U is not supported"),
        (r"a)", "unbalanced parenthesis"),
    ],
)
def test_what_cannot_be_matched_is_said(pattern: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(repr(pattern)) + ".*" + message):
        compile_pattern(pattern, "pattern")
