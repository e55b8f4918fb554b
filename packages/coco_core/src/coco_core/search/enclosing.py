"""The definition that a line lies in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from coco_core.search.pieces import Lines
from coco_core.tokens import words
from coco_core.types import ChunkKind, Definition

__all__ = ["head_lines", "innermost", "missing_heads", "outer_paths", "stands_at"]

# Lines around a definition's name in which its signature stands: a return type or a template above,
# parameters one to a line below.
_LINES_ABOVE = 8
_LINES_BELOW = 40


def innermost(line: int, definitions: Iterable[Definition]) -> Definition | None:
    """Return the definition that begins last of those that reach over a line.

    A constant of one line has no inside; a definition whose end is not known encloses nothing.
    """
    best: Definition | None = None
    for each in definitions:
        if not each.line <= line <= each.end_line:
            continue
        if each.line == each.end_line and each.kind is ChunkKind.CODE_BLOCK:
            continue
        if best is None or (each.line, -each.end_line) > (best.line, -best.end_line):
            best = each
    return best


def outer_paths(path: str) -> set[str]:
    """Return a dotted path and those of everything around it."""
    parts = path.split(".") if path else []
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}


def stands_at(definition: Definition, lines: Sequence[str], first: int) -> bool:
    """Tell whether a definition's head is where the record says.

    Args:
        definition: with 1-based lines.
        lines: of the document, from `head_lines` of the definition.
        first: the number of the first of them.
    """
    at = definition.line - first
    if not 0 <= at < len(lines):
        return False
    if definition.title:
        # Its text stands there, perhaps with marks in between.
        return set(words(definition.title)) <= set(words(lines[at]))
    if not definition.signature:
        return definition.name in lines[at]
    return "".join(definition.signature.split()) in "".join("".join(lines).split())


def head_lines(definition: Definition) -> tuple[int, int]:
    """Return the first and the last line between which a definition's signature stands."""
    return max(1, definition.line - _LINES_ABOVE), definition.line + _LINES_BELOW


def missing_heads(pieces: Sequence[Lines], around: Callable[[int], Definition | None]) -> list[int]:
    """Return the lines of the heads of the definitions in whose middle further pieces begin.

    The first piece has its definition named; a reader of a later one would take it for part of
    that.

    Args:
        pieces: in order.
        around: gives the innermost definition that a line lies in.
    """
    found: list[int] = []
    for piece in pieces[1:]:
        holding = around(piece.first)
        if holding is not None and pieces[0].first < holding.line < piece.first:
            found.append(holding.line)
    return found
