"""Batched functions: calls that arrive while a batch runs form the next one."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import pickle
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from coco_flow.components import deadline

if TYPE_CHECKING:
    from coco_flow.components.function import AsyncFunction, FunctionOptions

__all__ = [
    "BatchItemFailure",
    "BatchQueue",
    "BatcherSlot",
    "RetryWithSmallerBatch",
    "Schedule",
    "split_cause",
    "wrap_batch_fn_async",
    "wrap_batch_fn_sync",
]


class RetryWithSmallerBatch(Exception):
    """Raised by a batched function's body to have the batch halved and each half tried again.

    Raise it from the error that made the batch fail. Once a batch of one item fails, that error
    becomes the item's own; items in halves that succeed keep their results.
    """

    # Pickling drops the cause, and executors put a remark on the remote traceback in its place.
    _restored_cause: BaseException | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        cause = self.__cause__ or self.__context__ or self._restored_cause
        if cause is not None:
            try:
                pickle.dumps(cause)
            except Exception:  # noqa: BLE001 - without the cause the signal still arrives
                cause = None
        return _restored, (self.args, cause)


def _restored(args: tuple[Any, ...], cause: BaseException | None) -> RetryWithSmallerBatch:
    signal = RetryWithSmallerBatch(*args)
    signal._restored_cause = cause
    return signal


class BatchItemFailure:
    """Marks an item of a batch's results that failed separately."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def split_cause(signal: RetryWithSmallerBatch) -> BaseException:
    """Return the error of a split signal that cannot be split further."""
    return signal._restored_cause or signal.__cause__ or signal.__context__ or signal


class _Half(NamedTuple):
    """What comes of an attempt at a batch: results, or an error to raise, or a split."""

    results: list[Any] | None = None
    error: BaseException | None = None


def _failed(error: Exception, count: int, whole: bool) -> _Half:
    """Return how to proceed with a failed batch."""
    if isinstance(error, RetryWithSmallerBatch):
        if count > 1:
            return _Half()
        error = split_cause(error)  # type: ignore[assignment]
    # An error of the whole batch goes to every caller; one of a part stays with its items.
    return _Half(error=error) if whole else _Half([BatchItemFailure(error)] * count)


def wrap_batch_fn_async(
    fn: Callable[[list[Any]], Awaitable[list[Any]]],
) -> Callable[[list[Any]], Coroutine[Any, Any, list[Any]]]:
    """Return the async batch function with splitting."""

    async def run(inputs: list[Any], whole: bool = True) -> list[Any]:
        try:
            return await fn(inputs)
        except Exception as error:  # noqa: BLE001 - raised, or kept by its items
            half = _failed(error, len(inputs), whole)
        # Outside the handler, so that the signal is not shown as the context of errors.
        if half.error is not None:
            raise half.error
        if half.results is not None:
            return half.results
        middle = len(inputs) // 2
        first, second = await asyncio.gather(
            run(inputs[:middle], False), run(inputs[middle:], False)
        )
        return [*first, *second]

    return run


def wrap_batch_fn_sync(
    fn: Callable[[list[Any]], list[Any]],
) -> Callable[[list[Any]], list[Any]]:
    """Return the plain batch function with splitting."""

    def run(inputs: list[Any], whole: bool = True) -> list[Any]:
        try:
            return fn(inputs)
        except Exception as error:  # noqa: BLE001 - raised, or kept by its items
            half = _failed(error, len(inputs), whole)
        if half.error is not None:
            raise half.error
        if half.results is not None:
            return half.results
        middle = len(inputs) // 2
        return [*run(inputs[:middle], False), *run(inputs[middle:], False)]

    return run


class _Entry(NamedTuple):
    value: Any
    future: asyncio.Future[Any]


class _Batch:
    """Calls that run, or will run, together."""

    __slots__ = ("entries", "gone", "task")

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.gone = 0
        self.task: asyncio.Task[None] | None = None

    def leave(self) -> None:
        """Record that a caller was cancelled; when all were, none waits."""
        self.gone += 1
        if self.gone == len(self.entries) and self.task is not None:
            self.task.cancel()


class _Batcher:
    """What runs one function's batches."""

    __slots__ = ("call", "limit", "queue")

    def __init__(
        self,
        queue: BatchQueue,
        call: Callable[[list[Any]], Awaitable[list[Any]]],
        limit: int | None,
    ) -> None:
        self.queue = queue
        self.call = call
        self.limit = limit

    async def run(self, value: Any) -> Any:
        """Add a call to the next batch and wait for its result."""
        batch, future = self.queue.add(self, value)
        try:
            return await future
        except asyncio.CancelledError:
            batch.leave()
            raise


class BatchQueue:
    """Runs batches one after another on one loop; those that are full do not wait."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pending: dict[_Batcher, _Batch] = {}
        self._running: set[_Batch] = set()
        self._starting = False

    def add(self, batcher: _Batcher, value: Any) -> tuple[_Batch, asyncio.Future[Any]]:
        """Add a call to the batcher's next batch."""
        batch = self._pending.get(batcher)
        if batch is None:
            batch = self._pending[batcher] = _Batch()
        entry = _Entry(value, self._loop.create_future())
        batch.entries.append(entry)
        if batcher.limit is not None and len(batch.entries) >= batcher.limit:
            del self._pending[batcher]
            self._start(batcher, batch)
        elif not self._running and not self._starting:
            # In the next turn of the loop, so that calls of this turn come together.
            self._starting = True
            self._loop.call_soon(self._next)
        return batch, entry.future

    def _next(self) -> None:
        self._starting = False
        if self._pending and not self._running:
            batcher = next(iter(self._pending))
            self._start(batcher, self._pending.pop(batcher))

    def _start(self, batcher: _Batcher, batch: _Batch) -> None:
        self._running.add(batch)
        # The calls come from different components, so that the batch belongs to none of them.
        batch.task = self._loop.create_task(
            self._run(batcher, batch), context=contextvars.Context()
        )

    async def _run(self, batcher: _Batcher, batch: _Batch) -> None:
        entries = batch.entries
        try:
            results = list(await batcher.call([entry.value for entry in entries]))
            if len(results) != len(entries):
                raise ValueError(
                    f"Batched output length mismatch: expected {len(entries)} outputs, got "
                    f"{len(results)}. A batched function returns one result per input, in order."
                )
            for entry, result in zip(entries, results, strict=True):
                if not entry.future.done():
                    entry.future.set_result(result)
        except BaseException as error:
            for entry in entries:
                if not entry.future.done():
                    entry.future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._running.discard(batch)
            self._next()


class BatcherSlot:
    """A batcher and the number of calls that use it; the last of them removes it."""

    __slots__ = ("batcher", "in_flight")

    def __init__(self, batcher: _Batcher) -> None:
        self.batcher = batcher
        self.in_flight = 0


class Schedule:
    """How the calls of one batched or remotely run function get to its body."""

    def __init__(
        self,
        fn: Callable[..., Any],
        is_async: bool,
        options: FunctionOptions,
        owner: AsyncFunction[Any, Any],
    ) -> None:
        self._fn = fn
        self._is_async = is_async
        self._batching = options.batching
        self._limit = options.max_batch_size if options.batching else 1
        self._runner = options.runner
        # The runner's process finds the function by the name of its tracked form.
        self._owner = weakref.ref(owner)
        parameters = list(inspect.signature(fn).parameters)
        self._is_method = bool(parameters) and parameters[0] == "self"
        self.slots: dict[Any, BatcherSlot] = {}
        self._lock = threading.Lock()

    async def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make one call."""
        instance, args = (args[0], args[1:]) if self._is_method else (None, args)
        if self._batching:
            if not args:
                raise TypeError(
                    f"{self._fn.__qualname__}() is batched and takes its input as the first "
                    "positional argument."
                )
            value, args = args[0], args[1:]
        else:
            value, args, kwargs = (args, kwargs), (), {}
        loop = asyncio.get_running_loop()
        key = (id(instance), id(loop), args, tuple(sorted(kwargs.items())))
        with self._lock:
            slot = self.slots.get(key)
            if slot is None:
                slot = self.slots[key] = BatcherSlot(self._batcher(instance, args, kwargs))
            slot.in_flight += 1
        try:
            result = await slot.batcher.run(value)
        finally:
            with self._lock:
                slot.in_flight -= 1
                if slot.in_flight == 0:
                    del self.slots[key]
        deadline.check_cancellation()
        if isinstance(result, BatchItemFailure):
            raise result.error
        return result

    def _batcher(self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Batcher:
        shared = self._batching and self._runner is not None
        queue = self._runner.get_queue() if shared and self._runner else BatchQueue()
        call = self._with_runner if self._runner is not None else self._directly
        return _Batcher(queue, call(instance, args, kwargs), self._limit)

    def _directly(
        self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Callable[[list[Any]], Awaitable[list[Any]]]:
        fn = self._fn
        before = (instance,) if self._is_method else ()
        if self._is_async:

            async def body(inputs: list[Any]) -> list[Any]:
                return await fn(*before, inputs, *args, **kwargs)  # type: ignore[no-any-return]

            return wrap_batch_fn_async(body)
        split = wrap_batch_fn_sync(lambda inputs: fn(*before, inputs, *args, **kwargs))

        async def in_thread(inputs: list[Any]) -> list[Any]:
            loop = asyncio.get_running_loop()
            context = contextvars.Context()
            return await loop.run_in_executor(None, context.run, split, inputs)

        return in_thread

    def _with_runner(
        self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Callable[[list[Any]], Awaitable[list[Any]]]:
        assert self._runner is not None
        run = self._runner.run if self._is_async else self._runner.run_sync_fn
        owner = self._owner()
        assert owner is not None
        body = owner.run_body if not self._is_method else owner.__get__(instance).run_body

        async def together(inputs: list[Any]) -> list[Any]:
            return await run(body, inputs, *args, **kwargs)

        async def one(inputs: list[Any]) -> list[Any]:
            call_args, call_kwargs = inputs[0]
            return [await run(body, *call_args, **call_kwargs)]

        return wrap_batch_fn_async(together) if self._batching else one
