"""What a component runs: a function with its arguments, and the key of its memo."""

from __future__ import annotations

import contextvars
import inspect
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from coco_flow.components import deadline
from coco_flow.components.call import Call
from coco_flow.components.memo_key import StateFnEntry
from coco_flow.components.scope import ComponentContext, HandlerChain, current_context
from coco_flow.components.serde import DeserializeFn, make_deserialize_fn, qualified_name

if TYPE_CHECKING:
    from coco_flow.components.build import Scope
    from coco_flow.components.environment import Environment

__all__ = ["Processor", "make_processor", "result_decoder"]


class Processor:
    """A function with its arguments.

    Attributes:
        name: How statistics call it.
        is_async: Whether calling it gives an awaitable; otherwise it is called in a thread.
        key: Key of its memo, or None if it is not memoized.
        states: Memo state functions of its arguments.
        logic: Digest of its code, or None if that is not tracked.
        propagates: Whether the code of what it calls counts as its own.
        decode: Decodes its stored result.
    """

    __slots__ = (
        "args", "decode", "fn", "is_async", "key", "kwargs", "logic", "name", "propagates",
        "states",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        is_async: bool,
        decode: DeserializeFn,
        key: bytes | None = None,
        states: list[StateFnEntry] | None = None,
        logic: bytes | None = None,
        propagates: bool = True,
    ) -> None:
        self.name = name
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.is_async = is_async
        self.decode = decode
        self.key = key
        self.states = states or []
        self.logic = logic
        self.propagates = propagates

    async def run(self, env: Environment, scope: Scope, limit: deadline.DeadlineContext) -> Any:
        """Call the function in the component's context."""
        call = Call(self.propagates, self.logic)
        handlers = None
        if env.exception_handler is not None:
            handlers = HandlerChain(env.exception_handler, None)
        context = ComponentContext(env, scope, call, handlers)
        token = current_context.set(context)
        try:
            with deadline.restore(limit):
                if self.is_async:
                    return await self.fn(*self.args, **self.kwargs)
                thread_context = contextvars.copy_context()
                return await env.workers.run(thread_context, self.fn, self.args, self.kwargs)
        finally:
            current_context.reset(token)
            scope.build.join_call(call)


def make_processor(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Processor:
    """Return what runs a function, tracked or plain, as a component."""
    prepare = getattr(fn, "make_processor", None)
    if prepare is not None:
        processor: Processor = prepare(args, kwargs)
        return processor
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    return Processor(
        name, fn, args, kwargs, is_async=inspect.iscoroutinefunction(fn), decode=result_decoder(fn)
    )


def result_decoder(fn: Any, *, batched: bool = False) -> DeserializeFn:
    """Return what decodes a stored result of a function by its annotation, looked at when used."""
    made: list[DeserializeFn] = []

    def decode(data: bytes | memoryview) -> Any:
        if not made:
            made.append(_make_decoder(fn, batched))
        return made[0](data)

    return decode


def _make_decoder(fn: Any, batched: bool) -> DeserializeFn:
    from coco_flow.components.serde import unwrap_element_type

    try:
        hint = typing.get_type_hints(fn).get("return", Any)
    except (NameError, TypeError, AttributeError):
        # An annotation that cannot be resolved leaves the result as plain values.
        hint = Any
    if batched and hint is not Any:
        # The function returns a list, of which each call gets one element.
        hint = unwrap_element_type(hint)
    return make_deserialize_fn(hint, source_label=f"return type of {qualified_name(fn)}()")
