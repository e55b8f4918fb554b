"""Stacked bar: work done and work reused."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from coco_experiments.report.plots.drawing import Drawing

__all__ = ["share_bar"]

_HEIGHT = 14


def share_bar(parts: Sequence[tuple[str, int]], label: str) -> Markup:
    """Draw parts of a whole side by side; each is a class of the style sheet and a number."""
    drawing = Drawing(_HEIGHT, label, kind="shares")
    whole = sum(number for _, number in parts)
    start = 0.0
    for kind, number in parts:
        width = 100 * number / whole if whole else 0.0
        if number:
            drawing.bar(kind, round(start, 2), width, 0, _HEIGHT)
        start += width
    return drawing.markup
