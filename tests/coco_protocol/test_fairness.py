"""Turns are shared between owners, whatever order they come in."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_core.errors import RateLimited
from coco_protocol.serving.fairness import FairLimiter


async def _settle() -> None:
    """Let every task come as far as it can by itself."""
    for _ in range(20):
        await asyncio.sleep(0)


class _Work:
    """Requests that have a turn until they are finished by hand."""

    def __init__(self, limiter: FairLimiter) -> None:
        self.limiter = limiter
        self.running: list[str] = []
        self.most: Counter[str] = Counter()
        self.order: list[str] = []
        self._gates: list[tuple[str, asyncio.Event]] = []

    async def request(self, who: str) -> None:
        async with self.limiter.turn(who):
            gate = asyncio.Event()
            self._gates.append((who, gate))
            self.running.append(who)
            self.order.append(who)
            self.most[who] = max(self.most[who], self.running.count(who))
            await gate.wait()
            self.running.remove(who)

    def finish_one(self) -> None:
        _, gate = self._gates.pop(0)
        gate.set()


def test_one_owner_alone_has_all_turns() -> None:
    async def run() -> None:
        work = _Work(FairLimiter(4, contended=2))
        tasks = [asyncio.create_task(work.request("a")) for _ in range(10)]
        await _settle()
        assert len(work.running) == 4
        while not all(task.done() for task in tasks):
            work.finish_one()
            await _settle()
        assert len(work.order) == 10

    asyncio.run(run())


def test_a_single_request_overtakes_the_queue_of_another_owner() -> None:
    async def run() -> None:
        work = _Work(FairLimiter(2))
        tasks = [asyncio.create_task(work.request("greedy")) for _ in range(50)]
        await _settle()
        tasks.append(asyncio.create_task(work.request("other")))
        await _settle()
        work.finish_one()
        await _settle()
        # The next turn that came free, not the fifty-first.
        assert work.order == ["greedy", "greedy", "other"]
        while not all(task.done() for task in tasks):
            work.finish_one()
            await _settle()

    asyncio.run(run())


def test_active_owners_have_equal_shares_of_what_is_contended() -> None:
    async def run() -> None:
        work = _Work(FairLimiter(8, contended=2))
        tasks = [asyncio.create_task(work.request("other"))]
        await _settle()
        tasks += [asyncio.create_task(work.request("greedy")) for _ in range(10)]
        await _settle()
        assert Counter(work.running) == {"other": 1, "greedy": 1}
        while not all(task.done() for task in tasks):
            work.finish_one()
            await _settle()
        assert work.most["greedy"] == 1

    asyncio.run(run())


def test_who_waits_too_long_or_behind_too_many_is_refused() -> None:
    async def run() -> None:
        limiter = FairLimiter(1, waiting=1, patience=0.01, name="exports")
        async with limiter.turn("a"):
            with pytest.raises(RateLimited, match=r"exports.*has waited"):
                await limiter.take("a")
            waiting = asyncio.create_task(limiter.take("a"))
            await _settle()
            with pytest.raises(RateLimited, match="1 more wait already"):
                await limiter.take("a")
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        # What was refused or cancelled has left nothing behind.
        async with limiter.turn("b"):
            pass

    asyncio.run(run())


# Who asks, finishes or gives up, in any order.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from("abc")),
        st.tuples(st.just("finish"), st.just("")),
        st.tuples(st.just("cancel"), st.sampled_from("abc")),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 3), st.integers(1, 3))
@settings(deadline=None, max_examples=150)
def test_no_turn_is_lost_and_none_is_given_twice(
    steps: list[tuple[str, str]], turns: int, per_owner: int
) -> None:
    async def run() -> None:
        work = _Work(FairLimiter(turns, per_owner=per_owner))
        tasks: list[tuple[str, asyncio.Task[None]]] = []
        for what, who in steps:
            if what == "ask":
                tasks.append((who, asyncio.create_task(work.request(who))))
            elif what == "finish" and work.running:
                work.finish_one()
            elif what == "cancel":
                waiting = [task for owner, task in tasks if owner == who and not task.done()]
                if waiting and len(waiting) > work.running.count(who):
                    # The last to come waits still.
                    waiting[-1].cancel()
            await _settle()
            assert len(work.running) <= turns
            assert all(count <= per_owner for count in work.most.values())
        while not all(task.done() for _, task in tasks):
            work.finish_one()
            await _settle()
        # Everything is free again.
        async with work.limiter.turn("d"):
            pass

    asyncio.run(run())
