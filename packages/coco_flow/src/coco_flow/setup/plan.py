"""Set-up and removal of targets: compare, show, apply; safe to repeat after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError
from coco_flow.graph.binding import NO_ROWS, PlanningConnector
from coco_flow.graph.check import export_schema
from coco_flow.ports import Compatibility, SetupChange, TargetConnector
from coco_flow.runtime import run_maybe_async
from coco_flow.state.store import Resource, StateStore
from coco_flow.targets.registry import connector_by_kind, kind_of

if TYPE_CHECKING:
    from coco_flow.graph.model import DeclaredResource, Export, FlowGraph

__all__ = ["Action", "ResourceChange", "apply_change", "clear_for", "plan_drop", "plan_setup"]


class Action(Enum):
    """What set-up does to one resource."""

    CREATE = "to create"
    ALTER = "to update"
    RECREATE = "to recreate"
    DELETE = "to delete"
    KEEP = "ready"


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """A change of one target's infrastructure.

    Attributes:
        previous: The states it may be in now; None among them means that it may not exist.
        rows_lost: True if every row must be written again afterwards.
        user_managed: True if only rows are written, and the user makes and drops the resource.
    """

    action: Action
    kind: str
    key: Any
    name: str
    description: str
    previous: tuple[Any | None, ...]
    current: Any | None
    resource_id: int | None
    rows_lost: bool = False
    user_managed: bool = False

    def __str__(self) -> str:
        lost = "; every row is written again" if self.rows_lost else ""
        user = " (managed by the user)" if self.user_managed else ""
        return f"[{self.action.value}] {self.description}{user}{lost}"


# The state recorded for a resource that the user manages.
_USER_MANAGED = {"setup_by_user": True}


def plan_setup(
    store: StateStore, flow_id: int | None, graph: FlowGraph, name: str, namespace: str
) -> list[ResourceChange]:
    """Compare what the flow defines with what is set up; removals come first.

    Raises:
        DefinitionError: Two exports write to one resource, or a target cannot be set up so.
    """
    existing = {(r.kind, _hashable(r.key)): r for r in store.resources(flow_id)} if flow_id else {}
    changes: list[ResourceChange] = []
    wanted: dict[tuple[str, Any], str] = {}
    for export in graph.exports:
        kind = kind_of(export.spec)
        key = export.connector.persistent_key(export.spec, export.name, name, namespace)
        identity = (kind, _hashable(key))
        if identity in wanted:
            raise DefinitionError(
                f"The exports {wanted[identity]!r} and {export.name!r} write to the same "
                f"{export.connector.describe(key)}.",
                hint="Collect both into one collector, or give one of them another table.",
            )
        wanted[identity] = export.name
        changes.append(_change(export, kind, key, existing.get(identity)))
    for declared in graph.declared:
        key = declared.connector.persistent_key(declared.spec, "", name, namespace)
        identity = (declared.kind, _hashable(key))
        wanted[identity] = declared.connector.describe(key)
        changes.append(_declared_change(declared, key, existing.get(identity)))
    removed = [
        _removal(resource) for identity, resource in existing.items() if identity not in wanted
    ]
    return [*sorted(removed, key=_order, reverse=True), *sorted(changes, key=_order)]


def plan_drop(store: StateStore, flow_id: int | None) -> list[ResourceChange]:
    """Return the removal of everything that set-up made for a flow."""
    removed = [_removal(resource) for resource in store.resources(flow_id)] if flow_id else []
    return sorted(removed, key=_order, reverse=True)


def clear_for(store: StateStore, flow_id: int, changes: Sequence[ResourceChange]) -> None:
    """Remove what will be recreated, in the order of removals; `apply_change` creates it."""
    for change in reversed(changes):
        if change.action is Action.RECREATE and not change.user_managed:
            resource_id = store.add_resource(flow_id, change.kind, change.key, change.name)
            store.stage_resource(resource_id, [*change.previous, change.current])
            _apply(connector_by_kind(change.kind), change.key, change.previous, None)


def apply_change(store: StateStore, flow_id: int, change: ResourceChange) -> None:
    """Apply one change; record first the states in which a crash may leave the resource."""
    connector = connector_by_kind(change.kind)
    if change.action is Action.KEEP:
        store.add_resource(flow_id, change.kind, change.key, change.name)
        return
    if change.action is Action.DELETE:
        assert change.resource_id is not None
        if not change.user_managed:
            _apply(connector, change.key, change.previous, None)
        store.remove_resource(change.resource_id)
        return
    with store.connection.transaction():
        resource_id = store.add_resource(flow_id, change.kind, change.key, change.name)
        if change.action is Action.RECREATE:
            # Under a new number the target has no rows, nor keys of earlier ones to delete.
            store.remove_resource(resource_id)
            resource_id = store.add_resource(flow_id, change.kind, change.key, change.name)
        if not change.user_managed:
            store.stage_resource(resource_id, [*change.previous, change.current])
    if not change.user_managed:
        previous = (None,) if change.action is Action.RECREATE else change.previous
        _apply(connector, change.key, previous, change.current)
    store.finish_resource(resource_id, change.current, change.rows_lost)


def _change(export: Export, kind: str, key: Any, existing: Resource | None) -> ResourceChange:
    desired = (
        _USER_MANAGED
        if export.setup_by_user
        else export.connector.setup_state(export.target_spec, export_schema(export))
    )
    action, previous, rows_lost = _compared(export.connector, desired, existing)
    return ResourceChange(
        action=action,
        kind=kind,
        key=key,
        name=export.name,
        description=export.connector.describe(key),
        previous=previous,
        current=desired,
        resource_id=None if existing is None else existing.id,
        rows_lost=rows_lost,
        user_managed=export.setup_by_user,
    )


def _declared_change(
    declared: DeclaredResource, key: Any, existing: Resource | None
) -> ResourceChange:
    connector = declared.connector
    desired = connector.setup_state(declared.spec, NO_ROWS)
    action, previous, rows_lost = _compared(connector, desired, existing)
    description = connector.describe(key)
    return ResourceChange(
        action=action,
        kind=declared.kind,
        key=key,
        name=description,
        description=description,
        previous=previous,
        current=desired,
        resource_id=None if existing is None else existing.id,
        rows_lost=rows_lost,
    )


def _order(change: ResourceChange) -> int:
    connector = connector_by_kind(change.kind)
    return connector.setup_order(change.key) if isinstance(connector, PlanningConnector) else 0


def _compared(
    connector: TargetConnector, desired: Any, existing: Resource | None
) -> tuple[Action, tuple[Any | None, ...], bool]:
    if existing is None:
        return Action.CREATE, (None,), False
    if existing.staging is None and existing.state == desired:
        return Action.KEEP, (existing.state,), False
    # An interrupted change may have left any of the staged states.
    previous = _possible(existing)
    worst = Compatibility.COMPATIBLE
    for state in previous:
        if state is None or desired in (state, _USER_MANAGED):
            continue
        if state == _USER_MANAGED:
            worst = Compatibility.PARTIALLY_COMPATIBLE
            continue
        found = connector.compatibility(desired, state)
        if found is Compatibility.NOT_COMPATIBLE:
            return Action.RECREATE, previous, True
        if found is Compatibility.PARTIALLY_COMPATIBLE:
            worst = found
    if all(state is None for state in previous):
        return Action.CREATE, previous, False
    return Action.ALTER, previous, worst is not Compatibility.COMPATIBLE


def _removal(resource: Resource) -> ResourceChange:
    connector = connector_by_kind(resource.kind)
    return ResourceChange(
        action=Action.DELETE,
        kind=resource.kind,
        key=resource.key,
        name=resource.name,
        description=connector.describe(resource.key),
        previous=_possible(resource),
        current=None,
        resource_id=resource.id,
        user_managed=resource.state == _USER_MANAGED,
    )


def _possible(resource: Resource) -> tuple[Any | None, ...]:
    states: list[Any | None] = [] if resource.state is None else [resource.state]
    for state in resource.staging or ():
        if state not in states:
            states.append(state)
    return tuple(states) or (None,)


def _apply(
    connector: TargetConnector, key: Any, previous: Sequence[Any | None], current: Any | None
) -> None:
    run_maybe_async(connector.apply_setup, [SetupChange(key, tuple(previous), current)])


def _hashable(key: Any) -> str:
    import json

    return json.dumps(key, sort_keys=True)
