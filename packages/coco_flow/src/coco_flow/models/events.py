"""What happens in a run, as it happens: for the terminal, the log and the run's event stream."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from coco_core.errors import CocoError

__all__ = ["Event", "Kind", "Listener", "ModelEvents", "listening", "reason_of"]

Kind: TypeAlias = Literal["started", "progress", "log", "ended", "failed", "skipped"]

# Progress more often than this is folded into the next report; the last one always counts.
_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        time: Seconds since the epoch.
        model: The model, or None for the pipeline.
        kind: What kind of thing.
        message: A sentence about it.
        done: How much is done, of `progress`.
        total: Of how much, if that is known.
        level: The log level, of `log`.
        data: The model's figures, of `ended`.
    """

    time: float
    model: str | None
    kind: Kind
    message: str = ""
    done: int | None = None
    total: int | None = None
    level: str | None = None
    data: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the event as plain data, without what it does not have."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Event:
        """Return the event of plain data."""
        return Event(**{"model": None, **data})


Listener: TypeAlias = Callable[[str, Event], None]

_listeners: list[Listener] = []


class listening:  # noqa: N801 - used as `with listening(function):`
    """Call a function with run and event for every event of this process's runs."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def __enter__(self) -> None:
        _listeners.append(self._listener)

    def __exit__(self, *_: object) -> None:
        _listeners.remove(self._listener)


class ModelEvents:
    """The events of one model in one run; every method may be called from any thread.

    Args:
        run: The run's id.
        model: The model's name, or None for the pipeline itself.
        store: Where events go besides log and listeners, such as the run's stream.
    """

    def __init__(
        self, run: str, model: str | None, store: Callable[[Event], None] | None = None
    ) -> None:
        self.run = run
        self.model = model
        self._store = store
        self._logger = logging.getLogger(f"coco_flow.models.{model or 'pipeline'}")
        self._lock = threading.Lock()
        self._pending: Event | None = None
        self._last = 0.0
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Let the model end at its next sign of life."""
        self._cancelled.set()

    def progress(self, done: int, total: int | None, message: str) -> None:
        """Report progress; reports in quick succession are folded into one."""
        event = Event(time.time(), self.model, "progress", message, done, total)
        with self._lock:
            is_due = event.time - self._last >= _PROGRESS_SECONDS or done == total
            self._pending = None if is_due else event
            if is_due:
                self._last = event.time
        if is_due:
            self.send(event)

    def flush(self) -> None:
        """Send a report that was held back."""
        with self._lock:
            event, self._pending = self._pending, None
        if event is not None:
            self.send(event)

    def log(self, message: str, level: str = "info") -> None:
        """Log a message."""
        self.send(Event(time.time(), self.model, "log", message, level=level))

    def happened(self, kind: Kind, message: str = "", data: dict[str, Any] | None = None) -> None:
        """Report a step of the run."""
        self.flush()
        self.send(Event(time.time(), self.model, kind, message, data=data))

    def send(self, event: Event) -> None:
        """Give an event to the log, the listeners and the store."""
        level = logging.getLevelNamesMapping().get((event.level or _level(event)).upper(), 20)
        self._logger.log(level, "%s", _text(event))
        for listener in _listeners:
            listener(self.run, event)
        if self._store is not None:
            self._store(event)


def reason_of(error: BaseException) -> str:
    """Return why something failed, in one sentence."""
    return error.message if isinstance(error, CocoError) else f"{type(error).__name__}: {error}"


def _level(event: Event) -> str:
    return "error" if event.kind == "failed" else "info"


def _text(event: Event) -> str:
    if event.kind == "progress":
        total = "" if event.total is None else f"/{event.total}"
        return f"{event.done}{total} {event.message}".strip()
    return event.message if event.kind == "log" else f"{event.kind} {event.message}".strip()
