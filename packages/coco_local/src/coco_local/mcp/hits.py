"""A hit as a model reads it: where it stands, in which definition, and the lines that answer."""

from __future__ import annotations

from coco_local.mcp.answers import SearchHit
from coco_local.mcp.format import TRAIL
from coco_protocol.docs import Hit

__all__ = ["shown_hit"]


def shown_hit(hit: Hit) -> SearchHit:
    """Return what is shown of a hit: its pieces, or its chunk where it has none."""
    chunk = hit.chunk
    first, last, content = chunk.start_line, chunk.end_line, chunk.content
    if hit.pieces:
        first, last = hit.pieces[0].start_line, hit.pieces[-1].end_line
        later = (f"…{piece.start_line}\n{piece.content}" for piece in hit.pieces[1:])
        content = "\n".join([hit.pieces[0].content, *later])
    return SearchHit(
        path=chunk.path or chunk.doc_id,
        start_line=first,
        end_line=last,
        symbol=_symbol(hit),
        content=content,
        within=_within(hit),
    )


def _symbol(hit: Hit) -> str:
    """Return the name of what the first line lies in, as narrow as it is known."""
    own = hit.chunk.symbol or TRAIL.join(hit.chunk.heading_trail)
    around = hit.enclosing
    if around is None or own.startswith(f"{around.symbol}."):
        return own
    return around.signature if around.kind == "section" else around.symbol


def _within(hit: Hit) -> str:
    """Return lines and head of the definition in whose middle the shown lines begin."""
    around = hit.enclosing
    if around is None or not hit.pieces or around.kind == "section":
        return ""
    begins = hit.pieces[0].start_line <= around.start_line
    if begins or _symbol(hit).startswith(f"{around.symbol}."):
        return ""
    return f"{around.start_line}-{around.end_line}: {around.signature or around.symbol}"
