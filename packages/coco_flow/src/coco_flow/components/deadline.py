"""Deadlines that work reaches cooperatively, and the retry loop that keeps to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from datetime import timedelta
from typing import TypeAlias, TypeVar

__all__ = [
    "NO_DEADLINE",
    "DeadlineContext",
    "DeadlineExceededError",
    "RetryOn",
    "check_cancellation",
    "current",
    "exponential_backoff",
    "has_deadline",
    "remaining_seconds",
    "restore",
    "retry_transient",
    "timeout",
    "use_clock",
    "without_deadline",
]

T = TypeVar("T")

RetryOn: TypeAlias = tuple[type[Exception], ...] | Callable[[Exception], bool]
"""The errors worth another attempt: their types, or a predicate."""

logger = logging.getLogger(__name__)

# Longer spans, of 300 years, overflow the clock of common systems.
LONGEST_SECONDS = 1e10

_clock: Callable[[], int] = time.monotonic_ns


def use_clock(clock: Callable[[], int] | None) -> None:
    """Take the time from a function that returns nanoseconds; None means the real clock."""
    global _clock  # noqa: PLW0603 - one clock for the process, replaced by tests only
    _clock = time.monotonic_ns if clock is None else clock


class DeadlineExceededError(TimeoutError):
    """The deadline of a `timeout` scope passed before the work was done."""


class DeadlineContext:
    """A point in time at which work should stop, or none."""

    __slots__ = ("_at",)

    def __init__(self, at: int | None = None) -> None:
        self._at = at

    def with_timeout(self, seconds: float) -> DeadlineContext:
        """Return the deadline `seconds` from now, or this one if it is earlier."""
        if not (math.isfinite(seconds) and 0 <= seconds <= LONGEST_SECONDS):
            raise ValueError(
                f"The timeout duration must be between 0 and {LONGEST_SECONDS:.0f} seconds, "
                f"not {seconds}."
            )
        at = _clock() + round(seconds * 1e9)
        return self if self._at is not None and self._at <= at else DeadlineContext(at)

    def check(self) -> None:
        """Raise DeadlineExceededError if the deadline has passed."""
        if self._at is not None and _clock() > self._at:
            raise _exceeded()

    def remaining_secs(self) -> float | None:
        """Return the seconds left (0 once it has passed), or None without a deadline."""
        return None if self._at is None else max(0, self._at - _clock()) / 1e9

    def has_deadline(self) -> bool:
        """Say whether there is a deadline at all."""
        return self._at is not None


def _exceeded() -> DeadlineExceededError:
    return DeadlineExceededError(
        "The deadline of the enclosing timeout() has passed; give it more time or less to do."
    )


NO_DEADLINE = DeadlineContext()

_current: ContextVar[DeadlineContext] = ContextVar("coco_flow_deadline", default=NO_DEADLINE)


def current() -> DeadlineContext:
    """Return the deadline in force, to hand it to work that runs elsewhere."""
    return _current.get()


@contextlib.contextmanager
def timeout(duration: timedelta) -> Iterator[None]:
    """Limit the work inside to `duration`; a shorter enclosing deadline stays in force."""
    if not isinstance(duration, timedelta):
        raise TypeError(f"timeout() takes a datetime.timedelta, not {duration!r}")
    with restore(_current.get().with_timeout(duration.total_seconds())):
        yield


@contextlib.contextmanager
def restore(deadline: DeadlineContext) -> Iterator[None]:
    """Put a captured deadline in force."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def without_deadline() -> Iterator[None]:
    """Let the work inside run without any deadline."""
    with restore(NO_DEADLINE):
        yield


def check_cancellation() -> None:
    """Raise if the current work should stop, so that long functions can end early."""
    _current.get().check()


def remaining_seconds() -> float | None:
    """Return the seconds left, or None without a deadline."""
    return _current.get().remaining_secs()


def has_deadline() -> bool:
    """Say whether a deadline is in force."""
    return _current.get().has_deadline()


def exponential_backoff(
    initial: float = 1.0,
    multiplier: float = 2.0,
    max_delay: float = 30.0,
    jitter: float = 0.0,
) -> Callable[[int], float]:
    """Return a function that gives one longer delay after another; make one per operation.

    `jitter` scales each delay by a random factor between 1 - jitter and 1 + jitter.
    """
    delay = initial / multiplier

    def next_delay(_attempt: int) -> float:
        nonlocal delay
        delay = min(delay * multiplier, max_delay)
        return delay * random.uniform(1.0 - jitter, 1.0 + jitter) if jitter else delay  # noqa: S311

    return next_delay


async def retry_transient(
    fn: Callable[[], Awaitable[T]],
    *,
    retry_on: RetryOn,
    max_attempts: int | None = None,
    timeout: timedelta | None = None,  # noqa: ASYNC109 - a deadline, merged with those around it
    backoff: Callable[[int], float] | None = None,
    bound_attempt: bool = False,
    operation_name: str | None = None,
) -> T:
    """Call `fn` until it succeeds, fails for good, or the attempts or the time run out.

    No attempt starts, no delay lasts and no result is accepted past the deadline, which is the
    earlier one of `timeout` and the enclosing scopes. With `bound_attempt` an attempt that is
    still running then is cancelled.

    Raises:
        DeadlineExceededError: The deadline passed.
        Exception: The last error once `max_attempts` are used up, or one not worth retrying.
    """
    if max_attempts is not None and max_attempts < 1:
        raise ValueError(f"retry_transient requires max_attempts >= 1, not {max_attempts}")
    if timeout is not None and timeout <= timedelta(0):
        raise ValueError(f"retry_transient requires a positive timeout, not {timeout}")
    backoff = backoff or exponential_backoff()
    deadline = _current.get()
    if timeout is not None:
        deadline = deadline.with_timeout(timeout.total_seconds())
    with restore(deadline):
        attempt = 0
        while True:
            # With no time left, a delay shortened to the deadline would be followed by another.
            if deadline.has_deadline() and not deadline.remaining_secs():
                raise _exceeded()
            try:
                result = await (_bounded(fn, deadline) if bound_attempt else fn())
            except Exception as error:
                if not _is_transient(retry_on, error):
                    raise
                attempt += 1
                if max_attempts is not None and attempt >= max_attempts:
                    raise
                delay = _delay(backoff(attempt - 1), deadline)
                if operation_name is not None:
                    logger.warning(
                        "%s failed on attempt %d, next attempt in %.1f s: %s",
                        operation_name, attempt, delay, error,
                    )  # fmt: skip
            else:
                # Outside the try, so that a late result is not taken for a failed attempt.
                deadline.check()
                return result
            await asyncio.sleep(delay)


async def _bounded(fn: Callable[[], Awaitable[T]], deadline: DeadlineContext) -> T:
    remaining = deadline.remaining_secs()
    if remaining is None:
        return await fn()
    try:
        return await asyncio.wait_for(fn(), timeout=remaining)
    except TimeoutError as error:
        # A TimeoutError of `fn` itself is not the deadline's.
        if not deadline.remaining_secs():
            raise _exceeded() from error
        raise


def _is_transient(retry_on: RetryOn, error: Exception) -> bool:
    return isinstance(error, retry_on) if isinstance(retry_on, tuple) else retry_on(error)


def _delay(wanted: float, deadline: DeadlineContext) -> float:
    remaining = deadline.remaining_secs()
    return max(0.0, wanted if remaining is None else min(wanted, remaining))
