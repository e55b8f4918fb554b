"""Updates and drops apps of the component style."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from coco_flow.cli.confirm import confirmed
from coco_flow.cli.exits import Exit
from coco_flow.cli.failure import error_json, report_error
from coco_flow.cli.figures import duration, moment
from coco_flow.cli.progress import ProgressDisplay, SourceProgress, counts_text
from coco_flow.cli.stop_signals import StopSignals
from coco_flow.cli.stored_apps import shown_folder, state_folder, stored_app_names
from coco_flow.components.progress import component_line
from coco_flow.components.stats import ComponentStats, UpdateSnapshot, UpdateStatus

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal
    from coco_flow.cli.update import UpdateRequest
    from coco_flow.components.app import App

__all__ = ["drop_apps", "update_app"]

_POLL_SECONDS = 0.1


def update_app(terminal: Terminal, app: App[Any, Any], request: UpdateRequest) -> int:
    """Update an app and return the exit code."""
    if request.dry_run:
        return _preview(terminal, app)
    if request.reset and _drop(terminal, [app], force=request.force) is False:
        terminal.note("Aborted: nothing was changed.")
        return Exit.OK
    terminal.note(f"Updating {_described(app)}")
    return _Run(terminal, app, request).run()


def drop_apps(terminal: Terminal, apps: Sequence[App[Any, Any]], *, force: bool) -> None:
    """Show what would be removed, ask, and remove it."""
    if _drop(terminal, apps, force=force) is False:
        terminal.note("Aborted: nothing was changed.")


def _drop(terminal: Terminal, apps: Sequence[App[Any, Any]], *, force: bool) -> bool:
    stored = [app for app in apps if app.name in stored_app_names(state_folder(app))]
    for app in apps:
        if app not in stored and not terminal.quiet and not terminal.json:
            terminal.line(f"The {_described(app)} has no persisted state: nothing to drop.")
    if not stored:
        return True
    for app in stored:
        terminal.note(f"Preparing to drop {_described(app)}")
    if not confirmed(terminal, "Remove all its target states, and its state?", force=force):
        return False
    for app in stored:
        app.drop_blocking()
        if not terminal.quiet and not terminal.json:
            terminal.line(f"Dropped {_described(app)} and reverted its target states.")
    return True


def _described(app: App[Any, Any]) -> str:
    folder = shown_folder(state_folder(app))
    environment = app.environment.name or "default"
    return f"app {app.name!r} from environment {environment!r} (db path: {folder})"


def _preview(terminal: Terminal, app: App[Any, Any]) -> int:
    actions = app.update_blocking(preview=True)
    if terminal.json:
        terminal.document({"actions": [repr(action) for action in actions]})
        return Exit.OK
    terminal.line("Preview: planned target actions")
    for action in actions:
        terminal.line(f"  {action!r}")
    if not actions:
        terminal.line("  (none)")
    return Exit.OK


class _Run:
    """One update of an app, on the loop of its environment."""

    def __init__(self, terminal: Terminal, app: App[Any, Any], request: UpdateRequest) -> None:
        self._terminal = terminal
        self._app = app
        self._request = request
        self._loop = app.environment.get_env_blocking().event_loop
        self._latest: UpdateSnapshot[Any] | None = None
        self._as_coco_error: dict[str, ComponentStats] = {}
        self._is_ready = False

    def run(self) -> int:
        """Do it and return the exit code."""
        began = time.perf_counter()
        display = ProgressDisplay(self._terminal)
        work = self._submit(self._watch())
        asked = False
        with StopSignals() as stop:
            while not work.done():
                concurrent.futures.wait([work], _POLL_SECONDS)
                if stop.requested and not asked:
                    asked = True
                    self._submit(self._cancel())
                if self._request.live:
                    self._report_changes(display)
                display.show(self._progress(), busy=not work.done() and self._is_busy())
            display.clear()
            if self._request.live:
                self._report_changes(display)
        error = work.exception()
        if stop.requested and _is_abort(error):
            error = None
        self._report_end(error, time.perf_counter() - began, stop)
        if error is not None:
            return Exit.ERROR
        if stop.requested:
            return Exit.OK if self._request.live else stop.exit_code
        failed = any(each.num_errors for each in self._components().values())
        return Exit.ERROR if failed and not self._request.allow_errors else Exit.OK

    async def _watch(self) -> None:
        handle = self._app.update(
            full_reprocess=self._request.full_reprocess, live=self._request.live
        )
        async for snapshot in handle.watch():
            self._latest = snapshot

    async def _cancel(self) -> None:
        engine = await self._app.engine()
        engine.cancel()

    def _submit(self, work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _components(self) -> dict[str, ComponentStats]:
        return {} if self._latest is None else self._latest.stats.by_component

    def _is_busy(self) -> bool:
        if not self._request.live or not self._is_ready:
            return True
        return any(each.num_in_progress for each in self._components().values())

    def _progress(self) -> list[SourceProgress]:
        return [
            SourceProgress(f"{self._app.name}.{name}", _counts(each), each.num_in_progress, 0)
            for name, each in self._components().items()
        ]

    def _report_changes(self, display: ProgressDisplay) -> None:
        """In live mode, say what ran once all has caught up, and what ran since."""
        latest = self._latest
        if latest is None or latest.status is not UpdateStatus.READY:
            return
        if any(each.num_in_progress for each in self._components().values()):
            return
        for name, now in self._components().items():
            before = self._as_coco_error.get(name)
            counts = _counts(now)
            if before is not None:
                counts = {key: n - _counts(before)[key] for key, n in counts.items()}
            self._as_coco_error[name] = now
            if any(n for key, n in counts.items() if key != "num_no_change" or before is None):
                display.clear()
                self._report_component(name, counts)
        if not self._is_ready:
            self._is_ready = True
            self._terminal.note(f"App {self._app.name} is up to date and follows changes.")

    def _report_component(self, name: str, counts: dict[str, int]) -> None:
        if self._terminal.json:
            changed = {key: number for key, number in counts.items() if number}
            self._terminal.json_line(
                {"app": self._app.name, "component": name, "at": time.time(), "counts": changed}
            )
        elif not self._terminal.quiet:
            text = counts_text(counts).replace("no rows", "nothing")
            self._terminal.line(f"{moment(time.time())} {self._app.name}.{name}: {text}")
            self._terminal.flush()

    def _report_end(self, error: BaseException | None, seconds: float, stop: StopSignals) -> None:
        terminal = self._terminal
        if terminal.json:
            if not self._request.live:
                status = "failed" if error else "stopped" if stop.requested else "done"
                counts = {name: _counts(each) for name, each in self._components().items()}
                terminal.document(
                    {
                        "apps": [
                            {
                                "name": self._app.name,
                                "status": status,
                                "components": counts,
                                "seconds": round(seconds, 3),
                                "error": None if error is None else error_json(error),
                            }
                        ]
                    }
                )
            return
        if error is not None:
            report_error(terminal, error, f"App {self._app.name}")
        elif not self._request.live and not terminal.quiet:
            for name, each in self._components().items():
                terminal.line(component_line(name, each))
            end = "stopped; the next update continues from here." if stop.requested else "done"
            terminal.note(f"App {self._app.name}: {end} in {duration(seconds)}.")


def _counts(stats: ComponentStats) -> dict[str, int]:
    return {
        "num_insertions": stats.num_adds,
        "num_reprocesses": stats.num_reprocesses,
        "num_deletions": stats.num_deletes,
        "num_no_change": stats.num_unchanged,
        "num_errors": stats.num_errors,
    }


def _is_abort(error: BaseException | None) -> bool:
    from coco_flow.errors import UpdateAborted

    return isinstance(
        error, UpdateAborted | asyncio.CancelledError | concurrent.futures.CancelledError
    )
