"""Files panel: the files indexed or removed last."""

from __future__ import annotations

from textual.content import Content

from coco_local.tui.drawing import fit
from coco_local.tui.figures import clock, tail
from coco_local.tui.panels.panel import Panel
from coco_protocol.system import RecentFile

__all__ = ["Files"]

_MARKS = {
    "indexed": ("+", "$accent"),
    "removed": ("-", "$muted"),
    "skipped": ("!", "$warning"),
}
# "HH:MM:SS", the mark and the gaps.
_FIXED = 8 + 2 + 1 + 1
# " 12 chunks" at the right.
_CHUNKS = 11
# Narrower than this, the path gets all of the line.
_ROOMY = 44


class Files(Panel[tuple[RecentFile, ...]]):
    """Newest first: when, what happened, which file, how many chunks."""

    TITLE = "Last indexed files"

    def draw(self, state: tuple[RecentFile, ...], width: int, height: int, /) -> list[Content]:
        """One line a file."""
        if not state:
            return [Content.styled("Nothing indexed since the start", "$muted")]
        return [_line(file, width) for file in state[:height]]


def _line(file: RecentFile, width: int) -> Content:
    mark, style = _MARKS[file.action]
    right = _CHUNKS if width >= _ROOMY else 0
    room = width - _FIXED - right
    path = Content(tail(file.path, room))
    if file.action == "removed":
        path = path.stylize("$muted")
    amount = f"{file.chunks} chunk" if file.chunks == 1 else f"{file.chunks} chunks"
    chunks = amount if file.action == "indexed" else file.action
    return Content.assemble(
        (clock(file.at), "$muted"),
        "  ",
        (mark, style),
        " ",
        fit(path, room),
        fit(Content.styled(chunks, "$muted"), right, right=True),
    )
