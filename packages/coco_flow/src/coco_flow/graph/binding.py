"""Joint planning of exports to one kind of target, with the flow's declarations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from coco_flow.errors import DefinitionError
from coco_flow.graph.model import DeclaredResource, Export, FlowGraph
from coco_flow.index import IndexOptions
from coco_flow.ports import ExportSchema
from coco_flow.targets.registry import connector_by_kind

__all__ = ["NO_ROWS", "PlanningConnector", "bind_exports"]

NO_ROWS = ExportSchema((), (), IndexOptions(()))
"""The schema of what is declared rather than exported."""


@runtime_checkable
class PlanningConnector(Protocol):
    """Further methods of a target connector whose exports depend on one another."""

    def bind(
        self, exports: Sequence[tuple[Any, ExportSchema]], declarations: Sequence[Any]
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        """Plan all exports of a flow to this kind of target.

        Returns:
            What replaces each export's spec in `setup_state` and `open`; and the specs of
            resources that are set up for declarations, with the schema `NO_ROWS`.
        """
        ...

    def setup_order(self, key: Any) -> int:
        """Return when a resource is made: lower numbers come first, and go last."""
        ...


def bind_exports(graph: FlowGraph, schema_of: Callable[[Export], ExportSchema]) -> None:
    """Let connectors plan their exports and declarations.

    Raises:
        DefinitionError: What is exported and declared does not fit together.
    """
    graph.declared = []
    declarations = {
        kind: [spec for spec in graph.declarations if spec.kind == kind]
        for kind in dict.fromkeys(_kind_of(spec) for spec in graph.declarations)
    }
    connectors = {id(export.connector): export.connector for export in graph.exports}
    kinds = {id(connector_by_kind(kind)): kind for kind in declarations}
    connectors |= {id(each): each for each in map(connector_by_kind, declarations)}
    for connector in connectors.values():
        if not isinstance(connector, PlanningConnector):
            continue
        exports = [export for export in graph.exports if export.connector is connector]
        kind = kinds.get(id(connector), "")
        bound, declared = connector.bind(
            [(export.spec, schema_of(export)) for export in exports], declarations.get(kind, ())
        )
        for export, spec in zip(exports, bound, strict=True):
            export.bound = spec
        graph.declared += [DeclaredResource(kind, connector, spec) for spec in declared]


def _kind_of(spec: Any) -> str:
    kind = getattr(spec, "kind", None)
    if not isinstance(kind, str) or not isinstance(connector_by_kind(kind), PlanningConnector):
        raise DefinitionError(
            f"{type(spec).__name__} is no declaration of any target.",
            hint="Its `kind` is the name of a target whose connector plans declarations, "
            "such as Neo4j.",
        )
    return kind
