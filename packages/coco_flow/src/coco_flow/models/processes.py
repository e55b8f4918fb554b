"""Runs a model in a process of its own, so that its work gets a core to itself."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from coco_flow.errors import ModelFailed, RunCancelled
from coco_flow.models.config import Overrides
from coco_flow.models.context import ModelContext
from coco_flow.models.database import Database, database_of
from coco_flow.models.events import Event, ModelEvents, reason_of
from coco_flow.models.execution import ModelWork
from coco_flow.models.registry import ModelRegistry

if TYPE_CHECKING:
    from coco_flow.models.declaration import Model

__all__ = ["run_in_process"]

# How often the parent looks whether the run was cancelled.
_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Task:
    """What the process has to do, as it is sent there."""

    model: str
    module: str
    applications: list[str]
    search_path: list[str]
    database: str
    context: ModelContext
    overrides: Overrides
    batches: list[int] | None


def run_in_process(
    declared: Model,
    database: Database,
    context: ModelContext,
    overrides: Overrides,
    batches: list[int] | None = None,
) -> dict[str, Any]:
    """Do a model, or some of its batches, in a new process, and return the model's result.

    Its events arrive as they happen; cancelling the run ends it at its next sign of life.

    Raises:
        ModelFailed: The model raised, or the process ended.
    """
    from coco_flow.user_app_loader import loaded_apps

    events = context.events
    plain = ModelContext(
        context.filters, context.incremental_mode, context.workflow_id, dict(context.metadata)
    )
    task = _Task(
        declared.name, declared.function.__module__, loaded_apps(), sys.path, database.url, plain,
        overrides, batches,
    )  # fmt: skip
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_main, args=(task, there), daemon=True)
    process.start()
    there.close()
    try:
        return _follow(here, events)
    except EOFError:
        process.join()
        raise ModelFailed(
            f"its process ended with exit code {process.exitcode}.",
            hint="A killed process has the negative number of its signal; -9 may be the kernel's "
            "answer to too little memory.",
        ) from None
    finally:
        here.close()
        process.join()


def _follow(here: Connection, events: ModelEvents | None) -> dict[str, Any]:
    is_told = False
    while True:
        if not here.poll(_POLL_SECONDS):
            if events is not None and events.cancelled and not is_told:
                here.send("cancel")
                is_told = True
            continue
        kind, content = here.recv()
        if kind == "event":
            if events is not None:
                events.send(Event.from_dict(content))
        elif kind == "result":
            return dict(content)
        else:
            raise RunCancelled(content) if kind == "cancelled" else ModelFailed(content)


def _main(task: _Task, there: Connection) -> None:
    """Do the task in the new process and send what happens."""
    # Ctrl-C ends the parent, which cancels in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = _done(task, there)
    except RunCancelled as error:
        there.send(("cancelled", error.message))
    except Exception as error:  # noqa: BLE001 - the parent reports every error
        there.send(("failed", reason_of(error)))
    else:
        there.send(("result", result))


def _done(task: _Task, there: Connection) -> dict[str, Any]:
    _declare_models(task)
    events = _SentEvents(task.context.workflow_id or "", task.model, there)
    work = ModelWork(
        ModelRegistry.get(task.model),
        database_of(task.database),
        task.context.with_events(events),
        task.overrides,
    )
    result = work.execute() if task.batches is None else {}
    for number in task.batches or ():
        work.context.check_cancelled()
        work.execute_batch(number)
        work.report_batches()
    events.flush()
    return result


class _SentEvents(ModelEvents):
    """Events that the parent gets."""

    def __init__(self, run: str, model: str, there: Connection) -> None:
        super().__init__(run, model)
        self._there = there

    @property
    def cancelled(self) -> bool:
        """Whether the parent asked to end."""
        if self._there.poll():
            self._there.recv()
            self.cancel()
        return super().cancelled

    def send(self, event: Event) -> None:
        """Send an event to the parent, which logs it."""
        self._there.send(("event", event.as_dict()))


def _declare_models(task: _Task) -> None:
    """Import what declares the model; the main program was imported when the process started."""
    import importlib

    from coco_flow.user_app_loader import load_user_app

    for folder in task.search_path:
        if folder not in sys.path:
            sys.path.append(folder)
    for application in task.applications:
        load_user_app(application)
    if task.model not in ModelRegistry.names() and task.module != "__main__":
        importlib.import_module(task.module)
