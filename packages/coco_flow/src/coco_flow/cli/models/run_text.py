"""A run in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coco_core.terminal_text import visible
from coco_flow.cli.figures import count, duration, moment

if TYPE_CHECKING:
    from datetime import datetime

    from coco_flow.models.events import Event
    from coco_flow.models.runs import Run

__all__ = ["event_line", "filters_text", "iso", "run_lines", "took_text"]


def took_text(run: Run) -> str:
    """Return how long a run took; "" if it goes on."""
    if run.started is None or run.ended is None:
        return ""
    seconds = (run.ended - run.started).total_seconds()
    # With SQLite, the times of runs are whole seconds.
    return duration(seconds) if seconds >= 1 else "< 1 s"


def run_lines(run: Run) -> list[str]:
    """Return what a run is, in a few lines."""
    started = "" if run.started is None else f", started {moment(run.started.timestamp())}"
    took = took_text(run)
    mode = run.spec.get("incremental_mode", "full")
    return [
        f"Run {run.id} of pipeline {run.pipeline}: {run.status}",
        f"{mode}, {filters_text(run.spec.get('filters', {}))}{started}"
        + (f", took {took}" if took else ""),
    ]


def filters_text(filters: dict[str, Any]) -> str:
    """Return which documents a run is about."""
    ids = filters.get("ids")
    return "all documents" if ids is None else count(len(ids), "document")


def event_line(event: Event) -> str:
    """Return a message or a failure with its time and its model."""
    level = f"{event.level}: " if event.level not in (None, "info") else ""
    text = event.message.removeprefix(f"{event.model}: ")
    kind = "failed: " if event.kind == "failed" else level
    return visible(f"{moment(event.time)} {event.model or 'pipeline'}: {kind}{text}")


def iso(moment_of: datetime | None) -> str | None:
    """Return a time for programs."""
    return None if moment_of is None else moment_of.isoformat()
