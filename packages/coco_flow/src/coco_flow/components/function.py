"""Tracked functions: their calls are recorded, and may be memoized, batched and run elsewhere."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import importlib
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, ParamSpec, Self, TypeVar, cast, overload

from coco_flow.components import batching, deadline, runner
from coco_flow.components.bound import BoundMethod
from coco_flow.components.call import Call
from coco_flow.components.logic import (
    LogicTracking,
    logic_fingerprint,
    register_logic_fingerprint,
    unregister_logic_fingerprint,
)
from coco_flow.components.memo import FunctionMemo, MemoSlot, States
from coco_flow.components.memo_key import Fingerprint, StateFnEntry, fingerprint_call
from coco_flow.components.memo_spec import MemoKeySpec, apply_memo_key, prepare_memo_key
from coco_flow.components.memo_state import (
    check_states,
    check_states_blocking,
    collect_states,
    collect_states_blocking,
    recollect_states,
    recollect_states_blocking,
)
from coco_flow.components.processor import Processor, result_decoder
from coco_flow.components.scope import ComponentContext, current_context

__all__ = ["AsyncFunction", "FunctionOptions", "SyncFunction"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class FunctionOptions(NamedTuple):
    """What the decorator `fn` was given; see there."""

    memo: bool = False
    memo_key: MemoKeySpec = None
    batching: bool = False
    max_batch_size: int | None = None
    runner: runner.Runner | None = None
    version: int | None = None
    logic_tracking: LogicTracking = "full"
    deps: Any = None


class _Tracked(Generic[P, R_co]):
    """What plain and async tracked functions have in common."""

    _fn: Callable[..., Any]
    _logic_fp: Fingerprint | None = None

    def __init__(self, fn: Callable[..., Any], options: FunctionOptions) -> None:
        if options.logic_tracking is None and options.deps is not None:
            raise ValueError(
                "deps= needs logic_tracking: with logic_tracking=None nothing about the function "
                "is tracked, so that deps would be ignored."
            )
        self._fn = fn
        self._options = options
        self._memo = options.memo
        self._plan = prepare_memo_key(fn, options.memo_key)
        self._propagates = options.logic_tracking == "full"
        self._decode = result_decoder(fn, batched=options.batching)
        if options.logic_tracking is not None:
            self._logic_fp = logic_fingerprint(fn, version=options.version, deps=options.deps)
            self._registered = register_logic_fingerprint(self._logic_fp)
        self._logic = None if self._logic_fp is None else self._logic_fp.as_bytes()
        functools.update_wrapper(cast("Callable[..., Any]", self), fn)

    def __del__(self) -> None:
        if self._logic_fp is not None:
            unregister_logic_fingerprint(self._logic_fp, self._registered)

    # A copy would not have registered its code, but would take it off the register at its end.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_name, (self._fn.__module__, self._fn.__qualname__)

    def _key(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        states: list[StateFnEntry],
    ) -> bytes:
        counted, named = apply_memo_key(args, kwargs, self._plan)
        return fingerprint_call(self._fn, counted, named, states).as_bytes()

    def _processor(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        is_async: bool,
    ) -> Processor:
        states: list[StateFnEntry] = []
        key = self._key(args, kwargs, states) if self._memo else None
        return Processor(
            self._fn.__qualname__, fn, args, kwargs, is_async=is_async, decode=self._decode,
            key=key, states=states, logic=self._logic, propagates=self._propagates,
        )  # fmt: skip


def _by_name(module: str, qualname: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _check_unmounted(call: Call, slot: MemoSlot) -> None:
    """Refuse the memo of a call that mounted components: leaving it out would remove them."""
    if call.mounted:
        slot.put(None)
        raise ValueError(
            "A function with memo=True mounted child components. Either mount the function as a "
            "component, or set memo=False."
        )


class SyncFunction(_Tracked[P, R_co]):
    """A tracked plain function."""

    def __init__(
        self,
        fn: Callable[P, R_co],
        *,
        memo: bool,
        memo_key: MemoKeySpec = None,
        version: int | None = None,
        logic_tracking: LogicTracking = "full",
        deps: Any = None,
    ) -> None:
        super().__init__(
            fn,
            FunctionOptions(
                memo, memo_key, version=version, logic_tracking=logic_tracking, deps=deps
            ),
        )

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> BoundMethod: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> Self | BoundMethod:
        return self if instance is None else BoundMethod(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function, or reuse its stored result."""
        deadline.check_cancellation()
        parent = current_context.get(None)
        # A runner's process and a call from outside components know no memo.
        if parent is None or runner.in_subprocess():
            result = self._fn(*args, **kwargs)
        else:
            call = Call(self._propagates, self._logic)
            try:
                if self._memo:
                    result = self._call_memoized(parent, call, args, kwargs)
                else:
                    result = self._call_in(parent, call, parent.in_memo, args, kwargs)
            finally:
                parent.call.join(call)
        deadline.check_cancellation()
        return cast("R_co", result)

    def _call_in(
        self,
        parent: ComponentContext,
        call: Call,
        in_memo: bool,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        token = current_context.set(parent.with_call(call, in_memo))
        try:
            return self._fn(*args, **kwargs)
        finally:
            current_context.reset(token)

    def _call_memoized(
        self, parent: ComponentContext, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        build, provider = parent.scope.build, parent.env.context_provider
        entries: list[StateFnEntry] = []
        key = self._key(args, kwargs, entries)
        slot = build.memos.slot(key)
        slot.hold()
        try:
            memo = slot.find(provider.digests, build.registry)
            check = None
            if memo is not None and (entries or memo.states.contexts):
                check = check_states_blocking(entries, memo.states, provider)
            if memo is not None and (check is None or check.reusable):
                slot.reuse(check.states if check is not None and check.changed else None)
                _join_reused(parent, call, key, memo)
                return memo.result.get(self._decode)
            result = self._call_in(parent, call, True, args, kwargs)
            deadline.check_cancellation()
            _check_unmounted(call, slot)
            states = (
                recollect_states_blocking(entries, check)
                if check is not None
                else collect_states_blocking(entries)
            )
            contexts = provider.states_of(call.contexts)
            slot.put(FunctionMemo.of(call, result, States.of(states, contexts)))
            parent.call.memos.add(key)
            return result
        finally:
            slot.release()

    async def as_async(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function in a thread."""
        return await asyncio.to_thread(self, *args, **kwargs)

    def make_processor(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Processor:
        """Return what runs the function as a component."""
        return self._processor(self._fn, args, kwargs, is_async=False)


def _join_reused(parent: ComponentContext, call: Call, key: bytes, memo: FunctionMemo) -> None:
    """Record a reused result as if its function had run."""
    parent.call.memos.add(key)
    call.logic |= memo.logic
    call.contexts |= memo.contexts
    call.providers.update(memo.providers)


class AsyncFunction(_Tracked[P, R_co]):
    """A tracked function that is awaited; its body may be a plain function."""

    def __init__(self, fn: Callable[..., Any], is_async: bool, options: FunctionOptions) -> None:
        super().__init__(fn, options)
        self._is_async = is_async
        self._schedule = None
        if options.batching or options.runner is not None:
            self._schedule = batching.Schedule(fn, is_async, options, self)

    @property
    def _batchers(self) -> dict[Any, batching.BatcherSlot]:
        return {} if self._schedule is None else self._schedule.slots

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> BoundMethod: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> Self | BoundMethod:
        return self if instance is None else BoundMethod(self, instance)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function, or reuse its stored result."""
        deadline.check_cancellation()
        parent = current_context.get(None)
        if parent is None or runner.in_subprocess():
            result = await self._execute(args, kwargs)
        else:
            call = Call(self._propagates, self._logic)
            try:
                if self._memo:
                    result = await self._call_memoized(parent, call, args, kwargs)
                else:
                    result = await self._call_in(parent, call, parent.in_memo, args, kwargs)
            finally:
                parent.call.join(call)
        deadline.check_cancellation()
        return cast("R_co", result)

    as_async = __call__

    async def _call_in(
        self,
        parent: ComponentContext,
        call: Call,
        in_memo: bool,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        token = current_context.set(parent.with_call(call, in_memo))
        try:
            return await self._execute(args, kwargs)
        finally:
            current_context.reset(token)

    async def _call_memoized(
        self, parent: ComponentContext, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        build, provider = parent.scope.build, parent.env.context_provider
        entries: list[StateFnEntry] = []
        key = self._key(args, kwargs, entries)
        slot = build.memos.slot(key)
        await slot.hold_async()
        try:
            memo = slot.find(provider.digests, build.registry)
            check = None
            if memo is not None and (entries or memo.states.contexts):
                check = await check_states(entries, memo.states, provider)
            if memo is not None and (check is None or check.reusable):
                slot.reuse(check.states if check is not None and check.changed else None)
                _join_reused(parent, call, key, memo)
                return memo.result.get(self._decode)
            result = await self._call_in(parent, call, True, args, kwargs)
            deadline.check_cancellation()
            _check_unmounted(call, slot)
            states = (
                await recollect_states(entries, check)
                if check is not None
                else await collect_states(entries)
            )
            contexts = provider.states_of(call.contexts)
            slot.put(FunctionMemo.of(call, result, States.of(states, contexts)))
            parent.call.memos.add(key)
            return result
        finally:
            slot.release()

    async def _execute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._schedule is not None and not runner.in_subprocess():
            return await self._schedule.run(args, kwargs)
        if self._is_async:
            return await self._fn(*args, **kwargs)
        if runner.in_subprocess():
            return self._fn(*args, **kwargs)
        context = current_context.get(None)
        if context is not None and context.env.event_loop is asyncio.get_running_loop():
            thread_context = contextvars.copy_context()
            return await context.env.workers.run(thread_context, self._fn, args, kwargs)
        return await asyncio.to_thread(self._fn, *args, **kwargs)

    def make_processor(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Processor:
        """Return what runs the function as a component."""
        if self._schedule is not None:
            return self._processor(self._run_scheduled, args, kwargs, is_async=True)
        return self._processor(self._fn, args, kwargs, is_async=self._is_async)

    async def _run_scheduled(self, *args: Any, **kwargs: Any) -> Any:
        assert self._schedule is not None
        return await self._schedule.run(args, kwargs)

    def run_body(self, *args: Any, **kwargs: Any) -> Any:
        """Call the body itself, as a runner does; gives an awaitable if it is async."""
        return self._fn(*args, **kwargs)
