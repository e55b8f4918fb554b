"""Progress of updates: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coco_flow.engine.stats import LABELS

if TYPE_CHECKING:
    from rich.progress import Progress

    from coco_flow.cli.terminal import Terminal

__all__ = ["ProgressDisplay", "SourceProgress", "counts_text"]

# What is over sooner needs no bar, nor the time that it takes to load what draws it.
_PATIENCE_SECONDS = 0.3
# Without a terminal, a line each so many seconds shows progress and does not flood a log.
_QUIET_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """How far the rows of one source are.

    Attributes:
        counts: Rows that ended, by how.
        in_progress: Rows being processed.
        known: Rows known from earlier updates: about as many will there be.
    """

    name: str
    counts: Mapping[str, int]
    in_progress: int
    known: int

    @property
    def done(self) -> int:
        """Rows that ended."""
        return sum(self.counts.values())


def counts_text(counts: Mapping[str, int]) -> str:
    """Return counters in words, without those that are zero."""
    shown = [f"{counts[key]:,} {label}" for key, label in LABELS.items() if counts.get(key)]
    return ", ".join(shown) or "no rows"


class ProgressDisplay:
    """Shows the sources while there is something to do."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._bars: Progress | None = None
        self._tasks: dict[str, Any] = {}
        self._busy_since: float | None = None
        self._done_before: dict[str, int] = {}
        self._reported_at = 0.0

    def show(self, sources: Sequence[SourceProgress], *, busy: bool) -> None:
        """Show how far the sources are; nothing is shown while nothing is done."""
        now = time.monotonic()
        if not busy:
            self.clear()
            return
        if self._busy_since is None:
            self._busy_since = self._reported_at = now
            self._done_before = {source.name: source.done for source in sources}
        if self._terminal.lively:
            if now - self._busy_since >= _PATIENCE_SECONDS:
                self._draw(sources, now - self._busy_since)
        elif now - self._reported_at >= _QUIET_SECONDS and not self._terminal.json:
            self._reported_at = now
            for source in sources:
                if source.in_progress or source.done != self._done_before.get(source.name, 0):
                    figures = self._figures(source, now - self._busy_since)
                    self._terminal.note(f"{source.name}: {figures}")

    def clear(self) -> None:
        """Take the bars off the screen."""
        self._busy_since = None
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks.clear()

    def _draw(self, sources: Sequence[SourceProgress], seconds: float) -> None:
        if self._bars is None:
            self._bars = _new_bars()
            self._bars.start()
        for source in sources:
            if source.name not in self._tasks:
                self._tasks[source.name] = self._bars.add_task(source.name, figures="")
            # A bar without a total swings: right while rows are still being found.
            total = max(source.known, source.done + source.in_progress) if source.known else None
            self._bars.update(
                self._tasks[source.name],
                completed=source.done,
                total=total,
                figures=self._figures(source, seconds),
            )
        self._bars.refresh()

    def _figures(self, source: SourceProgress, seconds: float) -> str:
        done = source.done - self._done_before.get(source.name, 0)
        parts = [f"{source.done:,} rows"]
        if source.in_progress:
            parts.append(f"{source.in_progress:,} in progress")
        if done:
            parts.append(f"{done / max(seconds, 1e-3):,.0f}/s")
        if source.counts.get("num_errors"):
            parts.append(f"{source.counts['num_errors']:,} errors")
        return ", ".join(parts)


def _new_bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr, highlight=False, emoji=False, markup=False)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
        # What functions print belongs to standard output, also when that is a file.
        redirect_stdout=sys.stdout.isatty(),
    )
