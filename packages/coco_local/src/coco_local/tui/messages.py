"""Messages of the dashboard: frozen; a newer one replaces older ones of its kind."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Literal

from textual.content import Content
from textual.message import Message

from coco_local.tui.found import Found
from coco_local.tui.lookup import Listing
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
    "Listed",
    "LookupFailed",
    "PreviewReady",
    "ProjectChosen",
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
    """A stretch of a file, highlighted, with the found place in it."""

    found: Found
    first_line: int
    lines: tuple[Content, ...]


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
class Listed(_Event, bubble=False):
    """The answer to the lookup numbered ``sequence``."""

    sequence: int
    listing: Listing
    elapsed_ms: float


@dataclass
class LookupFailed(_Event, bubble=False):
    """The lookup numbered ``sequence`` has no answer."""

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
