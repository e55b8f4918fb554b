"""Notifications by LISTEN/NOTIFY or Redis: workers learn of jobs, readers of events.

A wake-up carries no truth. Whoever is woken looks into the database, and also looks there from
time to time without being woken; a lost one costs latency and never a job.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import psycopg
import redis
import structlog
from psycopg import sql

from coco_server.jobs.events import EVENTS_CHANNEL
from coco_server.jobs.queue import JOBS_CHANNEL
from coco_server.settings import BackendSettings
from coco_server.store.pool import CONNECTING, behind_pooler

__all__ = ["EventListener", "JobNotifier", "PostgresNotifier", "RedisNotifier", "open_notifier"]

log = structlog.get_logger(__name__)

# Between two attempts to reach what is gone; a worker polls meanwhile.
_RETRY_SECONDS = 1.0


class JobNotifier(Protocol):
    """Notifies workers that there may be work."""

    def notify(self, job_id: str) -> None:
        """Wake the workers after the transaction that enqueued a job has committed."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait for a notification, at most this long; returns whether one came."""
        ...

    def close(self) -> None:
        """End a wait in another thread, and let go of the connection."""
        ...


class PostgresNotifier:
    """LISTEN and NOTIFY: enqueueing itself notifies, at its commit."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        # Whether the connection goes through a pooler: then waiting readers look by themselves.
        self._deaf = False
        self._closed = threading.Event()

    def notify(self, job_id: str) -> None:
        """Do nothing: the commit has notified them."""

    def wait(self, seconds: float) -> bool:
        """Wait for a job or a cancellation."""
        try:
            connection = self._listening()
            if self._deaf:
                self._closed.wait(seconds)
                return False
            return any(True for _ in connection.notifies(timeout=seconds, stop_after=1))
        except psycopg.Error as error:
            if not self._closed.is_set():
                log.warning("notifier_lost", reason=str(error))
                self._closed.wait(min(seconds, _RETRY_SECONDS))
            self._drop()
            return False

    def close(self) -> None:
        """Close the connection; a wait in another thread ends."""
        self._closed.set()
        self._drop()

    def _listening(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = _connect(self._url)
            self._deaf = not _listen(self._connection, JOBS_CHANNEL)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class RedisNotifier:
    """Redis pub/sub on one channel, for deployments whose pooler cannot LISTEN."""

    def __init__(self, url: str, channel: str) -> None:
        self._channel = channel
        self._redis = redis.Redis.from_url(url, socket_connect_timeout=5)
        self._subscription: redis.client.PubSub | None = None
        self._closed = threading.Event()

    def notify(self, job_id: str) -> None:
        """Publish the job's id; without Redis the workers' next look finds the job."""
        try:
            self._redis.publish(self._channel, job_id)
        except redis.RedisError as error:
            log.warning("notification_failed", reason=str(error))

    def wait(self, seconds: float) -> bool:
        """Wait for a published job."""
        deadline = time.monotonic() + seconds
        try:
            subscription = self._listening()
            while (left := deadline - time.monotonic()) > 0 and not self._closed.is_set():
                message = subscription.get_message(timeout=min(left, 1.0))
                if message is not None and message["type"] == "message":
                    return True
        except redis.RedisError as error:
            if not self._closed.is_set():
                log.warning("notifier_lost", reason=str(error))
                self._closed.wait(min(seconds, _RETRY_SECONDS))
            self._subscription = None
        return False

    def close(self) -> None:
        """End a wait within a second, and let go of the connections."""
        self._closed.set()
        self._redis.close()

    def _listening(self) -> redis.client.PubSub:
        if self._subscription is None:
            self._subscription = self._redis.pubsub()  # type: ignore[no-untyped-call]
            self._subscription.subscribe(self._channel)
        return self._subscription


def open_notifier(settings: BackendSettings) -> JobNotifier:
    """Return the notifier that the settings name."""
    if settings.queue_mode == "redis":
        assert settings.redis_url is not None, "checked with the settings"
        return RedisNotifier(settings.redis_url, settings.redis_queue)
    return PostgresNotifier(settings.listen_db or settings.meta_db)


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True, prepare_threshold=None, **CONNECTING)


def _listen(connection: psycopg.Connection[tuple[object, ...]], channel: str) -> bool:
    """Ask for the channel's notifications; whether they can come."""
    if behind_pooler(connection):
        log.warning(
            "notifications_unavailable",
            reason="A pooler stands between this program and PostgreSQL. News of jobs comes by "
            "looking, a few seconds later; COCO_LISTEN_DB can name PostgreSQL itself.",
        )
        return False
    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    return True


class EventListener:
    """One connection that listens for events of all jobs, for every reader of a process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._subscribers: dict[str, list[Callable[[], None]]] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="coco-events", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def subscribe(self, job_id: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` in the listener's thread when a job has news; returns the end of it."""
        with self._lock:
            self._subscribers.setdefault(job_id, []).append(callback)

        def leave() -> None:
            with self._lock:
                left = self._subscribers[job_id]
                left.remove(callback)
                if not left:
                    del self._subscribers[job_id]

        return leave

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                with _connect(self._url) as connection:
                    if not _listen(connection, EVENTS_CHANNEL):
                        # Readers look by themselves every few seconds.
                        self._closed.wait()
                        return
                    # What happened while nobody listened is in the table: let everybody look.
                    self._wake(None)
                    while not self._closed.is_set():
                        for note in connection.notifies(timeout=0.5):
                            self._wake(note.payload)
            except psycopg.Error as error:
                log.warning("event_listener_lost", reason=str(error))
                self._closed.wait(_RETRY_SECONDS)

    def _wake(self, job_id: str | None) -> None:
        with self._lock:
            callbacks = [
                each
                for name, subscribers in self._subscribers.items()
                if job_id in (None, name)
                for each in subscribers
            ]
        for each in callbacks:
            each()


_: tuple[type[JobNotifier], type[JobNotifier]] = (PostgresNotifier, RedisNotifier)
