"""Colors of the indexes on the page."""

from __future__ import annotations

from coco_experiments.report.merging import Comparison

__all__ = ["index_colors"]

# More colors than these cannot be told apart; numbers and names say the rest.
_COLORS = 6


def index_colors(comparison: Comparison) -> dict[str, str]:
    """Return the class of the style sheet for each index, in the order of their strategies."""
    names = dict.fromkeys(strategy.index for strategy in comparison.strategies)
    return {name: f"c{at}" if at < _COLORS else "cx" for at, name in enumerate(names)}
