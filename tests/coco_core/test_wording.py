from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.wording import Wording, literal_words, rarity


def texts(query: str) -> list[str]:
    return [word.text for word in Wording.of(query).words]


def counted(query: str) -> list[str]:
    """The words that count in full against a place where they are missing."""
    return [word.text for word in Wording.of(query).words if word.share == 1]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("Give doc_id and line", ["give", "doc_id", "and", "line"]),
        ("a\n\n b ", ["a", "b"]),
        ("=> ??", []),
        ("配置文件 load", ["配置", "置文", "文件", "load"]),
        ("get令x", ["get", "令", "x"]),
        ("", []),
    ],
)
def test_words_stand_in_order(query: str, words: list[str]) -> None:
    assert texts(query) == words


def test_lines_are_kept_apart() -> None:
    lines = Wording.of("first line\n\nsecond").lines
    assert [[word.text for word in line] for line in lines] == [["first", "line"], ["second"]]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("There is no project 'my shop' here", ["there", "is", "no", "project", "here"]),
        ("Don't stop, it won't", ["don", "t", "stop", "it", "won", "t"]),
        ("“curly” and \u2018single\u2019 words", ["and", "words"]),
        ("cannot open /srv/data/items.json now", ["cannot", "open", "now"]),
        ("refused by 10.0.0.5 after 3 retries", ["refused", "by", "after", "retries"]),
        ("object 3f2a9c1b77 is gone", ["object", "is", "gone"]),
        ("no such option --foo here", ["no", "such", "option", "here"]),
        ("'nothing but this'", ["nothing", "but", "this"]),
        ("3456", ["3456"]),
    ],
)
def test_what_may_be_filled_in_counts_less(query: str, words: list[str]) -> None:
    assert counted(query) == words


@pytest.mark.parametrize(
    "stamp",
    ["2026-03-01 12:00:03,120", "2026-03-01T12:00:03.5Z", "2026/03/01", "12:00:03", "2026-03-01"],
)
def test_the_time_of_a_log_line_is_left_out(stamp: str) -> None:
    assert texts(f"{stamp} ERROR disk full") == ["error", "disk", "full"]
    # Asked for by itself it is what is looked for.
    assert texts(stamp)


@pytest.mark.parametrize(
    ("word", "coined"),
    [
        ("qzx7numbat", True),
        ("vlorptang", True),
        ("Vlorptang", True),
        ("move_selection", True),
        ("handleRequest", True),
        ("0o600", True),
        ("request", False),
        ("Request", False),
        ("REQUEST", False),
        ("handlers", False),
        ("asynchronously", False),
        ("fallback", False),
        ("HTTP", False),
        ("Zähler", False),
    ],
)
def test_coined_words_are_told_from_plain_ones(word: str, coined: bool) -> None:
    assert Wording.of(word).words[0].coined is coined


@pytest.mark.parametrize(
    ("query", "fixed"),
    [
        ("There is no project 'foo' here", ["There is no project"]),
        (
            "Error: No such option: --foo Did you mean --bar?",
            ["Error: No such option:", "Did you mean", "No such option"],
        ),
        ("it says 'no such file here' now", ["no such file here"]),
        ("two words", []),
        ("x = y", ["x = y"]),
        ("list[i] is", ["list[i] is"]),
    ],
)
def test_what_stands_between_values_is_looked_for_as_written(query: str, fixed: list[str]) -> None:
    assert list(Wording.of(query).fixed) == fixed


def test_a_long_paste_is_cut() -> None:
    assert len(Wording.of("one two three four\n" * 1000).words) == 240


@pytest.mark.parametrize("text", ["a", "1", "f", "/", "'", "a/", "é", "'a ", "3f", "配"])
def test_a_long_text_is_read_in_one_pass(text: str) -> None:
    """Where matching were quadratic the test would run into its time limit."""
    assert len(Wording.of(text * 20_000).words) <= 240


@given(st.text())
def test_the_words_of_any_text_are_its_literal_words(text: str) -> None:
    """Where nothing was left out or cut: query and text are read alike."""
    line = " ".join(part for part in text.split() if not any(char.isdigit() for char in part))
    assert texts(line)[:200] == literal_words(line)[:200]


@given(st.text(alphabet="aäöéñがg ", max_size=30))
def test_composed_and_decomposed_are_the_same(text: str) -> None:
    assert literal_words(unicodedata.normalize("NFD", text)) == literal_words(
        unicodedata.normalize("NFC", text)
    )


@given(st.integers(2, 100_000), st.data())
def test_rarity_falls_with_the_frequency(chunks: int, data: st.DataObject) -> None:
    more = data.draw(st.integers(2, chunks))
    fewer = data.draw(st.integers(1, more - 1))
    assert 0 <= rarity(more, chunks) < rarity(fewer, chunks) <= rarity(1, chunks) == 1
    assert rarity(0, chunks) == 0
