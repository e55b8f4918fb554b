"""Steps that call functions: one value at a time, a whole batch, or concurrently.

`compile_transform` chooses the way of calling once, so that nothing is decided per value.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from coco_flow.engine.frames import Batch, Frame, reader_of, root_reader
from coco_flow.errors import FlowError, UpdateAborted
from coco_flow.types.codec import digest, make_packer, make_unpacker, pack_any

if TYPE_CHECKING:
    from coco_flow.graph.model import Scope, Transform
    from coco_flow.op.bound import BoundFunction

__all__ = ["Step", "compile_transform"]

Step: TypeAlias = Callable[[list[Frame], Batch], None]
Result: TypeAlias = Any | Exception

# How many coroutines of one function run at once: more than any service accepts from one client.
_CONCURRENT_CALLS = 256

# A function that waits this long (seconds) while it uses little processor time is spread over
# threads; below it, the switch to a thread (about 0.1 ms) would not pay.
_WAITING_CALL = 0.005
_THREADS = 16

# The engine's limit of one call when the function names none, in seconds.
_DEFAULT_TIMEOUT = 1800.0


def compile_transform(operation: Transform, scope: Scope) -> Step:
    """Return the step that computes one field of each frame of `scope`."""
    function = operation.function
    arguments = _Arguments(operation, scope)
    caller = _caller(function)
    if function.options.cache:
        return _memoized(operation, scope, arguments, caller)
    return _plain(operation, scope, arguments, caller)


class _Arguments:
    """Reads and converts the arguments of one transform."""

    def __init__(self, operation: Transform, scope: Scope) -> None:
        self._readers = [reader_of(ref, scope) for ref in operation.arguments]
        self._bound = operation.function.arguments
        self._positional = sum(1 for item in self._bound if item.keyword is None)
        self.single = len(self._bound) == 1 and self._positional == 1

    def values(self, frame: Frame) -> tuple[Any, ...] | None:
        """Return the engine values, or None if a required one is absent: no call is made then."""
        values = tuple([read(frame) for read in self._readers])
        # Not `None in values`: that would compare arrays, which have no truth value.
        for value, item in zip(values, self._bound, strict=True):
            if value is None and item.required:
                return None
        return values

    def decoded(self, values: tuple[Any, ...]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments as the user's code takes them: by position, and by keyword."""
        converted = [
            value if item.decode is None or value is None else item.decode(value)
            for value, item in zip(values, self._bound, strict=True)
        ]
        if self._positional == len(converted):
            return converted, {}
        named = {
            str(item.keyword): value
            for value, item in zip(
                converted[self._positional :], self._bound[self._positional :], strict=True
            )
        }
        return converted[: self._positional], named


Caller: TypeAlias = Callable[[Sequence[tuple[list[Any], dict[str, Any]]]], list[Result]]


def _plain(operation: Transform, scope: Scope, arguments: _Arguments, caller: Caller) -> Step:
    out, name, root = operation.output, operation.name, root_reader(scope.depth)
    encode, prepare = operation.function.encode, operation.function.prepare

    def step(frames: list[Frame], batch: Batch) -> None:
        prepare()
        pending: list[Frame] = []
        calls: list[tuple[list[Any], dict[str, Any]]] = []
        for frame in frames:
            try:
                values = arguments.values(frame)
                if values is None:
                    frame[out] = None
                    continue
                calls.append(arguments.decoded(values))
            except Exception as error:  # noqa: BLE001 - a row's failure is that row's
                batch.fail(root(frame), name, error)
                continue
            pending.append(frame)
        for frame, result in zip(pending, caller(calls), strict=True):
            try:
                if isinstance(result, Exception):
                    raise result
                frame[out] = result if encode is None or result is None else encode(result)
            except Exception as error:  # noqa: BLE001 - a row's failure is that row's
                batch.fail(root(frame), name, error)

    return step


def _memoized(operation: Transform, scope: Scope, arguments: _Arguments, caller: Caller) -> Step:
    return _MemoizedCalls(operation, scope, arguments, caller).step


class _MemoizedCalls:
    """Calls a function for arguments that are neither in the memo nor being computed elsewhere."""

    def __init__(
        self, operation: Transform, scope: Scope, arguments: _Arguments, caller: Caller
    ) -> None:
        self._out = operation.output
        self._name = operation.name
        self._root = root_reader(scope.depth)
        self._arguments = arguments
        self._caller = caller
        self._function = operation.function
        self._pack = make_packer(self._function.result_type)
        self._unpack = make_unpacker(self._function.result_type)

    def step(self, frames: list[Frame], batch: Batch) -> None:
        """Fill the operation's slot in each frame."""
        waiting, values = self._pending(frames)
        known = batch.memo.get(list(waiting))
        for key, data in known.items():
            self._fill(waiting[key], self._unpack(data))
        missing = [key for key in waiting if key not in known]
        if not missing:
            return
        self._function.prepare()
        mine, theirs = batch.memo.claim(missing)
        try:
            self._compute(mine, waiting, values, batch)
        finally:
            batch.memo.settle(mine)
        failed_there: list[bytes] = []
        for key, call in theirs.items():
            result = call.wait()
            if result is None:
                failed_there.append(key)
            else:
                # Kept here too: the other batch may not have written it yet.
                batch.memo.put(key, result)
                self._fill(waiting[key], self._unpack(result))
        self._compute(failed_there, waiting, values, batch)

    def _pending(
        self, frames: list[Frame]
    ) -> tuple[dict[bytes, list[Frame]], dict[bytes, tuple[Any, ...]]]:
        """Return the frames by the digest of their call, and each call's arguments."""
        waiting: dict[bytes, list[Frame]] = {}
        values_of: dict[bytes, tuple[Any, ...]] = {}
        identity = self._function.identity
        for frame in frames:
            values = self._arguments.values(frame)
            if values is None:
                frame[self._out] = None
                continue
            key = digest(identity, pack_any(values))
            self._root(frame).uses.append(key)
            waiting.setdefault(key, []).append(frame)
            values_of[key] = values
        return waiting, values_of

    def _compute(
        self,
        keys: list[bytes],
        waiting: dict[bytes, list[Frame]],
        values: dict[bytes, tuple[Any, ...]],
        batch: Batch,
    ) -> None:
        calls: list[tuple[list[Any], dict[str, Any]]] = []
        called: list[bytes] = []
        for key in keys:
            try:
                calls.append(self._arguments.decoded(values[key]))
                called.append(key)
            except Exception as error:  # noqa: BLE001 - a row's failure is that row's
                self._fail(waiting[key], batch, error)
        encode = self._function.encode
        for key, result in zip(called, self._caller(calls), strict=True):
            try:
                if isinstance(result, Exception):
                    raise result
                value = result if encode is None or result is None else encode(result)
                batch.memo.put(key, self._pack(value))
                self._fill(waiting[key], value)
            except Exception as error:  # noqa: BLE001 - a row's failure is that row's
                self._fail(waiting[key], batch, error)

    def _fill(self, frames: list[Frame], value: Any) -> None:
        for frame in frames:
            frame[self._out] = value

    def _fail(self, frames: list[Frame], batch: Batch, error: Exception) -> None:
        for frame in frames:
            batch.fail(self._root(frame), self._name, error)


def _caller(function: BoundFunction) -> Caller:
    if function.options.batching:
        return _Batches(function)
    if function.is_async:
        return _Concurrent(function)
    return _OneByOne(function)


class _OneByOne:
    """Calls a synchronous function in a loop, or over threads if it mostly waits."""

    def __init__(self, function: BoundFunction) -> None:
        self._function = function
        timeout = function.options.timeout
        self._timeout = None if timeout is None else timeout.total_seconds()
        self._waits: bool | None = None

    def __call__(self, calls: Sequence[tuple[list[Any], dict[str, Any]]]) -> list[Result]:
        if self._timeout is not None:
            return self._in_threads(calls)
        results: list[Result] = []
        call = self._function.call
        if self._waits is None and calls:
            wall, used = time.perf_counter(), time.thread_time()
            results = [_caught(call, *one) for one in calls[:3]]
            wall, used = time.perf_counter() - wall, time.thread_time() - used
            self._waits = wall > _WAITING_CALL * len(results) and used < 0.3 * wall
        rest = calls[len(results) :]
        if self._waits and len(rest) > 1:
            return results + self._in_threads(rest)
        for args, named in rest:
            try:
                results.append(call(*args, **named))
            except Exception as error:  # noqa: BLE001 - becomes the row's failure
                results.append(error)
        return results

    def _in_threads(self, calls: Sequence[tuple[list[Any], dict[str, Any]]]) -> list[Result]:
        call = self._function.call
        futures: list[Future[Result]] = [
            _threads().submit(contextvars.copy_context().run, _caught, call, args, named)
            for args, named in calls
        ]
        results: list[Result] = []
        for future in futures:
            try:
                results.append(future.result(self._timeout))
            except FutureTimeout:
                future.cancel()
                results.append(_too_long(self._function, self._timeout))
        return results


class _Concurrent:
    """Awaits an asynchronous function for all values concurrently, on coco_flow's loop."""

    def __init__(self, function: BoundFunction) -> None:
        self._function = function
        timeout = function.options.timeout
        self._timeout = _DEFAULT_TIMEOUT if timeout is None else timeout.total_seconds()

    def __call__(self, calls: Sequence[tuple[list[Any], dict[str, Any]]]) -> list[Result]:
        from coco_flow.runtime import run

        return run(self._all(calls)) if calls else []

    async def _all(self, calls: Sequence[tuple[list[Any], dict[str, Any]]]) -> list[Result]:
        gate = asyncio.Semaphore(_CONCURRENT_CALLS)

        async def one(args: list[Any], named: dict[str, Any]) -> Result:
            async with gate:
                try:
                    return await _within(self._timeout, self._function.call(*args, **named))
                except _CallTimeout:
                    return _too_long(self._function, self._timeout)
                except Exception as error:  # noqa: BLE001 - becomes the row's failure
                    return error

        return list(await asyncio.gather(*(one(*call) for call in calls)))


class _Batches:
    """Calls a batching function with lists; one list at a time, since it may hold a model."""

    def __init__(self, function: BoundFunction) -> None:
        import threading

        self._function = function
        self._size = function.options.max_batch_size
        timeout = function.options.timeout
        self._timeout = None if timeout is None else timeout.total_seconds()
        self._lock = threading.Lock()

    def __call__(self, calls: Sequence[tuple[list[Any], dict[str, Any]]]) -> list[Result]:
        items = [args[0] if args else next(iter(named.values())) for args, named in calls]
        required = self._function.arguments[0].required
        size = self._size or len(items) or 1
        present = [item for item in items if item is not None or not required]
        results: list[Result] = []
        with self._lock:
            for start in range(0, len(present), size):
                results.extend(self._call(present[start : start + size]))
        if len(present) == len(items):
            return results
        given = iter(results)
        return [None if item is None else next(given) for item in items]

    def _call(self, items: list[Any]) -> list[Result]:
        try:
            results = list(self._within_limit(items))
        except UpdateAborted:
            raise
        except _CallTimeout:
            return [_too_long(self._function, self._timeout)] * len(items)
        except Exception as error:  # noqa: BLE001 - becomes the rows' failure
            if len(items) == 1 or getattr(error, "retryable", isinstance(error, OSError)):
                return [error] * len(items)
            # One bad item must not fail its neighbors: halves find it in few calls.
            middle = len(items) // 2
            return [*self._call(items[:middle]), *self._call(items[middle:])]
        if len(results) != len(items):
            return [
                FlowError(
                    f"{self._function.kind} returned {len(results)} results for a batch of "
                    f"{len(items)}; a batching function returns one for each item, in order."
                )
            ] * len(items)
        return results

    def _within_limit(self, items: list[Any]) -> Any:
        from coco_flow.runtime import run, run_maybe_async

        call = self._function.call
        if self._function.is_async:
            return run(_within(self._timeout or _DEFAULT_TIMEOUT, call(items)))
        if self._timeout is None:
            return run_maybe_async(call, items)
        future = _threads().submit(contextvars.copy_context().run, call, items)
        done, _ = wait([future], self._timeout)
        if not done:
            future.cancel()
            raise _CallTimeout
        return future.result()


class _CallTimeout(Exception):
    """The engine's limit of a call was reached; a TimeoutError may be the function's own."""


async def _within(seconds: float, call: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await call
    except TimeoutError:
        if limit.expired():
            raise _CallTimeout from None
        raise


def _caught(call: Callable[..., Any], args: list[Any], named: dict[str, Any]) -> Result:
    try:
        return call(*args, **named)
    except Exception as error:  # noqa: BLE001 - becomes the row's failure
        return error


def _too_long(function: BoundFunction, seconds: float | None) -> FlowError:
    return FlowError(
        f"{function.kind} took longer than {seconds:g} s.",
        hint="Raise its limit with the option timeout=timedelta(…), or make it faster.",
    )


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="coco-flow-call")
