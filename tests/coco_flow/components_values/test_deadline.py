from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from coco_flow.components import deadline

REAL_SLEEP = asyncio.sleep


class Clock:
    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> int:
        return round(self.now * 1e9)

    async def sleep(self, seconds: float) -> None:
        if threading.get_ident() != self._thread:
            # An event loop of the library goes on in the background, by the real clock.
            await REAL_SLEEP(seconds)
            return
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    deadline.use_clock(clock)
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    yield clock
    deadline.use_clock(None)


def test_the_nearest_deadline_counts_and_is_left_again(clock: Clock) -> None:
    with deadline.timeout(timedelta(seconds=10)):
        with deadline.timeout(timedelta(seconds=20)):
            assert deadline.remaining_seconds() == 10
        with deadline.timeout(timedelta(seconds=3)):
            clock.now = 2
            assert deadline.remaining_seconds() == 1
            with deadline.without_deadline():
                assert not deadline.has_deadline()
        assert deadline.remaining_seconds() == 8
        deadline.check_cancellation()
        clock.now = 10.5
        assert deadline.remaining_seconds() == 0
        with pytest.raises(TimeoutError, match="deadline"):
            deadline.check_cancellation()
    assert deadline.remaining_seconds() is None


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e300])
def test_impossible_timeouts_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout duration"):
        deadline.NO_DEADLINE.with_timeout(seconds)


def failing(times: int) -> tuple[list[int], object]:
    calls: list[int] = []

    async def call() -> str:
        calls.append(len(calls))
        if len(calls) <= times:
            raise ConnectionError(f"failure {len(calls)}")
        return "done"

    return calls, call


def retry(call: object, **options: object) -> object:
    return asyncio.run(
        deadline.retry_transient(call, retry_on=(ConnectionError,), **options)  # type: ignore[arg-type]
    )


def test_retries_wait_longer_each_time(clock: Clock) -> None:
    _, call = failing(4)
    assert retry(call, backoff=deadline.exponential_backoff(1, 3, 10)) == "done"
    assert clock.slept == [1, 3, 9, 10]


def test_the_last_error_is_raised_when_attempts_are_used_up(clock: Clock) -> None:
    calls, call = failing(9)
    with pytest.raises(ConnectionError, match="failure 3"):
        retry(call, max_attempts=3)
    assert len(calls) == 3
    assert len(clock.slept) == 2


def test_no_attempt_starts_and_no_result_counts_after_the_deadline(clock: Clock) -> None:
    calls, call = failing(99)
    with pytest.raises(deadline.DeadlineExceededError):
        retry(call, timeout=timedelta(seconds=5), backoff=lambda _: 2.0)
    assert len(calls) == 3
    assert clock.slept == [2, 2, 1]

    async def late() -> str:
        clock.now += 9
        return "late"

    with pytest.raises(deadline.DeadlineExceededError):
        retry(late, timeout=timedelta(seconds=5))


def test_what_is_not_transient_is_not_tried_again(clock: Clock) -> None:
    async def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        retry(broken)
    assert clock.slept == []


def test_an_attempt_that_hangs_is_cancelled_at_the_deadline() -> None:
    cancelled: list[bool] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(deadline.DeadlineExceededError):
        retry(hang, timeout=timedelta(milliseconds=20), bound_attempt=True)
    assert cancelled == [True]
