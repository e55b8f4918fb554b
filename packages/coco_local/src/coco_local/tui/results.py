"""Result list, next to the preview."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from coco_local.tui.drawing import spread, stack
from coco_local.tui.figures import one_line, tail
from coco_protocol.docs import ChunkBody, Hit

__all__ = ["ResultList", "hit_title"]

# Lists lower than this get one line a hit instead of two.
_LOW = 12
# The share of a one-line row that the path may take.
_PATH_SHARE = 0.55


def hit_title(chunk: ChunkBody) -> str:
    """What names the chunk: its symbol, its heading, or its first line with words."""
    if chunk.symbol:
        return one_line(chunk.symbol)
    if chunk.heading_trail:
        return one_line(" > ".join(chunk.heading_trail))
    lines = (one_line(line) for line in chunk.content.split("\n"))
    return next((line for line in lines if any(map(str.isalnum, line))), chunk.kind)


class ResultList(OptionList):
    """Hits, best first; rows are drawn to the list's size."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, compact=True)
        self.border_title = "Results"
        self.hits: Sequence[Hit] = ()

    @property
    def chosen(self) -> Hit | None:
        """The hit under the cursor."""
        index = self.highlighted
        return self.hits[index] if index is not None and index < len(self.hits) else None

    def show(self, hits: Sequence[Hit]) -> None:
        """Replace the hits; the cursor stands on the first."""
        self.hits = hits
        self._draw(0)

    def move(self, step: int) -> None:
        """Move the cursor without taking the focus."""
        if self.hits:
            index = min(len(self.hits) - 1, max(0, (self.highlighted or 0) + step))
            self.highlighted = index

    def on_resize(self) -> None:
        """Draw the rows to the new width."""
        if self.hits:
            self._draw(self.highlighted or 0)

    def _draw(self, cursor: int) -> None:
        width = max(1, self.scrollable_content_region.width)
        low = self.content_size.height < _LOW
        self.set_options([Option(_row(hit, width, low)) for hit in self.hits])
        if self.hits:
            self.highlighted = cursor


def _row(hit: Hit, width: int, low: bool) -> Content:
    chunk = hit.chunk
    title = Content.styled(hit_title(chunk), "$strong")
    place = f":{chunk.start_line}" if chunk.start_line is not None else ""
    path = chunk.path or chunk.doc_id
    if low:
        room = int(width * _PATH_SHARE) - len(place)
        return spread(
            width, title, Content.assemble((tail(path, room), "$muted"), (place, "$accent"))
        )
    end = f"-{chunk.end_line}" if chunk.end_line not in (None, chunk.start_line) else ""
    first = spread(width, title, Content.styled(chunk.kind.replace("_", " "), "$muted"))
    tags = Content.styled(_tags(hit), "$warning")
    room = width - len(place) - len(end) - tags.cell_length - 1
    where = Content.assemble((tail(path, room), "$muted"), (place, "$accent"), (end, "$faint"))
    return stack([first, spread(width, where, tags)], 2)


def _tags(hit: Hit) -> str:
    """What is special about where the hit comes from."""
    if hit.meta.source == "live":
        return "live"
    return "moved" if hit.meta.relocated else ""
