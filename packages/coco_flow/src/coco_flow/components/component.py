"""Components: run the function at a path, reuse its result, and remove what is gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from coco_flow.components import deadline, store
from coco_flow.components.build import Build, OnError, Scope
from coco_flow.components.call import Call
from coco_flow.components.cell import Cell
from coco_flow.components.commit import children
from coco_flow.components.commit.submit import (
    Finished,
    commit_build,
    commit_delete,
    delete_record,
    preview_build,
)
from coco_flow.components.logic import is_current
from coco_flow.components.memo import ComponentMemo, States
from coco_flow.components.memo_state import StateCheck, check_states, collect_states
from coco_flow.components.paths import parent_and_key
from coco_flow.components.processor import Processor
from coco_flow.components.provider import Registry, deps_hold
from coco_flow.components.readiness import Outcome, Readiness
from coco_flow.components.scope import ComponentContext, current_context

if TYPE_CHECKING:
    from coco_flow.components.engine import Engine
    from coco_flow.components.live_control import LiveController
    from coco_flow.components.stats import Stats
    from coco_flow.components.store import ComponentRow

__all__ = ["Built", "Component", "delete", "execute"]


class Component:
    """A component that runs, or whose children do.

    Attributes:
        keys: Encoded keys from the parent component to here.
        lock: Held by the run that builds or removes it.
        live: What controls it while it is live.
        listed: Whether its parent's list of children has it, as far as this run knows.
    """

    __slots__ = ("__weakref__", "app", "keys", "listed", "live", "lock", "parent", "path")

    def __init__(
        self, app: Engine, path: bytes, parent: Component | None, keys: tuple[bytes, ...]
    ) -> None:
        self.app = app
        self.path = path
        self.parent = parent
        self.keys = keys
        self.lock = asyncio.Lock()
        self.live: LiveController | None = None
        self.listed = False


class Built(NamedTuple):
    """What a run gives to the component that waits for it."""

    result: Any
    registry: Registry


class _Inside:
    """Be in the component's context outside of its function."""

    __slots__ = ("_call", "_scope", "_token")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._call = Call()

    def __enter__(self) -> None:
        env = self._scope.build.component.app.env
        self._token = current_context.set(ComponentContext(env, self._scope, self._call, None))

    def __exit__(self, *exc: object) -> None:
        current_context.reset(self._token)
        self._scope.build.join_call(self._call)


def _stored_memo(
    build: Build, row: ComponentRow | None, processor: Processor
) -> ComponentMemo | None:
    """Return the memo of the last run if arguments, code and targets are still the same."""
    if row is None or row.memo is None or build.full_reprocess:
        return None
    if processor.key is None or row.memo_key != processor.key:
        return None
    memo = ComponentMemo.decoded(row.memo)
    known = build.component.app.env.context_provider.digests
    if is_current(memo.logic, known) and deps_hold(memo.providers, build.registry):
        return memo
    return None


async def _reusable(scope: Scope, processor: Processor, memo: ComponentMemo) -> StateCheck | None:
    """Check by its states whether a memo is valid; None means that it has no states."""
    if not processor.states and not memo.states.contexts:
        return None
    with _Inside(scope):
        provider = scope.build.component.app.env.context_provider
        check = await check_states(processor.states, memo.states, provider)
    if check.recollect and not check.reusable:
        raise ValueError(
            "MemoStateOutcome.recollect_after_run is supported for memoized functions, not for "
            "memoized components."
        )
    return check


async def execute(
    scope: Scope, processor: Processor, limit: deadline.DeadlineContext
) -> tuple[Outcome, Built]:
    """Run a component, or reuse the result of its last run."""
    limit.check()
    build = scope.build
    component, app = build.component, build.component.app.store
    component.app.claims.moved.discard(component.path)
    row = app.component(component.path)
    memo = _stored_memo(build, row, processor)
    check = None
    if memo is not None:
        check = await _reusable(scope, processor, memo)
        if check is None or check.reusable:
            if check is not None and check.changed:
                app.write(
                    store.WRITE_MEMO, component.path, memo._replace(states=check.states).encoded()
                )
            counts = scope.stats.of(processor.name)
            counts.starts += 1
            counts.unchanged += 1
            scope.stats.changed()
            result = memo.result.get(processor.decode)
            return Outcome(False, memo.logic, memo.providers), Built(result, Registry())
    counts = scope.stats.of(processor.name)
    counts.starts += 1
    scope.stats.changed()
    try:
        contended = component.lock.locked()
        async with component.lock:
            if contended:
                row = app.component(component.path)
            outcome, built = await _build(scope, processor, limit, row, check)
    except BaseException:
        counts.errors += 1
        scope.stats.changed()
        raise
    if row is None:
        counts.adds += 1
    else:
        counts.reprocesses += 1
    scope.stats.changed()
    return outcome, built


async def _build(
    scope: Scope,
    processor: Processor,
    limit: deadline.DeadlineContext,
    row: ComponentRow | None,
    check: StateCheck | None,
) -> tuple[Outcome, Built]:
    """Run a component's function, wait for its children and commit."""
    build = scope.build
    component, app = build.component, build.component.app
    component.listed = False
    if row is not None and row.memo is not None and build.preview is None:
        # Before any child commits: a memo must not outlive what its children had.
        app.store.write(store.DROP_MEMO, component.path)
    if row is None or not build.full_reprocess:
        _load_tables(build, row)
    limit.check()
    result, failure = None, None
    try:
        result = await processor.run(app.env, scope, limit)
    except Exception as error:  # noqa: BLE001 - raised once the children have ended
        failure = error
    finally:
        scope.readiness.close()
    outcome = await scope.readiness.wait()
    build.ended = True
    build.join_children(outcome)
    if failure is not None:
        raise failure
    limit.check()
    with deadline.without_deadline():
        if build.preview is not None:
            await preview_build(build, row, build.preview)
            return outcome, Built(result, build.registry)
        memo = await _new_memo(scope, processor, result, check, outcome)
        await commit_build(
            build, row, Finished(processor.name, processor.key if memo else None, memo)
        )
    await sweep(scope)
    return Outcome(outcome.failed, build.logic, build.providers), Built(result, build.registry)


def _load_tables(build: Build, row: ComponentRow | None) -> None:
    """Load what earlier runs of the component stored."""
    app, path = build.component.app.store, build.component.path
    # Without a row there was no run that ended, so nothing was stored.
    build.memos.load(app.read(store.READ_FUNCTION_MEMOS, path) if row else [])
    build.states.load(app.read(store.READ_STATES, path) if row else [])


async def _new_memo(
    scope: Scope, processor: Processor, result: Any, check: StateCheck | None, outcome: Outcome
) -> bytes | None:
    """Return the encoded memo of a run, or None if there is none."""
    if processor.key is None or outcome.failed:
        return None
    build = scope.build
    provider = build.component.app.env.context_provider
    with _Inside(scope):
        if check is not None:
            states = check.states
        else:
            states = States.of(await collect_states(processor.states), {})
    contexts = States.of([], provider.states_of(build.logic)).contexts
    memo = ComponentMemo(
        Cell(value=result), build.logic, build.providers, States(states.positional, contexts)
    )
    return memo.encoded()


async def sweep(scope: Scope) -> None:
    """Remove the children of a component that are gone."""
    build = scope.build
    gone = children.tombstones(build.component)
    if gone:
        await _sweep(build.component, gone, build.registry, scope.stats, build.on_error)


async def _sweep(
    component: Component,
    gone: list[bytes],
    registry: Registry,
    stats: Stats,
    on_error: OnError | None,
) -> bool:
    """Remove descendants; says whether all could be removed."""
    app = component.app
    tasks = [
        app.spawn(delete(app.child(component, relative), registry, stats, on_error, relative))
        for relative in gone
    ]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for each in results:
        if isinstance(each, BaseException):
            raise each
    return all(results)


async def delete(
    component: Component,
    registry: Registry,
    stats: Stats,
    on_error: OnError | None,
    relative: bytes | None = None,
) -> bool:
    """Remove a component with all that it declared and mounted; says whether it could be.

    Failures go to `on_error`, or to the log; the component stays marked as to be removed, so that
    the next run tries again.
    """
    try:
        removed = await _delete(component, registry, stats, on_error)
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - goes to the handlers, or to the log
        await component.app.handle(error, on_error, component.path)
        return False
    if removed and relative is not None and component.parent is not None:
        component.app.store.write(store.DROP_TOMBSTONE, component.parent.path, relative)
        await component.app.store.store.committed()
    return removed


async def _delete(
    component: Component, registry: Registry, stats: Stats, on_error: OnError | None
) -> bool:
    app = component.app
    if component.live is not None:
        await component.live.cancel_and_drain()
    async with component.lock:
        is_folder = False
        if component.path:
            parent, key = parent_and_key(component.path)
            listed = app.store.read_one(store.READ_CHILD, parent, key)
            if listed is not None and listed[0]:
                # It was mounted again since.
                return True
            is_folder = listed is not None
        row = app.store.component(component.path)
        counts = stats.of(row.processor if row is not None else "<unknown>")
        counts.starts += 1
        stats.changed()
        try:
            if row is None:
                delete_record(component)
            else:
                app.store.write(store.DROP_MEMO, component.path)
                await commit_delete(component, row, registry)
            if not is_folder:
                children.reconcile_children(component, {})
            await app.store.store.committed()
            gone = children.tombstones(component)
            removed = not gone or await _sweep(component, gone, registry, stats, on_error)
        except BaseException:
            counts.errors += 1
            stats.changed()
            raise
        counts.deletes += 1
        stats.changed()
    return removed


def new_scope(component: Component, parent: Scope, on_error: OnError | None) -> Scope:
    """Return the scope of a run that a component mounts."""
    outer = parent.build
    build = Build(
        component,
        outer.registry,
        full_reprocess=outer.full_reprocess,
        live=outer.live,
        on_error=on_error,
        preview=outer.preview,
    )
    return Scope(build, parent.stats, parent.activities, Readiness())
