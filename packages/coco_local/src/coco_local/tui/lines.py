"""A widget over prepared lines that scrolls both ways: only what is in view is rendered."""

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
    """Shows lines of text, each on one row, never wrapped; labels do not scroll sideways."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: tuple[Content, ...] = ()
        self.labels: tuple[Content, ...] = ()

    def set_lines(self, lines: Sequence[Content], labels: Sequence[Content] = ()) -> None:
        """Replace all lines, and their labels at the left (of equal widths, or none)."""
        self.lines = tuple(lines)
        self.labels = tuple(labels)
        width = max((line.cell_length for line in self.lines), default=0)
        self.virtual_size = Size(self.label_width + width, len(self.lines))
        self.refresh()

    @property
    def label_width(self) -> int:
        """Cells left of every line."""
        return self.labels[0].cell_length if self.labels else 0

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
        style = self.row_style(index)
        labels = min(width, self.label_width)
        line = self._strip(self.lines[index], scroll_x, width - labels, style)
        if not labels:
            return line
        return Strip.join([self._strip(self.labels[index], 0, labels, style), line])

    def _strip(self, line: Content, start: int, width: int, style: Style) -> Strip:
        """Return the cells of a line from ``start`` on, padded to ``width``."""
        room = max(width + start, 1)
        strips = Visual.to_strips(self, line.truncate(room), room, 1, style, pad=True)
        return strips[0].crop(start, start + width)
