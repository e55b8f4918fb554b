"""Section of the page that compares strategies with a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coco_experiments.report.columns import MAIN
from coco_experiments.report.merging import Comparison
from coco_experiments.report.plots.scale import linear
from coco_experiments.report.plots.steps import difference_steps
from coco_experiments.report.plots.strips import axis_strip, interval_strip
from coco_experiments.report.significance import Finding, caution, signed, written_p

__all__ = ["difference_section"]

_KINDS = {"better": "better", "worse": "worse"}


def difference_section(
    comparison: Comparison,
    baseline: int,
    found: Sequence[Finding],
    shown: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return a row for each strategy that shares questions with the baseline, the best first."""
    intervals = [each.difference.interval for each in found]
    scale = linear([0.0, *(end for each in intervals for end in (each.low, each.high))])
    ordered = sorted(found, key=lambda each: -each.difference.interval.mean)
    return {
        "baseline": shown[baseline],
        "differences": [
            _row(comparison, baseline, each, shown[each.strategy])
            | {"strip": interval_strip(scale, each.difference.interval, *_strip(each, shown))}
            for each in ordered
        ],
        "difference_axis": axis_strip(scale, lambda value: f"{value:+g}" if value else "0"),
        "caution": caution(comparison, baseline, found),
    }


def _strip(found: Finding, shown: Sequence[dict[str, Any]]) -> tuple[str, str]:
    row, interval = shown[found.strategy], found.difference.interval
    label = (
        f"{row['name']}: {signed(interval.mean)}, "
        f"95 % interval {signed(interval.low)} to {signed(interval.high)}"
    )
    return row["color"], label


def _row(
    comparison: Comparison, baseline: int, found: Finding, strategy: dict[str, Any]
) -> dict[str, Any]:
    difference = found.difference
    label = (
        f"{strategy['name']} question by question: better at {difference.better:,}, "
        f"worse at {difference.worse:,} of {difference.questions:,}"
    )
    return {
        "strategy": strategy,
        "mean": difference.interval.mean,
        "mean_text": signed(difference.interval.mean),
        "p": difference.p,
        "p_text": written_p(difference.p),
        "won": difference.better,
        "lost": difference.worse,
        "words": found.words,
        "kind": _KINDS.get(found.verdict, ""),
        "steps": difference_steps(_by_question(comparison, baseline, found.strategy), label),
    }


def _by_question(comparison: Comparison, first: int, second: int) -> list[float]:
    before = comparison.strategies[first].metrics.questions
    after = comparison.strategies[second].metrics.questions
    return [
        float(getattr(after[name], MAIN)) - float(getattr(before[name], MAIN))
        for name in before
        if name in after
    ]
