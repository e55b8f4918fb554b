"""The state store's interface to SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["StateConnection"]


class StateConnection(Protocol):
    """Runs statements for one process; safe to use from several threads.

    Attributes:
        url: Where the state is, without a password.
        list_limit: How many parameters a list in a statement may have.
    """

    url: str
    list_limit: int
    lock: threading.RLock

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        ...

    def execute_many(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each set of parameters."""
        ...

    def execute_list(
        self, statement: str, before: Sequence[Any], values: Sequence[Any]
    ) -> Iterator[tuple[Any, ...]]:
        """Run a statement with `values` for its `{keys}`, in as many parts as it needs."""
        ...

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements inside one transaction; nested uses join the outer one."""
        ...

    @contextmanager
    def flow_lock(self, name: str, wait: bool) -> Iterator[bool]:
        """Hold the lock under which one process at a time updates a flow; yields False if taken."""
        ...

    def byte_size(self) -> int:
        """Return how many bytes the state takes."""
        ...

    def compact(self) -> None:
        """Release the space of what was removed."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
