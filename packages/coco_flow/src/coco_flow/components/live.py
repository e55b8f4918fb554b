"""Live components: components that stay with the app and follow changes of their source."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    runtime_checkable,
)

from coco_flow.components.paths import StableKey, encode_key
from coco_flow.components.scope import ComponentSubpath, HandlerChain, get_component_context
from coco_flow.components.serde import deserialize, serialize

if TYPE_CHECKING:
    from coco_flow.components.live_control import LiveController
    from coco_flow.components.mount import ComponentMountHandle

__all__ = [
    "IMMEDIATE_READY",
    "LiveComponent",
    "LiveComponentOperator",
    "LiveMapFeed",
    "LiveMapSubscriber",
    "LiveMapView",
    "LiveStream",
    "LiveStreamSubscriber",
    "MountEach",
    "ReadyAwaitable",
    "auto_refresh",
    "check_not_in_process_live",
    "is_live_component_class",
]

P = ParamSpec("P")
K = TypeVar("K")
V = TypeVar("V")
M_co = TypeVar("M_co", covariant=True)
M_contra = TypeVar("M_contra", contravariant=True)

# Set while process_live runs, and unset for the components that it starts.
in_process_live: ContextVar[bool] = ContextVar("coco_flow_in_process_live", default=False)


def check_not_in_process_live(api_name: str) -> None:
    """Refuse to mount from process_live, where children would not end with the live component."""
    if in_process_live.get():
        raise RuntimeError(
            f"{api_name}() is not allowed inside process_live; use operator.update() and "
            "operator.delete() there, or mount in process()."
        )


@runtime_checkable
class ReadyAwaitable(Protocol):
    """Something whose `ready()` waits for the work behind it."""

    async def ready(self) -> None:
        """Wait until the work is done."""
        ...


class _ImmediateReady:
    """A handle of work that is done already."""

    __slots__ = ()

    async def ready(self) -> None:
        """Return immediately."""


IMMEDIATE_READY: Final = _ImmediateReady()


@runtime_checkable
class LiveStream(Protocol[M_co]):
    """A stream of messages without keys; one subscriber at a time."""

    async def watch(self, subscriber: LiveStreamSubscriber[M_co]) -> None:
        """Send each message to the subscriber until the stream ends."""
        ...


@runtime_checkable
class LiveStreamSubscriber(Protocol[M_contra]):
    """Takes the messages of a stream."""

    async def send(self, message: M_contra) -> ReadyAwaitable:
        """Process a message; the handle is ready when it may be acknowledged."""
        ...

    async def mark_ready(self) -> None:
        """Learn that the stream has caught up; must return soon."""
        ...


@runtime_checkable
class LiveComponent(Protocol):
    """A component with a full pass and a loop that follows changes."""

    async def process(self) -> None:
        """Do a full pass: declare and mount everything."""
        ...

    async def process_live(self, operator: LiveComponentOperator) -> None:
        """Do a full pass through the operator, mark readiness, and follow changes."""
        ...


def is_live_component_class(cls: Any) -> bool:
    """Say whether something is a class with `process` and `process_live` methods."""
    return (
        isinstance(cls, type)
        and callable(getattr(cls, "process", None))
        and callable(getattr(cls, "process_live", None))
    )


class LiveComponentOperator:
    """What `process_live` works with; valid until it returns."""

    __slots__ = ("_controller",)

    def __init__(self, controller: LiveController) -> None:
        self._controller: LiveController | None = controller

    def detach(self) -> None:
        """End the operator's validity."""
        self._controller = None

    def _active(self) -> LiveController:
        if self._controller is None:
            raise RuntimeError(
                "LiveComponentOperator is no longer active. Its methods are valid only inside "
                "process_live."
            )
        return self._controller

    async def update_full(self) -> None:
        """Run `process()` and wait for it; its failure goes to the exception handlers."""
        await self._active().update_full()

    async def update(
        self, subpath: ComponentSubpath, processor_fn: Callable[P, Any], *args: P.args,
        **kwargs: P.kwargs,
    ) -> ComponentMountHandle:  # fmt: skip
        """Start or update one child; a newer call for the same path replaces a waiting one."""
        return await self._active().update(subpath, processor_fn, args, dict(kwargs))

    async def delete(self, subpath: ComponentSubpath) -> ComponentMountHandle:
        """Remove one child with all that it declared."""
        return await self._active().delete(subpath)

    async def mark_ready(self) -> None:
        """Say that all has caught up; ends process_live unless the app runs live."""
        await self._active().mark_ready()

    async def read_committed_state(self, key: StableKey) -> Any | None:
        """Return what an earlier run wrote under a key, or None."""
        data = self._active().read_state(encode_key(key))
        return None if data is None else deserialize(data)

    async def write_committed_state(self, key: StableKey, value: Any) -> None:
        """Keep a value for later runs under a key."""
        await self._active().write_state(encode_key(key), serialize(value))

    async def report_exception(self, exc: BaseException) -> None:
        """Hand an error that process_live got over to the exception handlers."""
        await self._active().own_error_handler()(exc)


@runtime_checkable
class LiveMapFeed(Protocol[K, V]):
    """Changes of a keyed collection; one subscriber at a time."""

    async def watch(self, subscriber: LiveMapSubscriber[K, V]) -> None:
        """Send each change to the subscriber until the feed ends."""
        ...


@runtime_checkable
class LiveMapView(LiveMapFeed[K, V], Protocol[K, V]):
    """A keyed collection that can be read whole and followed."""

    def __aiter__(self) -> AsyncIterator[tuple[K, V]]:
        """Iterate over the current items."""
        ...


def _subpath_of(key: Any) -> ComponentSubpath:
    # The keys of a feed are stable keys, which its type cannot say.
    return ComponentSubpath(key)


class LiveMapSubscriber(Generic[K, V]):
    """Takes the changes of a collection whose items are components."""

    __slots__ = ("_args", "_fn", "_kwargs", "_operator")

    def __init__(
        self,
        operator: LiveComponentOperator,
        fn: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._operator = operator
        self._fn = fn
        self._args = args
        self._kwargs = kwargs

    async def update_all(self) -> None:
        """Read the whole collection again."""
        await self._operator.update_full()

    async def mark_ready(self) -> None:
        """Say that all has caught up; ends `watch` unless the app runs live."""
        await self._operator.mark_ready()

    async def update(self, key: K, value: V) -> ComponentMountHandle:
        """Say that an item was added or changed."""
        return await self._operator.update(
            _subpath_of(key), self._fn, value, *self._args, **self._kwargs
        )

    async def delete(self, key: K) -> ComponentMountHandle:
        """Say that an item is gone."""
        return await self._operator.delete(_subpath_of(key))

    async def read_committed_state(self, key: StableKey) -> Any | None:
        """Return what an earlier run wrote under a key, or None."""
        return await self._operator.read_committed_state(key)

    async def write_committed_state(self, key: StableKey, value: Any) -> None:
        """Keep a value for later runs under a key."""
        await self._operator.write_committed_state(key, value)


class MountEach:
    """The live component of `mount_each` over a feed: one child for each item."""

    def __init__(
        self,
        items: LiveMapFeed[Any, Any],
        fn: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        handlers: HandlerChain | None,
    ) -> None:
        self._items = items
        self._fn = fn
        self._args = args
        self._kwargs = kwargs
        self._handlers = handlers

    async def process(self) -> None:
        """Mount all items of the collection."""
        if not isinstance(self._items, LiveMapView):
            raise TypeError(
                "LiveMapFeed sources require live mode: there are no items to read. Pass live=True "
                "to app.update(), or use a source with a LiveMapView."
            )
        from coco_flow.components.mount import mount

        # The items are children of the caller of mount_each in all but their path.
        with get_component_context().with_handlers(self._handlers).attach():
            async for key, value in self._items:
                await mount(ComponentSubpath(key), self._fn, value, *self._args, **self._kwargs)

    async def process_live(self, operator: LiveComponentOperator) -> None:
        """Follow the feed."""
        await self._items.watch(LiveMapSubscriber(operator, self._fn, self._args, self._kwargs))


def auto_refresh(process_fn: Callable[P, Any], *, interval: timedelta) -> type[LiveComponent]:
    """Return a live component class that calls a function again and again.

    The class takes the function's arguments. The interval lies between the end of one call and the
    start of the next; without live mode the function is called once.
    """
    seconds = interval.total_seconds()

    class AutoRefresh:
        __coco_subpath_name__ = getattr(process_fn, "__name__", "auto_refresh")

        def __init__(self, *args: P.args, **kwargs: P.kwargs) -> None:
            self._args = args
            self._kwargs = kwargs

        async def process(self) -> None:
            result = process_fn(*self._args, **self._kwargs)
            if inspect.isawaitable(result):
                await result

        async def process_live(self, operator: LiveComponentOperator) -> None:
            await operator.update_full()
            await operator.mark_ready()
            while True:
                await asyncio.sleep(seconds)
                await operator.update_full()

    return AutoRefresh
