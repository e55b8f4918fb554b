"""Flows that write graphs, end to end: documents, what they mention, and what changes with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import targets
from coco_flow.auth import AuthEntryReference
from coco_flow.errors import DefinitionError
from tests.coco_flow.graph_targets.graphs import Backend, Graph
from tests.flow_parts import MemorySource, flow_state, rows_of

pytestmark = pytest.mark.slow


@dataclass
class Triple:
    """What a line such as "Engine cuts Chunk" says."""

    subject: str
    predicate: str
    object: str


@coco_flow.op.function()
def title(text: str) -> str:
    return text.split("\n", maxsplit=1)[0]


@coco_flow.op.function()
def triples(text: str) -> list[Triple]:
    return [Triple(*line.split(" ")) for line in text.split("\n")[1:]]


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def ends(source: str, target: str) -> tuple[targets.NodeFromFields, targets.NodeFromFields]:
    field = targets.TargetFieldMapping
    return (
        targets.NodeFromFields(label="Entity", fields=[field(source=source, target="value")]),
        targets.NodeFromFields(label="Entity", fields=[field(source=target, target="value")]),
    )


def docs_flow(
    backend: Backend,
    reference: AuthEntryReference[Any],
    *,
    declared: bool = True,
    mentions: bool = True,
    key: str = "filename",
) -> coco_flow.Flow:
    """The public example, with an extraction that needs no language model."""

    def definition(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["documents"] = builder.add_source(MemorySource(name="docs"))
        documents, related = scope.add_collector(), scope.add_collector()
        mentioned = scope.add_collector()
        with scope["documents"].row() as doc:
            doc["title"] = doc["content"].transform(title)
            documents.collect(filename=doc["filename"], title=doc["title"])
            doc["triples"] = doc["content"].transform(triples)
            with doc["triples"].row() as triple:
                related.collect(
                    id=coco_flow.GeneratedField.UUID,
                    subject=triple["subject"],
                    object=triple["object"],
                    predicate=triple["predicate"],
                )
                for entity in ("subject", "object"):
                    mentioned.collect(
                        id=coco_flow.GeneratedField.UUID,
                        entity=triple[entity],
                        filename=doc["filename"],
                        title=doc["title"],
                    )
        documents.export(
            "documents",
            backend.target(connection=reference, mapping=targets.Nodes(label="Document")),
            primary_key_fields=[key],
        )
        if declared:
            builder.declare(
                backend.declaration(
                    connection=reference, nodes_label="Entity", primary_key_fields=["value"]
                )
            )
        source, target = ends("subject", "object")
        related.export(
            "related",
            backend.target(
                connection=reference,
                mapping=targets.Relationships(rel_type="RELATED", source=source, target=target),
            ),
            primary_key_fields=["id"],
        )
        if not mentions:
            return
        document = targets.NodeFromFields("Document", [targets.TargetFieldMapping(key)])
        mentioned.export(
            "mentioned",
            backend.target(
                connection=reference,
                mapping=targets.Relationships(
                    rel_type="MENTION", source=document, target=ends("entity", "entity")[1]
                ),
            ),
            primary_key_fields=["id"],
        )

    return coco_flow.open_flow("DocsToGraph", definition)


@pytest.fixture
def look(backend: Backend) -> Graph:
    rows_of("docs").texts.clear()
    rows_of("docs")["a.md"] = "On engines\nEngine cuts Chunk\nEngine asks Model"
    rows_of("docs")["b.md"] = "On chunks\nChunk has Line"
    return Graph.on(backend)


def entities(graph: Graph) -> list[str]:
    return [value for (value,) in graph.nodes("Entity", "value")]


@pytest.mark.row("KG-5/KG-6 graph examples")
@pytest.mark.row("KG-7 graph increments")
@pytest.mark.row("KG-2 relationships")
def test_the_graph_follows_the_documents(look: Graph) -> None:
    flow = docs_flow(look.backend, look.reference)
    flow.setup()
    flow.update()
    assert look.nodes("Document", "filename", "title") == [
        ("a.md", "On engines"),
        ("b.md", "On chunks"),
    ]
    assert entities(look) == ["Chunk", "Engine", "Line", "Model"]
    related = ("s.value", "r.predicate", "t.value")
    assert look.relationships("Entity", "RELATED", "Entity", *related) == [
        ("Chunk", "has", "Line"),
        ("Engine", "asks", "Model"),
        ("Engine", "cuts", "Chunk"),
    ]
    mentioned = look.relationships("Document", "MENTION", "Entity", "s.filename", "r.id")
    assert [name for name, _ in mentioned] == ["a.md"] * 4 + ["b.md"] * 2

    rows_of("docs")["a.md"] = "On engines, again\nEngine cuts Chunk"
    flow.update()
    assert entities(look) == ["Chunk", "Engine", "Line"]
    assert look.nodes("Document", "filename", "title")[0] == ("a.md", "On engines, again")
    del rows_of("docs")["a.md"]
    flow.update()
    assert entities(look) == ["Chunk", "Line"]
    assert look.nodes("Document", "filename") == [("b.md",)]
    flow.drop()
    assert look.backend.look("MATCH (n) RETURN count(*)") == [[0]]


@pytest.mark.row("FD-5 declare")
def test_a_declared_label_is_part_of_the_plan_without_an_export(look: Graph) -> None:
    flow = docs_flow(look.backend, look.reference)
    assert "Entity" not in [export.name for export in flow.graph.exports]
    plan, up_to_date = coco_flow.make_setup_bundle([flow]).describe()
    assert not up_to_date
    (line,) = [line for line in plan.splitlines() if "Entity" in line]
    assert "[to create]" in line
    flow.setup()
    plan, up_to_date = coco_flow.make_setup_bundle([flow]).describe()
    assert up_to_date
    assert "Entity" in plan
    flow.drop()


@pytest.mark.row("KG-5 declaration")
def test_a_label_that_is_not_declared_stops_the_flow_when_it_is_built(look: Graph) -> None:
    flow = docs_flow(look.backend, look.reference, declared=False)
    with pytest.raises(DefinitionError, match="'RELATED' has nodes 'Entity' at its ends"):
        flow.setup()


def test_an_export_that_goes_takes_its_relationships_along(look: Graph) -> None:
    flow = docs_flow(look.backend, look.reference)
    flow.setup()
    flow.update()
    flow.close()
    flow = docs_flow(look.backend, look.reference, mentions=False)
    flow.setup()
    assert look.backend.look("MATCH ()-[r]->() RETURN count(r)") == [[3]]
    flow.update()
    assert entities(look) == ["Chunk", "Engine", "Line", "Model"]
    flow.drop()
    assert look.backend.look("MATCH (n) RETURN count(*)") == [[0]]


def test_another_key_makes_the_nodes_and_their_relationships_anew(look: Graph) -> None:
    flow = docs_flow(look.backend, look.reference)
    flow.setup()
    flow.update()
    flow.close()
    flow = docs_flow(look.backend, look.reference, key="title")
    flow.setup()
    assert look.backend.look("MATCH (n:Document) RETURN count(*)") == [[0]]
    flow.update()
    assert look.nodes("Document", "title", "filename") == [
        ("On chunks", "b.md"),
        ("On engines", "a.md"),
    ]
    assert look.backend.look("MATCH (:Document)-[r:MENTION]->() RETURN count(r)") == [[6]]
    assert entities(look) == ["Chunk", "Engine", "Line", "Model"]
    flow.drop()
    assert look.backend.look("MATCH (n) RETURN count(*)") == [[0]]
