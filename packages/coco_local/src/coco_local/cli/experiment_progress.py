"""Progress of an experiment: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from coco_core.quantities import byte_count, count, duration
from coco_core.terminal_text import visible
from coco_local.cli.terminal import Terminal

if TYPE_CHECKING:
    from coco_experiments.results import IndexResult
    from coco_experiments.target import BuildStep

__all__ = ["RunProgress", "index_line"]

# Without a terminal, a line each so many seconds says that work goes on and fills no log.
_QUIET_SECONDS = 5.0


class RunProgress:
    """Shows what a run does on standard error; with --json, only what is not as it should be."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._progress: Any = None
        self._task: Any = None
        self._current = ""
        self._last_line_at = 0.0
        self._last_line = ""

    def __enter__(self) -> RunProgress:
        if self._terminal.lively:
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                SpinnerColumn,
                TextColumn,
                TimeRemainingColumn,
            )

            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=self._terminal.aside, transient=True)
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def info(self, text: str) -> None:
        """Say something that is worth knowing and no error."""
        if not self._terminal.json:
            self._write(text)

    def warn(self, text: str) -> None:
        """Say that something is not as it should be."""
        if self._progress is not None:
            self._progress.console.print(visible(f"warning: {text}"), style="yellow")
        else:
            self._terminal.warn(text)

    def building(self, step: BuildStep) -> None:
        """Show how far an index is."""
        what = f"index {step.config_id}: {step.stage or 'waiting'}"
        self._update(what, step.done, step.total)

    def built(self, index: IndexResult) -> None:
        """Show an index that can be asked."""
        self.info(index_line(index))

    def asking(self, done: int, total: int) -> None:
        """Show how many questions were asked."""
        self._update("questions", done, total)

    def _update(self, what: str, done: int, total: int) -> None:
        if self._progress is not None:
            if what != self._current:
                if self._task is not None:
                    self._progress.remove_task(self._task)
                self._task = self._progress.add_task(visible(what), total=total or None)
            self._progress.update(self._task, completed=done, total=total or None)
            self._current = what
            return
        line = f"{what}: {done:,} of {total:,}" if total else what
        now = time.monotonic()
        begun = what != self._current and what.partition(":")[0] != self._current.partition(":")[0]
        over = total > 0 and done == total
        if (
            not self._terminal.json
            and line != self._last_line
            and (begun or over or now - self._last_line_at >= _QUIET_SECONDS)
        ):
            self._last_line, self._last_line_at = line, now
            self._terminal.note(line)
        self._current = what

    def _write(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(visible(text), style="dim")
        else:
            self._terminal.note(text)


def index_line(index: IndexResult) -> str:
    """Return what an index holds and what building it took, in one line."""
    parts = [count(index.documents, "document"), count(index.chunks, "chunk")]
    if index.bytes is not None and index.seconds is None:
        # One that was just built is not all on disk yet.
        parts.append(byte_count(index.bytes))
    work = [
        f"{number:,} {name}"
        for name, number in (
            ("parsed", index.parsed),
            ("copied", index.copied),
            ("embedded", index.embedded),
            ("reused", index.reused),
        )
        if number is not None
    ]
    took = "was there" if index.seconds is None else f"built in {duration(index.seconds)}"
    return f"index {index.config_id}: {', '.join(parts)}; {took}" + (
        f" ({', '.join(work)})" if work else ""
    )
