from __future__ import annotations

import asyncio
import time

import pytest

from coco_flow.components.rate_limit import RateLimiter


def test_a_full_bucket_gives_at_once_and_then_at_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    limiter = RateLimiter(10.0)

    async def main() -> None:
        nonlocal now
        for amount in (1, 5, 4):
            await limiter.acquire(amount)
        assert waits == []
        await limiter.acquire(5)
        await limiter.acquire(1)
        # More than the bucket holds: once it has flowed in.
        await limiter.acquire(30)
        assert waits == [0.5, 0.6, 3.6]
        now += 60
        await limiter.acquire(10)
        assert len(waits) == 3

    asyncio.run(main())


def test_who_asks_first_is_served_first() -> None:
    limiter = RateLimiter(1000.0, burst_window_secs=0.001)
    order: list[int] = []

    async def ask(number: int) -> None:
        await limiter.acquire(5)
        order.append(number)

    async def main() -> None:
        await asyncio.gather(*(ask(number) for number in range(8)))

    asyncio.run(main())
    assert order == list(range(8))


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="max_rows_per_second"):
        RateLimiter(rate)
