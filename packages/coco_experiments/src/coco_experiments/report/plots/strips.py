"""Interval plots for table rows: a dot with its confidence interval, and an axis."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from coco_core.metrics import Interval
from coco_experiments.report.plots.drawing import Drawing
from coco_experiments.report.plots.scale import Scale

__all__ = ["axis_strip", "interval_strip"]

_HEIGHT = 22
_MIDDLE = "50%"
# Texts at the ends of an axis would stand out of it when they were centered.
_END = 4.0


def interval_strip(scale: Scale, interval: Interval, color: str, label: str) -> Markup:
    """Draw a mean with its interval, on the grid of its axis."""
    drawing = Drawing(_HEIGHT, label, kind="strip")
    for tick in scale.ticks:
        kind = "zero" if tick == 0 and scale.low < 0 else "grid"
        drawing.line(kind, scale.place(tick), "0", scale.place(tick), "100%")
    left, right = scale.place(interval.low), scale.place(interval.high)
    drawing.line(f"whisker {color}", left, _MIDDLE, right, _MIDDLE)
    for end in (left, right):
        drawing.line(f"whisker {color}", end, "30%", end, "70%")
    drawing.dot(f"dot {color}", scale.place(interval.mean), _MIDDLE, 5, label)
    return drawing.markup


def axis_strip(scale: Scale, show: Callable[[float], str]) -> Markup:
    """Write the values of an axis."""
    drawing = Drawing(_HEIGHT, "", kind="strip axis")
    for tick in scale.ticks:
        place = scale.place(tick)
        anchor = "start" if place < _END else "end" if place > 100 - _END else "middle"
        drawing.line("grid", place, "0", place, "4")
        drawing.text(f"tick {anchor}", place, "16", show(tick))
    return drawing.markup
