"""Progress of an update as lines of text."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

from coco_flow.components.stats import ComponentStats, Stats, UpdateStats

__all__ = ["DEFAULT_INTERVAL", "component_line", "report", "report_blocks"]

DEFAULT_INTERVAL = 1.0


def component_line(name: str, counts: ComponentStats) -> str:
    """Return one line about the components that run a function."""
    running = counts.num_in_progress
    parts = [
        f"{number} {what}"
        for number, what in (
            (counts.num_adds, "added"),
            (counts.num_reprocesses, "reprocessed"),
            (counts.num_deletes, "deleted"),
            (counts.num_unchanged, "unchanged"),
            (counts.num_errors, "⚠️ errors"),
        )
        if number
    ]
    line = f"{'⏳' if running else '✅'} {name}: {counts.num_execution_starts} total"
    if running:
        line += f", {running} in-flight"
    return f"{line} | {', '.join(parts)}" if parts else line


def report_blocks(
    stats: UpdateStats | None, title: str | None, state: str, elapsed: float
) -> Iterator[str]:
    """Yield the lines of one report."""
    yield f"[Stats{f': {title}' if title else ''}]{f' ({state})' if state else ''}"
    for name, counts in (stats.by_component if stats else {}).items():
        yield component_line(name, counts)
    yield f"⏳ Elapsed: {elapsed:.1f}s"


def _print(stats: Stats, title: str | None, state: str, elapsed: float) -> None:
    text = "\n".join(report_blocks(stats.snapshot(), title, state, elapsed))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def report(stats: Stats, title: str | None = None, interval: float | None = None) -> None:
    """Print a report each interval in which something changed, and a last one at the end."""
    started = time.monotonic()
    seconds = interval or DEFAULT_INTERVAL
    seen, printed = 0, 0.0
    while not stats.terminated:
        await stats.wait_change(seen)
        wait = printed + seconds - (time.monotonic() - started)
        if wait > 0 and printed:
            await _sleep_unless_ended(stats, wait)
        if stats.terminated:
            break
        seen = stats.version
        printed = time.monotonic() - started
        _print(stats, title, "ready" if stats.ready else "", printed)
    _print(stats, title, "terminated", time.monotonic() - started)


async def _sleep_unless_ended(stats: Stats, seconds: float) -> None:
    """Wait for the next report's time, or for the end."""
    deadline = time.monotonic() + seconds
    while not stats.terminated and (left := deadline - time.monotonic()) > 0:
        try:
            await asyncio.wait_for(stats.wait_change(stats.version), left)
        except TimeoutError:
            return
