"""Nodes and relationships in every graph database: the same mapping, rows and expectations."""

from __future__ import annotations

import random
import uuid
from typing import Any, Literal

import numpy as np
import pytest

from coco_flow.errors import RowFailed
from coco_flow.targets.graph import NodeFromFields, Nodes, Relationships, TargetFieldMapping
from coco_flow.types.annotations import Vector
from tests.coco_flow.graph_targets.graphs import Graph
from tests.coco_flow.graph_targets.knowledge import DOCUMENTS, MENTION, ids, knowledge
from tests.coco_flow.targets.rows import export_schema

pytestmark = pytest.mark.slow


@pytest.mark.row("KG-1 nodes")
def test_a_row_is_a_node_that_changes_and_goes_with_it(graph: Graph) -> None:
    graph.export("documents", Nodes(label="Document"), DOCUMENTS).set_up()
    graph.write({"documents": {"a.md": ["A", 1], "b.md": ["B", None]}})
    assert graph.nodes("Document", "filename", "title", "size") == [
        ("a.md", "A", 1),
        ("b.md", "B", None),
    ]
    graph.write({"documents": {"a.md": ["A2", None]}}, {"documents": ["b.md", "never.md"]})
    assert graph.nodes("Document", "filename", "title", "size") == [("a.md", "A2", None)]
    graph.write({}, {"documents": ["a.md"]})
    assert graph.nodes("Document", "filename") == []


@pytest.mark.row("KG-2/3/4 graph export")
@pytest.mark.row("KG-7 swap backend")
def test_the_same_mapping_makes_the_same_graph_in_every_backend(graph: Graph) -> None:
    knowledge(graph)
    one, two, three = ids(3)
    for _ in range(2):  # a write that is repeated changes nothing
        graph.write(
            {
                "documents": {"a.md": ["A", 1]},
                "mentions": {
                    one: ["a.md", "Engine", 0.5],
                    two: ["a.md", "Chunk", None],
                    three: ["b.md", "Chunk", 2.0],
                },
                "triples": {("Engine", "cuts", "Chunk"): ["a.md"]},
            }
        )
    assert graph.nodes("Document", "filename", "title") == [("a.md", "A"), ("b.md", None)]
    assert graph.nodes("Entity", "value") == [("Chunk",), ("Engine",)]
    assert graph.relationships(
        "Document", "MENTION", "Entity", "s.filename", "t.value", "r.weight"
    ) == [("a.md", "Chunk", None), ("a.md", "Engine", 0.5), ("b.md", "Chunk", 2.0)]
    assert graph.relationships(
        "Entity", "RELATED", "Entity", "s.value", "r.predicate", "t.value", "r.source"
    ) == [("Engine", "cuts", "Chunk", "a.md")]


@pytest.mark.row("KG-2 relationships")
@pytest.mark.row("KG-7 graph increments")
def test_a_node_goes_with_its_last_relationship_and_not_before(graph: Graph) -> None:
    knowledge(graph)
    one, two, three = ids(3)
    graph.write(
        {
            "mentions": {one: ["a.md", "Engine", None], two: ["a.md", "Chunk", None]},
            "triples": {("Engine", "cuts", "Chunk"): ["a.md"]},
        }
    )
    # The document loses one of its mentions; a triple still needs the entity.
    graph.write({}, {"mentions": [one]})
    assert graph.nodes("Entity", "value") == [("Chunk",), ("Engine",)]
    graph.write({}, {"triples": [("Engine", "cuts", "Chunk")]})
    assert graph.nodes("Entity", "value") == [("Chunk",)]
    graph.write({"mentions": {three: ["a.md", "Index", None]}}, {"mentions": [two]})
    assert graph.nodes("Entity", "value") == [("Index",)]
    assert graph.nodes("Document", "filename") == [("a.md",)]
    graph.write({}, {"mentions": [three]})
    assert graph.nodes("Entity", "value") == []
    assert graph.nodes("Document", "filename") == []


def test_a_relationship_that_moves_takes_its_old_end_along(graph: Graph) -> None:
    knowledge(graph)
    (one,) = ids(1)
    graph.write({"mentions": {one: ["a.md", "Engine", 1.0]}})
    graph.write({"mentions": {one: ["b.md", "Chunk", None]}})
    assert graph.nodes("Entity", "value") == [("Chunk",)]
    assert graph.nodes("Document", "filename") == [("b.md",)]
    assert graph.relationships("Document", "MENTION", "Entity", "s.filename", "r.weight") == [
        ("b.md", None)
    ]


def test_an_exported_node_stays_without_relationships(graph: Graph) -> None:
    knowledge(graph)
    (one,) = ids(1)
    graph.write(
        {"documents": {"a.md": ["A", 1]}, "mentions": {one: ["a.md", "Engine", None]}},
    )
    graph.write({}, {"mentions": [one]})
    assert graph.nodes("Document", "filename", "title") == [("a.md", "A")]
    assert graph.nodes("Entity", "value") == []


def test_a_deleted_node_that_a_relationship_needs_keeps_its_key_alone(graph: Graph) -> None:
    knowledge(graph)
    (one,) = ids(1)
    graph.write(
        {"documents": {"a.md": ["A", 1]}, "mentions": {one: ["a.md", "Engine", None]}},
    )
    graph.write({}, {"documents": ["a.md"]})
    assert graph.nodes("Document", "filename", "title", "size") == [("a.md", None, None)]
    graph.write({}, {"mentions": [one]})
    assert graph.nodes("Document", "filename") == []


def test_nodes_and_relationships_come_and_go_in_one_write(graph: Graph) -> None:
    knowledge(graph)
    one, two = ids(2)
    graph.write({"documents": {"a.md": ["A", 1]}, "mentions": {one: ["a.md", "Engine", None]}})
    graph.write(
        {"documents": {"b.md": ["B", 2]}, "mentions": {two: ["b.md", "Engine", None]}},
        {"documents": ["a.md"], "mentions": [one]},
    )
    assert graph.nodes("Document", "filename", "title") == [("b.md", "B")]
    assert graph.nodes("Entity", "value") == [("Engine",)]


@pytest.mark.row("KG-6 composite key")
def test_relationships_differ_by_the_third_part_of_the_key(graph: Graph) -> None:
    knowledge(graph)
    graph.write(
        {"triples": {("A", "is", "B"): ["x"], ("A", "has", "B"): ["y"], ("A", "is", "C"): ["z"]}}
    )
    found = ("s.value", "r.predicate", "t.value", "r.source")
    assert graph.relationships("Entity", "RELATED", "Entity", *found) == [
        ("A", "has", "B", "y"),
        ("A", "is", "B", "x"),
        ("A", "is", "C", "z"),
    ]
    graph.write({}, {"triples": [("A", "is", "B")]})
    assert graph.relationships("Entity", "RELATED", "Entity", *found) == [
        ("A", "has", "B", "y"),
        ("A", "is", "C", "z"),
    ]
    assert graph.nodes("Entity", "value") == [("A",), ("B",), ("C",)]


@pytest.mark.row("KG-6 composite key")
def test_nodes_with_a_key_of_two_parts_are_ends_too(graph: Graph) -> None:
    people = export_schema({"tenant": str, "number": int}, {"name": str})
    knows = export_schema({"id": int}, {"tenant": str, "from_number": int, "to_number": int})
    end = [TargetFieldMapping("tenant")]
    graph.export("people", Nodes("Person"), people)
    graph.export(
        "knows",
        Relationships(
            "KNOWS",
            NodeFromFields("Person", [*end, TargetFieldMapping("from_number", "number")]),
            NodeFromFields("Person", [*end, TargetFieldMapping("to_number", "number")]),
        ),
        knows,
    ).set_up()
    graph.write(
        {
            "people": {("t", 1): ["Ada"], ("u", 1): ["Bob"]},
            "knows": {7: ["t", 1, 2], 8: ["u", 1, 1]},
        }
    )
    assert graph.nodes("Person", "tenant", "number", "name") == [
        ("t", 1, "Ada"),
        ("t", 2, None),
        ("u", 1, "Bob"),
    ]
    assert graph.relationships("Person", "KNOWS", "Person", "r.id", "s.name", "t.name") == [
        (7, "Ada", None),
        (8, "Bob", "Bob"),
    ]
    graph.write({}, {"knows": [7, 8]})
    assert graph.nodes("Person", "tenant", "number") == [("t", 1), ("u", 1)]


def test_an_end_can_have_properties_besides_its_key(graph: Graph) -> None:
    cites = export_schema({"id": int}, {"source": str, "target": str, "target_title": str})
    graph.declare("Paper", "doi")
    graph.export(
        "cites",
        Relationships(
            "CITES",
            NodeFromFields("Paper", [TargetFieldMapping("source", "doi")]),
            NodeFromFields(
                "Paper",
                [TargetFieldMapping("target", "doi"), TargetFieldMapping("target_title", "title")],
            ),
        ),
        cites,
    ).set_up()
    graph.write({"cites": {1: ["a", "b", "On B"]}})
    assert graph.nodes("Paper", "doi", "title") == [("a", None), ("b", "On B")]


def test_names_and_texts_may_hold_anything(graph: Graph) -> None:
    nasty = "a\"b\\c'd`e\n\r\t{}$rows é 漢 😀 \u2028 \\u0041 -- // /* ;"
    schema = export_schema({"id": str}, {"text": str})
    link = export_schema({"id": str}, {"left": str, "right": str})
    graph.export("odd", Nodes("Odd label: ü"), schema)
    graph.export(
        "links",
        Relationships(
            "LINKS TO ü",
            NodeFromFields("Odd label: ü", [TargetFieldMapping("left", "id")]),
            NodeFromFields("Odd label: ü", [TargetFieldMapping("right", "id")]),
        ),
        link,
    ).set_up()
    graph.write({"odd": {nasty: [nasty]}, "links": {nasty: [nasty, ""]}})
    assert graph.nodes("Odd label: ü", "id", "text") == sorted(
        [(nasty, nasty), ("", None)], key=repr
    )
    graph.write({}, {"links": [nasty], "odd": [nasty]})
    assert graph.nodes("Odd label: ü", "id") == []


def test_a_relationship_without_an_end_is_an_error_and_writes_nothing(graph: Graph) -> None:
    schema = export_schema({"id": int}, {"filename": str | None, "entity": str | None})
    graph.declare("Document", "filename").declare("Entity", "value")
    graph.export("mentions", MENTION, schema).set_up()
    with pytest.raises(
        RowFailed, match="'MENTION' with the key 2 has no value for the key of its target, 'Entity'"
    ):
        graph.write({"mentions": {1: ["a.md", "Engine"], 2: ["a.md", None]}})
    assert graph.nodes("Document", "filename") == []
    graph.write({"mentions": {1: ["a.md", "Engine"]}})
    assert graph.nodes("Entity", "value") == [("Engine",)]


def test_vectors_are_lists_of_numbers(graph: Graph) -> None:
    schema = export_schema(
        {"id": int}, {"embedding": Vector[np.float32, Literal[3]], "loose": Vector[float]}
    )
    graph.export("points", Nodes("Point"), schema).set_up()
    vector = np.array([0.5, -1.0, 2.0], dtype=np.float32)
    graph.write({"points": {1: [vector, np.array([1.5])]}})
    ((embedding, loose),) = graph.nodes("Point", "embedding", "loose")
    assert (list(embedding), list(loose)) == ([0.5, -1.0, 2.0], [1.5])


class Oracle:
    """What the graph must hold, rebuilt from all rows that are there."""

    def __init__(self) -> None:
        self.documents: dict[str, list[Any]] = {}
        self.mentions: dict[uuid.UUID, list[Any]] = {}
        self.triples: dict[tuple[str, str, str], list[Any]] = {}

    def entities(self) -> list[tuple[Any, ...]]:
        used = {row[1] for row in self.mentions.values()}
        used |= {end for subject, _, object in self.triples for end in (subject, object)}
        return sorted(((each,) for each in used), key=repr)

    def nodes(self) -> list[tuple[Any, ...]]:
        found = {row[0]: (row[0], None, None) for row in self.mentions.values()}
        found |= {key: (key, *row) for key, row in self.documents.items()}
        return sorted(found.values(), key=repr)


def test_random_writes_give_the_graph_of_the_rows_that_are_there(graph: Graph) -> None:
    knowledge(graph)
    chance = random.Random(7)
    oracle = Oracle()
    numbers = ids(12)
    names, files = "ABCDE", ("a.md", "b.md", "c.md")
    for _ in range(30):
        documents: dict[Any, list[Any]] = {
            each: [each.upper(), chance.randrange(9)] for each in files
        }
        mentions: dict[Any, list[Any]] = {
            each: [chance.choice(files), chance.choice(names), 1.0] for each in numbers
        }
        triples: dict[Any, list[Any]] = {
            (chance.choice(names), chance.choice("xy"), chance.choice(names)): ["s"]
            for _ in range(4)
        }
        upserts: dict[str, Any] = {}
        deletes: dict[str, Any] = {}
        everything: dict[str, dict[Any, list[Any]]] = {
            "documents": documents, "mentions": mentions, "triples": triples
        }  # fmt: skip
        for name, rows in everything.items():
            held = getattr(oracle, name)
            keys = [key for key in rows if chance.random() < 0.3]
            gone = [key for key in held if key not in keys and chance.random() < 0.4]
            upserts[name] = {key: rows[key] for key in keys}
            deletes[name] = gone
            held.update(upserts[name])
            for key in gone:
                del held[key]
        graph.write(upserts, deletes)
        assert graph.nodes("Document", "filename", "title", "size") == oracle.nodes()
        assert graph.nodes("Entity", "value") == oracle.entities()
        # FalkorDB shows parallel relationships once, unless something of them is asked for.
        found = ("s.filename", "t.value", "r.weight")
        assert graph.relationships("Document", "MENTION", "Entity", *found) == (
            sorted((tuple(row) for row in oracle.mentions.values()), key=repr)
        )
        assert graph.relationships(
            "Entity", "RELATED", "Entity", "s.value", "r.predicate", "t.value"
        ) == sorted(oracle.triples, key=repr)
