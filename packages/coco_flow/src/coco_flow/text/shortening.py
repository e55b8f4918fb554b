"""Shortens Markdown for the parser without a change of its block structure.

Nearly all time of splitting Markdown goes into parsing the words of paragraphs, and the splitter
does not ask for them: to it the inside of a paragraph is text. So a run of words is handed to the
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
from collections.abc import Callable

__all__ = ["shorten_markdown"]

# From this size on it pays.
_RUN = re.compile(
    rb"<[^\n]*|(?<![&#0-9A-Za-z\x80-\xff])"
    rb"[A-Za-z\x80-\xff][0-9A-Za-z\x80-\xff ,.;]{10,}[0-9A-Za-z\x80-\xff]"
)
_WORDS = (b"a a", b"a aa", b"a aaa", b"a aaaa")
_WORD = (b"aaaa", b"a", b"aa", b"aaa")


def shorten_markdown(data: bytes) -> tuple[bytes, Callable[[int], int] | None]:
    """Return a shorter text with the same blocks, and what gives the old offset for a new one.

    Args:
        data: the text in UTF-8.
    """
    parts: list[bytes] = []
    # Ends of the shortened runs in the new text, and how much was left out up to each.
    ends = [0]
    omitted = [0]
    at = size = 0
    for match in _RUN.finditer(data):
        start, end = match.span()
        run = match[0]
        if run[0] == 60:
            continue
        short = _WORDS[(end - start + 1) & 3] if b" " in run else _WORD[(end - start) & 3]
        parts += (data[at:start], short)
        size += start - at + len(short)
        at = end
        ends.append(size)
        omitted.append(end - size)
    if not parts:
        return data, None
    parts.append(data[at:])

    def place(offset: int) -> int:
        return offset + omitted[bisect_right(ends, offset) - 1]

    return b"".join(parts), place
