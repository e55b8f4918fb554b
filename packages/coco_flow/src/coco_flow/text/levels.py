"""Levels of separators, from the coarsest to the finest, over the UTF-8 form of a text.

Over bytes, because sizes are counted in bytes and grammars give byte offsets: so nothing is
converted until the chunks are known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from coco_flow.text.chunks import Span
from coco_flow.text.patterns import compile_pattern, matches

__all__ = ["DEFAULT_LEVELS", "LINE_LEVELS", "WORD_LEVEL", "Levels", "compile_levels"]

Levels: TypeAlias = tuple[Callable[[bytes, int, int], Iterable[Span]], ...]
"""Each gives the spans of its separators between two offsets, in order."""

# White space as Unicode has it. Every branch begins with a literal byte, here and below: then
# `re` looks for these bytes before it tries a branch.
_SPACE = (
    rb"(?:\t|\n|\x0b|\x0c|\r| |\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]"
    rb"|\xe2\x81\x9f|\xe3\x80\x80)"
)
_SPACES = _SPACE + rb"+"

# CocoIndex's separators: empty lines, lines, sentences, clauses, commas, words. Those that are not
# ASCII are the Chinese and Japanese stops and the em dash.
_DEFAULT_PATTERNS = (
    rb"\n\n+",
    rb"\n",
    rb"\." + _SPACES + rb"|\?" + _SPACES + rb"|!" + _SPACES + rb"|\xe3\x80\x82|\xef\xbc[\x9f\x81]",
    rb";" + _SPACES + rb"|:" + _SPACES + rb"|-" + _SPACES
    + rb"|\xe2\x80\x94(?:" + _SPACES + rb"|(?:\xe2\x80\x94)*)|\xef\xbc[\x9b\x9a]",
    rb"," + _SPACES + rb"|\xef\xbc\x8c",
    _SPACES,
)  # fmt: skip


def _separators(pattern: re.Pattern[bytes], data: bytes, start: int, end: int) -> Iterator[Span]:
    return map(re.Match.span, pattern.finditer(data, start, end))


DEFAULT_LEVELS: Levels = tuple(
    partial(_separators, re.compile(pattern)) for pattern in _DEFAULT_PATTERNS
)


LINE_LEVELS = 2
"""How many of them have no separator in a text without a line feed."""

WORD_LEVEL = DEFAULT_LEVELS[-1]
"""The last one, at which words are cut."""


def compile_levels(patterns: Sequence[str], where: str) -> Levels:
    """Return the levels of a custom language.

    Args:
        patterns: one regular expression for each level.
        where: what the patterns are, for error messages.

    Raises:
        DefinitionError: one of them is not valid.
    """
    return tuple(
        partial(_custom_separators, compile_pattern(pattern, f"{where}[{index}]"))
        for index, pattern in enumerate(patterns)
    )


def _custom_separators(
    pattern: re.Pattern[str], data: bytes, start: int, end: int
) -> Iterator[Span]:
    # An anchor means the piece's edges, not those of the text: so the piece is copied.
    piece = data[start:end]
    text = piece.decode()
    if len(text) == len(piece):
        for first, last in matches(pattern, text):
            yield start + first, start + last
        return
    at = 0
    for first, last in matches(pattern, text):
        start += len(text[at:first].encode())
        begin = start
        start += len(text[first:last].encode())
        at = last
        yield begin, start
