"""The feed of the dashboard: a thread that polls the daemon once a second and posts its status."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from coco_core.errors import CocoError
from coco_local.tui.messages import Closing, ConnectionLost, DaemonStatus, StatusArrived

if TYPE_CHECKING:
    from textual.message import Message

    from coco_protocol.jobs import JobBody
    from coco_protocol.local import LocalService
    from coco_protocol.projects import ProjectBody
    from coco_protocol.system import StatsData

__all__ = ["Feed"]

# The eye wants figures once a second while they move, and an unwatched terminal needs them rarely.
_INTERVAL, _STILL_INTERVAL, _UNFOCUSED_INTERVAL = 1.0, 2.0, 5.0
# Rounds without any work, query or file after which the daemon counts as still.
_STILL_AFTER = 20
# Projects change without any trace in the statistics only by hand (forget, rename).
_PROJECTS_EVERY = 10


class Feed:
    """Polls ``/v1/sys/stats``; projects and jobs only when the statistics say that they moved."""

    def __init__(
        self,
        client: LocalService,
        post: Callable[[Message], object],
        closing: threading.Event | None = None,
    ) -> None:
        """Take where to ask, where to post messages, and the event that ends the dashboard."""
        self._client = client
        self._post = post
        self._closing = closing
        self._wake = threading.Event()
        self._stopped = False
        self.focused = True
        self._rounds = 0
        self._still_rounds = 0
        self._work: object = None
        self._seen: object = None
        self._projects: tuple[ProjectBody, ...] = ()
        self._thread = threading.Thread(target=self._run, name="tui-feed", daemon=True)

    def start(self) -> None:
        """Start asking."""
        self._thread.start()

    def stop(self) -> None:
        """Stop asking."""
        self._stopped = True
        self._wake.set()

    def join(self) -> None:
        """Wait for the round in hand."""
        self._thread.join()

    def refresh(self) -> None:
        """Ask for everything now."""
        self._seen = None
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped:
            if self._closing is not None and self._closing.is_set():
                self._post(Closing())
                return
            self._wake.clear()
            self._ask()
            self._wake.wait(self._interval())

    def _interval(self) -> float:
        if not self.focused:
            return _UNFOCUSED_INTERVAL
        return _STILL_INTERVAL if self._still_rounds > _STILL_AFTER else _INTERVAL

    def _ask(self) -> None:
        try:
            stats = self._client.stats()
            jobs = tuple(self._client.jobs().jobs) if stats.health.queues.jobs else ()
            projects = self._ask_projects(stats, jobs)
        except CocoError as error:
            self._seen = None
            self._still_rounds = 0
            self._post(ConnectionLost(error.message, error.hint or ""))
        else:
            self._record_work(stats)
            self._post(StatusArrived(DaemonStatus(stats, projects, jobs)))

    def _record_work(self, stats: StatsData) -> None:
        """Count the rounds since something happened."""
        queues = stats.health.queues
        work = (queues, stats.recent_files[:1], stats.recent_queries[:1], stats.health.model)
        busy = queues.files or queues.chunks or queues.jobs or work != self._work
        self._still_rounds = 0 if busy else self._still_rounds + 1
        self._work = work

    def _ask_projects(self, stats: StatsData, jobs: tuple[JobBody, ...]) -> tuple[ProjectBody, ...]:
        """The projects, asked for again only when something about them can have changed."""
        newest = stats.recent_files[0] if stats.recent_files else None
        seen = (stats.health.projects, stats.health.queues, newest)
        self._rounds += 1
        if jobs or seen != self._seen or self._rounds % _PROJECTS_EVERY == 0:
            self._projects = tuple(self._client.projects().projects)
            self._seen = seen
        return self._projects
