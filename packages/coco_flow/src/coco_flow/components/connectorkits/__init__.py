"""Building blocks of connectors: fingerprints, differences of states, adapted iterators."""

from __future__ import annotations

from types import TracebackType
from typing import Any

__all__ = ["SingleWatcherGuard", "default_subpath_name"]


class SingleWatcherGuard:
    """A context that only one `watch` of a feed can be in at a time; for one event loop.

    Two watchers would share the subscription below, and each would miss what the other got.
    """

    __slots__ = ("_active", "_label")

    def __init__(self, label: str) -> None:
        self._label = label
        self._active = False

    def __enter__(self) -> None:
        if self._active:
            raise RuntimeError(
                f"{self._label} supports a single active watch() at a time; "
                "make another feed for another watcher."
            )
        self._active = True

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._active = False


def default_subpath_name(processor_fn: Any) -> str | None:
    """Return the name under which a function is mounted by default, or None if it has none.

    A wrapper says by `__coco_subpath_name__` what it wraps.
    """
    for attribute in ("__coco_subpath_name__", "__name__"):
        name = getattr(processor_fn, attribute, None)
        if isinstance(name, str):
            return name
    return None
