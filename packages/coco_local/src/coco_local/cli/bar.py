"""Progress bar of a download: size, speed, time left; or a line for each step."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from coco_core.terminal_text import visible
from coco_local.cli.terminal import Terminal

if TYPE_CHECKING:
    from coco_embed.progress import Progress

__all__ = ["Bar"]


class Bar:
    """Progress of provisioning: a bar with size, speed and time left, or a line for each step."""

    def __init__(self, terminal: Terminal, first: str) -> None:
        """``first`` is what the bar says before anything is known."""
        self._terminal = terminal
        self._first = first
        self._progress: Any = None
        self._task: Any = None
        self._step: tuple[str, str] | None = None

    def __enter__(self) -> Bar:
        if self._terminal.lively:
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=max(10, shutil.get_terminal_size().columns // 4)),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=self._terminal.aside, transient=True)
            self._progress.start()
            self._task = self._progress.add_task(self._first, total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, progress: Progress) -> None:
        """Show one report."""
        step = (progress.stage, progress.source)
        text = visible(f"{progress.stage} from {progress.source}")
        if self._progress is None:
            if step != self._step and not self._terminal.json:
                self._terminal.note(text)
        else:
            if step != self._step:
                self._progress.reset(self._task)
            self._progress.update(
                self._task,
                description=text,
                completed=progress.done_bytes,
                total=progress.total_bytes,
            )
        self._step = step
