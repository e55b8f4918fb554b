"""Quality against latency: one numbered dot a strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from coco_local.experiment.report.plots.drawing import Drawing
from coco_local.experiment.report.plots.scale import Scale, linear, logarithmic

__all__ = ["Dot", "scatter"]

_HEIGHT = 320
# Latencies that differ more than this would all stand at the left end of a linear axis.
_LOG_FROM = 8.0
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
    taken = [(across.place(dot.x) / 100, 1 - up.place(dot.y) / 100) for dot in dots]
    labels: list[tuple[float, float]] = []
    for dot in dots:
        x, y = across.place(dot.x), f"{100 - up.place(dot.y):.2f}%"
        drawing.dot(f"dot {dot.color}", x, y, 5.5, dot.tip)
        center = (across.place(dot.x) / 100 * _USUAL_WIDTH, (1 - up.place(dot.y) / 100) * _HEIGHT)
        dx, dy = _free_place(center, labels, taken)
        labels.append((center[0] + dx, center[1] + dy - 4))
        anchor = "start" if dx > 0 else "end" if dx < 0 else "middle"
        drawing.text(f"number {anchor}", x, y, dot.label, dx=dx, dy=dy)
    return drawing.markup


def _across(dots: Sequence[Dot]) -> Scale:
    values = [dot.x for dot in dots]
    least = min((value for value in values if value > 0), default=0.0)
    if least and max(values) / least > _LOG_FROM:
        return logarithmic(values)
    return linear([*values, 1.0], least=0.0)


def _free_place(
    center: tuple[float, float],
    labels: Sequence[tuple[float, float]],
    dots: Sequence[tuple[float, float]],
) -> tuple[float, float]:
    """Return where the label covers the fewest others."""
    points = [(x * _USUAL_WIDTH, y * _HEIGHT) for x, y in dots]
    width, height = _LABEL_SIZE

    def covered(place: tuple[float, float]) -> int:
        x, y = center[0] + place[0], center[1] + place[1] - 4
        near_labels = sum(abs(x - a) < width and abs(y - b) < height for a, b in labels)
        near_dots = sum(
            abs(x - a) < width / 2 + 4 and abs(y - b) < height / 2 + 4 for a, b in points
        )
        return 2 * near_labels + near_dots

    return min(_PLACES, key=covered)
