"""Limits on requests to one account of a provider: their rate, and how many run at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from coco_flow.auth import TransientAuthEntryReference, resolve_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.llm.retry import RetryOptions
from coco_flow.llm.spec import LlmApiType

__all__ = ["Gate", "RequestLimits", "TokenBucket", "gate_for", "set_request_limits"]


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What requests to one account may do.

    Attributes:
        requests_per_minute: Spread evenly; None has no limit.
        max_concurrency: Requests under way at a time.
        timeout: Seconds to wait for the next bytes of an answer.
        retry: How long a failed request is tried again.
    """

    requests_per_minute: float | None = None
    # More requests than a free account allows, fewer than exhaust a local server.
    max_concurrency: int = 32
    # Models that reason before they answer send nothing for minutes.
    timeout: float = 600.0
    retry: RetryOptions = field(default_factory=RetryOptions)

    def __post_init__(self) -> None:
        rate = self.requests_per_minute
        for name, value in {
            "requests_per_minute": rate if rate is not None else 1,
            "max_concurrency": self.max_concurrency,
            "timeout": self.timeout,
        }.items():
            if value <= 0:
                raise DefinitionError(f"{name} is {value}.", hint="Give a number above 0.")


class TokenBucket:
    """Spreads requests over time; it holds at most one second's worth of unused ones."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60.0 / per_minute
        self._capacity = max(1.0, per_minute / 60.0)
        self._clock = clock
        self._lock = threading.Lock()
        # When the bucket is full; each request moves it by one interval.
        self._full_at = clock()

    def reserve(self) -> float:
        """Take one token and return the seconds to wait before it may be used."""
        with self._lock:
            now = self._clock()
            self._full_at = max(self._full_at, now) + self._interval
            return max(0.0, self._full_at - now - self._capacity * self._interval)


class Gate:
    """What every request to one account passes; usable from several event loops."""

    def __init__(
        self,
        limits: RequestLimits,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.limits = limits
        self._clock = clock
        self._sleep = sleep
        rate = limits.requests_per_minute
        self._bucket = TokenBucket(rate, clock) if rate is not None else None
        self._held_until = 0.0
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> None:
        """Delay all requests for so many seconds: the server asked for it."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Wait for a slot and for the rate, and keep the slot for the length of the block."""
        async with self._slot():
            if self._bucket is not None:
                wait = self._bucket.reserve()
                if wait > 0:
                    await self._sleep(wait)
            while (wait := self._held_until - self._clock()) > 0:
                await self._sleep(wait)
            yield

    def _slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        with self._lock:
            slot = self._slots.get(loop)
            if slot is None:
                slot = self._slots[loop] = asyncio.Semaphore(self.limits.max_concurrency)
            return slot


_lock = threading.Lock()
_limits: dict[tuple[LlmApiType, str | None], RequestLimits] = {}
_gates: dict[tuple[LlmApiType, str, str | None], Gate] = {}


def set_request_limits(
    api_type: LlmApiType,
    limits: RequestLimits,
    *,
    api_key: TransientAuthEntryReference[str] | None = None,
) -> None:
    """Set the limits for one provider, or for one key of it, from the next request on.

    They are no part of a spec, so that changing them computes nothing again.
    """
    key = resolve_auth_entry(api_key) if api_key is not None else None
    with _lock:
        _limits[api_type, key] = limits
        for known in [each for each in _gates if each[0] is api_type]:
            del _gates[known]


def gate_for(api_type: LlmApiType, address: str, key: str | None) -> Gate:
    """Return the gate of an account, which is known by the address and the key."""
    with _lock:
        gate = _gates.get((api_type, address, key))
        if gate is None:
            limits = _limits.get((api_type, key)) or _limits.get((api_type, None))
            gate = _gates[api_type, address, key] = Gate(limits or RequestLimits())
        return gate
