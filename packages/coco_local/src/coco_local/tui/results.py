"""Result list, next to the preview."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from coco_local.tui.drawing import spread, stack
from coco_local.tui.figures import tail
from coco_local.tui.found import Found

__all__ = ["ResultList"]

# Lists lower than this get one line a place instead of two.
_LOW = 12
# The share of a one-line row that the path may take.
_PATH_SHARE = 0.55


class ResultList(OptionList):
    """Found places, best first; rows are drawn to the list's size."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, compact=True)
        self.border_title = "Results"
        self.found: Sequence[Found] = ()

    @property
    def chosen(self) -> Found | None:
        """The place under the cursor."""
        index = self.highlighted
        return self.found[index] if index is not None and index < len(self.found) else None

    def show(self, found: Sequence[Found]) -> None:
        """Replace the places; the cursor stands on the first."""
        self.found = found
        self._draw(0)

    def move(self, step: int) -> None:
        """Move the cursor without taking the focus."""
        if self.found:
            index = min(len(self.found) - 1, max(0, (self.highlighted or 0) + step))
            self.highlighted = index

    def on_resize(self) -> None:
        """Draw the rows to the new width."""
        if self.found:
            self._draw(self.highlighted or 0)

    def _draw(self, cursor: int) -> None:
        width = max(1, self.scrollable_content_region.width)
        low = self.content_size.height < _LOW
        self.set_options([Option(_row(found, width, low)) for found in self.found])
        if self.found:
            self.highlighted = cursor


def _row(found: Found, width: int, low: bool) -> Content:
    title = Content.styled(found.title, "$strong")
    place = f":{found.first_line}"
    if low:
        room = int(width * _PATH_SHARE) - len(place)
        return spread(
            width, title, Content.assemble((tail(found.path, room), "$muted"), (place, "$accent"))
        )
    end = f"-{found.end_line}" if found.end_line > found.first_line else ""
    first = spread(width, title, Content.styled(found.kind.replace("_", " "), "$muted"))
    tags = Content.styled(found.tag, "$warning")
    room = width - len(place) - len(end) - tags.cell_length - 1
    where = Content.assemble(
        (tail(found.path, room), "$muted"), (place, "$accent"), (end, "$faint")
    )
    return stack([first, spread(width, where, tags)], 2)
