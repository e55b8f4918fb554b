"""Step plot: differences of all questions, sorted."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from coco_experiments.report.plots.drawing import Drawing

__all__ = ["difference_steps"]

_HEIGHT = 64
# The drawing's own coordinates: one unit of difference up and one down.
_SCALE = 100


def difference_steps(differences: Sequence[float], label: str) -> Markup:
    """Draw the differences (-1 to 1) in falling order as an area above and below zero.

    One path for each sign, however many questions there are.
    """
    ordered = sorted(differences, reverse=True)
    drawing = Drawing(_HEIGHT, label, kind="steps")
    drawing.box(max(1, len(ordered)), 2 * _SCALE)
    drawing.path("zero", f"M0 {_SCALE}H{len(ordered)}")
    won = [value for value in ordered if value > 0]
    lost = [value for value in ordered if value < 0]
    if won:
        drawing.path("won", _area(won, 0))
    if lost:
        drawing.path("lost", _area(lost, len(ordered) - len(lost)))
    return drawing.markup


def _area(values: Sequence[float], start: int) -> str:
    parts = [f"M{start} {_SCALE}"]
    last: float | None = None
    for index, value in enumerate(values, start):
        if value != last:
            parts += [f"H{index}"] if last is not None else []
            parts.append(f"V{_SCALE * (1 - value):.1f}")
            last = value
    return "".join([*parts, f"H{start + len(values)}", f"V{_SCALE}Z"])
