"""How far a run is, model by model, as its events tell it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from coco_flow.models.events import Event

__all__ = ["ModelProgress", "ModelState", "RunProgress"]

ModelState: TypeAlias = Literal["waiting", "running", "done", "failed", "skipped", "interrupted"]

# Log messages that are kept to be shown.
_LOGS = 20


@dataclass(slots=True)
class ModelProgress:
    """One model of a run.

    Attributes:
        name: The model.
        state: What became of it so far.
        done: How much is done, by its last report.
        total: Of how much, if that is known.
        message: What its last report said, or why it failed.
        started: When it began, in seconds since the epoch.
        seconds: How long it took; None before it has ended.
        figures: Rows and documents, once it has ended.
        counts_batches: Whether `done` and `total` are batches.
    """

    name: str
    state: ModelState = "waiting"
    done: int | None = None
    total: int | None = None
    message: str = ""
    started: float | None = None
    seconds: float | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    counts_batches: bool = False

    def report(self, event: Event) -> None:
        """Take a report of progress; once batches are counted, those inside one say less."""
        is_batches = event.message == "batches"
        self.message = event.message
        if is_batches or not self.counts_batches:
            self.done, self.total = event.done, event.total
        self.counts_batches |= is_batches

    def lasted(self, now: float) -> float | None:
        """Return for how many seconds it has run, or ran, if that is known."""
        if self.state != "running" or self.started is None:
            return self.seconds
        return max(now - self.started, 0.0)


class RunProgress:
    """The models of one run.

    Args:
        run: The run's id.
        models: Models that are known before they begin, in the order of execution.
    """

    def __init__(self, run: str, models: Iterable[str] = ()) -> None:
        self.run = run
        self.models = {name: ModelProgress(name) for name in models}
        self.logs: deque[Event] = deque(maxlen=_LOGS)
        self.ended: Event | None = None
        """The event that ended the run."""

    @property
    def running(self) -> list[ModelProgress]:
        """The models that are at work."""
        return [one for one in self.models.values() if one.state == "running"]

    def take(self, event: Event) -> None:
        """Take an event into account."""
        if event.kind == "log":
            self.logs.append(event)
        elif event.model is None:
            if event.kind in ("ended", "failed"):
                self.ended = event
        else:
            self._take(self._model(event.model), event)

    def _model(self, name: str) -> ModelProgress:
        return self.models.setdefault(name, ModelProgress(name))

    def _take(self, one: ModelProgress, event: Event) -> None:
        if event.kind in ("started", "progress"):
            if event.kind == "started" or one.state != "running":
                # The first try, or another one.
                self.models[one.name] = one = ModelProgress(one.name, "running")
                one.started = event.time
            if event.kind == "progress":
                one.report(event)
        elif event.kind == "skipped":
            one.state, one.message = "skipped", event.message
        else:
            one.state = "done" if event.kind == "ended" else "failed"
            one.message = event.message.removeprefix(f"{one.name}: ")
            one.figures = dict(event.data or {})
            taken = None if one.started is None else event.time - one.started
            one.seconds = one.figures.get("seconds", taken)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Take the run's result into account, which also has what an earlier process did."""
        for name, figures in result.get("results", {}).items():
            one = self._model(name)
            one.state, one.message, one.figures = "done", "", dict(figures)
            one.seconds = figures.get("seconds")
        for name, reason in result.get("errors", {}).items():
            one = self._model(name)
            one.state, one.message = "failed", reason.removeprefix(f"{name}: ")
        for name in result.get("skipped", ()):
            self._model(name).state = "skipped"

    def interrupt(self) -> None:
        """Let models count as interrupted that were at work: nothing works on the run any more."""
        for one in self.running:
            one.state = "interrupted"
