from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from coco_core.errors import Unavailable
from coco_flow.llm.limits import Gate, RequestLimits, TokenBucket, gate_for, set_request_limits
from coco_flow.llm.retry import HEAVY_LOAD, RetryOptions, TryAgain, retry
from coco_flow.llm.spec import LlmApiType


class Clock:
    """A clock that only `sleep` advances."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Failing:
    """A call that fails some times."""

    def __init__(self, times: int | None, *, after: float = 0.0, attempts: int | None = None):
        self.calls = 0
        self._times = times
        self._after = after
        self._attempts = attempts

    async def __call__(self) -> int:
        self.calls += 1
        if self._times is None or self.calls <= self._times:
            error = Unavailable(f"failure {self.calls}")
            raise TryAgain(error, after=self._after, attempts=self._attempts)
        return self.calls


def run(call: Failing, clock: Clock, options: RetryOptions | None = None, seed: int = 1) -> int:
    spread = random.Random(seed).uniform
    return asyncio.run(retry(call, options, clock=clock, sleep=clock.sleep, spread=spread))


@pytest.mark.row("ERR-3 backoff")
@pytest.mark.row("IN-5 backoff")
def test_waits_grow_from_a_tenth_of_a_second_to_ten_seconds_and_end_after_ten_minutes() -> None:
    clock, call = Clock(), Failing(None)
    with pytest.raises(Unavailable) as raised:
        run(call, clock)

    assert raised.value.message == f"failure {call.calls}"
    assert clock.waits[0] == pytest.approx(0.1)
    for before, after in zip(clock.waits, clock.waits[1:-1], strict=False):
        grown = 1.618 <= after / before <= 2.0
        assert grown or after == pytest.approx(10.0)
    assert max(clock.waits) == pytest.approx(10.0)
    assert clock.now == pytest.approx(600.0)


@pytest.mark.row("ERR-3 backoff")
@pytest.mark.parametrize("seed", range(20))
def test_two_callers_do_not_stay_in_step(seed: int) -> None:
    first, second = Clock(), Clock()
    run(Failing(6), first, seed=seed)
    run(Failing(6), second, seed=seed + 1000)

    assert first.waits[0] == second.waits[0]
    assert first.waits[1:] != second.waits[1:]


def test_what_succeeds_in_the_end_is_returned() -> None:
    clock = Clock()
    assert run(Failing(2), clock) == 3
    assert len(clock.waits) == 2


def test_heavy_load_begins_with_a_second_and_goes_to_a_minute() -> None:
    clock = Clock()
    with pytest.raises(Unavailable):
        run(Failing(None), clock, HEAVY_LOAD)
    assert clock.waits[0] == pytest.approx(1.0)
    assert max(clock.waits) == pytest.approx(60.0)
    assert clock.now == pytest.approx(600.0)


def test_without_a_deadline_it_goes_on() -> None:
    clock = Clock()
    assert run(Failing(500), clock, RetryOptions(retry_timeout=None)) == 501
    assert clock.now > 4_000


def test_a_server_that_asks_for_time_gets_it() -> None:
    clock = Clock()
    run(Failing(1, after=7.0), clock)
    assert clock.waits == [7.0]


def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for() -> None:
    clock, call = Clock(), Failing(None, after=3600.0)
    with pytest.raises(Unavailable, match="failure 1"):
        run(call, clock)
    assert clock.waits == []


def test_a_failure_that_lasts_is_tried_a_few_times_only() -> None:
    clock, call = Clock(), Failing(None, attempts=3)
    with pytest.raises(Unavailable, match="failure 3"):
        run(call, clock)
    assert call.calls == 3


@pytest.mark.row("ERR-4 retryable set")
def test_any_other_error_passes_at_once() -> None:
    calls = []

    async def call() -> None:
        calls.append(1)
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        asyncio.run(retry(call))
    assert calls == [1]


def test_the_cause_of_the_last_error_stays() -> None:
    async def call() -> None:
        error = Unavailable("reset")
        error.__cause__ = ConnectionResetError()
        raise TryAgain(error, attempts=1)

    with pytest.raises(Unavailable) as raised:
        asyncio.run(retry(call))
    assert isinstance(raised.value.__cause__, ConnectionResetError)


def test_a_bucket_spreads_requests_over_a_minute() -> None:
    clock = Clock()
    bucket = TokenBucket(60, clock)
    assert [bucket.reserve() for _ in range(4)] == pytest.approx([0.0, 1.0, 2.0, 3.0])
    clock.now = 100.0
    assert [bucket.reserve() for _ in range(2)] == pytest.approx([0.0, 1.0])


def test_a_bucket_holds_a_second_of_unused_requests() -> None:
    clock = Clock()
    bucket = TokenBucket(600, clock)
    waits = [bucket.reserve() for _ in range(12)]
    assert waits[:10] == pytest.approx([0.0] * 10)
    assert waits[10:] == pytest.approx([0.1, 0.2])


def test_a_gate_keeps_to_the_rate_whatever_waits() -> None:
    clock = Clock()

    async def main() -> float:
        gate = Gate(RequestLimits(requests_per_minute=30), clock=clock, sleep=clock.sleep)
        for _ in range(10):
            async with gate.request():
                pass
        return clock.now

    assert asyncio.run(main()) == pytest.approx(18.0)


def test_a_gate_lets_so_many_in_at_a_time() -> None:
    inside, most = 0, 0

    async def main() -> None:
        gate = Gate(RequestLimits(max_concurrency=3))

        async def one() -> None:
            nonlocal inside, most
            async with gate.request():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(main())
    assert most == 3


def test_what_a_server_asks_for_holds_all_requests_of_the_account() -> None:
    clock = Clock()

    async def main() -> None:
        gate = Gate(RequestLimits(), clock=clock, sleep=clock.sleep)
        gate.hold(5.0)
        async with gate.request():
            assert clock.now == pytest.approx(5.0)

    asyncio.run(main())


def test_limits_are_those_of_the_key_then_of_the_provider() -> None:
    from coco_flow.auth import add_transient_auth_entry

    theirs, ours = RequestLimits(max_concurrency=2), RequestLimits(max_concurrency=1)
    set_request_limits(LlmApiType.NOVITA, theirs)
    set_request_limits(LlmApiType.NOVITA, ours, api_key=add_transient_auth_entry("k"))
    try:
        assert gate_for(LlmApiType.NOVITA, "http://a", "k").limits is ours
        assert gate_for(LlmApiType.NOVITA, "http://a", "other").limits is theirs
        assert gate_for(LlmApiType.NOVITA, "http://a", None).limits is theirs
        assert gate_for(LlmApiType.VLLM, "http://a", None).limits == RequestLimits()
    finally:
        set_request_limits(LlmApiType.NOVITA, RequestLimits())
        set_request_limits(
            LlmApiType.NOVITA, RequestLimits(), api_key=add_transient_auth_entry("k")
        )


@pytest.mark.parametrize(
    "wrong", [{"requests_per_minute": 0}, {"max_concurrency": 0}, {"timeout": -1.0}]
)
def test_limits_that_let_nothing_through_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        RequestLimits(**wrong)  # type: ignore[arg-type]


def test_options_are_durations() -> None:
    options = RetryOptions(initial_backoff=timedelta(seconds=2), max_backoff=timedelta(seconds=2))
    clock = Clock()
    run(Failing(3), clock, options)
    assert clock.waits == [2.0, 2.0, 2.0]
