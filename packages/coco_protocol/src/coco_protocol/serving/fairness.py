"""Turns between the owners of requests: one that asks much does not keep the others waiting."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from coco_core.errors import RateLimited

__all__ = ["FairLimiter", "act_for", "owner"]

_OWNER: ContextVar[str] = ContextVar("coco_owner", default="")

# An owner counts as active for so long after its last turn: clients that send one request after
# the other must not find all turns taken each time.
_ACTIVE_SECONDS = 2.0


def act_for(name: str) -> None:
    """Say on whose account the rest of this request runs."""
    _OWNER.set(name)


def owner() -> str:
    """Return on whose account the request runs; nothing where there is one user only."""
    return _OWNER.get()


class FairLimiter:
    """So many turns at once. Owners who wait are served in rotation, each in order of arrival.

    An owner alone may have all turns. While others are active, each has an equal share of
    ``contended`` turns, and at least one. All methods belong to one event loop.
    """

    def __init__(
        self,
        turns: int,
        *,
        per_owner: int | None = None,
        contended: int | None = None,
        waiting: int | None = None,
        patience: float | None = None,
        name: str = "requests",
    ) -> None:
        """Limit.

        Args:
            turns: at once, of all owners.
            per_owner: at once, of one owner, also when it is alone.
            contended: what active owners share while there are several.
            waiting: requests of one owner that may wait; no limit without.
            patience: seconds that a request waits at most; no limit without.
            name: what is limited, in the plural, for the refusal.
        """
        self._turns = turns
        self._most = min(per_owner or turns, turns)
        self._contended = min(contended or turns, turns)
        self._waiting = waiting
        self._patience = patience
        self._name = name
        self._running: dict[str, int] = {}
        self._total = 0
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._seen: dict[str, float] = {}

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the end of the block.

        Raises:
            RateLimited: too many requests of the owner wait, or this one has waited too long.
        """
        await self.take(who)
        try:
            yield
        finally:
            self.give_back(who)

    async def take(self, who: str) -> None:
        """Wait for a turn, to be given back with `give_back`.

        Raises:
            RateLimited: too many requests of the owner wait, or this one has waited too long.
        """
        self._seen[who] = time.monotonic()
        queue = self._queues.get(who)
        if queue is None and self._may_run(who, self._share()):
            self._begin(who)
            return
        if self._waiting is not None and len(queue or ()) >= self._waiting:
            raise self._refusal(f"{self._waiting} more wait already")
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(who, deque()).append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            self._leave(who, turn)
            if isinstance(error, TimeoutError):
                raise self._refusal(f"this one has waited {self._patience:.0f} s") from error
            raise

    def give_back(self, who: str) -> None:
        """Let the next one run."""
        self._seen[who] = time.monotonic()
        self._running[who] -= 1
        self._total -= 1
        if not self._running[who]:
            del self._running[who]
        self._wake()

    def _begin(self, who: str) -> None:
        self._running[who] = self._running.get(who, 0) + 1
        self._total += 1

    def _leave(self, who: str, turn: asyncio.Future[None]) -> None:
        """Give up waiting, or the turn that came at the same moment."""
        if turn.done() and not turn.cancelled():
            self.give_back(who)
            return
        self._remove(who, turn)

    def _share(self) -> int:
        """Return how many turns one owner may have now."""
        horizon = time.monotonic() - _ACTIVE_SECONDS
        for who in [each for each, at in self._seen.items() if at < horizon]:
            if who not in self._running and who not in self._queues:
                del self._seen[who]
        active = len(self._seen)
        return self._most if active < 2 else min(self._most, max(1, self._contended // active))

    def _may_run(self, who: str, share: int) -> bool:
        return self._total < self._turns and self._running.get(who, 0) < share

    def _wake(self) -> None:
        """Let run all who wait and may: one of each owner, in rotation, until there is no more."""
        share, progress = self._share(), True
        while progress:
            progress = False
            for who in list(self._queues):
                # A request that gives up at this moment takes itself out.
                waiting = (each for each in self._queues[who] if not each.done())
                turn = next(waiting, None) if self._may_run(who, share) else None
                if turn is not None:
                    self._remove(who, turn)
                    self._begin(who)
                    turn.set_result(None)
                    progress = True

    def _remove(self, who: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues[who]
        queue.remove(turn)
        if queue:
            self._queues.move_to_end(who)
        else:
            del self._queues[who]

    def _refusal(self, reason: str) -> RateLimited:
        return RateLimited(
            f"Too many {self._name} at once: {reason}.",
            hint="Send fewer at once, and try again in some seconds.",
            details={"retry_after_seconds": 2},
        )
