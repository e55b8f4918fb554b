"""Brings a run to its end: its progress on the terminal, Ctrl-C, its result."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coco_flow.cli.exits import Exit
from coco_flow.cli.figures import count, duration
from coco_flow.cli.models.application import chosen_database, load_models, require_engine
from coco_flow.cli.models.figures import write_models
from coco_flow.cli.models.model_logs import ModelLogs
from coco_flow.cli.stop_signals import StopSignals
from coco_flow.errors import RunCancelled, RunNotFound

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal
    from coco_flow.models.database import Database
    from coco_flow.models.events import Event

__all__ = ["FollowedRun", "continued_run", "resume_command", "shown_progress", "wait_for_work"]

Work = Callable[[], Coroutine[Any, Any, dict[str, Any]]]

_POLL_SECONDS = 0.1
# A model that does not look whether it was cancelled is waited for until a second Ctrl-C.
_PATIENCE_SECONDS = 7 * 24 * 3600


def resume_command(run: str, app: str | None, url: str | None) -> str:
    """Return the command that continues a run.

    Args:
        run: The run.
        app: The application, if it is known.
        url: The database, if it was given on the command line.
    """
    from sqlalchemy import make_url

    words = ["coco-flow", "models", "resume", run, "--app", app or "APP"]
    if url is not None:
        # A URL with a password belongs in no message.
        words += ["--database", url if make_url(url).password is None else "URL"]
    return shlex.join(words)


def shown_progress(terminal: Terminal, models: Sequence[str] = ()) -> AbstractContextManager[Any]:
    """Return what shows the events of this process's runs while it is entered."""
    from coco_flow.models.events import listening
    from coco_flow.models.progress_display import display

    if terminal.quiet or terminal.json:
        return listening(lambda _, event: _warn(terminal, event))
    live = terminal.lively and os.environ.get("TERM") != "dumb"
    return display(models, live=live, keep=False)


def _warn(terminal: Terminal, event: Event) -> None:
    if event.kind == "log" and event.level in ("warning", "error", "critical"):
        terminal.warn(f"{event.model or 'pipeline'}: {event.message}")


@dataclass
class FollowedRun:
    """A run that this process works on.

    Attributes:
        terminal: Where to show progress and result.
        database: Where it runs.
        run: Its id.
        models: Its models, in the order of execution.
        app: The application, for hints.
        url: The database as the command line has it, for hints.
        allow_errors: Whether failed documents leave the exit code 0.
    """

    terminal: Terminal
    database: Database
    run: str
    models: Sequence[str]
    app: str
    url: str | None = None
    allow_errors: bool = False
    _logs: ModelLogs = field(default_factory=ModelLogs)
    _began: float = field(default_factory=time.monotonic)

    def complete(self, work: Work) -> int:
        """Do the work, show the result, and return the exit code.

        Ctrl-C and SIGTERM cancel the run; a second one ends the process at once.
        """
        from coco_flow.models.events import listening

        with (
            self._logs,
            StopSignals() as stop,
            listening(self._notice),
            shown_progress(self.terminal, self.models),
        ):
            result = asyncio.run(self._followed(work, stop))
        if result is None:
            self._say_cancelled()
            return stop.exit_code
        return self._report(result)

    def _notice(self, run: str, _: Event) -> None:
        # A failed run continues under a new id.
        self.run = run

    async def _followed(self, work: Work, stop: StopSignals) -> dict[str, Any] | None:
        """Return the result, or None if a signal cancelled the run."""
        task = asyncio.ensure_future(work())
        while not task.done():
            await asyncio.wait([task], timeout=_POLL_SECONDS)
            if stop.requested and not task.cancelling():
                self.terminal.note(
                    "Cancelling: models at work end at their next report of progress; again to "
                    "stop immediately."
                )
                task.cancel()
        if task.cancelled():
            await asyncio.to_thread(wait_for_work, _PATIENCE_SECONDS)
            return None
        try:
            return task.result()
        except RunCancelled as error:
            # Another process did it.
            await asyncio.to_thread(wait_for_work, _PATIENCE_SECONDS)
            raise RunCancelled(error.message, hint=f"Continue it: {self._resume}") from error

    @property
    def _resume(self) -> str:
        return resume_command(self.run, self.app, self.url)

    def _say_cancelled(self) -> None:
        """Say that a signal cancelled the run, and how to go on."""
        from coco_flow.models.runs import run_of

        try:
            run_of(self.database, self.run)
        except RunNotFound:
            self.terminal.note("Stopped before the run began.")
            return
        if self.terminal.json:
            self.terminal.document({"workflow_id": self.run, "status": "cancelled"})
        self.terminal.warn(f"The run {self.run} was cancelled. Continue it: {self._resume}")

    def _report(self, result: dict[str, Any]) -> int:
        from coco_flow.models.run_progress import RunProgress

        terminal = self.terminal
        self.run = result.get("workflow_id", self.run)
        failed_documents = result.get("failed_documents") or {}
        if terminal.json:
            terminal.document(result)
        else:
            progress = RunProgress(self.run, self.models)
            progress.finish(result)
            if not terminal.quiet:
                write_models(terminal, progress)
            self._report_errors(result["errors"])
            for model, reasons in failed_documents.items():
                self._report_documents(model, reasons)
            self._report_end(result)
        if result["status"] == "failed":
            return Exit.ERROR
        return Exit.ERROR if failed_documents and not self.allow_errors else Exit.OK

    def _report_errors(self, errors: dict[str, str]) -> None:
        from coco_flow.cli.user_code import user_traceback

        for model, reason in errors.items():
            raised = self._logs.errors.get(model)
            self.terminal.error(
                reason,
                hint=getattr(raised, "hint", None),
                code="model_failed",
                places="" if raised is None else user_traceback(raised),
            )

    def _report_documents(self, model: str, reasons: dict[str, str]) -> None:
        document, reason = next(iter(reasons.items()))
        self.terminal.warn(
            f"{model}: {count(len(reasons), 'document')} failed, such as {document}: {reason}. The "
            "next run with --delta tries them again."
        )

    def _report_end(self, result: dict[str, Any]) -> None:
        took = duration(time.monotonic() - self._began)
        if result["status"] == "failed":
            self.terminal.note(f"Run {self.run} failed after {took}. Continue it: {self._resume}")
        else:
            self.terminal.note(f"Run {self.run}: done in {took}.")


def continued_run(
    terminal: Terminal, run: str, app: str, url: str | None, *, allow_errors: bool
) -> FollowedRun:
    """Return a recorded run for this process to work on, with its models loaded.

    Raises:
        RunNotFound: There is no run of that id.
        AppNotLoaded: The application cannot be loaded.
    """
    application = load_models(app)
    require_engine()
    database = chosen_database(url)
    from coco_flow.models.runs import run_of

    models = run_of(database, run).spec.get("models", ())
    return FollowedRun(terminal, database, run, models, application.target, url, allow_errors)


def wait_for_work(seconds: int) -> None:
    """Stop the engine of this process: take nothing new, and wait for what is at work."""
    from coco_flow.models.engine import shutdown

    shutdown(seconds)
