"""The figures of a run's models, as a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coco_flow.cli.models.tables import write_table

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal
    from coco_flow.models.run_progress import ModelProgress, RunProgress

__all__ = ["write_models"]

_HEADS = (
    "MODEL", "STATE", "ROWS", "INSERTED", "UPDATED", "DELETED", "UNCHANGED", "DOCUMENTS", "FAILED",
    "TESTS", "CALLS", "TOKENS", "COST", "SECONDS",
)  # fmt: skip
_NUMBERS = _HEADS[2:]


def write_models(terminal: Terminal, progress: RunProgress) -> None:
    """Write a line for each model of a run, in the order of execution."""
    rows = [_cells(one) for one in progress.models.values()]
    write_table(terminal, _HEADS, rows, numbers=_NUMBERS)


def _cells(one: ModelProgress) -> tuple[str, ...]:
    figures = one.figures
    telemetry = figures.get("telemetry") or {}
    tokens = [telemetry.get(f"llm_{kind}_tokens") for kind in ("input", "output")]
    tests = figures.get("tests")
    failed = figures.get("failed_documents") or ()
    cost = telemetry.get("llm_cost_usd")
    seconds = one.lasted(time.time())
    return (
        one.name,
        _state(one),
        "" if "rows_written" not in figures else f"{figures['rows_written']:,}",
        *(_number(figures.get(name)) for name in ("inserted", "updated", "deleted", "unchanged")),
        _number(figures.get("documents")),
        _number(len(failed)),
        f"{tests['passed']}/{tests['total']}" if tests else "",
        _number(telemetry.get("llm_calls")),
        _number(sum(one or 0 for one in tokens)),
        "" if cost is None else f"${cost:.4f}",
        "" if seconds is None else f"{seconds:.2f}",
    )


def _state(one: ModelProgress) -> str:
    if one.state == "done" and one.figures.get("skipped"):
        return "no change"
    if one.state == "running" and one.done is not None:
        return f"running {one.done:,}" + ("" if one.total is None else f"/{one.total:,}")
    return one.state


def _number(value: float | None) -> str:
    return f"{value:,}" if value else ""
