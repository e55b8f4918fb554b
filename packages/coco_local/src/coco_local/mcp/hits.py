"""A hit as a model reads it: where it stands, in which definition, and the lines that answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from coco_local.mcp.answers import SearchHit
from coco_local.mcp.format import TRAIL
from coco_protocol.docs import Hit

__all__ = ["Row", "rows_of", "shown_hit"]

Row: TypeAlias = tuple[int | None, str]
"""A line with its number; a mark for lines that are left out has none."""


def rows_of(hit: Hit) -> list[Row]:
    """Return what is shown of a hit, line by line: its pieces, or the chunk where it has none."""
    chunk = hit.chunk
    if not hit.pieces:
        lines = chunk.content.split("\n")
        if chunk.start_line is None:
            return [(None, line) for line in lines]
        return list(enumerate(lines, chunk.start_line))
    rows: list[Row] = []
    for number, piece in enumerate(hit.pieces):
        if number:
            rows.append((None, f"…{piece.start_line}"))
        rows.extend(enumerate(piece.content.split("\n"), piece.start_line))
    return rows


def shown_hit(hit: Hit, rows: Sequence[Row]) -> SearchHit:
    """Return a hit that shows these of its lines."""
    chunk = hit.chunk
    kept = list(rows)
    while kept and kept[-1][0] is None and hit.pieces:
        # A mark behind which nothing follows.
        kept.pop()
    # What follows a chunk's last line feed is no line of its own.
    numbers = [n for n, _ in kept if n is not None and (hit.pieces or n <= (chunk.end_line or n))]
    return SearchHit(
        path=chunk.path or chunk.doc_id,
        start_line=numbers[0] if numbers else chunk.start_line,
        end_line=numbers[-1] if numbers else chunk.end_line,
        symbol=_symbol(hit),
        within=_within(hit),
        kind=chunk.kind,
        language=chunk.language,
        score=round(hit.meta.score, 4),
        content="\n".join(text for _, text in kept),
    )


def _symbol(hit: Hit) -> str:
    """Return the name of what the first line lies in, as narrow as it is known."""
    own = hit.chunk.symbol or TRAIL.join(hit.chunk.heading_trail)
    around = hit.enclosing
    if around is None or own.startswith(f"{around.symbol}."):
        return own
    return around.signature if around.kind == "section" else around.symbol


def _within(hit: Hit) -> str:
    """Return lines and head of the definition that the shown lines begin in the middle of."""
    around = hit.enclosing
    if around is None or not hit.pieces or around.kind == "section":
        return ""
    begins = hit.pieces[0].start_line <= around.start_line
    if begins or _symbol(hit).startswith(f"{around.symbol}."):
        return ""
    return f"{around.start_line}-{around.end_line}: {around.signature or around.symbol}"
