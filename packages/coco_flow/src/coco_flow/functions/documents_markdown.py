"""Markdown as the document readers write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["heading", "join_blocks", "one_line", "table"]

_DEEPEST = 6
_SPACE = re.compile(r"\s+")


def heading(level: int, text: str) -> str:
    """Return a heading; a level beyond the deepest one is the deepest."""
    return f"{'#' * max(1, min(level, _DEEPEST))} {one_line(text)}"


def one_line(text: str) -> str:
    """Return the text with each run of white space as one space."""
    return _SPACE.sub(" ", text).strip()


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first row is its head. Empty columns at the end are left out."""
    width = max((_used(row) for row in rows), default=0)
    if not width:
        return ""
    lines = [_row(row, width) for row in rows]
    return "\n".join((lines[0], "| " + " | ".join(["---"] * width) + " |", *lines[1:]))


def join_blocks(blocks: Iterable[str]) -> str:
    """Return the blocks that are not empty with a blank line between them."""
    return "\n\n".join(block for block in (block.strip("\n") for block in blocks) if block.strip())


def _used(row: Sequence[str]) -> int:
    return next((n for n in range(len(row), 0, -1) if row[n - 1].strip()), 0)


def _row(row: Sequence[str], width: int) -> str:
    cells = [_cell(text) for text in row[:width]]
    return "| " + " | ".join(cells + [""] * (width - len(cells))) + " |"


def _cell(text: str) -> str:
    lines = (one_line(line) for line in text.splitlines())
    return "<br>".join(line for line in lines if line).replace("|", "\\|")
