"""Commits of components: stage the possible states, apply the actions, record the result.

Before the first action the state file knows every state that a target may be in afterwards, so
that a run after a crash at any point knows what it may find.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from coco_flow.components import store
from coco_flow.components.commit import children, sinks
from coco_flow.components.commit.plan import Busy, InFlight, Plan, Planner
from coco_flow.components.commit.record import Items, decode_items, encode_items
from coco_flow.components.provider import HandlerCalls, Provider
from coco_flow.components.readiness import Completion

if TYPE_CHECKING:
    from coco_flow.components.build import Build, Declared
    from coco_flow.components.component import Component
    from coco_flow.components.provider import Registry
    from coco_flow.components.store import ComponentRow

__all__ = ["Finished", "commit_build", "commit_delete", "preview_build"]


class Finished(NamedTuple):
    """What a build leaves besides its target states, encoded before anything is applied."""

    processor: str
    memo_key: bytes | None
    memo: bytes | None


async def commit_build(build: Build, row: ComponentRow | None, finished: Finished) -> None:
    """Bring about what a component declared, and record it with its memo and children."""
    component = build.component
    contained = build.memos.contained()
    memos, states = build.memos.writes(), build.states.writes()
    claims = component.app.claims
    if component.path in claims.moved:
        row = component.app.store.component(component.path)
    items = {} if row is None else decode_items(row.items)
    plan = await _plan(
        component,
        build.registry,
        items,
        build.declared,
        contained,
        full_reprocess=build.full_reprocess,
    )
    app = component.app.store

    def stage() -> None:
        children.list_component(component)
        app.write(
            store.WRITE_COMPONENT, component.path, finished.processor, encode_items(plan.staged),
            None, None,
        )  # fmt: skip
        _write_owners(component, plan, build.declared)
        claims.drop(component.path, contained)

    def finish() -> None:
        if not plan.actions:
            children.list_component(component)
            _write_owners(component, plan, build.declared)
            claims.drop(component.path, contained)
        memo = (finished.memo_key, finished.memo)
        if component.path in claims.stale:
            memo = (None, None)
        app.write(
            store.WRITE_COMPONENT, component.path, finished.processor, encode_items(plan.final),
            *memo,
        )  # fmt: skip
        _write_tables(component, build, memos, states)
        if row is not None or build.mounted:
            children.reconcile_children(component, build.mounted)

    made = await _carry_out(component, plan, stage, finish)
    for provider, calls in made:
        provider.fulfill(calls, build.registry)


async def commit_delete(component: Component, row: ComponentRow, registry: Registry) -> None:
    """Remove what a component that is gone had declared, and its record."""
    items = decode_items(row.items)
    plan = await _plan(component, registry, items, {}, set(), full_reprocess=False)
    app = component.app.store

    claims = component.app.claims
    # Nothing may be given back to it any more.
    claims.drop(component.path)

    def stage() -> None:
        app.write(store.WRITE_ITEMS, component.path, encode_items(plan.staged))
        claims.give_back(plan.returned)

    def finish() -> None:
        if not plan.actions:
            claims.give_back(plan.returned)
        delete_record(component)

    await _carry_out(component, plan, stage, finish)


def delete_record(component: Component) -> None:
    """Delete a component's record, memos and states."""
    app, path = component.app.store, component.path
    app.write(store.DROP_COMPONENT, path)
    app.write(store.DROP_FUNCTION_MEMOS, path)
    for live in (0, 1):
        app.write(store.DROP_STATES, path, live)


async def preview_build(build: Build, row: ComponentRow | None, actions: list[object]) -> None:
    """Add the actions that a component's commit would take, and take none."""
    items = {} if row is None else decode_items(row.items)
    plan = await _plan(
        build.component, build.registry, items, build.declared, build.memos.contained(),
        full_reprocess=build.full_reprocess,
    )  # fmt: skip
    for provider, generation in plan.generations:
        provider.generation = generation
    for provider, calls in sinks.preview(build.component.app.env, plan):
        provider.fulfill(calls, build.registry)
    for each in plan.actions.values():
        actions += each.actions


async def _plan(
    component: Component,
    registry: Registry,
    items: Items,
    declared: dict[bytes, Declared],
    contained: set[bytes],
    *,
    full_reprocess: bool,
) -> Plan:
    """Make the plan, after the components that change the same target states now."""
    while True:
        planner = Planner(component.app, component.path, registry, full_reprocess=full_reprocess)
        try:
            return planner.plan(items, declared, contained)
        except Busy as busy:
            await busy.done.wait()
            # The other component may have taken target states over in the meantime.
            row = component.app.store.component(component.path)
            items = {} if row is None else decode_items(row.items)


async def _carry_out(
    component: Component, plan: Plan, stage: Callable[[], None], finish: Callable[[], None]
) -> list[tuple[Provider, HandlerCalls]]:
    app = component.app
    made: list[tuple[Provider, HandlerCalls]] = []
    if not plan.actions:
        finish()
        _release(component, plan)
        await app.store.store.committed()
        return made
    stage()
    done = Completion()
    app.in_flight[component.path] = InFlight(plan.staged, plan.final, done)
    try:
        await app.store.store.committed()
        for provider, generation in plan.generations:
            provider.generation = generation
        made = await sinks.apply(app.env, plan)
        finish()
        _release(component, plan)
        await app.store.store.committed()
    finally:
        del app.in_flight[component.path]
        done.set()
    return made


def _write_owners(component: Component, plan: Plan, declared: dict[bytes, Declared]) -> None:
    """Make the component the owner of what it declared, and others of what it no longer does."""
    app = component.app
    for owner, (record, taken) in plan.robbed.items():
        flight = app.in_flight.get(owner)
        for item in taken:
            app.claims.note(owner, record[item], item[0])
            record.pop(item, None)
            if flight is not None:
                flight.staged.pop(item, None)
                flight.final.pop(item, None)
        app.store.write(store.WRITE_ITEMS, owner, encode_items(record))
    app.claims.give_back(plan.returned)
    for path in plan.claimed:
        app.store.write(store.WRITE_OWNER, path, component.path)
    for digest, key in plan.names(declared).items():
        if digest not in app.named:
            app.store.write(store.WRITE_SEGMENT, digest, key)
            app.named.add(digest)


def _release(component: Component, plan: Plan) -> None:
    for path in plan.released:
        component.app.store.write(store.DROP_OWNER, path, component.path)


def _write_tables(
    component: Component,
    build: Build,
    memos: list[tuple[bytes, bytes]],
    states: list[tuple[bytes, bytes]],
) -> None:
    """Write the function memos and persistent states of a build."""
    app, path = component.app.store, component.path
    if not build.memos.loaded:
        app.write(store.DROP_FUNCTION_MEMOS, path)
    for key in build.memos.dropped():
        app.write(store.DROP_FUNCTION_MEMO, path, key)
    for key, entry in memos:
        app.write(store.WRITE_FUNCTION_MEMO, path, key, entry)
    if not build.states.loaded:
        app.write(store.DROP_STATES, path, 0)
    for key in build.states.dropped():
        app.write(store.DROP_STATE, path, key)
    for key, value in states:
        app.write(store.WRITE_STATE, path, 0, key, value)
