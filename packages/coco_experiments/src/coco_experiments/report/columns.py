"""Columns of a comparison: name, description, and number format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from coco_experiments.comparison import METRICS, Column, Metric

__all__ = ["COLUMNS", "MAIN", "Group", "ReportColumn", "column_of", "milliseconds", "share"]

Group: TypeAlias = Literal["quality", "latency", "index"]

MAIN: Final[Metric] = "ndcg"
"""The metric that decides which strategy is best: it counts what was found and how far above."""

NOTHING: Final = "-"


def share(value: float) -> str:
    """Return a figure of quality with the digits that a question set of some hundred can carry."""
    return f"{value:.3f}"


def milliseconds(value: float) -> str:
    """Return ``8.4`` or ``120``: tenths are noise where there are hundreds."""
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def _seconds(value: float) -> str:
    from coco_core.quantities import duration

    return duration(value)


def _bytes(value: float) -> str:
    from coco_core.quantities import byte_count

    return byte_count(value)


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """A column as a reader sees it."""

    name: Column
    title: str
    short: str
    """The title where room is scarce."""
    meaning: str
    group: Group
    write: Callable[[float], str]
    unit: str = ""

    @property
    def smaller(self) -> bool:
        """Whether less is better."""
        return self.name not in METRICS

    def head(self, k: int, *, short: bool = False) -> str:
        """Return the title with the cut-off where it decides, a short one with the unit."""
        title = self.short if short else self.title
        if self.group == "quality":
            return f"{title}@{k}"
        return f"{title} {self.unit}".rstrip() if short else title

    def cell(self, value: float | None) -> str:
        """Return a figure as text, without its unit."""
        return NOTHING if value is None else self.write(value)

    def text(self, value: float | None) -> str:
        """Return a figure with its unit."""
        return self.cell(value) if value is None else f"{self.write(value)} {self.unit}".rstrip()


_FOUND = "share of the expected places that were found"
_EXPECTED = "share of the hits that were expected"
_WEIGHED = "normalized discounted cumulative gain: what was found, by grade and rank"
_WITHIN = "{} % of the answers came within this time"
_BUILT = "from the request to the last vector; none when the index existed before"
_ANY = "share of the questions with any expected hit"

COLUMNS: Final = (
    ReportColumn("recall", "Recall", "Recall", _FOUND, "quality", share),
    ReportColumn("precision", "Precision", "Prec", _EXPECTED, "quality", share),
    ReportColumn("mrr", "MRR", "MRR", "1 / rank of the first expected hit", "quality", share),
    ReportColumn("ndcg", "nDCG", "nDCG", _WEIGHED, "quality", share),
    ReportColumn("hit_rate", "Hit rate", "Hit", _ANY, "quality", share),
    ReportColumn("p50_ms", "p50", "p50", _WITHIN.format(50), "latency", milliseconds, "ms"),
    ReportColumn("p95_ms", "p95", "p95", _WITHIN.format(95), "latency", milliseconds, "ms"),
    ReportColumn("p99_ms", "p99", "p99", _WITHIN.format(99), "latency", milliseconds, "ms"),
    ReportColumn("index_seconds", "Index time", "Build", _BUILT, "index", _seconds),
    ReportColumn("index_bytes", "Index size", "Size", "the index on disk", "index", _bytes),
)


def column_of(name: Column) -> ReportColumn:
    """Return a column by its name."""
    return next(column for column in COLUMNS if column.name == name)
