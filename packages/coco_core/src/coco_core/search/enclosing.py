"""The definition that a line lies in."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence

from coco_core.search.pieces import Lines, joined
from coco_core.tokens import words
from coco_core.types import ChunkKind, Definition

__all__ = ["HEAD_LINES", "innermost", "outer_paths", "stands_at", "with_heads"]

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


def with_heads(
    pieces: Sequence[Lines],
    definitions: Sequence[Definition],
    known: Container[int],
    cost: Callable[[int], int],
    budget: int,
) -> list[Lines]:
    """Return the pieces with the heads of the definitions in whose middle further ones begin.

    The first piece has its definition named; a reader of a later one would take it for part of
    that. Within the budget, for which the last lines give way.

    Args:
        pieces: in order and apart from each other.
        definitions: those around them.
        known: the lines whose text may be shown.
        cost: the tokens of a line.
        budget: tokens for all lines together.
    """
    shown = {number for first, last in pieces for number in range(first, last + 1)}
    for piece in pieces[1:]:
        around = innermost(piece.first, definitions)
        if around is not None and around.line > pieces[0].first and around.line in known:
            shown.add(around.line)
    while True:
        runs = joined(shown, known)
        spent = sum(cost(number) for run in runs for number in range(run.first, run.last + 1))
        if spent <= budget or len(shown) <= 1:
            return runs
        shown.remove(max(shown))
