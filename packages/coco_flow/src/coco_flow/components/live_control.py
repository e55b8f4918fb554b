"""Control of a live component: full passes, updates of single children, readiness and end."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from coco_flow.components import deadline, store
from coco_flow.components.build import Build, OnError, Scope
from coco_flow.components.commit import children
from coco_flow.components.component import Component, delete
from coco_flow.components.live import (
    LiveComponentOperator,
    in_process_live,
    is_live_component_class,
)
from coco_flow.components.mount import ComponentMountHandle
from coco_flow.components.paths import encode_key, render_path
from coco_flow.components.processor import make_processor
from coco_flow.components.readiness import Completion, Outcome, Readiness
from coco_flow.components.scope import (
    ComponentContext,
    ComponentSubpath,
    current_context,
    get_component_context,
)
from coco_flow.errors import UpdateAborted

__all__ = ["LiveController", "mount_live"]

logger = logging.getLogger(__name__)

# A live component that does not end in this time is left behind, so that nothing waits forever.
DRAIN_SECONDS = 30.0


class _Operation(NamedTuple):
    """An update or removal of one child that waits or runs."""

    run: Callable[[], Awaitable[None]]
    done: Completion


class _Slot:
    """The operations of one child: one that runs and at most one that waits."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.waiting: _Operation | None = None
        self.running = False


class LiveController:
    """Runs one live component.

    Attributes:
        ready: Done once it has caught up.
    """

    def __init__(self, component: Component, outer: Scope, instance: Any) -> None:
        self.component = component
        self.ready = Completion()
        self._instance = instance
        self._outer = outer
        self._app = component.app
        self._full = asyncio.Lock()
        self._slots: dict[bytes, _Slot] = {}
        self._changed = asyncio.Condition()
        self._full_active = False
        self._cancelled = False
        self._task: asyncio.Task[None] | None = None
        self._context: ComponentContext | None = None

    def start(self) -> None:
        """Start `process_live`."""
        self._app.live.add(self)
        for activity in self._outer.activities:
            activity.enter()
        self._task = self._app.spawn(self._run())

    async def _run(self) -> None:
        operator = LiveComponentOperator(self)
        self._context = get_component_context()
        in_process_live.set(True)
        error: Exception | None = None
        try:
            # A live component outlives the call that mounted it, and so is not under its deadline.
            with deadline.without_deadline():
                await self._instance.process_live(operator)
        except asyncio.CancelledError:
            pass
        except Exception as failure:  # noqa: BLE001 - raised where readiness is awaited
            error = failure
        finally:
            operator.detach()
            self._end(error)

    def _end(self, error: Exception | None) -> None:
        if error is not None and not self._cancelled:
            if self.ready.done:
                logger.error(
                    "process_live of %s failed after it was ready: %s",
                    render_path(self.component.path), error, exc_info=error,
                )  # fmt: skip
            self._set_ready(error)
        self._set_ready()
        self._app.live.discard(self)
        if self.component.live is self:
            self.component.live = None
        for activity in self._outer.activities:
            activity.leave()

    def _set_ready(self, error: Exception | None = None) -> None:
        if not self.ready.done:
            self._outer.readiness.resolve(Outcome(), error=error)
            self.ready.set(error=error)

    async def mark_ready(self) -> None:
        """Say that all has caught up; outside of live mode this ends `process_live`."""
        self._set_ready()
        if not self._outer.live:
            self._cancelled = True
            if self._task is not None:
                self._task.cancel()
            # The cancellation arrives here.
            await asyncio.get_running_loop().create_future()

    async def cancel_and_drain(self) -> None:
        """End the live component and wait until all that it started has ended."""
        self._cancelled = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            _, left = await asyncio.wait([self._task], timeout=DRAIN_SECONDS)
            if left:
                logger.warning(
                    "The live component at %s did not end in %.0f s and is left behind.",
                    render_path(self.component.path), DRAIN_SECONDS,
                )  # fmt: skip
        for slot in self._slots.values():
            self._drop_waiting(slot, self._stopped())
        async with self._changed:
            await self._changed.wait_for(lambda: not self._slots)

    @staticmethod
    def _stopped() -> UpdateAborted:
        return UpdateAborted("The live component was stopped before the change was processed.")

    @staticmethod
    def _drop_waiting(slot: _Slot, error: Exception | None) -> None:
        waiting, slot.waiting = slot.waiting, None
        if waiting is not None:
            waiting.done.set(error=error)

    def own_error_handler(self) -> OnError:
        """Return what takes failures of the live component itself."""
        name = type(self._instance).__name__
        return self._error_handler(self.component.path, name)

    def _error_handler(self, path: bytes, name: str | None) -> OnError:
        # A feed may send its changes from a task or thread that belongs to no component.
        context = current_context.get(None) or self._context or get_component_context()
        return context.on_error(path, name, "process_live")

    def read_state(self, key: bytes) -> bytes | None:
        """Return the encoded value that an earlier run wrote, or None."""
        row = self._app.store.read_one(store.READ_STATE, self.component.path, 1, key)
        return None if row is None else row[0]

    async def write_state(self, key: bytes, value: bytes) -> None:
        """Keep an encoded value for later runs."""
        children.list_component(self.component)
        self._app.store.write(store.WRITE_STATE, self.component.path, 1, key, value)
        await self._app.store.store.committed()

    def _scope(self, component: Component, on_error: OnError | None) -> Scope:
        outer = self._outer
        build = Build(
            component, outer.build.registry, full_reprocess=outer.build.full_reprocess,
            live=outer.live, on_error=on_error, preview=outer.build.preview,
        )  # fmt: skip
        return Scope(build, outer.stats, outer.activities, Readiness())

    async def update_full(self) -> None:
        """Run `process()` when no child is being updated, and wait for it."""
        on_error = self.own_error_handler()
        async with self._full:
            self._full_active = True
            try:
                async with self._changed:
                    await self._changed.wait_for(
                        lambda: not any(slot.running for slot in self._slots.values())
                    )
                # process() may mount, unlike the code that called this.
                context = contextvars.copy_context()
                context.run(in_process_live.set, False)
                await self._app.spawn(self._process(on_error), context=context)
            finally:
                self._full_active = False
                await self._notify()

    async def _process(self, on_error: OnError) -> None:
        processor = make_processor(self._instance.process, (), {})
        scope = self._scope(self.component, on_error)
        completion = await self._app.run_in_background(scope, processor, on_error)
        await completion.wait()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def update(
        self, subpath: ComponentSubpath, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ComponentMountHandle:
        """Start or update one child."""
        keys = tuple(encode_key(part) for part in subpath.parts)
        path = self.component.path + b"".join(keys)
        if is_live_component_class(fn):
            return await self._mount_inner(keys, fn(*args, **kwargs))
        processor = make_processor(fn, args, kwargs)
        name = getattr(fn, "__qualname__", None)
        on_error = self._error_handler(path, name)

        async def run() -> None:
            child = self._app.component(self.component, keys)
            scope = self._scope(child, on_error)
            completion = await self._app.run_in_background(scope, processor, on_error)
            await completion.wait()

        return self._dispatch(path, run)

    async def _mount_inner(self, keys: tuple[bytes, ...], instance: Any) -> ComponentMountHandle:
        """Start a live component below this one."""
        async with self._full:
            if self._cancelled:
                raise self._stopped()
            scope = self._scope(self.component, None)
            controller = await mount_live(scope, keys, instance)
            children.list_component(controller.component)
            await self._app.store.store.committed()
        controller.start()
        return ComponentMountHandle([controller.ready])

    async def delete(self, subpath: ComponentSubpath) -> ComponentMountHandle:
        """Remove one child."""
        keys = tuple(encode_key(part) for part in subpath.parts)
        relative = b"".join(keys)
        path = self.component.path + relative
        on_error = self._error_handler(path, None)
        # Marked first: if the removal fails or the process ends, the next run continues it.
        children.remove_child(self.component, keys)
        await self._app.store.store.committed()

        async def run() -> None:
            child = self._app.component(self.component, keys)
            registry = self._outer.build.registry
            await delete(child, registry, self._outer.stats, on_error, relative)

        return self._dispatch(path, run)

    def _dispatch(self, path: bytes, run: Callable[[], Awaitable[None]]) -> ComponentMountHandle:
        """Queue an operation on a child in place of one that still waits."""
        done = Completion()
        handle = ComponentMountHandle([done])
        if self._cancelled:
            done.set(error=self._stopped())
            return handle
        slot = self._slots.get(path)
        if slot is None:
            slot = self._slots[path] = _Slot()
            context = contextvars.copy_context()
            context.run(in_process_live.set, False)
            self._app.spawn(self._drain(path, slot), context=context)
        # The one that waits is out of date; to its caller it counts as done.
        self._drop_waiting(slot, None)
        slot.waiting = _Operation(run, done)
        return handle

    async def _drain(self, path: bytes, slot: _Slot) -> None:
        """Run the operations on one child until none waits."""
        for activity in self._outer.activities:
            activity.enter()
        try:
            while True:
                if self._full_active:
                    async with self._changed:
                        await self._changed.wait_for(lambda: not self._full_active)
                operation, slot.waiting = slot.waiting, None
                if operation is None:
                    return
                slot.running = True
                try:
                    await operation.run()
                    operation.done.set()
                except Exception as error:  # noqa: BLE001 - raised where it is awaited
                    operation.done.set(error=error)
                finally:
                    operation.done.set(error=self._stopped())
                    slot.running = False
                    await self._notify()
        finally:
            self._drop_waiting(slot, self._stopped())
            del self._slots[path]
            for activity in self._outer.activities:
                activity.leave()
            await self._notify()


async def mount_live(parent: Scope, keys: tuple[bytes, ...], instance: Any) -> LiveController:
    """Mount a live component in place of one that may run at the path; `start` starts it."""
    app = parent.build.component.app
    parent.build.add_child(keys)
    component = app.component(parent.build.component, keys)
    if component.live is not None:
        await component.live.cancel_and_drain()
    parent.readiness.add()
    controller = LiveController(component, parent, instance)
    component.live = controller
    return controller
