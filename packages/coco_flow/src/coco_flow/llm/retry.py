"""Retries of failed calls: exponential backoff with a deadline."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

__all__ = ["HEAVY_LOAD", "RetryOptions", "TryAgain", "retry"]

T = TypeVar("T")

# Each wait is longer than the one before by a random factor between these, so that callers
# that failed together do not all return together.
_SLOWEST_GROWTH = 1.618
_FASTEST_GROWTH = 2.0


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """How long a failed call is retried.

    Attributes:
        retry_timeout: After so long the last error is raised; None goes on for ever.
        initial_backoff: The first wait.
        max_backoff: The longest wait, unless the server asks for a longer one.
    """

    retry_timeout: timedelta | None = timedelta(minutes=10)
    initial_backoff: timedelta = timedelta(milliseconds=100)
    max_backoff: timedelta = timedelta(seconds=10)


HEAVY_LOAD = RetryOptions(
    initial_backoff=timedelta(seconds=1),
    max_backoff=timedelta(seconds=60),
)
"""For servers that recover slowly."""


class TryAgain(Exception):
    """Raised by a call whose failure may pass.

    Attributes:
        error: What is raised when time is up.
        after: Seconds that the server asked to wait at least.
        attempts: After so many attempts the failure counts as permanent; None has no limit.
    """

    def __init__(
        self, error: Exception, *, after: float = 0.0, attempts: int | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after
        self.attempts = attempts


async def retry(
    call: Callable[[], Awaitable[T]],
    options: RetryOptions | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    spread: Callable[[float, float], float] = random.uniform,
) -> T:
    """Return what `call` returns, calling it again as long as it raises `TryAgain`.

    The first wait is never shorter than `initial_backoff`. Any other exception passes through, and
    a server that asks for more time than is left is not waited for.
    """
    options = options or RetryOptions()
    longest = options.max_backoff.total_seconds()
    backoff = options.initial_backoff.total_seconds()
    timeout = options.retry_timeout
    deadline = None if timeout is None else clock() + timeout.total_seconds()
    attempt = 0
    while True:
        attempt += 1
        try:
            return await call()
        except TryAgain as failure:
            wait = max(backoff, failure.after)
            if deadline is not None:
                left = deadline - clock()
                if left <= 0 or failure.after > left:
                    raise failure.error from failure.error.__cause__
                wait = min(wait, left)
            if failure.attempts is not None and attempt >= failure.attempts:
                raise failure.error from failure.error.__cause__
        await sleep(wait)
        backoff = min(backoff * spread(_SLOWEST_GROWTH, _FASTEST_GROWTH), longest)
