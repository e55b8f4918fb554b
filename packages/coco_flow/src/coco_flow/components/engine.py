"""The engine of one app: its running components, and how they are started and stopped."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import weakref
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from coco_flow.components import deadline, store
from coco_flow.components.build import Build, OnError, Scope
from coco_flow.components.commit.claims import Claims
from coco_flow.components.component import Built, Component, execute, new_scope
from coco_flow.components.exclusive import Exclusive
from coco_flow.components.paths import render_path, split_keys
from coco_flow.components.processor import Processor
from coco_flow.components.provider import root_registry
from coco_flow.components.readiness import Activity, Completion, Outcome, Permits, Readiness
from coco_flow.components.store import AppStore
from coco_flow.errors import UpdateAborted

if TYPE_CHECKING:
    from coco_flow.components.commit.plan import InFlight
    from coco_flow.components.environment import Environment
    from coco_flow.components.live_control import LiveController
    from coco_flow.components.provider import Provider
    from coco_flow.components.stats import Stats

__all__ = ["Engine", "Numbers", "cancel_all", "reset_global_cancellation"]

logger = logging.getLogger(__name__)

# Numbers are reserved in batches that grow, so that few are lost and few writes are needed.
FIRST_BATCH, LARGEST_BATCH = 2, 256

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_all_cancelled = False


def cancel_all() -> None:
    """Stop all updates of the program, as on Ctrl-C; callable from any thread."""
    global _all_cancelled  # noqa: PLW0603 - a state of the program
    _all_cancelled = True
    for engine in list(_engines):
        loop = engine.env.event_loop
        if not loop.is_closed():
            loop.call_soon_threadsafe(engine.cancel)


def reset_global_cancellation() -> None:
    """Let updates run again after `cancel_all`."""
    global _all_cancelled  # noqa: PLW0603 - a state of the program
    _all_cancelled = False


class Numbers:
    """Sequences of numbers by key, reserved in batches."""

    def __init__(self, app: AppStore) -> None:
        self._app = app
        self._left: dict[bytes, tuple[int, int, int]] = {}

    def take(self, key: bytes) -> int:
        """Return the next number of a sequence."""
        number, end, batch = self._left.get(key, (0, 0, FIRST_BATCH))
        if number == end:
            number = self._app.reserve(key, batch)
            end, batch = number + batch, min(batch * 2, LARGEST_BATCH)
        self._left[key] = (number + 1, end, batch)
        return number


class Engine:
    """Runs the components of an app in an environment.

    Attributes:
        exclusive: Keeps other processes from updating the app.
        claims: Target states that several components declared.
        permits: Places for components that run at a time.
        in_flight: Components whose actions are under way, by path.
        declared: Targets that components declared in this update, for removing states in them.
        named: Path segments whose names the state file has.
        live: Live components.
        cancelled: Whether the running updates are being stopped.
    """

    def __init__(self, env: Environment, name: str, max_inflight: int) -> None:
        self.env = env
        self.name = name
        self.store = AppStore(env.store, name)
        self.exclusive = Exclusive(env.store.path.parent, name)
        self.claims = Claims(self)
        self.numbers = Numbers(self.store)
        self.permits = Permits(max_inflight)
        self.in_flight: dict[bytes, InFlight] = {}
        self.declared: dict[bytes, Provider] = {}
        self.named: set[bytes] = set()
        self.live: set[LiveController] = set()
        self.cancelled = False
        self.root = Component(self, b"", None, ())
        self._components: weakref.WeakValueDictionary[bytes, Component] = (
            weakref.WeakValueDictionary()
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        self._detached: set[asyncio.Task[Any]] = set()
        _engines.add(self)

    def child(self, parent: Component, relative: bytes) -> Component:
        """Return the component at a path below another one."""
        return self.component(parent, split_keys(relative))

    def component(self, parent: Component, keys: tuple[bytes, ...]) -> Component:
        """Return the component at these keys below another one."""
        path = parent.path + b"".join(keys)
        found = self._components.get(path)
        if found is None:
            found = self._components[path] = Component(self, path, parent, keys)
        return found

    def owner_of(self, target: bytes) -> bytes | None:
        """Return the path of the component that owns a target state, or None."""
        row = self.store.read_one(store.READ_OWNER, target)
        return None if row is None else row[0]

    def spawn(
        self,
        work: Coroutine[Any, Any, Any],
        *,
        context: contextvars.Context | None = None,
        detached: bool = False,
    ) -> asyncio.Task[Any]:
        """Start a task that is cancelled with the app's updates unless it is detached."""
        task = self.env.event_loop.create_task(work, context=context)
        tasks = self._detached if detached else self._tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    def cancel(self) -> None:
        """Stop the running updates."""
        if self._tasks:
            self.cancelled = True
            for task in list(self._tasks):
                task.cancel()

    async def stopped(self) -> None:
        """Wait until no task runs any more."""
        current = asyncio.current_task()
        while tasks := [each for each in self._tasks if each is not current]:
            await asyncio.wait(tasks)

    def prepare(self) -> None:
        """Revoke an earlier stop and clear the last pass, so that one can run."""
        if _all_cancelled:
            raise UpdateAborted("The program is stopping, so that no update can start.")
        self.cancelled = False
        self.claims.stale.clear()
        self.declared.clear()

    def delete_state(self) -> None:
        """Delete all stored state of the app, after everything was removed."""
        self.store.clear()
        self.store.revive()
        self.claims = Claims(self)
        self.numbers = Numbers(self.store)
        self.named.clear()

    async def handle(self, error: Exception, on_error: OnError | None, path: bytes) -> None:
        """Report the failure of a component in the background; raises if the handler does."""
        if self.cancelled:
            return
        if on_error is None:
            logger.error("component %s failed: %s", render_path(path), error, exc_info=error)
        else:
            await on_error(error)

    def root_scope(
        self,
        stats: Stats,
        activity: Activity,
        *,
        full_reprocess: bool,
        live: bool,
        preview: list[Any] | None,
    ) -> Scope:
        """Return the scope of an update's root component."""
        build = Build(
            self.root, root_registry, full_reprocess=full_reprocess, live=live, preview=preview
        )
        return Scope(build, stats, (activity,), Readiness())

    async def _admit(self, scope: Scope, parent: Scope | None) -> None:
        """Wait for a place; a parent gives its own up once it has children to wait for."""
        if parent is not None:
            self.release(parent)
        await self.permits.acquire()
        scope.build.has_permit = True

    def release(self, scope: Scope) -> None:
        """Give the place of a run back."""
        if scope.build.has_permit:
            scope.build.has_permit = False
            self.permits.release()

    async def run(
        self,
        scope: Scope,
        processor: Processor,
        limit: deadline.DeadlineContext,
        parent: Scope | None = None,
    ) -> Completion:
        """Start a component that is waited for; the completion gives its result."""
        await self._admit(scope, parent)
        return self._start(scope, parent, lambda: self._foreground(scope, processor, limit))

    async def run_in_background(
        self,
        scope: Scope,
        processor: Processor,
        on_error: OnError | None,
        parent: Scope | None = None,
    ) -> Completion:
        """Start a component in the background; its failure goes to `on_error`."""
        await self._admit(scope, parent)
        return self._start(scope, parent, lambda: self._background(scope, processor, on_error))

    def _start(self, scope: Scope, parent: Scope | None, body: Any) -> Completion:
        completion = Completion()
        if parent is not None:
            parent.readiness.add()
        for activity in scope.activities:
            activity.enter()

        async def run() -> None:
            outcome, result, error = Outcome(failed=True), None, None
            try:
                outcome, result, error = await body()
            except asyncio.CancelledError:
                error = None if parent is not None else self._aborted()
            finally:
                self.release(scope)
                if parent is not None:
                    parent.readiness.resolve(outcome)
                completion.set(result, error)
                for activity in scope.activities:
                    activity.leave()

        self.spawn(run())
        return completion

    @staticmethod
    def _aborted() -> UpdateAborted:
        return UpdateAborted("The update was stopped before it ended; the next one continues.")

    async def _foreground(
        self, scope: Scope, processor: Processor, limit: deadline.DeadlineContext
    ) -> tuple[Outcome, Built | None, BaseException | None]:
        try:
            outcome, built = await execute(scope, processor, limit)
        except asyncio.CancelledError:
            return Outcome(failed=True), None, self._aborted()
        except Exception as error:  # noqa: BLE001 - raised where the component was mounted
            return Outcome(failed=True), None, error
        return outcome, built, None

    async def _background(
        self, scope: Scope, processor: Processor, on_error: OnError | None
    ) -> tuple[Outcome, None, BaseException | None]:
        try:
            # No caller waits for this component, so that no deadline applies to it.
            outcome, _ = await execute(scope, processor, deadline.NO_DEADLINE)
        except Exception as error:  # noqa: BLE001 - goes to the handlers, or to the log
            try:
                await self.handle(error, on_error, scope.build.component.path)
            except Exception as passed_on:  # noqa: BLE001 - raised where it is awaited
                return Outcome(failed=True), None, passed_on
            return Outcome(failed=True), None, None
        return outcome, None, None

    def child_scope(
        self, parent: Scope, keys: tuple[bytes, ...], on_error: OnError | None
    ) -> Scope:
        """Mount a component below the running one and return the scope of its run."""
        component = self.component(parent.build.component, keys)
        parent.build.add_child(keys)
        return new_scope(component, parent, on_error)
