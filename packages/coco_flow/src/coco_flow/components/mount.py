"""Mounting: starting components at paths below the running one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from coco_flow.components import deadline, live, loops
from coco_flow.components.connectorkits import default_subpath_name
from coco_flow.components.paths import Symbol, encode_key
from coco_flow.components.processor import make_processor
from coco_flow.components.readiness import Completion
from coco_flow.components.scope import (
    ComponentContext,
    ComponentSubpath,
    MountKind,
    get_component_context,
)
from coco_flow.components.target_state import (
    TargetState,
    TargetStateProvider,
    declare_target_state_with_child,
)

if TYPE_CHECKING:
    from coco_flow.components.live_control import LiveController

__all__ = ["ComponentMountHandle", "map", "mount", "mount_each", "mount_target", "use_mount"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

MOUNT_TARGET = Symbol("cocoindex/mount_target")


class ComponentMountHandle:
    """Waits for components that were mounted in the background."""

    __slots__ = ("completions",)

    def __init__(self, completions: list[Completion]) -> None:
        self.completions = completions

    async def ready(self) -> None:
        """Wait until all have run; can be called more than once."""
        deadline.check_cancellation()
        for completion in self.completions:
            await completion.wait()
            deadline.check_cancellation()


class _Where(NamedTuple):
    """What a mount call was given: the path, the function and its arguments."""

    context: ComponentContext
    keys: tuple[bytes, ...]
    fn: Any
    args: tuple[Any, ...]


def _where(api: str, pos_args: tuple[Any, ...]) -> _Where:
    """Take the arguments of a mount call apart; the path is optional and comes first."""
    deadline.check_cancellation()
    live.check_not_in_process_live(api)
    parts: tuple[Any, ...] | None = None
    if pos_args and isinstance(pos_args[0], ComponentSubpath):
        parts, pos_args = pos_args[0].parts, pos_args[1:]
    if not pos_args:
        raise TypeError(f"{api}() needs a function to mount.")
    if parts is None:
        name = default_subpath_name(pos_args[0])
        if name is None:
            raise TypeError(
                f"{api}() requires a ComponentSubpath when the function has no __name__. Provide "
                "an explicit subpath as the first argument."
            )
        parts = (Symbol(name),)
    context = get_component_context()
    keys = context.relative + tuple(encode_key(part) for part in parts)
    return _Where(context, keys, pos_args[0], pos_args[1:])


async def use_mount(*pos_args: Any, **kwargs: Any) -> Any:
    """Mount a component, wait for it and return its result.

    Args:
        pos_args: Optionally a ComponentSubpath, by default the function's name; the function; its
            positional arguments.
        kwargs: Its keyword arguments.
    """
    where = _where("use_mount", pos_args)
    if live.is_live_component_class(where.fn):
        raise TypeError(
            "LiveComponent classes cannot be used with use_mount(), because they have no result. "
            "Use mount() instead."
        )
    context = where.context
    return await loops.on_loop(context.env.event_loop, _use_mount(where, kwargs))


async def _use_mount(where: _Where, kwargs: dict[str, Any]) -> Any:
    context, parent = where.context, where.context.scope
    app = parent.build.component.app
    limit = deadline.current()
    limit.check()
    processor = make_processor(where.fn, where.args, kwargs)
    context.call.mounted = True
    scope = app.child_scope(parent, where.keys, None)
    completion = await app.run(scope, processor, limit, parent)
    built = await completion.wait()
    parent.build.registry.adopt(built.registry)
    limit.check()
    return built.result


async def mount(*pos_args: Any, **kwargs: Any) -> ComponentMountHandle:
    """Mount a component in the background and return a handle to wait for it.

    Args:
        pos_args: Optionally a ComponentSubpath, by default the function's name; the function or a
            LiveComponent class; its positional arguments.
        kwargs: Its keyword arguments.
    """
    where = _where("mount", pos_args)
    completion = await loops.on_loop(
        where.context.env.event_loop,
        _mount(where.context, where.keys, where.fn, where.args, kwargs, kind="mount"),
    )
    return ComponentMountHandle([completion])


async def _mount(
    context: ComponentContext,
    keys: tuple[bytes, ...],
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    kind: MountKind,
) -> Completion:
    parent = context.scope
    if live.is_live_component_class(fn):
        return await _mount_live(context, keys, fn(*args, **kwargs))
    app = parent.build.component.app
    path = parent.build.component.path + b"".join(keys)
    processor = make_processor(fn, args, kwargs)
    on_error = context.on_error(path, getattr(fn, "__qualname__", None), kind)
    context.call.mounted = True
    scope = app.child_scope(parent, keys, on_error)
    return await app.run_in_background(scope, processor, on_error, parent)


async def _mount_live(
    context: ComponentContext, keys: tuple[bytes, ...], instance: Any
) -> Completion:
    """Mount a live component; the completion is done once it has caught up."""
    from coco_flow.components.live_control import mount_live

    context.call.mounted = True
    controller: LiveController = await mount_live(context.scope, keys, instance)
    controller.start()
    return controller.ready


async def mount_each(*pos_args: Any, **kwargs: Any) -> ComponentMountHandle:
    """Mount one component for each item of a keyed collection.

    A LiveMapFeed or LiveMapView is followed when the app runs live.

    Args:
        pos_args: Optionally a ComponentSubpath, by default the function's name; the function or a
            LiveComponent class, which gets an item's value first; the items as pairs of key and
            value; further positional arguments.
        kwargs: Keyword arguments of the function.
    """
    where = _where("mount_each", pos_args)
    if not where.args:
        raise TypeError("mount_each() needs the items, as pairs of key and value.")
    return await loops.on_loop(where.context.env.event_loop, _mount_each(where, kwargs))


async def _mount_each(where: _Where, kwargs: dict[str, Any]) -> ComponentMountHandle:
    context, items, args = where.context, where.args[0], where.args[1:]
    if isinstance(items, live.LiveMapFeed):
        feed = live.MountEach(items, where.fn, args, kwargs, context.handlers)
        return ComponentMountHandle([await _mount_live(context, where.keys, feed)])
    completions = []

    async def add(key: Any, value: Any) -> None:
        keys = (*where.keys, encode_key(key))
        completions.append(
            await _mount(context, keys, where.fn, (value, *args), kwargs, kind="mount_each")
        )

    if isinstance(items, AsyncIterable):
        async for key, value in items:
            await add(key, value)
    else:
        for key, value in items:
            await add(key, value)
    return ComponentMountHandle(completions)


async def map(
    fn: Callable[Concatenate[T, P], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> list[R]:
    """Call an async function on each item at the same time, within the component.

    All calls are waited for even if some fail; then the first failure in the order of the items is
    raised.
    """
    deadline.check_cancellation()

    async def call(item: T) -> R:
        deadline.check_cancellation()
        result = await fn(item, *args, **kwargs)
        deadline.check_cancellation()
        return result

    tasks: list[asyncio.Task[R]] = []
    failure: Exception | None = None

    def start(item: T) -> None:
        deadline.check_cancellation()
        tasks.append(asyncio.create_task(call(item)))

    try:
        if isinstance(items, AsyncIterable):
            async for item in items:
                start(item)
        else:
            for item in items:
                start(item)
    except Exception as error:  # noqa: BLE001 - raised once the calls have ended
        failure = error
    results = await asyncio.gather(*tasks, return_exceptions=True)
    if failure is not None:
        raise failure
    for task in tasks:
        # A function may return an exception as its result, so that only the tasks show a failure.
        task.result()
    deadline.check_cancellation()
    return results  # type: ignore[return-value]


async def mount_target(target_state: TargetState[Any]) -> TargetStateProvider[Any, Any]:
    """Mount a component that declares one target, wait for it and return its provider."""
    deadline.check_cancellation()
    keys = (*target_state.provider.provider.keys(), target_state.key)
    subpath = ComponentSubpath(MOUNT_TARGET, keys)
    provider: TargetStateProvider[Any, Any] = await use_mount(
        subpath, declare_target_state_with_child, target_state
    )
    return provider
