"""Readiness of components: of one, of all children of one, and free slots among many."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from coco_flow.components.provider import ProviderDeps

__all__ = ["Activity", "Completion", "Outcome", "Permits", "Readiness"]


class Outcome:
    """What a component's run means to the memo of the component that mounted it."""

    __slots__ = ("failed", "logic", "providers")

    def __init__(
        self,
        failed: bool = False,
        logic: set[bytes] | None = None,
        providers: ProviderDeps | None = None,
    ) -> None:
        self.failed = failed
        self.logic = logic or set()
        self.providers = providers or {}

    def merge(self, other: Outcome) -> None:
        """Add the outcome of another component."""
        self.failed = self.failed or other.failed
        if other.logic:
            self.logic |= other.logic
        if other.providers:
            self.providers.update(other.providers)


class Completion:
    """A result that is set once, for waiters on any loop, and that needs no loop itself."""

    __slots__ = ("_waiters", "done", "error", "result")

    def __init__(self) -> None:
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] | None = None

    def set(self, result: Any = None, error: BaseException | None = None) -> None:
        """Complete with a result or an error; only the first call counts."""
        if self.done:
            return
        self.result, self.error = result, error
        self.done = True
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            _wake_on_its_loop(waiter)

    async def wait(self) -> Any:
        """Return the result, or raise the error."""
        if not self.done:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            # It may have been set between the check and the registration.
            if not self.done:
                await waiter
        if self.error is not None:
            raise self.error
        return self.result


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _wake_on_its_loop(waiter: asyncio.Future[None]) -> None:
    loop = waiter.get_loop()
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        _wake(waiter)
    elif not loop.is_closed():
        loop.call_soon_threadsafe(_wake, waiter)


class Readiness:
    """Whether all children that a component mounted have run, and with what outcome."""

    __slots__ = ("_closed", "_completion", "_outcome", "_pending")

    def __init__(self) -> None:
        self._pending = 0
        self._closed = False
        self._outcome = Outcome()
        self._completion = Completion()

    def add(self) -> None:
        """Count one more child; `resolve` must be called for it."""
        self._pending += 1

    def resolve(self, outcome: Outcome | None = None, error: BaseException | None = None) -> None:
        """Record how a child ended; an error fails the whole immediately."""
        self._pending -= 1
        if error is not None:
            self._completion.set(error=error)
            return
        if outcome is not None:
            self._outcome.merge(outcome)
        self._check()

    def close(self) -> None:
        """Say that no more children will be added."""
        self._closed = True
        self._check()

    def _check(self) -> None:
        if self._closed and self._pending == 0:
            self._completion.set(self._outcome)

    async def wait(self) -> Outcome:
        """Return the common outcome of all children."""
        if self._completion.done and self._completion.error is None:
            return self._completion.result  # type: ignore[no-any-return]
        return await self._completion.wait()  # type: ignore[no-any-return]


class Permits:
    """A limited number of places for components that run at a time."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"max_inflight_components must be at least 1, not {count}.")
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> None:
        """Wait for a free place and take it."""
        if self._free > 0:
            self._free -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            # A slot that was just passed to it is passed on to the next one.
            if waiter.done() and not waiter.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give a place back, to the next one who waits if there is one."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1


class Activity:
    """Counts what is running, to know when nothing is left to wait for."""

    __slots__ = ("_count", "_idle")

    def __init__(self) -> None:
        self._count = 0
        self._idle: list[asyncio.Future[None]] = []

    def enter(self) -> None:
        """Count one more thing that runs."""
        self._count += 1

    def leave(self) -> None:
        """Count one less."""
        self._count -= 1
        if self._count == 0:
            waiting, self._idle = self._idle, []
            for waiter in waiting:
                _wake(waiter)

    async def idle(self) -> None:
        """Wait until nothing runs."""
        while self._count:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter
