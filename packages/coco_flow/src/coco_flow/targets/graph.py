"""How rows become nodes and relationships of a property graph, the same for every graph target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from coco_flow.index import VectorIndexDef

__all__ = [
    "GraphMapping",
    "NodeFromFields",
    "NodeMapping",
    "NodeReferenceMapping",
    "Nodes",
    "ReferencedNode",
    "RelationshipMapping",
    "Relationships",
    "TargetFieldMapping",
]


@dataclass
class TargetFieldMapping:
    """Takes a field of the row for a property; `target` None keeps the field's name."""

    source: str
    target: str | None = None


@dataclass
class NodeFromFields:
    """The node at one end of a relationship: its label, and the fields that identify it."""

    label: str
    fields: list[TargetFieldMapping]


@dataclass
class ReferencedNode:
    """A kind of node that no export writes: relationships make and remove its nodes."""

    label: str
    primary_key_fields: Sequence[str]
    vector_indexes: Sequence[VectorIndexDef] = ()


@dataclass
class Nodes:
    """Each row is a node: the primary key identifies it, the other fields are properties."""

    kind: ClassVar[str] = "Node"

    label: str


@dataclass
class Relationships:
    """Each row is a relationship; fields that no end takes are its properties."""

    kind: ClassVar[str] = "Relationship"

    rel_type: str
    source: NodeFromFields
    target: NodeFromFields


GraphMapping: TypeAlias = Nodes | Relationships

# Names of earlier versions of the public API, which programs still use.
NodeMapping = Nodes
RelationshipMapping = Relationships
NodeReferenceMapping = NodeFromFields
