"""Latency panel: queries per second, and their latency."""

from __future__ import annotations

from textual.content import Content

from coco_local.tui.drawing import sparkline, spread
from coco_local.tui.figures import milliseconds
from coco_local.tui.panels.panel import Panel
from coco_protocol.system import LatencyStats

__all__ = ["Latency"]

# Columns from which all figures have room on one line.
_ROOMY = 34


class Latency(Panel[LatencyStats]):
    """QPS, p50 and p95 of the last window over a sparkline of the seconds."""

    TITLE = "Queries"

    def draw(self, state: LatencyStats, width: int, height: int, /) -> list[Content]:
        """Figures first, then as much chart as there is room."""
        rate = Content.assemble((f"{state.qps:.1f}", "$strong"), ("/s", "$muted"))
        if width < _ROOMY:
            return [
                spread(width, _quantile("p50", state.p50_ms, state.count), rate),
                spread(width, _quantile("p95", state.p95_ms, state.count)),
                *sparkline(state.history_ms, width, max(1, height - 2)),
            ]
        chart = sparkline(state.history_ms, width, max(1, height - 1))
        figures = Content("  ").join(
            [
                _quantile("p50", state.p50_ms, state.count),
                _quantile("p95", state.p95_ms, state.count),
            ]
        )
        return [spread(width, figures, rate), *chart]


def _quantile(name: str, value: float, asked: int) -> Content:
    """The latency in a fixed width; a dash when nothing was asked."""
    shown = milliseconds(value) if asked else "-"
    return Content.assemble((f"{name} ", "$muted"), (f"{shown:>7}", "$strong"))
