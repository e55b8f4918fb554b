"""Shortens Markdown for the parser without a change of its block structure.

Nearly all time of splitting Markdown goes into parsing the words of paragraphs, and the splitter
does not ask for them: to it the inside of a paragraph is text. So a run of words is passed to the
grammar as a short one. The grammar takes any number of words and blanks where it takes one of
each, so the same blocks come out, at offsets that are mapped back.

What stays as it is, because the grammar looks at it closely: everything but letters, digits,
blanks and the stops between words; words after `&` and `#` (character references); lines from a
`<` on (HTML tags and their attributes); words at which a run ends or begins are still words; and
the number of characters of a run is kept modulo 4, since tabs are measured that way.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from codecs import BOM_UTF8
from collections.abc import Callable

__all__ = ["shorten_markdown"]

_WORD_BYTE = rb"0-9A-Za-z\x80-\xff"
_BEFORE = rb"<[^\n]*|(?<![&#" + _WORD_BYTE + rb"])[A-Za-z\x80-\xff]"
# From this length on it pays.
_RUN = re.compile(_BEFORE + rb"[" + _WORD_BYTE + rb" ]{10,}[" + _WORD_BYTE + rb"]")
_RUN_WITH_STOPS = re.compile(_BEFORE + rb"[" + _WORD_BYTE + rb" ,.;]{10,}[" + _WORD_BYTE + rb"]")

# Only tables, HTML and link definitions have nodes that are opened and show stops as children.
_SHOWS_STOPS = (b"|", b"<", b"]:")

# By the number of characters, modulo 4.
_WORDS = (b"a aa", b"a aaa", b"a aaaa", b"a a")
_WORD = (b"aaaa", b"a", b"aa", b"aaa")


def shorten_markdown(data: bytes) -> tuple[bytes, Callable[[int], int]]:
    """Return a shorter text with the same blocks, and what gives the old offset for a new one.

    Args:
        data: the text in UTF-8.
    """
    parts: list[bytes] = []
    # Ends of the shortened runs in the new text, and how much was left out up to each.
    ends = [0]
    omitted = [0]
    at = size = 0
    pattern = _RUN if any(sign in data for sign in _SHOWS_STOPS) else _RUN_WITH_STOPS
    # A byte order mark is no word: the parser leaves it out.
    begin = len(BOM_UTF8) if data.startswith(BOM_UTF8) else 0
    for match in pattern.finditer(data, begin):
        run = match[0]
        if run.startswith(b"<"):
            continue
        start, end = match.span()
        count = (end - start if run.isascii() else len(run.decode())) & 3
        short = _WORDS[count] if b" " in run else _WORD[count]
        parts += (data[at:start], short)
        size += start - at + len(short)
        at = end
        ends.append(size)
        omitted.append(end - size)
    if not parts:
        return data, int
    parts.append(data[at:])

    def place(offset: int) -> int:
        return offset + omitted[bisect_right(ends, offset) - 1]

    return b"".join(parts), place
