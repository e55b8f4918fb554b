"""A scrollable widget over prepared lines: only those in view are rendered."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

__all__ = ["LineView"]


class LineView(ScrollView, can_focus=True):
    """Shows lines of text, each on one row, never wrapped."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: tuple[Content, ...] = ()

    def set_lines(self, lines: Sequence[Content]) -> None:
        """Replace all lines."""
        self.lines = tuple(lines)
        width = max((line.cell_length for line in self.lines), default=0)
        self.virtual_size = Size(width, len(self.lines))
        self.refresh()

    def row_style(self, index: int) -> Style:  # noqa: ARG002  # overridden where rows differ
        """The style that the line ``index`` is drawn on."""
        return self.visual_style

    def render_line(self, y: int) -> Strip:
        """The row ``y`` of the view."""
        width = self.scrollable_content_region.width
        scroll_x, scroll_y = self.scroll_offset
        index = scroll_y + y
        if index >= len(self.lines):
            return Strip.blank(width, self.visual_style.rich_style)
        line, style = self.lines[index], self.row_style(index)
        room = max(width + scroll_x, 1)
        strips = Visual.to_strips(self, line.truncate(room), room, 1, style, pad=True)
        return strips[0].crop(scroll_x, scroll_x + width)
