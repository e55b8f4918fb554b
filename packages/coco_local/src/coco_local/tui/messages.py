"""Messages of the dashboard: frozen; a newer one replaces older ones of its kind."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Literal

from textual.content import Content
from textual.message import Message

from coco_protocol.docs import Hit, QueryData, QueryMeta
from coco_protocol.jobs import JobBody
from coco_protocol.projects import ProjectBody
from coco_protocol.system import StatsData

__all__ = [
    "ActionFailed",
    "ActionFinished",
    "Closing",
    "ConnectionLost",
    "DaemonStatus",
    "Excerpt",
    "PreviewReady",
    "ProjectChosen",
    "QueryAnswered",
    "QueryFailed",
    "StatusArrived",
]


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """Statistics, projects and jobs of the daemon, as one poll found them."""

    stats: StatsData
    projects: tuple[ProjectBody, ...]
    jobs: tuple[JobBody, ...]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of a file, highlighted, with the lines of the hit in it."""

    path: str
    first_line: int
    lines: tuple[Content, ...]
    hit_start: int
    hit_end: int


class _Event(Message):
    """A message whose own fields cannot be set twice; Textual's bookkeeping on it still can.

    It goes to one receiver: the app passes the feed's on to the dashboard, and a message that
    bubbled would come back to it.
    """

    def __setattr__(self, name: str, value: object) -> None:
        own = {field.name for field in fields(self)}  # type: ignore[arg-type]  # a dataclass below
        if name in own and hasattr(self, name):
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super().__setattr__(name, value)

    def can_replace(self, message: Message) -> bool:
        """Only the newest of a kind matters."""
        return type(message) is type(self)


@dataclass
class StatusArrived(_Event, bubble=False):
    """The daemon answered."""

    status: DaemonStatus


@dataclass
class ConnectionLost(_Event, bubble=False):
    """The daemon did not answer; the feed tries again by itself."""

    reason: str
    hint: str


@dataclass
class Closing(_Event, bubble=False):
    """The daemon in this process is being stopped."""


@dataclass
class ProjectChosen(_Event, bubble=True):
    """The user turned to another project."""

    project_id: str


@dataclass
class QueryAnswered(_Event, bubble=False):
    """Results for the query numbered ``sequence``."""

    sequence: int
    text: str
    meta: QueryMeta
    data: QueryData
    elapsed_ms: float

    @property
    def hits(self) -> list[Hit]:
        """The results, best first."""
        return self.data.results


@dataclass
class QueryFailed(_Event, bubble=False):
    """The query numbered ``sequence`` has no answer."""

    sequence: int
    reason: str


@dataclass
class PreviewReady(_Event, bubble=False):
    """The preview numbered ``sequence`` can be shown."""

    sequence: int
    preview: Excerpt


@dataclass
class ActionFinished(Message):
    """Something the user asked for was done: each one is shown, none replaces another."""

    text: str


@dataclass
class ActionFailed(Message):
    """Something the user asked for was refused."""

    text: str
    severity: Literal["warning", "error"] = "error"
