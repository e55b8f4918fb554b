"""Chunks of a text, and where in the text they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Chunk", "Position", "Span", "TextPosition", "as_chunk", "locate"]

Span: TypeAlias = tuple[int, int]
"""Start and end in the UTF-8 form of the text."""

Position: TypeAlias = tuple[int, int, int, int]
"""The fields of a `TextPosition` as a plain tuple."""


@dataclass(frozen=True, slots=True)
class TextPosition:
    """A place between two characters; line and column count from 1, offsets from 0."""

    byte_offset: int
    char_offset: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a text and its place: `text == whole[start.char_offset : end.char_offset]`."""

    text: str
    start: TextPosition
    end: TextPosition


def as_chunk(text: str, start: Position, end: Position) -> Chunk:
    """Return the chunk of `text` between two places."""
    return Chunk(text[start[1] : end[1]], TextPosition(*start), TextPosition(*end))


def locate(data: bytes, offsets: Iterable[int]) -> list[Position]:
    """Return the positions of byte offsets, which are best in ascending order.

    A line ends with a line feed; a carriage return is a character like others.
    """
    plain = data.isascii()
    positions: list[Position] = []
    at = chars = column = 0
    line = 1
    for offset in offsets:
        if offset < at:
            at = chars = column = 0
            line = 1
        between = data[at:offset]
        size = len(between) if plain else len(between.decode())
        breaks = between.count(b"\n")
        if breaks:
            line += breaks
            tail = between[between.rindex(b"\n") + 1 :]
            column = len(tail) if plain else len(tail.decode())
        else:
            column += size
        chars += size
        at = offset
        positions.append((offset, chars, line, column + 1))
    return positions
