"""The decorator `fn`, which makes a function a tracked one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from coco_flow.components.function import AsyncFunction, FunctionOptions, SyncFunction
from coco_flow.components.logic import LogicTracking
from coco_flow.components.memo_spec import MemoKeySpec
from coco_flow.components.runner import Runner

__all__ = ["fn"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def _tracked(function: Callable[..., Any], options: FunctionOptions) -> Any:
    if inspect.iscoroutinefunction(function):
        return AsyncFunction(function, True, options)
    return SyncFunction(
        function,
        memo=options.memo,
        memo_key=options.memo_key,
        version=options.version,
        logic_tracking=options.logic_tracking,
        deps=options.deps,
    )


def _tracked_async(function: Callable[..., Any], options: FunctionOptions) -> Any:
    return AsyncFunction(function, inspect.iscoroutinefunction(function), options)


class _Decorator(Protocol):
    """Keeps plain functions plain and async functions async."""

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncFunction[P, R]: ...


class _AsyncDecorator(Protocol):
    """Makes every function an async one."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> AsyncFunction[P, R]: ...


class _Fn(Generic[T]):
    """The namespace of `@fn` and `@fn.as_async`."""

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncFunction[P, R]: ...
    @overload
    def __call__(
        self,
        /,
        *,
        memo: bool = False,
        memo_key: MemoKeySpec = None,
        version: int | None = None,
        logic_tracking: LogicTracking = "full",
        deps: Any = None,
    ) -> _Decorator: ...
    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        memo: bool = False,
        memo_key: MemoKeySpec = None,
        batching: bool = False,
        max_batch_size: int | None = None,
        runner: Runner | None = None,
        version: int | None = None,
        logic_tracking: LogicTracking = "full",
        deps: Any = None,
    ) -> Any:
        """Track a function: its calls are recorded, and its code counts for results it made.

        Args:
            memo: Reuse the stored result of a call whose arguments, code and context are the same.
            memo_key: Per parameter, a function of the argument that counts instead of it, or None
                if the argument does not count.
            version: Counts instead of the code; raise it to run the function again.
            logic_tracking: Whose code counts: "full" that of the function and all tracked
                functions that it calls, "self" its own, None none.
            deps: Values that the function depends on without taking them, such as a prompt; taken
                when the function is defined.
            function: The function, where `fn` is used without parentheses.
            batching: Only for `fn.as_async`, as are max_batch_size and runner.
            max_batch_size: See `batching`.
            runner: See `batching`.
        """
        if batching or max_batch_size is not None or runner is not None:
            raise ValueError(
                "fn does not support batching, max_batch_size or runner, which need an async "
                "function. Use fn.as_async instead."
            )
        options = FunctionOptions(
            memo, memo_key, version=version, logic_tracking=logic_tracking, deps=deps
        )
        if function is not None:
            return _tracked(function, options)
        return lambda function: _tracked(function, options)

    @overload
    def as_async(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncFunction[P, R]: ...
    @overload
    def as_async(self, function: Callable[P, R], /) -> AsyncFunction[P, R]: ...
    @overload
    def as_async(
        self,
        /,
        *,
        memo: bool = False,
        memo_key: MemoKeySpec = None,
        batching: bool = False,
        max_batch_size: int | None = None,
        runner: Runner | None = None,
        version: int | None = None,
        logic_tracking: LogicTracking = "full",
        deps: Any = None,
    ) -> _AsyncDecorator: ...
    def as_async(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        memo: bool = False,
        memo_key: MemoKeySpec = None,
        batching: bool = False,
        max_batch_size: int | None = None,
        runner: Runner | None = None,
        version: int | None = None,
        logic_tracking: LogicTracking = "full",
        deps: Any = None,
    ) -> Any:
        """Track a function and make it async; a plain one runs in a thread. See `fn`.

        Args:
            function: The function, where the decorator is used without parentheses.
            memo: See `fn`.
            memo_key: See `fn`.
            batching: The function takes and returns lists; each call gives one element.
            max_batch_size: How many calls a batch holds at most.
            runner: Where the function runs, such as GPU.
            version: See `fn`.
            logic_tracking: See `fn`.
            deps: See `fn`.
        """
        options = FunctionOptions(
            memo, memo_key, batching, max_batch_size, runner, version, logic_tracking, deps
        )
        if function is not None:
            return _tracked_async(function, options)
        return lambda function: _tracked_async(function, options)


fn: _Fn[Any] = _Fn()
