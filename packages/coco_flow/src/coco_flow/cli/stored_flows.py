"""Flows as the state knows them, with or without their code."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coco_flow.errors import FlowNotFound

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow

__all__ = ["StoredFlow", "stored_flow", "stored_flows"]


@dataclass(frozen=True, slots=True)
class StoredFlow:
    """A flow that has state.

    Attributes:
        name: Without the namespace.
        full_name: With it.
        flow_id: Its number in the state.
        definition: What it was when it was set up last.
    """

    name: str
    full_name: str
    flow_id: int
    definition: dict[str, Any]


def stored_flows(flows: list[Flow] | None = None) -> list[StoredFlow]:
    """Return the flows of this namespace that have state, all or those among `flows`."""
    from coco_flow.flow.context import context
    from coco_flow.lib import flow_names_with_setup, get_flow_full_name

    if not context.state_exists():
        return []
    wanted = None if flows is None else {flow.name for flow in flows}
    definitions = context.store.flows()
    found = []
    for name in flow_names_with_setup():
        if wanted is not None and name not in wanted:
            continue
        full_name = get_flow_full_name(name)
        flow_id = context.store.flow_id(full_name)
        assert flow_id is not None
        found.append(StoredFlow(name, full_name, flow_id, definitions[full_name]))
    return found


def stored_flow(name: str) -> StoredFlow:
    """Return the flow of a name that has state.

    Raises:
        FlowNotFound: None of that name has.
    """
    flows = {flow.name: flow for flow in stored_flows()}
    if name not in flows:
        near = difflib.get_close_matches(name, flows, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise FlowNotFound(
            f"No flow {name!r} has state here.{guess}",
            hint=f"Flows with state: {', '.join(flows) or 'none'}.",
        )
    return flows[name]
