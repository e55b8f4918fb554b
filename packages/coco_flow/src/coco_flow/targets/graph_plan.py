"""Plans of property graphs: which fields are keys and properties of which nodes, relationships.

A plan is made from all exports to one graph and its declarations together, because a relationship
needs to know the key of the nodes at its ends. It says nothing about a database's statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coco_flow.errors import DefinitionError
from coco_flow.targets.graph import (
    GraphMapping,
    NodeFromFields,
    Nodes,
    ReferencedNode,
    Relationships,
)
from coco_flow.targets.graph_indexes import VectorIndexPlan, check_texts, plan_vectors

if TYPE_CHECKING:
    from coco_flow.index import FtsIndexDef, VectorIndexDef
    from coco_flow.ports import ExportSchema
    from coco_flow.types.schema import EnrichedValueType, FieldSchema

__all__ = [
    "Column",
    "Declaration",
    "EndPlan",
    "GraphPlan",
    "LabelPlan",
    "NodePlan",
    "Property",
    "RelationshipPlan",
    "plan_graph",
]


@dataclass(frozen=True, slots=True)
class Property:
    """A property of nodes or relationships."""

    name: str
    type: EnrichedValueType


@dataclass(frozen=True, slots=True)
class Column:
    """A property, and the index of its value in an export's row: key fields, then value fields."""

    name: str
    position: int
    type: EnrichedValueType


@dataclass(frozen=True, slots=True)
class NodePlan:
    """An export whose rows are nodes."""

    label: str
    key: tuple[Column, ...]
    properties: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class EndPlan:
    """The node at one end of a relationship; `key` is in the order of the label's key."""

    label: str
    key: tuple[Column, ...]
    properties: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class RelationshipPlan:
    """An export whose rows are relationships."""

    rel_type: str
    key: tuple[Column, ...]
    properties: tuple[Column, ...]
    source: EndPlan
    target: EndPlan
    vector_indexes: tuple[VectorIndexPlan, ...]
    fts_indexes: tuple[FtsIndexDef, ...]


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """All that a flow says about one kind of node.

    Attributes:
        shared: Names of the properties that relationships write too.
        exported: Whether an export writes the nodes, rather than relationships alone.
    """

    label: str
    key: tuple[Property, ...]
    properties: tuple[Property, ...] = ()
    shared: frozenset[str] = frozenset()
    exported: bool = False
    vector_indexes: tuple[VectorIndexPlan, ...] = ()
    fts_indexes: tuple[FtsIndexDef, ...] = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """A kind of node that is declared rather than exported."""

    node: ReferencedNode
    fts_indexes: Sequence[FtsIndexDef] = ()


@dataclass(frozen=True, slots=True)
class GraphPlan:
    """The exports, in the order in which they were given, and every kind of node by its label."""

    exports: tuple[NodePlan | RelationshipPlan, ...]
    labels: Mapping[str, LabelPlan]


def plan_graph(
    exports: Sequence[tuple[GraphMapping, ExportSchema]], declarations: Sequence[Declaration] = ()
) -> GraphPlan:
    """Plan the exports to one graph.

    Raises:
        DefinitionError: A mapping names fields or nodes that do not exist, leaves a key of a node
            without a field, or contradicts another one.
    """
    _check_unique(exports)
    labels = _Labels()
    for declared in declarations:
        labels.declare(declared)
    for mapping, schema in exports:
        if isinstance(mapping, Nodes):
            labels.export(mapping.label, schema)
    plans = [
        labels.node(mapping.label, schema)
        if isinstance(mapping, Nodes)
        else _plan_relationship(mapping, schema, labels)
        for mapping, schema in exports
    ]
    return GraphPlan(tuple(plans), labels.finished())


class _Labels:
    """Gathers what the exports and declarations say about each kind of node."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, ...]] = {}
        self._types: dict[str, dict[str, EnrichedValueType]] = {}
        self._shared: dict[str, set[str]] = {}
        self._exported: set[str] = set()
        self._vectors: dict[str, list[VectorIndexDef]] = {}
        self._texts: dict[str, list[FtsIndexDef]] = {}

    def declare(self, declared: Declaration) -> None:
        node = declared.node
        what = f"the node label {node.label!r}"
        _check_name(node.label, "node label")
        _check_properties(node.primary_key_fields, what)
        self._set_key(node.label, tuple(node.primary_key_fields))
        self._vectors.setdefault(node.label, []).extend(node.vector_indexes)
        self._texts.setdefault(node.label, []).extend(declared.fts_indexes)

    def export(self, label: str, schema: ExportSchema) -> None:
        _check_name(label, "node label")
        self._set_key(label, tuple(field.name for field in schema.key))
        self._exported.add(label)
        for field in (*schema.key, *schema.value):
            self._add(label, field.name, field.value_type)
        self._vectors.setdefault(label, []).extend(schema.index.vector_indexes)
        self._texts.setdefault(label, []).extend(schema.index.fts_indexes)

    def node(self, label: str, schema: ExportSchema) -> NodePlan:
        columns = _columns(schema)
        return NodePlan(label, columns[: len(schema.key)], columns[len(schema.key) :])

    def key_of(self, label: str, relationship: str) -> tuple[str, ...]:
        if label not in self._keys:
            raise DefinitionError(
                f"The relationship {relationship!r} has nodes {label!r} at its ends, which are "
                "neither exported nor declared.",
                hint=f"Export rows with Nodes(label={label!r}), or call flow_builder.declare(…) "
                f"with nodes_label={label!r}.",
            )
        return self._keys[label]

    def refer(self, end: EndPlan) -> None:
        for column in (*end.key, *end.properties):
            self._add(end.label, column.name, column.type)
        self._shared.setdefault(end.label, set()).update(each.name for each in end.properties)

    def finished(self) -> dict[str, LabelPlan]:
        return {label: self._finish(label) for label in self._keys}

    def _finish(self, label: str) -> LabelPlan:
        types = self._types.get(label, {})
        key = tuple(Property(name, types[name]) for name in self._keys[label] if name in types)
        rest = tuple(
            Property(name, type) for name, type in types.items() if name not in self._keys[label]
        )
        what = f"the node label {label!r}"
        return LabelPlan(
            label=label,
            key=key,
            properties=rest,
            shared=frozenset(self._shared.get(label, ())),
            exported=label in self._exported,
            vector_indexes=plan_vectors(self._vectors.get(label, ()), types, what),
            fts_indexes=check_texts(self._texts.get(label, ()), types, what),
        )

    def _set_key(self, label: str, key: tuple[str, ...]) -> None:
        known = self._keys.get(label)
        if known is not None and set(known) != set(key):
            raise DefinitionError(
                f"The node label {label!r} has the key {_names(known)} in one place, and "
                f"{_names(key)} in another.",
                hint="Give every export and declaration of the label the same key fields.",
            )
        self._keys[label] = key

    def _add(self, label: str, name: str, type: EnrichedValueType) -> None:
        types = self._types.setdefault(label, {})
        known = types.get(name)
        if known is not None and str(known.type) != str(type.type):
            raise DefinitionError(
                f"The property {name!r} of the node label {label!r} is {known.type} in one place, "
                f"and {type.type} in another.",
                hint="Give the fields that are mapped to it the same type.",
            )
        nullable = type.nullable or (known is not None and known.nullable)
        types[name] = replace(type, nullable=nullable)


def _plan_relationship(
    mapping: Relationships, schema: ExportSchema, labels: _Labels
) -> RelationshipPlan:
    _check_name(mapping.rel_type, "relationship type")
    columns = _columns(schema)
    by_name = {column.name: column for column in columns}
    source = _plan_end(mapping, "source", mapping.source, by_name, labels)
    target = _plan_end(mapping, "target", mapping.target, by_name, labels)
    labels.refer(source)
    labels.refer(target)
    taken = {column.position for end in (source, target) for column in (*end.key, *end.properties)}
    key = columns[: len(schema.key)]
    rest = tuple(each for each in columns[len(schema.key) :] if each.position not in taken)
    types = {each.name: each.type for each in (*key, *rest)}
    what = f"the relationship {mapping.rel_type!r}"
    return RelationshipPlan(
        rel_type=mapping.rel_type,
        key=key,
        properties=rest,
        source=source,
        target=target,
        vector_indexes=plan_vectors(schema.index.vector_indexes, types, what),
        fts_indexes=check_texts(schema.index.fts_indexes, types, what),
    )


def _plan_end(
    mapping: Relationships,
    which: str,
    end: NodeFromFields,
    by_name: Mapping[str, Column],
    labels: _Labels,
) -> EndPlan:
    what = f"node {end.label!r} at the {which} of relationship {mapping.rel_type!r}"
    key = labels.key_of(end.label, mapping.rel_type)
    names = [each.source if each.target is None else each.target for each in end.fields]
    _check_properties(names, what)
    absent = [each.source for each in end.fields if each.source not in by_name]
    if absent:
        raise DefinitionError(
            f"Fields not mapped for {what}: {_names(absent)}; the export has no such field.",
            hint=f"Its fields are {_names(by_name)}.",
        )
    columns = {
        name: replace(by_name[each.source], name=name)
        for name, each in zip(names, end.fields, strict=True)
    }
    unmapped = [name for name in key if name not in columns]
    if unmapped:
        raise DefinitionError(
            f"Fields not mapped for {what}: nothing gives its key {_names(unmapped)}.",
            hint=f"Add TargetFieldMapping(source=…, target={unmapped[0]!r}) to its fields.",
        )
    rest = tuple(column for name, column in columns.items() if name not in key)
    return EndPlan(end.label, tuple(columns[name] for name in key), rest)


def _columns(schema: ExportSchema) -> tuple[Column, ...]:
    fields: tuple[FieldSchema, ...] = (*schema.key, *schema.value)
    return tuple(Column(each.name, at, each.value_type) for at, each in enumerate(fields))


def _check_unique(exports: Sequence[tuple[GraphMapping, ExportSchema]]) -> None:
    seen: set[tuple[str, str]] = set()
    for mapping, _ in exports:
        name = mapping.label if isinstance(mapping, Nodes) else mapping.rel_type
        if (mapping.kind, name) in seen:
            raise DefinitionError(
                f"Two exports write the {mapping.kind.lower()}s {name!r} of one graph.",
                hint="Collect their rows into one collector, or give one of them another name.",
            )
        seen.add((mapping.kind, name))


def _check_name(name: str, what: str) -> None:
    # Not every graph database can escape a backtick, the mark that quotes a name.
    if not name or "`" in name or "\0" in name:
        raise DefinitionError(
            f"{name!r} cannot be a {what}.",
            hint="Give a name that is not empty, without backticks.",
        )


def _check_properties(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        _check_name(name, "property")
        if name.startswith("__"):
            raise DefinitionError(
                f"The property {name!r} of {what} begins with two underscores.",
                hint="Such names are kept for bookkeeping; choose another one.",
            )
        if name in seen:
            raise DefinitionError(
                f"Two fields are mapped to the property {name!r} of {what}.",
                hint="Map each field to a different property.",
            )
        seen.add(name)
    if not seen:
        raise DefinitionError(f"There are no fields for {what}.", hint="Map at least its key.")


def _names(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
