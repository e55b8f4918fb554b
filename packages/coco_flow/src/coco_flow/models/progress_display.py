"""Shows the progress of runs: live on a terminal, as lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from coco_core.terminal_text import visible
from coco_flow.models.events import Event, listening
from coco_flow.models.run_progress import ModelProgress, RunProgress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

__all__ = ["display"]

# A line about a model's progress each so many seconds does not flood a log.
_LINE_SECONDS = 5.0
# Smooth to the eye, and nothing to the work.
_FRAMES_PER_SECOND = 8
# Of what models log, the last lines are shown.
_LOG_LINES = 5
# A narrow terminal needs its place for names.
_BAR_WIDTH, _SHORT_BAR_WIDTH, _NARROW = 24, 8, 90
_LEVELS = {"warning": "yellow", "error": "red", "critical": "red"}
_STYLES = {"done": "green", "failed": "red", "interrupted": "red", "running": "cyan"}


class display:  # noqa: N801 - used as `with display():`
    """Show the progress of this process's runs while the block is entered.

    One line for each model with state, bar, rows and seconds, and the last messages; where standard
    error is no terminal, a line now and then. Use it as ``with display(): run_pipeline_sync(…)``.

    Args:
        models: Models to show before they begin, in the order of execution.
        file: Where to write. Default: standard error.
        live: Whether it is a terminal. Default: found out.
        keep: Whether the last picture stays on the terminal.
    """

    def __init__(
        self,
        models: Sequence[str] = (),
        *,
        file: TextIO | None = None,
        live: bool | None = None,
        keep: bool = True,
    ) -> None:
        self._models = tuple(models)
        self._file = file or sys.stderr
        self._is_live = _is_terminal(self._file) if live is None else live
        self._keep = keep
        self._runs: dict[str, RunProgress] = {}
        self._lock = threading.RLock()
        self._told: dict[tuple[str, str], float] = {}
        self._console: Console | None = None
        self._picture: Live | None = None
        self._listening = listening(self.show)

    def __enter__(self) -> display:
        if self._is_live:
            self._start()
        self._listening.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.__exit__()
        if self._picture is not None:
            self._picture.stop()
            self._picture = None

    @property
    def runs(self) -> dict[str, RunProgress]:
        """The runs that were seen, by id."""
        return self._runs

    def show(self, run: str, event: Event) -> None:
        """Show an event of a run; those of this process's runs come by themselves."""
        with self._lock:
            # Only the first run is known to have the models that were named.
            known = self._runs.setdefault(run, RunProgress(run, () if self._runs else self._models))
            before = known.models.get(event.model or "")
            known.take(event)
            lines = list(self._lines(run, event, before))
            if self._console is None:
                for line, _ in lines:
                    self._file.write(f"{line}\n")
                self._file.flush()
                return
        for line, style in lines:
            # What is wrong stays on the screen when the picture goes.
            if style:
                self._console.print(line, style=style, soft_wrap=True)

    def _lines(
        self, run: str, event: Event, before: ModelProgress | None
    ) -> Iterator[tuple[str, str]]:
        """Yield what is said of an event, each line with a style if it matters at all times."""
        name = event.model
        if event.kind == "log":
            if event.level != "debug":
                yield _log_text(event), _LEVELS.get(event.level or "", "")
        elif name is None:
            return
        elif event.kind == "progress":
            last = self._told.get((run, name), 0.0)
            if event.time - last >= _LINE_SECONDS:
                self._told[run, name] = event.time
                amount = _amount(event.done, event.total)
                yield visible(f"{name}: {amount} {event.message}").rstrip(), ""
        elif event.kind == "started":
            self._told[run, name] = event.time
            if before is not None and before.state == "failed":
                yield visible(f"{name}: tried again, after: {before.message}"), "yellow"
            else:
                yield f"{name}: started", ""
        elif event.kind == "ended":
            yield f"{name}: done{_summary(self._runs[run].models[name])}", ""
        elif event.kind == "failed":
            # The message begins with the model's name. Who lets the picture go reports it.
            yield (
                f"failed: {visible(event.message)}" if self._keep else f"{name}: failed",
                ("red" if self._keep else ""),
            )

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(
            file=self._file, force_terminal=True, highlight=False, emoji=False, markup=False
        )
        self._picture = Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=_FRAMES_PER_SECOND,
            transient=not self._keep,
            # What models print belongs to standard output, also when that is a file.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._picture.start()

    def _drawn(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        assert self._console is not None
        width, height = self._console.size
        height = max(height - 2, 4)
        with self._lock:
            if not self._runs and self._models:
                return _table([RunProgress("", self._models)], width, height)
            logs = sorted(
                (one for run in self._runs.values() for one in run.logs if one.level != "debug"),
                key=lambda event: event.time,
            )[-_LOG_LINES:]
            table = _table(list(self._runs.values()), width, height - len(logs))
            lines = [
                Text(f"  {_log_text(one)}", style="dim", overflow="ellipsis", no_wrap=True)
                for one in logs
            ]
        return Group(table, *lines)


def _table(runs: Sequence[RunProgress], width: int, height: int) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    now = time.time()
    bar_width = _BAR_WIDTH if width >= _NARROW else _SHORT_BAR_WIDTH
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, width=bar_width)
    for _ in ("amount", "rows", "seconds"):
        table.add_column(no_wrap=True, justify="right")
    # The one column that may become narrower: its texts do not wrap, they are cut.
    table.add_column(ratio=1)
    models = [one for run in runs for one in run.models.values()]
    shown, left = _shown(models, height)
    for one in shown:
        bar: Any = ""
        if one.state == "running":
            bar = ProgressBar(one.total, one.done or 0, bar_width, pulse=not one.total)
        elif one.state == "done":
            bar = ProgressBar(1, 1, bar_width)
        rows = one.figures.get("rows_written")
        seconds = one.lasted(now)
        table.add_row(
            Text(one.name),
            Text(one.state, style=_STYLES.get(one.state, "dim")),
            bar,
            _amount(one.done, one.total) if one.state == "running" else "",
            "" if rows is None else f"{rows:,} rows",
            "" if seconds is None else f"{seconds:.1f} s",
            Text(_first_line(one.message), style="dim", no_wrap=True, overflow="ellipsis"),
        )
    if left:
        table.add_row(Text(f"and {left} more models", style="dim"))
    return table


def _shown(models: list[ModelProgress], height: int) -> tuple[list[ModelProgress], int]:
    """Return the models that fit on the screen, those at work first, and how many do not."""
    if len(models) <= height:
        return models, 0
    importance = {"failed": 0, "running": 0, "interrupted": 0, "done": 2}
    chosen = sorted(models, key=lambda one: importance.get(one.state, 1))[: max(height - 1, 1)]
    names = {one.name for one in chosen}
    return [one for one in models if one.name in names], len(models) - len(chosen)


def _is_terminal(file: TextIO) -> bool:
    return file.isatty() and os.environ.get("TERM") != "dumb"


def _log_text(event: Event) -> str:
    """Return a message with the model that sent it."""
    level = f"{event.level}: " if event.level not in (None, "info") else ""
    return visible(f"{event.model or 'pipeline'}: {level}{event.message}")


def _first_line(text: str) -> str:
    return visible(text.partition("\n")[0])


def _amount(done: int | None, total: int | None) -> str:
    if done is None:
        return ""
    return f"{done:,}" if total is None else f"{done:,}/{total:,}"


def _summary(one: ModelProgress) -> str:
    parts = []
    if "rows_written" in one.figures:
        parts.append(f"{one.figures['rows_written']:,} rows")
    if one.seconds is not None:
        parts.append(f"{one.seconds:.2f} s")
    return f", {', '.join(parts)}" if parts else ""
