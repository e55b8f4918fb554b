"""The code around a found place: highlighted, numbered as on disk, the place's lines marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.style import Style

from coco_local.tui.figures import tail
from coco_local.tui.lines import LineView
from coco_local.tui.messages import Excerpt

__all__ = ["CodePreview"]

# Rows kept above the place, and columns left of a word far along its line: what is around is seen.
_ABOVE = 3
_LEFT = 12


class CodePreview(LineView):
    """Shows one found place at a time."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"preview--hit"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "sideways(-1)", "Left", show=False),
        Binding("right", "sideways(1)", "Right", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._marked: frozenset[int] = frozenset()

    def show(self, preview: Excerpt, words: re.Pattern[str] | None) -> None:
        """Show ``preview`` with its place near the top and the query's words marked in it."""
        first, found = preview.first_line, preview.found
        self._marked = frozenset(
            number - first for start, end in found.ranges for number in range(start, end + 1)
        )
        digits = len(str(first + len(preview.lines) - 1))
        self.set_lines(
            [self._worded(index, line, words) for index, line in enumerate(preview.lines)],
            [self._number(index, first + index, digits) for index in range(len(preview.lines))],
        )
        place = f":{found.first_line}-{max(end for _, end in found.ranges)}"
        room = max(8, self.size.width - len(place) - 6)
        self.border_title = Content.assemble(tail(found.path, room), (place, "$accent"))
        self.call_after_refresh(self._reveal, words)

    def clear(self) -> None:
        """Show nothing."""
        self._marked = frozenset()
        self.border_title = ""
        self.set_lines(())

    def row_style(self, index: int) -> Style:
        """The lines of the place stand on a tinted ground."""
        if index in self._marked:
            return self.get_visual_style("preview--hit")
        return self.visual_style

    def action_sideways(self, direction: int) -> None:
        """Scroll by half of what is seen."""
        step = max(1, (self.size.width - self.label_width) // 2)
        self.scroll_to(x=self.scroll_x + direction * step, animate=False)

    def _reveal(self, words: re.Pattern[str] | None) -> None:
        """Scroll to the place, and sideways where its first word would be out of view."""
        rows = sorted(row for row in self._marked if 0 <= row < len(self.lines))
        top = max(0, rows[0] - _ABOVE) if rows else 0
        self.scroll_to(self._column(rows, words), top, animate=False, immediate=True)

    def _column(self, rows: Sequence[int], words: re.Pattern[str] | None) -> int:
        seen = self.size.width - self.label_width
        matches = [words.search(self.lines[row].plain) for row in rows] if words else []
        ends = [(match.start(), match.end()) for match in matches if match is not None]
        if not ends or min(end for _, end in ends) <= seen:
            return 0
        return max(0, min(start for start, _ in ends) - _LEFT)

    def _worded(self, index: int, line: Content, words: re.Pattern[str] | None) -> Content:
        if index in self._marked and words is not None:
            for match in words.finditer(line.plain):
                line = line.stylize("on $accent 28%", match.start(), match.end())
        return line

    def _number(self, index: int, number: int, digits: int) -> Content:
        inside = index in self._marked
        return Content.assemble(
            ("▌" if inside else " ", "$accent"),
            (f"{number:>{digits}}", "$foreground" if inside else "$faint"),
            "  ",
        )
