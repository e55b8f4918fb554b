"""The definition that a line lies in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from coco_core.search.pieces import Lines
from coco_core.tokens import words
from coco_core.types import ChunkKind, Definition

__all__ = ["HEAD_LINES", "innermost", "missing_heads", "outer_paths", "stands_at"]

# Lines around a definition's name in which its signature stands: a return type or a template above,
# parameters one to a line below.
_LINES_ABOVE = 8
HEAD_LINES = 40


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


def stands_at(definition: Definition, lines: Sequence[str]) -> bool:
    """Tell whether a definition's head stands in a document's lines where the record says.

    Args:
        definition: with 1-based lines.
        lines: of the whole document, or its first ones down to some way below the head.
    """
    if not 0 < definition.line <= len(lines):
        return False
    own = lines[definition.line - 1]
    if definition.title:
        # Its text stands there, perhaps with marks in between.
        return set(words(definition.title)) <= set(words(own))
    if not definition.signature:
        return definition.name in own
    first = max(0, definition.line - 1 - _LINES_ABOVE)
    around = "".join("".join(lines[first : definition.line + HEAD_LINES]).split())
    return "".join(definition.signature.split()) in around


def missing_heads(pieces: Sequence[Lines], definitions: Sequence[Definition]) -> list[int]:
    """Return the lines of the heads of the definitions in whose middle further pieces begin.

    The first piece has its definition named; a reader of a later one would take it for part of
    that.
    """
    found: list[int] = []
    for piece in pieces[1:]:
        around = innermost(piece.first, definitions)
        if around is not None and pieces[0].first < around.line < piece.first:
            found.append(around.line)
    return found
