"""Work on flows in the background: updates, parts in shared updates, retries."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from coco_flow.errors import UpdateAborted

if TYPE_CHECKING:
    from coco_flow.engine.runner import FlowRunner
    from coco_flow.engine.stats import UpdateInfo
    from coco_flow.flow.flow import Flow
    from coco_flow.flow.live import FlowLiveUpdater, FlowLiveUpdaterOptions

__all__ = ["Job", "RetryJob", "SharedJob", "UpdateJob"]


class Job(ABC):
    """Work on one flow in its own thread.

    Attributes:
        passes: How often all that was known to have changed was processed.
        error: Why it ended, if not because it was done.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.passes = 0
        self.error: BaseException | None = None
        self.began = time.time()
        self.seconds = 0.0
        self._ended = threading.Event()
        self._notify = threading.Event()

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    def start(self, notify: threading.Event) -> None:
        """Begin; `notify` is set when something happened."""
        self._notify = notify
        self.began = time.time()
        threading.Thread(target=self._run, name=f"job-{self.flow.name}", daemon=True).start()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._ended.wait()

    def _run(self) -> None:
        began = time.perf_counter()
        try:
            self._work()
        except UpdateAborted:
            pass
        except BaseException as error:  # noqa: BLE001 - reported by the main thread
            self.error = error
        finally:
            self.seconds = time.perf_counter() - began
            self._ended.set()
            self._notify.set()

    @abstractmethod
    def _work(self) -> None:
        """Do it; in the job's thread."""

    @abstractmethod
    def abort(self) -> None:
        """Request a stop after the rows in flight."""

    @property
    @abstractmethod
    def info(self) -> UpdateInfo | None:
        """The statistics so far; None before it has begun."""


class UpdateJob(Job):
    """An update, or a live updater."""

    def __init__(self, flow: Flow, options: FlowLiveUpdaterOptions) -> None:
        from coco_flow.flow.live import FlowLiveUpdater

        super().__init__(flow)
        # The command shows the statistics itself.
        self.updater: FlowLiveUpdater = FlowLiveUpdater(flow, replace(options, print_stats=False))
        self._started = False
        self._aborted = False

    def _work(self) -> None:
        self.updater.start()
        self._started = True
        if self._aborted:
            self.updater.abort()
        while self.updater.next_status_updates().active_sources:
            self.passes += 1
            self._notify.set()
        self.updater.wait()
        self.passes += 1

    def abort(self) -> None:
        """Ask it to stop."""
        self._aborted = True
        self.updater.abort()

    @property
    def info(self) -> UpdateInfo | None:
        """The statistics so far."""
        return self.updater.update_stats() if self._started else None


class _RunnerJob(Job):
    """Work of a flow's runner."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self._runner: FlowRunner | None = None
        self._aborted = False

    def _work(self) -> None:
        runner = self._runner = self._opened()
        try:
            if self._aborted:
                runner.abort()
            self._process(runner)
            self.passes += 1
        finally:
            runner.close()

    def _opened(self) -> FlowRunner:
        return self.flow.runner()

    @abstractmethod
    def _process(self, runner: FlowRunner) -> None:
        """Do the work."""

    def abort(self) -> None:
        """Ask it to stop."""
        self._aborted = True
        if self._runner is not None:
            self._runner.abort()

    @property
    def info(self) -> UpdateInfo | None:
        """The statistics so far."""
        return None if self._runner is None else self._runner.info


class SharedJob(_RunnerJob):
    """A part in an update that several processes share."""

    def __init__(self, flow: Flow, *, allow_empty: bool) -> None:
        super().__init__(flow)
        self._allow_empty = allow_empty

    def _opened(self) -> FlowRunner:
        return self.flow.runner(allow_empty=self._allow_empty)

    def _process(self, runner: FlowRunner) -> None:
        runner.update_shared()


class RetryJob(_RunnerJob):
    """Another try of the rows that failed."""

    def _process(self, runner: FlowRunner) -> None:
        runner.retry_failed()
