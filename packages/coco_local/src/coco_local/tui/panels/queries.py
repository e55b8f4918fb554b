"""Queries panel: the queries answered last, from any client."""

from __future__ import annotations

from textual.content import Content

from coco_local.tui.drawing import fit
from coco_local.tui.figures import clock, milliseconds, one_line
from coco_local.tui.panels.panel import Panel
from coco_protocol.system import RecentQuery

__all__ = ["Queries"]

# "HH:MM:SS" and the gap.
_CLOCK = 10
# " 12 hits" and " 12.3 ms", right-aligned.
_HITS, _TOOK = 9, 10


class Queries(Panel[tuple[RecentQuery, ...]]):
    """Newest first: when, what was asked, hits, time."""

    TITLE = "Recent queries"

    def draw(self, state: tuple[RecentQuery, ...], width: int, height: int, /) -> list[Content]:
        """One line a query."""
        if not state:
            return [Content.styled("No query yet: press / to ask one", "$muted")]
        return [_line(query, width) for query in state[:height]]


def _line(query: RecentQuery, width: int) -> Content:
    room = width - _CLOCK - _HITS - _TOOK
    hits = f"{query.hits} hit" if query.hits == 1 else f"{query.hits} hits"
    return Content.assemble(
        (fit(clock(query.at), _CLOCK).stylize("$muted")),
        fit(one_line(query.query), room),
        fit(Content.styled(hits, "$muted" if query.hits else "$warning"), _HITS, right=True),
        fit(milliseconds(query.took_ms), _TOOK, right=True),
    )
