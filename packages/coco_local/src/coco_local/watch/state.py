"""Watch state of a project, in words for ``coco status`` and ``coco doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["WatchMode", "WatchState", "fault_state", "partial_state"]


class WatchMode(StrEnum):
    """From best to worst."""

    WATCHING = "watching"
    PARTIAL = "partial"
    """Some directories could not be watched; rescans find what is missed."""
    POLLING = "polling"
    """The system gives no events; rescans find everything, later."""
    MISSING = "missing"
    """The root is not there; it is taken up again when it comes back."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class WatchState:
    """The mode, why it is not the best one, and what to do about it."""

    mode: WatchMode
    detail: str = ""
    hint: str | None = None


def partial_state(error: PermissionError) -> WatchState:
    """Explain why not everything is watched."""
    return WatchState(
        WatchMode.PARTIAL,
        f"some directories may not be read: {error}",
        "Make them readable, or move them out of the project.",
    )


def fault_state(message: str) -> WatchState:
    """Explain why the system refused to watch."""
    lower = message.lower()
    if "limit" in lower or "os error 28" in lower or "no space left" in lower:
        return WatchState(
            WatchMode.POLLING,
            "the limit of watched directories is reached",
            "Raise it: sudo sysctl fs.inotify.max_user_watches=524288",
        )
    if "too many open files" in lower or "os error 24" in lower:
        return WatchState(
            WatchMode.POLLING,
            "the limit of watchers is reached",
            "Raise it: sudo sysctl fs.inotify.max_user_instances=1024",
        )
    return WatchState(WatchMode.POLLING, message)
