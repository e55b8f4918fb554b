"""Callbacks whose code counts for every memo between the call and the function that passed them."""

from __future__ import annotations

import contextlib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from coco_flow.components.call import Call
from coco_flow.components.scope import current_context, get_component_context

__all__ = ["logic_propagated_to_callers", "logic_tracked"]

F = TypeVar("F", bound=Callable[..., Any])


class _Callback:
    """A callback that records its code up to the call that wrapped it."""

    __slots__ = ("_fn", "_owner")

    def __init__(self, fn: Callable[..., Any], owner: Call) -> None:
        self._fn = fn
        self._owner = owner

    def __coco_memo_key__(self) -> object:
        return self._fn

    def __repr__(self) -> str:
        return f"logic_propagated_to_callers({self._fn!r})"

    @contextlib.contextmanager
    def _recorded(self) -> Iterator[None]:
        parent = current_context.get(None)
        if parent is None:
            raise RuntimeError(
                f"{self!r} was called with no active component context; call it inside the "
                "component that wrapped it, in threads with ComponentContext.attach()."
            )
        if self._owner.closed:
            raise RuntimeError(
                f"{self!r} was called after the function that wrapped it returned; wrap it in a "
                "function that encloses every call."
            )
        call = Call()
        with parent.with_call(call, parent.in_memo).attach():
            try:
                yield
            finally:
                parent.call.join_carried(call, self._owner)


class _PlainCallback(_Callback):
    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._recorded():
            result = self._fn(*args, **kwargs)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError(
                f"{self!r} returned an awaitable, which would run after its record was closed. "
                "Wrap the async function itself."
            )
        return result


class _AsyncCallback(_Callback):
    __slots__ = ()

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._recorded():
            return await self._fn(*args, **kwargs)


def _is_async(fn: Any) -> bool:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(
        getattr(fn, "__call__", None)  # noqa: B004 - the question is how it is called
    )


def logic_propagated_to_callers(fn: F) -> F:
    """Return a callback whose tracked code counts for all memos up to the running function.

    Functions with `logic_tracking="self"` or None hide the code of what they call. Code that a
    caller hands in is not theirs; wrapped, it counts between them and the function that wrapped it.

    Raises:
        RuntimeError: No component runs here, or the callback is called after the function that
            wrapped it has returned.
    """
    owner = get_component_context().call
    return (_AsyncCallback if _is_async(fn) else _PlainCallback)(fn, owner)  # type: ignore[return-value]


def logic_tracked(fn: F) -> F:
    """Do what `logic_propagated_to_callers` does, under its former name."""
    warnings.warn(
        "logic_tracked has a new name; use logic_propagated_to_callers.",
        DeprecationWarning,
        stacklevel=2,
    )
    return logic_propagated_to_callers(fn)
