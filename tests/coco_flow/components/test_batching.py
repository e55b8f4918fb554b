from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from coco_flow import components as coco
from tests.component_parts import MemoryTarget

Make = Callable[..., coco.App[Any, Any]]


def test_calls_of_many_components_come_together(restarted: Make, target: MemoryTarget) -> None:
    batches: list[list[str]] = []

    @coco.fn.as_async(batching=True, memo=True)
    def embed(texts: list[str]) -> list[int]:
        batches.append(texts)
        return [len(text) for text in texts]

    @coco.fn
    async def one(text: str) -> None:
        target.declare(text, await embed(text))

    @coco.fn
    async def main(texts: list[str]) -> None:
        await coco.mount_each(one, [(text, text) for text in texts])

    texts = ["x" * length for length in range(1, 41)]
    restarted(main, texts).update_blocking()
    assert target.contents == {text: len(text) for text in texts}
    assert sorted(text for batch in batches for text in batch) == texts
    assert len(batches) < 20
    batches.clear()
    # Stored results are used, so that only the new text needs a call.
    restarted(main, [*texts, "new"]).update_blocking()
    assert batches == [["new"]]


def test_no_batch_is_larger_than_allowed() -> None:
    batches: list[int] = []

    @coco.fn.as_async(batching=True, max_batch_size=4)
    async def call(numbers: list[int]) -> list[int]:
        batches.append(len(numbers))
        return [number + 1 for number in numbers]

    async def main() -> list[int]:
        return await asyncio.gather(*(call(number) for number in range(10)))

    assert asyncio.run(main()) == list(range(1, 11))
    assert max(batches) == 4
    assert sum(batches) == 10


def test_a_batch_that_asks_for_it_is_tried_in_halves() -> None:
    sizes: list[int] = []

    @coco.fn.as_async(batching=True)
    def call(numbers: list[int]) -> list[int]:
        sizes.append(len(numbers))
        if len(numbers) > 2:
            raise coco.RetryWithSmallerBatch
        if 5 in numbers:
            try:
                raise MemoryError("too large")
            except MemoryError as error:
                raise coco.RetryWithSmallerBatch from error
        return numbers

    async def main() -> list[Any]:
        return await asyncio.gather(*(call(n) for n in range(8)), return_exceptions=True)

    results = asyncio.run(main())
    assert results[:5] + results[6:] == [0, 1, 2, 3, 4, 6, 7]
    assert isinstance(results[5], MemoryError)
    assert max(sizes) == 8


def test_a_failed_batch_fails_each_call() -> None:
    @coco.fn.as_async(batching=True)
    def fail(numbers: list[int]) -> list[int]:
        raise LookupError("no model")

    @coco.fn.as_async(batching=True)
    def short(numbers: list[int]) -> list[int]:
        return numbers[1:]

    async def main() -> None:
        for function, expected in ((fail, LookupError), (short, ValueError)):
            results = await asyncio.gather(*(function(n) for n in range(3)), return_exceptions=True)
            assert [type(result) for result in results] == [expected] * 3

    asyncio.run(main())


def test_a_runner_gets_the_batches_of_its_functions_one_at_a_time() -> None:
    class OneThread(coco.Runner):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()
            self.calls: list[str] = []

        async def run(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError("the functions are plain")

        async def run_sync_fn(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
            assert self.lock.acquire(blocking=False)
            try:
                return await asyncio.to_thread(fn, *args, **kwargs)
            finally:
                self.lock.release()

    one = OneThread()

    @coco.fn.as_async(batching=True, runner=one)
    def first(numbers: list[int]) -> list[str]:
        one.calls.append("first")
        return [f"first {number}" for number in numbers]

    @coco.fn.as_async(batching=True, runner=one)
    def second(numbers: list[int]) -> list[str]:
        one.calls.append("second")
        return [f"second {number}" for number in numbers]

    async def main() -> list[str]:
        return await asyncio.gather(first(1), second(1), first(2), second(2))

    assert asyncio.run(main()) == ["first 1", "second 1", "first 2", "second 2"]
    assert one.calls == ["first", "second"]


def test_methods_are_batched_by_object() -> None:
    class Model:
        def __init__(self, factor: int) -> None:
            self.factor = factor
            self.batches: list[list[int]] = []

        @coco.fn.as_async(batching=True)
        def times(self, numbers: list[int], plus: int = 0) -> list[int]:
            self.batches.append(numbers)
            return [number * self.factor + plus for number in numbers]

    two, three = Model(2), Model(3)

    async def main() -> list[int]:
        return await asyncio.gather(
            two.times(1), three.times(1), two.times(2), two.times(3, plus=1)
        )

    assert asyncio.run(main()) == [2, 3, 4, 7]
    assert sorted(two.batches) == [[1, 2], [3]]
    assert three.batches == [[1]]


def test_what_needs_an_async_function_says_so() -> None:
    with pytest.raises(ValueError, match=r"Use fn\.as_async instead"):
        coco.fn(batching=True)(lambda numbers: numbers)  # type: ignore[call-overload]


def test_a_cancelled_caller_does_not_end_the_others() -> None:
    started = asyncio.Event()
    release = asyncio.Event()

    @coco.fn.as_async(batching=True)
    async def call(numbers: list[int]) -> list[int]:
        started.set()
        await release.wait()
        return numbers

    async def main() -> None:
        first, second = asyncio.create_task(call(1)), asyncio.create_task(call(2))
        await started.wait()
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        release.set()
        assert await second == 2

    asyncio.run(main())
