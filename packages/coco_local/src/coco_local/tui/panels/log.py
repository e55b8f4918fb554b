"""Log panel: follows the end of the daemon's log until it is scrolled."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from textual.content import Content

from coco_local.tui.figures import clock, one_line
from coco_local.tui.lines import LineView
from coco_protocol.system import LogLine

__all__ = ["Log"]

# An evening of a busy daemon, and still quick to redraw.
_KEPT = 2000

_STYLES = {
    "debug": "$faint",
    "info": "$muted",
    "warning": "$warning",
    "error": "$error",
    "critical": "$error",
}


class Log(LineView):
    """Keeps more lines than the daemon sends at once, so that one can scroll back."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "Log"
        self._kept: deque[LogLine] = deque(maxlen=_KEPT)

    def show(self, newest: Sequence[LogLine]) -> None:
        """Add the lines of ``newest`` (oldest first) that are not kept yet."""
        fresh = _after(self._kept, newest)
        if not fresh and self.lines:
            return
        following = self.scroll_offset.y >= self.max_scroll_y
        self._kept.extend(fresh)
        self.set_lines([_line(line) for line in self._kept] or [_NOTHING])
        if following:
            self.call_after_refresh(self.scroll_end, animate=False, immediate=True)

    def on_resize(self) -> None:
        """Stay at the end when the view changes its height."""
        self.scroll_end(animate=False, immediate=True)


_NOTHING = Content.styled("Nothing logged yet", "$muted")


def _after(kept: Sequence[LogLine], newest: Sequence[LogLine]) -> list[LogLine]:
    """The lines of ``newest`` that come after the last kept one."""
    if not kept:
        return list(newest)
    last = kept[-1]
    for index in range(len(newest) - 1, -1, -1):
        if newest[index] == last:
            return list(newest[index + 1 :])
    return [line for line in newest if line.at >= last.at]


def _line(line: LogLine) -> Content:
    level = line.level.lower()
    return Content.assemble(
        (clock(line.at), "$faint"),
        "  ",
        (f"{level[:7]:<7}", _STYLES.get(level, "$muted")),
        "  ",
        one_line(line.message),
    )
