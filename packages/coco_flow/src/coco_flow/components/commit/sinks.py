"""Sinks: actions of several components are applied in common batches."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from coco_flow.components.commit.plan import ActionList, Plan
from coco_flow.components.provider import HandlerCalls, Provider
from coco_flow.components.target_state import ChildSlot, TargetActionSink

if TYPE_CHECKING:
    from coco_flow.components.environment import Environment

__all__ = ["SinkQueue", "apply", "preview"]


class _Waiting(NamedTuple):
    actions: ActionList
    future: asyncio.Future[dict[int, HandlerCalls]]


class SinkQueue:
    """Actions that wait for one sink; it exists as long as the sink is busy."""

    def __init__(self, env: Environment, sink: TargetActionSink[Any, Any]) -> None:
        self._env = env
        self._sink = sink
        self._waiting: list[_Waiting] = []
        # Sinks belong to no component and to no deadline, so that they run in an empty context.
        self._task = env.event_loop.create_task(self._work(), context=contextvars.Context())

    def add(self, actions: ActionList) -> asyncio.Future[dict[int, HandlerCalls]]:
        """Add actions; the future gives the handlers for the targets that they make."""
        future = self._env.event_loop.create_future()
        self._waiting.append(_Waiting(actions, future))
        return future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                handlers = await self._apply([each.actions for each in batch])
            except BaseException as error:
                for each in batch:
                    if not each.future.done():
                        each.future.set_exception(error)
                if not isinstance(error, Exception):
                    del self._env.sinks[self._sink]
                    raise
            else:
                for each, found in zip(batch, handlers, strict=True):
                    if not each.future.done():
                        each.future.set_result(found)
        del self._env.sinks[self._sink]

    async def _apply(self, lists: list[ActionList]) -> list[dict[int, HandlerCalls]]:
        actions = [action for each in lists for action in each.actions]
        starts = _starts(lists)
        children = {
            start + index
            for start, each in zip(starts, lists, strict=True)
            for index in each.children
        }
        provider = self._env.context_provider
        made = _made_handlers(self._sink, provider, actions, children)
        slots = {index: ChildSlot[Any]() for index in sorted(children)}
        arguments: tuple[Any, ...] = (provider, actions)
        if self._sink.slots:
            arguments = (provider, actions, slots)
        if self._sink.is_async:
            returned = await self._sink.fn(*arguments)
        else:
            context = contextvars.Context()
            returned = await self._env.workers.run(context, self._sink.fn, arguments, {})
        if made is None:
            made = _given_handlers(self._sink, returned, len(actions), slots)
        return [
            {index: made[start + index] for index in each.children}
            for start, each in zip(starts, lists, strict=True)
        ]


def _starts(lists: list[ActionList]) -> list[int]:
    starts, at = [], 0
    for each in lists:
        starts.append(at)
        at += len(each.actions)
    return starts


def _made_handlers(
    sink: TargetActionSink[Any, Any], provider: Any, actions: Sequence[Any], children: set[int]
) -> dict[int, HandlerCalls] | None:
    """Make the handlers for the targets inside with the sink's factory, if it has one."""
    if sink.child_handler is None:
        return None
    return {index: HandlerCalls(sink.child_handler(provider, actions[index])) for index in children}


def _given_handlers(
    sink: TargetActionSink[Any, Any],
    returned: Any,
    count: int,
    slots: Mapping[int, ChildSlot[Any]],
) -> dict[int, HandlerCalls]:
    """Return the handlers that the sink's function gave, in slots or as its result."""
    if sink.slots:
        found = {index: slot.calls for index, slot in slots.items()}
    elif returned is None:
        found = dict.fromkeys(slots)
    else:
        if len(returned) != count:
            raise ValueError(
                f"The sink {sink.fn!r} returned {len(returned)} child handlers for {count} actions;"
                " it returns one, or None, for each."
            )
        extra = [i for i, each in enumerate(returned) if each is not None and i not in slots]
        if extra:
            raise ValueError(
                f"The sink {sink.fn!r} returned a child handler for the action at {extra[0]}, "
                "whose target state was declared without child states."
            )
        found = {
            index: None if returned[index] is None else HandlerCalls(returned[index][0])
            for index in slots
        }
    handlers = {index: calls for index, calls in found.items() if calls is not None}
    if len(handlers) < len(slots):
        raise ValueError(
            f"The sink {sink.fn!r} gave no handler for the states inside a target that it makes; "
            "pass child_handler= to TargetActionSink.from_fn()."
        )
    return handlers


async def apply(env: Environment, plan: Plan) -> list[tuple[Provider, HandlerCalls]]:
    """Apply a plan's actions and return the handlers for the targets that it made."""
    found = []
    for sink, actions in plan.actions.items():
        queue = env.sinks.get(sink)
        if queue is None:
            queue = env.sinks[sink] = SinkQueue(env, sink)
        handlers = await queue.add(actions)
        found += [(actions.children[index], calls) for index, calls in handlers.items()]
    return found


def preview(env: Environment, plan: Plan) -> list[tuple[Provider, HandlerCalls]]:
    """Return the handlers for the targets that a plan would make, without applying anything."""
    found = []
    for sink, actions in plan.actions.items():
        if not actions.children:
            continue
        made = _made_handlers(sink, env.context_provider, actions.actions, set(actions.children))
        if made is None:
            raise ValueError(
                f"A preview cannot show what comes after the sink {sink.fn!r}: its actions need "
                "child target providers that only applying them gives. Give the sink a "
                "child_handler."
            )
        found += [(actions.children[index], calls) for index, calls in made.items()]
    return found
