"""A hit as plain text shows it: where it stands, in which definition, and the lines that answer."""

from __future__ import annotations

from dataclasses import dataclass

from coco_protocol.docs import Hit

__all__ = ["TRAIL", "ShownHit", "shown_hit"]

# What stands between the headings above a section.
TRAIL = " > "


@dataclass(frozen=True, slots=True)
class ShownHit:
    """One place in a project."""

    path: str
    start_line: int | None
    end_line: int | None
    symbol: str
    content: str
    """The lines that answer; `…40` stands where lines are left out and line 40 follows."""
    within: str = ""
    """Lines and head of the definition in whose middle the first line lies."""


def shown_hit(hit: Hit, root: str | None = None) -> ShownHit:
    """Return what is shown of a hit: its pieces, or its chunk where it has none.

    Below a ``root`` its path is absolute.
    """
    chunk = hit.chunk
    path = chunk.path or chunk.doc_id
    first, last, content = chunk.start_line, chunk.end_line, chunk.content
    if hit.pieces:
        first, last = hit.pieces[0].start_line, hit.pieces[-1].end_line
        later = (f"…{piece.start_line}\n{piece.content}" for piece in hit.pieces[1:])
        content = "\n".join([hit.pieces[0].content, *later])
    return ShownHit(
        path=path if root is None else f"{root}/{path}",
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
