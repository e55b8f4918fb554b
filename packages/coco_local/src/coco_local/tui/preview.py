"""The code around a hit: highlighted, numbered as on disk, the hit's lines marked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.style import Style

from coco_local.tui.figures import tail
from coco_local.tui.lines import LineView
from coco_local.tui.messages import Excerpt

__all__ = ["CodePreview"]

# Rows kept above the hit, so that its surroundings are seen.
_ABOVE = 3


@dataclass(frozen=True, slots=True)
class _Hit:
    """The rows of the hit among the lines shown."""

    first: int
    last: int


class CodePreview(LineView):
    """Shows one hit at a time."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"preview--hit"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hit = _Hit(0, -1)

    def show(self, preview: Excerpt, words: re.Pattern[str] | None) -> None:
        """Show ``preview`` with the hit near the top and the query's words marked in it."""
        first = preview.first_line
        self._hit = _Hit(preview.hit_start - first, preview.hit_end - first)
        digits = len(str(first + len(preview.lines) - 1))
        self.set_lines(
            [
                self._numbered(index, line, first + index, digits, words)
                for index, line in enumerate(preview.lines)
            ]
        )
        place = f":{preview.hit_start}-{preview.hit_end}"
        room = max(8, self.size.width - len(place) - 6)
        self.border_title = Content.assemble(tail(preview.path, room), (place, "$accent"))
        self.call_after_refresh(self._reveal)

    def clear(self) -> None:
        """Show nothing."""
        self._hit = _Hit(0, -1)
        self.border_title = ""
        self.set_lines(())

    def row_style(self, index: int) -> Style:
        """The hit's lines stand on a tinted ground."""
        if self._hit.first <= index <= self._hit.last:
            return self.get_visual_style("preview--hit")
        return self.visual_style

    def _reveal(self) -> None:
        self.scroll_to(0, max(0, self._hit.first - _ABOVE), animate=False, immediate=True)

    def _numbered(
        self, index: int, line: Content, number: int, digits: int, words: re.Pattern[str] | None
    ) -> Content:
        inside = self._hit.first <= index <= self._hit.last
        if inside and words is not None:
            for match in words.finditer(line.plain):
                line = line.stylize("on $accent 28%", match.start(), match.end())
        return Content.assemble(
            ("▌" if inside else " ", "$accent"),
            (f"{number:>{digits}}", "$foreground" if inside else "$faint"),
            "  ",
            line,
        )
