"""A grep's answer as lines to show: matches with what stands around them, each line once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coco_protocol.grep import GrepMatch

__all__ = ["CUT", "ShownLine", "shown_lines"]

CUT = "…"
"""What a line begins or ends with where it goes on."""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line of a file."""

    number: int
    text: str
    matches: bool
    spans: tuple[tuple[int, int], ...] = ()
    """The matches in ``text``: half-open, in characters."""
    apart: bool = False
    """Whether lines are left out between the one before and this one."""


def shown_lines(matches: Sequence[GrepMatch]) -> Iterator[ShownLine]:
    """Yield the lines of one file, in order."""
    lines: dict[int, ShownLine] = {}
    for match in matches:
        first = match.line - len(match.before)
        around = [*enumerate(match.before, first), *enumerate(match.after, match.line + 1)]
        for number, text in around:
            lines.setdefault(number, ShownLine(number, text, matches=False))
    for match in matches:
        lines[match.line] = _match(match)
    previous: int | None = None
    for number in sorted(lines):
        line = lines[number]
        apart = previous is not None and number > previous + 1
        previous = number
        yield ShownLine(number, line.text, line.matches, line.spans, apart)


def _match(match: GrepMatch) -> ShownLine:
    head = CUT if match.start_column > 1 else ""
    end = match.start_column - 1 + len(match.text)
    tail = CUT if end < match.line_length else ""
    spans = tuple((part.start + len(head), part.end + len(head)) for part in match.spans)
    return ShownLine(match.line, f"{head}{match.text}{tail}", matches=True, spans=spans)
