"""Scatter plot: quality against latency, one numbered dot for each strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from coco_experiments.report.plots.drawing import Drawing
from coco_experiments.report.plots.scale import Scale, linear, logarithmic

__all__ = ["Dot", "scatter"]

_HEIGHT = 320
# Latencies that differ more than this would all stand at the left end of a linear axis.
_LOG_FROM = 8.0
_RADIUS = 5.5
# The width that labels are kept apart for; on a narrower page some may touch.
_USUAL_WIDTH = 640
# Where a number may stand beside its dot (pixels right and down), the best place first.
_PLACES = ((9.0, 4.0), (-9.0, 4.0), (0.0, -9.0), (0.0, 17.0), (9.0, -7.0), (9.0, 15.0))
_LABEL_SIZE = (16.0, 12.0)


@dataclass(frozen=True, slots=True)
class Dot:
    """A strategy in the plot."""

    label: str
    tip: str
    color: str
    x: float
    """Milliseconds."""
    y: float


def scatter(dots: Sequence[Dot], label: str, show: Callable[[float], str]) -> Markup:
    """Draw dots; ``show`` writes a value of the x axis."""
    across = _across(dots)
    up = linear([dot.y for dot in dots])
    drawing = Drawing(_HEIGHT, label, kind="scatter")
    for tick in up.ticks:
        y = f"{100 - up.place(tick):.2f}%"
        drawing.line("grid", 0, y, 100, y)
        drawing.text("tick end", 0, y, f"{tick:g}", dx=-8, dy=4)
    for tick in across.ticks:
        x = across.place(tick)
        drawing.line("grid", x, "0", x, "100%")
        drawing.text("tick middle", x, "100%", show(tick), dy=18)
    dots_at = [_pixels(across.place(dot.x), up.place(dot.y)) for dot in dots]
    labels: list[tuple[float, float]] = []
    for dot, center in zip(dots, dots_at, strict=True):
        x, y = across.place(dot.x), f"{100 - up.place(dot.y):.2f}%"
        drawing.dot(f"dot {dot.color}", x, y, _RADIUS, dot.tip)
        place = _free_place(center, labels, dots_at)
        labels.append(_middle(center, place))
        dx, dy = place
        anchor = "start" if dx > 0 else "end" if dx < 0 else "middle"
        drawing.text(f"number {anchor}", x, y, dot.label, dx=dx, dy=dy)
    return drawing.markup


def _across(dots: Sequence[Dot]) -> Scale:
    values = [dot.x for dot in dots]
    least = min((value for value in values if value > 0), default=0.0)
    if least and max(values) / least > _LOG_FROM:
        return logarithmic(values)
    return linear([*values, 1.0], least=0.0)


def _pixels(across: float, up: float) -> tuple[float, float]:
    """Return where a dot stands on a plot of the usual width."""
    return across / 100 * _USUAL_WIDTH, (1 - up / 100) * _HEIGHT


def _middle(center: tuple[float, float], place: tuple[float, float]) -> tuple[float, float]:
    """Return the middle of a label that begins, ends or is centered at its place."""
    dx, dy = place
    aside = _LABEL_SIZE[0] / 2 * ((dx > 0) - (dx < 0))
    return center[0] + dx + aside, center[1] + dy - _LABEL_SIZE[1] / 3


def _free_place(
    center: tuple[float, float],
    labels: Sequence[tuple[float, float]],
    dots: Sequence[tuple[float, float]],
) -> tuple[float, float]:
    """Return where the label covers the fewest others."""
    width, height = _LABEL_SIZE

    def covered(place: tuple[float, float]) -> int:
        x, y = _middle(center, place)
        near_labels = sum(abs(x - a) < width and abs(y - b) < height for a, b in labels)
        wide, high = width / 2 + _RADIUS, height / 2 + _RADIUS
        near_dots = sum(abs(x - a) < wide and abs(y - b) < high for a, b in dots)
        return 2 * near_labels + near_dots

    return min(_PLACES, key=covered)
