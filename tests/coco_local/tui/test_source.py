"""Highlighted lines stay the file's lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from coco_local.tui.drawing import bar, fit, sparkline, spread
from coco_local.tui.figures import one_line, tail
from coco_local.tui.source import highlight_lines, word_pattern

anything = st.text(st.characters(codec=None), max_size=200)


@given(anything, st.sampled_from(["a.py", "b.go", "c.md", "d.rs", "e.unknown", "Makefile"]))
def test_every_line_has_its_own_row(text: str, path: str) -> None:
    assert len(highlight_lines(text, path)) == text.count("\n") + 1


@given(anything)
def test_rows_cannot_move_the_cursor(text: str) -> None:
    for line in highlight_lines(text, "a.py"):
        assert not any(
            ord(letter) < 32 or letter in "\x7f\x85\u2028\u2029" for letter in line.plain
        )
        line.plain.encode("utf-8")


def test_text_is_unchanged_but_for_tabs() -> None:
    lines = highlight_lines("if x:\n\treturn 'é'  # 漢\n", "a.py")
    assert [line.plain for line in lines] == ["if x:", "    return 'é'  # 漢", ""]


def test_form_feeds_and_carriage_returns_end_no_line() -> None:
    lines = highlight_lines("a = 1\r\n\x0cb = 2\u2028c", "a.py")
    assert [line.plain for line in lines] == ["a = 1", "·b = 2·c"]


def test_language_names_of_chunks_are_understood() -> None:
    styled = highlight_lines("def f(): pass", "no-extension", "python")[0]
    assert any("bold" in str(span.style) for span in styled.spans)


def test_words_of_a_query_are_found_whatever_their_case() -> None:
    pattern = word_pattern("Back-off of x")
    assert pattern is not None
    assert [match.group() for match in pattern.finditer("BACKOFF: back, off, of")] == [
        "BACK",
        "OFF",
        "back",
        "off",
    ]
    assert word_pattern("a of") is None


@given(anything, st.integers(min_value=0, max_value=60))
def test_tail_fits(text: str, width: int) -> None:
    assert cell_len(tail(text, width)) <= width


@given(anything)
def test_one_line_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text)
    one_line(text).encode("utf-8")


@given(st.text(max_size=80), st.text(max_size=80), st.integers(min_value=1, max_value=120))
def test_rows_are_exactly_as_wide_as_asked(left: str, right: str, width: int) -> None:
    assert fit(one_line(left), width).cell_length == width
    assert spread(width, Content(one_line(left)), one_line(right)).cell_length == width


@given(st.floats(min_value=-1, max_value=2), st.integers(min_value=1, max_value=60))
def test_bar_is_full_only_when_done(share: float, width: int) -> None:
    drawn = bar(share, width)
    assert drawn.cell_length == width
    filled = max(
        (span.end - span.start for span in drawn.spans if span.style == "$accent"), default=0
    )
    assert (filled == width and "╸" not in drawn.plain) == (share >= 1)


@given(
    st.lists(st.floats(min_value=0, max_value=1e9), max_size=80),
    st.integers(min_value=1, max_value=40),
    st.integers(min_value=1, max_value=5),
)
def test_a_chart_has_its_size_and_every_value(values: list[float], width: int, height: int) -> None:
    lines = sparkline(values, width, height)
    assert [line.cell_length for line in lines] == [width] * height
    shown = ([0.0] * width + values)[-width:]
    ground = lines[-1].plain
    assert all(mark != " " for mark in ground)
    if any(shown):
        tallest = shown.index(max(shown))
        assert all(line.plain[tallest] == "█" for line in lines)
