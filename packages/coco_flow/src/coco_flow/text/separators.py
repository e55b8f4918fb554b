"""Splits a text at every match of some separators, whatever the size of the pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Literal

from coco_flow.errors import DefinitionError
from coco_flow.text.chunks import Chunk, Position, as_chunk, locate
from coco_flow.text.patterns import compile_pattern, matches

__all__ = ["SeparatorSplitter"]

_SPACES = "\t\n\x0c\r "


class SeparatorSplitter:
    """Splits texts; made once with the separators, it can be pickled and used by threads.

    Args:
        separators_regex: regular expressions; `^` and `$` match at every line. Without any, the
            whole text is one chunk.
        keep_separator: "left" leaves a separator at the end of the chunk before it, "right" at the
            start of the chunk after it; None leaves it out.
        include_empty: keep chunks without text.
        trim: leave out ASCII white space around chunks.

    Raises:
        DefinitionError: a regular expression is not valid.
    """

    def __init__(
        self,
        separators_regex: Sequence[str],
        *,
        keep_separator: Literal["left", "right"] | None = None,
        include_empty: bool = False,
        trim: bool = True,
    ) -> None:
        if keep_separator not in ("left", "right", None):
            raise DefinitionError(
                f"keep_separator={keep_separator!r} is not known.",
                hint='Give "left", "right" or None.',
            )
        self._keep = keep_separator
        self._include_empty = include_empty
        self._trim = trim
        self._pattern = None
        for index, pattern in enumerate(separators_regex):
            # Each alone, so that the message names the right one.
            compile_pattern(pattern, f"separators_regex[{index}]")
        if separators_regex:
            joined = "|".join(f"(?:{pattern})" for pattern in separators_regex)
            self._pattern = compile_pattern(joined, "separators_regex", multiline=True)

    def split(self, text: str) -> list[Chunk]:
        """Return the chunks of a text in order."""
        return [as_chunk(text, start, end) for start, end in self.positions(text)]

    def positions(self, text: str) -> list[tuple[Position, Position]]:
        """Return starts and ends of the chunks in order."""
        edges = list(chain.from_iterable(self._pieces(text)))
        if not text.isascii():
            edges = _byte_offsets(text, edges)
        # The edges ascend: a piece ends where or before the next one begins.
        positions = iter(locate(text.encode(), edges))
        return list(zip(positions, positions, strict=True))

    def _pieces(self, text: str) -> list[tuple[int, int]]:
        pieces: list[tuple[int, int]] = []
        start = 0
        for first, last in matches(self._pattern, text) if self._pattern is not None else ():
            pieces.append((start, last if self._keep == "left" else first))
            start = first if self._keep == "right" else last
        pieces.append((start, len(text)))
        if self._trim:
            pieces = [_trimmed(text, start, end) for start, end in pieces]
        return [piece for piece in pieces if self._include_empty or piece[0] < piece[1]]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    # An empty chunk is at the end of the white space that it was.
    body = text[start:end].lstrip(_SPACES)
    start = end - len(body)
    return start, start + len(body.rstrip(_SPACES))


def _byte_offsets(text: str, offsets: Sequence[int]) -> list[int]:
    found: list[int] = []
    at = size = 0
    for offset in offsets:
        size += len(text[at:offset].encode())
        at = offset
        found.append(size)
    return found
