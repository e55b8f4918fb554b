"""Follows a run of any process by its recorded events."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from coco_flow.cli.stop_signals import StopSignals

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal
    from coco_flow.models.database import Database
    from coco_flow.models.events import Event
    from coco_flow.models.runs import Run

__all__ = ["follow_run"]

_POLL_SECONDS = 0.1
# How often it is looked whether the process of the run is still there.
_LIVENESS_SECONDS = 2.0


def follow_run(terminal: Terminal, database: Database, run: Run) -> bool:
    """Show a run's events as they come; return False if a signal came before the run's end.

    It also ends when no process works on the run any more.
    """
    from coco_flow.models.progress_display import display

    with StopSignals() as stop:
        if terminal.json or terminal.quiet:
            for event in _events(database, run.id, stop):
                if terminal.json:
                    terminal.json_line(event.as_dict())
            return not stop.requested
        live = terminal.lively and os.environ.get("TERM") != "dumb"
        models = run.spec.get("models", ())
        with display(models, live=live, keep=False) as shown:
            for event in _events(database, run.id, stop):
                shown.show(run.id, event)
        return not stop.requested


def _events(database: Database, run: str, stop: StopSignals) -> Iterator[Event]:
    """Yield events until the run ends, its process is gone, or a signal comes."""
    from coco_flow.models.runs import run_of

    arriving: queue.Queue[Event | BaseException | None] = queue.Queue()
    threading.Thread(target=_read, args=(database, run, arriving), daemon=True).start()
    looked = time.monotonic()
    while not stop.requested:
        try:
            event = arriving.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            if time.monotonic() - looked >= _LIVENESS_SECONDS:
                looked = time.monotonic()
                if run_of(database, run).status == "interrupted":
                    return
            continue
        if event is None:
            return
        if isinstance(event, BaseException):
            raise event
        yield event


def _read(
    database: Database, run: str, arriving: queue.Queue[Event | BaseException | None]
) -> None:
    from coco_flow.models.event_streams import read_events

    try:
        for event in read_events(database, run, follow=True):
            arriving.put(event)
    except Exception as error:  # noqa: BLE001 - the main thread reports every error
        arriving.put(error)
    else:
        arriving.put(None)
