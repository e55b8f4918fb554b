"""A graph of documents, mentions and triples, which tests of several databases write."""

from __future__ import annotations

import uuid

from coco_flow.targets.graph import NodeFromFields, Nodes, Relationships, TargetFieldMapping
from tests.coco_flow.graph_targets.graphs import Graph
from tests.coco_flow.targets.rows import export_schema

DOCUMENTS = export_schema({"filename": str}, {"title": str, "size": int | None})
MENTIONS = export_schema(
    {"id": uuid.UUID}, {"filename": str, "entity": str, "weight": float | None}
)
MENTION = Relationships(
    rel_type="MENTION",
    source=NodeFromFields(label="Document", fields=[TargetFieldMapping("filename")]),
    target=NodeFromFields(
        label="Entity", fields=[TargetFieldMapping(source="entity", target="value")]
    ),
)
TRIPLES = export_schema({"subject": str, "predicate": str, "object": str}, {"source": str})
TRIPLE = Relationships(
    rel_type="RELATED",
    source=NodeFromFields("Entity", [TargetFieldMapping("subject", "value")]),
    target=NodeFromFields("Entity", [TargetFieldMapping("object", "value")]),
)


def ids(count: int) -> list[uuid.UUID]:
    return [uuid.UUID(int=number) for number in range(1, count + 1)]


def knowledge(graph: Graph) -> Graph:
    """The graph of the public example: documents, entities, mentions and triples."""
    graph.export("documents", Nodes(label="Document"), DOCUMENTS)
    graph.declare("Entity", "value")
    graph.export("mentions", MENTION, MENTIONS)
    graph.export("triples", TRIPLE, TRIPLES)
    return graph.set_up()
