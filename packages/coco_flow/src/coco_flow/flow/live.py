"""Live updates: after a first pass, changes are processed as sources report or show them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from coco_flow.errors import FlowError, UpdateAborted
from coco_flow.runtime import submit
from coco_flow.types.codec import unpack_key

if TYPE_CHECKING:
    from coco_flow.engine.runner import FlowRunner
    from coco_flow.engine.source_update import SourceUpdater
    from coco_flow.engine.stats import UpdateInfo
    from coco_flow.flow.flow import Flow
    from coco_flow.ports import Key, SourceConnector, Watch

__all__ = ["FlowLiveUpdater", "FlowLiveUpdaterOptions", "FlowUpdaterStatusUpdates"]

_log = logging.getLogger(__name__)

# First and longest wait (seconds) before a change stream or a pass that failed is tried again.
_FIRST_RETRY, _LAST_RETRY = 5.0, 60.0


@dataclass
class FlowLiveUpdaterOptions:
    """How a live updater runs.

    Attributes:
        live_mode: False ends it after the first pass.
        reexport_targets: Write all rows again in the first pass.
        full_reprocess: Recompute everything in the first pass.
        print_stats: Print statistics as they change.
        allow_empty: Let a source that lists nothing any more delete all its rows.
    """

    live_mode: bool = True
    reexport_targets: bool = False
    full_reprocess: bool = False
    print_stats: bool = False
    allow_empty: bool = False


@dataclass
class FlowUpdaterStatusUpdates:
    """What happened since the last call: sources still watched, sources that were updated."""

    active_sources: list[str] = field(default_factory=list)
    updated_sources: list[str] = field(default_factory=list)


class FlowLiveUpdater:
    """Keeps a flow's targets in step with its sources until it is aborted.

    As a context manager it starts on entry, aborts and waits on exit.
    """

    def __init__(self, fl: Flow, options: FlowLiveUpdaterOptions | None = None) -> None:
        self._flow = fl
        self._options = options or FlowLiveUpdaterOptions()
        self._runner: FlowRunner | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._active: set[str] = set()
        self._updated: set[str] = set()
        self._aborted = threading.Event()
        self._finished = threading.Event()

    def start(self) -> None:
        """Begin in the background and return immediately.

        Raises:
            SetupNeeded: The flow's targets are not set up for its definition.
        """
        if self._thread is not None:
            raise FlowError(f"The live updater of {self._flow.name!r} was started already.")
        options = self._options
        self._runner = self._flow.runner(
            reexport=options.reexport_targets,
            full_reprocess=options.full_reprocess,
            allow_empty=options.allow_empty,
        )
        self._active = set(self._runner.updaters)
        self._thread = threading.Thread(
            target=self._run, args=(self._runner,), name=f"coco-flow-live-{self._flow.name}",
            daemon=True,
        )  # fmt: skip
        self._thread.start()

    async def start_async(self) -> None:
        """Do what `start` does, without blocking the loop."""
        await asyncio.to_thread(self.start)

    def abort(self) -> None:
        """Request a stop after the current batches; return immediately, harmless when repeated."""
        self._aborted.set()
        if self._runner is not None:
            self._runner.abort()
        with self._changed:
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until it has ended, also without `abort`.

        Raises:
            CocoError: The first pass failed, for example because a source could not be listed.
        """
        if self._thread is None:
            raise FlowError(f"The live updater of {self._flow.name!r} was not started.")
        # A bare join cannot be interrupted by Ctrl-C on every system.
        while self._thread.is_alive():
            self._thread.join(timeout=0.5)
        if self._failure is not None:
            raise self._failure

    async def wait_async(self) -> None:
        """Do what `wait` does, without blocking the loop."""
        await asyncio.to_thread(self.wait)

    def next_status_updates(self) -> FlowUpdaterStatusUpdates:
        """Wait for a source to be updated or the updater to end; pending updates are merged."""
        with self._changed:
            self._changed.wait_for(lambda: self._updated or self._finished.is_set())
            updated, self._updated = sorted(self._updated), set()
            return FlowUpdaterStatusUpdates(sorted(self._active), updated)

    async def next_status_updates_async(self) -> FlowUpdaterStatusUpdates:
        """Do what `next_status_updates` does, without blocking the loop."""
        return await asyncio.to_thread(self.next_status_updates)

    def update_stats(self) -> UpdateInfo:
        """Return the statistics so far; never waits."""
        if self._runner is None:
            raise FlowError(f"The live updater of {self._flow.name!r} was not started.")
        return self._runner.info

    def __enter__(self) -> FlowLiveUpdater:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()
        self.wait()

    async def __aenter__(self) -> FlowLiveUpdater:
        await self.start_async()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()
        await self.wait_async()

    def _run(self, runner: FlowRunner) -> None:
        loops: list[_SourceLoop] = []
        try:
            # Watching begins before the first pass: a change during it is not lost.
            if self._options.live_mode:
                self._add_source_loops(runner, loops)
            runner.update_all()
            runner.options.reexport = runner.options.full_reprocess = False
            with self._changed:
                self._updated |= set(runner.updaters)
                self._active = {loop.name for loop in loops}
                self._changed.notify_all()
            self._print(runner)
            if self._options.live_mode and not loops:
                _log.warning(
                    "Flow %s: no source reports changes and none has a refresh_interval, so that "
                    "live mode ended after the first pass.",
                    self._flow.name,
                )
            for loop in loops:
                loop.start()
            for loop in loops:
                loop.join()
        except UpdateAborted:
            pass
        except BaseException as error:  # noqa: BLE001 - `wait` raises it in the caller's thread
            self._failure = error
        finally:
            for loop in loops:
                loop.stop_watching()
            runner.close()
            with self._changed:
                self._active.clear()
                self._finished.set()
                self._changed.notify_all()

    def _add_source_loops(self, runner: FlowRunner, loops: list[_SourceLoop]) -> None:
        for plan in runner.plan.sources:
            source = plan.source
            interval = source.refresh_interval
            seconds = None if interval is None else interval.total_seconds()
            loop = _SourceLoop(
                source.name, runner, runner.updaters[source.name], interval=seconds,
                aborted=self._aborted, report=self._report,
            )  # fmt: skip
            if loop.watch(source.connector) or seconds is not None:
                loops.append(loop)

    def _report(self, name: str, still_active: bool = True) -> None:
        with self._changed:
            if still_active:
                self._updated.add(name)
            else:
                self._active.discard(name)
            self._changed.notify_all()
        if self._runner is not None and still_active:
            self._print(self._runner)

    def _print(self, runner: FlowRunner) -> None:
        if self._options.print_stats:
            import sys

            sys.stdout.write(f"{runner.info}\n")
            sys.stdout.flush()


class _SourceLoop:
    """Waits for changes of one source and processes them, one pass at a time."""

    def __init__(
        self,
        name: str,
        runner: FlowRunner,
        updater: SourceUpdater,
        *,
        interval: float | None,
        aborted: threading.Event,
        report: Callable[..., None],
    ) -> None:
        self.name = name
        self._runner = runner
        self._updater = updater
        self._interval = interval
        self._aborted = aborted
        self._report = report
        self._wake = threading.Condition()
        self._keys: dict[Key, None] = {}
        self._rescan = False
        self._stream: Future[None] | None = None
        self._thread: threading.Thread | None = None

    def watch(self, connector: SourceConnector) -> bool:
        """Start listening to the source's change stream; return False if it has none."""
        stream = connector.watch()
        if stream is None:
            return False
        self._stream = submit(self._listen(connector, stream))
        return True

    def start(self) -> None:
        """Begin processing in its own thread."""
        self._thread = threading.Thread(
            target=self._run, name=f"coco-flow-{self.name}", daemon=True
        )
        self._thread.start()

    def join(self) -> None:
        """Wait for the end; wakes the thread when the updater is aborted."""
        assert self._thread is not None
        while self._thread.is_alive():
            if self._aborted.wait(timeout=0.2):
                with self._wake:
                    self._wake.notify_all()
            self._thread.join(timeout=0.2)

    def stop_watching(self) -> None:
        """End the change stream."""
        if self._stream is not None:
            self._stream.cancel()

    async def _listen(self, connector: SourceConnector, stream: Watch) -> None:
        """Collect changed keys; a stream that breaks is opened again, and everything listed."""
        wait = _FIRST_RETRY
        current: Watch | None = stream
        while not self._aborted.is_set():
            try:
                if current is None:
                    # Opening may wait for the network. What changed before it is open is found by
                    # the listing that follows.
                    current = await asyncio.to_thread(connector.watch)
                    self._notice(None)
                if current is None:
                    return
                async for keys in current:
                    wait = _FIRST_RETRY
                    self._notice(keys)
                return
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001 - a broken stream must not end live mode
                _log.exception(
                    "The change stream of source %r broke; it is opened again in %g s.",
                    self.name,
                    wait,
                )
            current = None
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LAST_RETRY)

    def _notice(self, keys: Iterable[Key] | None) -> None:
        with self._wake:
            if keys is None:
                self._rescan = True
            else:
                self._keys.update(dict.fromkeys(keys))
            self._wake.notify_all()

    def _run(self) -> None:
        due = None if self._interval is None else time.monotonic() + self._interval
        wait = _FIRST_RETRY
        while not self._aborted.is_set():
            keys, rescan = self._next_work(due)
            if self._aborted.is_set():
                break
            began = time.monotonic()
            if due is not None and began >= due:
                rescan = True
            try:
                did = self._process(keys, rescan)
                wait = _FIRST_RETRY
            except UpdateAborted:
                break
            except Exception:  # noqa: BLE001 - a failed pass must not end live mode
                _log.exception(
                    "Updating source %r failed; everything is listed again in %g s.",
                    self.name,
                    wait,
                )
                self._aborted.wait(wait)
                wait = min(wait * 2, _LAST_RETRY)
                self._notice(None)
                continue
            if rescan and self._interval is not None:
                # A pass that takes longer than the interval is not followed by a queue of passes.
                due = max(began + self._interval, time.monotonic())
            if did:
                self._report(self.name)
            if self._stream is not None and self._stream.done() and self._interval is None:
                break
        self._report(self.name, still_active=False)

    def _next_work(self, due: float | None) -> tuple[list[Key], bool]:
        """Wait for changed keys, the refresh time, or a failed row's turn."""
        with self._wake:
            self._wake.wait_for(
                lambda: bool(self._keys) or self._rescan or self._aborted.is_set(),
                timeout=self._seconds_to_wait(due),
            )
            keys, self._keys = list(self._keys), {}
            rescan, self._rescan = self._rescan, False
            return keys, rescan

    def _seconds_to_wait(self, due: float | None) -> float:
        # Failed rows are looked for at this rate at the least.
        if due is None:
            return _FIRST_RETRY
        return max(min(due - time.monotonic(), _FIRST_RETRY), 0.0)

    def _process(self, keys: list[Key], rescan: bool) -> bool:
        """Process what changed; return whether anything was looked at."""
        failed = [unpack_key(key) for key in self._updater.due_for_retry()]
        if not (keys or rescan or failed):
            return False
        with self._runner.exclusive():
            if rescan:
                self._updater.scan()
            else:
                self._updater.process_keys([*keys, *(key for key in failed if key not in keys)])
            self._runner.settle()
            self._runner.finish_targets()
        return True
