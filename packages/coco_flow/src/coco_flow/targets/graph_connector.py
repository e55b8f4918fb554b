"""Target connector of property graphs; each database brings a dialect, a set-up and a store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coco_flow.auth import resolve_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.ports import Compatibility, ExportSchema, SetupChange, TargetBatch
from coco_flow.targets.graph import Nodes, ReferencedNode
from coco_flow.targets.graph_cypher import NodeCypher, RelationshipCypher
from coco_flow.targets.graph_dialect import Dialect
from coco_flow.targets.graph_plan import (
    Declaration,
    GraphPlan,
    LabelPlan,
    NodePlan,
    RelationshipPlan,
    plan_graph,
)
from coco_flow.targets.graph_state import compare, label_state, relationship_state
from coco_flow.targets.graph_write import GraphStore, GraphTarget, job_of

if TYPE_CHECKING:
    from coco_flow.targets.graph_setup import GraphSetup

__all__ = ["BoundLabel", "BoundRelationships", "GraphConnector"]


@dataclass(frozen=True, slots=True)
class BoundLabel:
    """A Nodes export or a declaration (`plan` None), with all that its flow says of the label."""

    connection: str
    label: LabelPlan
    plan: NodePlan | None = None


@dataclass(frozen=True, slots=True)
class BoundRelationships:
    """A Relationships export, with all that its flow says of the labels at the ends."""

    connection: str
    plan: RelationshipPlan
    source: LabelPlan
    target: LabelPlan


class GraphConnector:
    """Serves every graph of one kind; satisfies `TargetConnector`."""

    def __init__(
        self,
        kind: str,
        dialect: Dialect,
        setup: GraphSetup,
        connect: Callable[[Any], GraphStore],
    ) -> None:
        self._kind = kind
        self._dialect = dialect
        self._setup = setup
        self._stores = _Stores(connect)

    def bind(
        self, exports: Sequence[tuple[Any, ExportSchema]], declarations: Sequence[Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Plan all exports of a flow to graphs of this kind, when the flow is built.

        Returns:
            For each export, what replaces its spec in every other call; and the resources of
            declarations only, which are set up with them and never written to.

        Raises:
            DefinitionError: The mappings do not fit the fields or one another.
        """
        connections = dict.fromkeys(spec.connection.key for spec, _ in exports)
        connections |= dict.fromkeys(spec.connection.key for spec in declarations)
        plans = {each: self._plan(each, exports, declarations) for each in connections}
        for plan in plans.values():
            self._check_indexes(plan)
        numbers = dict.fromkeys(connections, 0)
        bound = []
        for spec, _ in exports:
            name = spec.connection.key
            plan = plans[name]
            bound.append(_bound(name, plan, plan.exports[numbers[name]]))
            numbers[name] += 1
        declared = [
            BoundLabel(name, label)
            for name, plan in plans.items()
            for label in plan.labels.values()
            if not label.exported
        ]
        return tuple(bound), tuple(declared)

    def persistent_key(
        self,
        spec: Any,
        target_name: str,  # noqa: ARG002 - a label belongs to the graph, not to one target
        flow_name: str,  # noqa: ARG002
        namespace: str,  # noqa: ARG002
    ) -> Any:
        """Return the identity: the connection's name, and the label or relationship type."""
        if isinstance(spec, BoundLabel):
            return {"connection": spec.connection, "label": spec.label.label}
        if isinstance(spec, BoundRelationships):
            return {"connection": spec.connection, "rel_type": spec.plan.rel_type}
        name = spec.connection.key
        if isinstance(spec.mapping, Nodes):
            return {"connection": name, "label": spec.mapping.label}
        return {"connection": name, "rel_type": spec.mapping.rel_type}

    def setup_state(self, spec: Any, schema: ExportSchema) -> Any:
        """Return keys, properties with their types, and indexes."""
        bound = self._resolve(spec, schema)
        if isinstance(bound, BoundLabel):
            return label_state(self._dialect, bound.label)
        return relationship_state(self._dialect, bound.plan, bound.source, bound.target)

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Say what a change does to the nodes or relationships."""
        return compare(desired, existing)

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Create, alter and remove, graph by graph."""
        for connection in dict.fromkeys(change.key["connection"] for change in changes):
            store = self._stores.acquire(connection)
            try:
                here = [change for change in changes if change.key["connection"] == connection]
                self._setup.apply(store, here)
            finally:
                self._stores.release(connection)

    def setup_order(self, key: Any) -> int:
        """Return when a resource is made: relationships come after their ends."""
        return 0 if "label" in key else 1

    def describe(self, key: Any) -> str:
        """Return the name of a label or relationship type."""
        where = f"of {self._kind} {key['connection']!r}"
        if "label" in key:
            return f"nodes {key['label']!r} {where}"
        return f"relationships {key['rel_type']!r} {where}"

    def open(self, spec: Any, key: Any, schema: ExportSchema) -> GraphTarget:  # noqa: ARG002
        """Connect, and write the statements of one export."""
        bound = self._resolve(spec, schema)
        cypher: NodeCypher | RelationshipCypher
        if isinstance(bound, BoundRelationships):
            cypher = RelationshipCypher(self._dialect, bound.plan, bound.source, bound.target)
        else:
            assert bound.plan is not None, "rows of a kind of node that is only declared"
            cypher = NodeCypher(self._dialect, bound.plan, bound.label)
        return GraphTarget(bound.connection, self._stores.acquire(bound.connection), cypher)

    def group(self, target: GraphTarget) -> object:
        """Return the graph: nodes must be there before their relationships."""
        return (self._kind, target.connection)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Apply the batches of one graph in one transaction."""
        if batches:
            batches[0].target.store.write(job_of(batches))

    def close(self, target: GraphTarget) -> None:
        """Release the connection."""
        self._stores.release(target.connection)

    def _plan(
        self,
        connection: str,
        exports: Sequence[tuple[Any, ExportSchema]],
        declarations: Sequence[Any],
    ) -> GraphPlan:
        return plan_graph(
            [
                (spec.mapping, schema)
                for spec, schema in exports
                if spec.connection.key == connection
            ],
            [_declared(spec) for spec in declarations if spec.connection.key == connection],
        )

    def _check_indexes(self, plan: GraphPlan) -> None:
        elements: list[LabelPlan | RelationshipPlan] = [*plan.labels.values()]
        elements += [each for each in plan.exports if isinstance(each, RelationshipPlan)]
        for each in elements:
            for found, has, what in (
                (each.vector_indexes, self._setup.vector_indexes, "vector"),
                (each.fts_indexes, self._setup.fts_indexes, "full-text"),
            ):
                if found and not has:
                    name = each.label if isinstance(each, LabelPlan) else each.rel_type
                    raise DefinitionError(
                        f"{name!r} asks for a {what} index, which the target {self._kind} does "
                        "not have.",
                        hint="Leave the index out, or export to a graph that has it.",
                    )

    def _resolve(self, spec: Any, schema: ExportSchema) -> BoundLabel | BoundRelationships:
        if isinstance(spec, BoundLabel | BoundRelationships):
            return spec
        (bound,), _ = self.bind([(spec, schema)], ())
        assert isinstance(bound, BoundLabel | BoundRelationships)
        return bound


class _Stores:
    """Open connections by the name of their auth entry, each shared by its targets."""

    def __init__(self, connect: Callable[[Any], GraphStore]) -> None:
        self._connect = connect
        self._open: dict[str, tuple[GraphStore, int]] = {}
        self._lock = threading.Lock()

    def acquire(self, connection: str) -> GraphStore:
        with self._lock:
            store, users = self._open.get(connection, (None, 0))
            if store is None:
                store = self._connect(resolve_auth_entry(connection))
            self._open[connection] = store, users + 1
            return store

    def release(self, connection: str) -> None:
        with self._lock:
            store, users = self._open.pop(connection)
            if users > 1:
                self._open[connection] = store, users - 1
                return
        store.close()


def _declared(spec: Any) -> Declaration:
    node = ReferencedNode(
        spec.nodes_label, spec.primary_key_fields, getattr(spec, "vector_indexes", ())
    )
    return Declaration(node, getattr(spec, "fts_indexes", ()))


def _bound(
    connection: str, plan: GraphPlan, export: NodePlan | RelationshipPlan
) -> BoundLabel | BoundRelationships:
    if isinstance(export, NodePlan):
        return BoundLabel(connection, plan.labels[export.label], export)
    source, target = plan.labels[export.source.label], plan.labels[export.target.label]
    return BoundRelationships(connection, export, source, target)
