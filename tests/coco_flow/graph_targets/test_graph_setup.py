"""Set-up of graphs: what drops and changes of schema or key do to nodes and relationships."""

from __future__ import annotations

import uuid

import pytest

from coco_flow.ports import Compatibility
from coco_flow.targets.graph import NodeFromFields, Nodes, Relationships, TargetFieldMapping
from tests.coco_flow.graph_targets.graphs import Backend, Graph
from tests.coco_flow.graph_targets.knowledge import DOCUMENTS, MENTION, MENTIONS, ids, knowledge
from tests.coco_flow.targets.rows import export_schema

pytestmark = pytest.mark.slow


@pytest.mark.row("KG-5 declaration")
def test_a_declared_label_that_nothing_uses_does_no_harm(graph: Graph) -> None:
    graph.export("documents", Nodes("Document"), DOCUMENTS).declare("Entity", "value").set_up()
    graph.write({"documents": {"a.md": ["A", 1]}})
    graph.export("mentions", MENTION, MENTIONS).set_up()
    (one,) = ids(1)
    graph.write({"mentions": {one: ["a.md", "Engine", None]}})
    assert graph.nodes("Entity", "value") == [("Engine",)]


def test_dropping_removes_what_was_written_and_what_only_it_kept(graph: Graph) -> None:
    knowledge(graph)
    one, two = ids(2)
    graph.write(
        {
            "documents": {"a.md": ["A", 1]},
            "mentions": {one: ["a.md", "Engine", 1.0], two: ["b.md", "Chunk", 1.0]},
            "triples": {("Engine", "cuts", "Chunk"): ["a.md"]},
        }
    )
    del graph.exports["mentions"]
    graph.set_up()
    assert graph.nodes("Document", "filename") == [("a.md",)]
    assert graph.nodes("Entity", "value") == [("Chunk",), ("Engine",)]
    graph.drop()
    graph.exports, graph.declarations = {}, []
    everything = graph.backend.look("MATCH (n) RETURN count(*)")
    assert everything == [[0]]


def test_another_flow_keeps_its_relationships_when_the_nodes_export_is_dropped(
    backend: Backend,
) -> None:
    reference = backend.reference()
    documents = Graph(backend, reference).export("documents", Nodes("Document"), DOCUMENTS)
    documents.set_up().write({"documents": {"a.md": ["A", 1], "b.md": ["B", 2]}})
    mentions = Graph(backend, reference).declare("Document", "filename").declare("Entity", "value")
    mentions.export("mentions", MENTION, MENTIONS).set_up()
    (one,) = ids(1)
    mentions.write({"mentions": {one: ["a.md", "Engine", None]}})
    documents.drop()
    assert mentions.nodes("Document", "filename", "title") == [("a.md", None)]
    mentions.drop()
    assert backend.look("MATCH (n) RETURN count(*)") == [[0]]


def test_a_changed_schema_keeps_what_it_can(graph: Graph) -> None:
    knowledge(graph)
    (one,) = ids(1)
    graph.write({"documents": {"a.md": ["A", 1]}, "mentions": {one: ["a.md", "Engine", 1.0]}})
    before = {key: state for key, (_, state) in graph.states.items()}
    wider = export_schema({"filename": str}, {"title": str, "language": str})
    graph.export("documents", Nodes("Document"), wider).set_up()
    (label,) = [key for key in before if "'Document'" in key]
    assert (
        graph.connector.compatibility(graph.states[label][1], before[label])
        is Compatibility.COMPATIBLE
    )
    assert graph.nodes("Document", "filename", "title") == [("a.md", "A")]
    graph.write({"documents": {"a.md": ["A", "en"]}})
    assert graph.nodes("Document", "filename", "language") == [("a.md", "en")]
    assert graph.relationships("Document", "MENTION", "Entity", "r.weight") == [(1.0,)]


def test_a_changed_key_recreates_nodes_and_relationships(graph: Graph) -> None:
    knowledge(graph)
    (one,) = ids(1)
    graph.write({"documents": {"a.md": ["A", 1]}, "mentions": {one: ["a.md", "Engine", 1.0]}})
    graph.exports.clear()
    graph.export("documents", Nodes("Document"), export_schema({"number": int}, {"title": str}))
    by_number = Relationships(
        "MENTION", NodeFromFields("Document", [TargetFieldMapping("number")]), MENTION.target
    )
    mentions = export_schema({"id": uuid.UUID}, {"number": int, "entity": str})
    graph.export("mentions", by_number, mentions).set_up()
    assert graph.backend.look("MATCH (n) RETURN count(*)") == [[0]]
    graph.write({"documents": {5: ["Five"]}, "mentions": {one: [5, "Chunk"]}})
    assert graph.relationships("Document", "MENTION", "Entity", "s.number", "t.value") == [
        (5, "Chunk")
    ]
