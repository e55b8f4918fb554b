"""What Neo4j's target has of its own, by Bolt against ArcadeDB, which knows no vector index."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import pytest

from coco_core.errors import Unauthorized, Unavailable
from coco_flow.auth import add_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.index import (
    HnswVectorIndexMethod,
    VectorIndexDef,
)
from coco_flow.index import (
    VectorSimilarityMetric as Metric,
)
from coco_flow.targets import neo4j as neo4j_module
from coco_flow.targets.graph import NodeFromFields, Nodes, Relationships, TargetFieldMapping
from coco_flow.targets.neo4j import Neo4j, Neo4jConnection, Neo4jDeclaration, Neo4jSetup
from coco_flow.types.annotations import Vector
from tests.coco_flow.graph_targets.graphs import Backend, Graph
from tests.coco_flow.targets.rows import export_schema
from tests.graph_servers import (
    ARCADEDB_DATABASE,
    ARCADEDB_PASSWORD,
    ARCADEDB_USER,
    cutting_proxy,
)

VECTOR = Vector[np.float32, Literal[2]]
TAGS = Relationships(
    "TAGGED",
    NodeFromFields("Page", [TargetFieldMapping("page", "id")]),
    NodeFromFields("Tag", [TargetFieldMapping("tag", "name")]),
)
TAG_SCHEMA = export_schema({"page": int, "tag": str}, {"weight": float})


@pytest.fixture
def graph(neo4j: Backend) -> Iterator[Graph]:
    made = Graph.on(neo4j)
    yield made
    made.drop()


def tagged(graph: Graph) -> Graph:
    graph.export("pages", Nodes("Page"), export_schema({"id": int}, {"title": str}))
    graph.declare("Tag", "name")
    graph.export("tags", TAGS, TAG_SCHEMA)
    return graph


def constraints(graph: Graph) -> list[tuple[Any, ...]]:
    found = graph.backend.look("SHOW CONSTRAINTS")
    return sorted((row[1], row[3], *row[5]) for row in found)


@pytest.mark.row("KG-6 composite key")
def test_keys_are_unique_in_the_database(graph: Graph) -> None:
    tagged(graph).set_up()
    assert constraints(graph) == [
        ("coco_node_Page_key", "NODE", "id"),
        ("coco_node_Tag_key", "NODE", "name"),
        ("coco_relationship_TAGGED_key", "RELATIONSHIP", "page", "tag"),
    ]
    graph.set_up()
    graph.drop()
    assert constraints(graph) == []


class Recorder:
    """Keeps the statements of a set-up, for a database that cannot be had here."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def run(self, text: str) -> Sequence[Sequence[Any]]:
        self.texts.append(text)
        return []

    def write(self, job: Any) -> None:
        raise AssertionError("a set-up writes no rows")

    def close(self) -> None:
        pass


def test_vector_indexes_are_asked_for_as_neo4j_documents_it(neo4j: Backend) -> None:
    graph = Graph.on(neo4j)
    index = VectorIndexDef("v", Metric.L2_DISTANCE, HnswVectorIndexMethod(m=8, ef_construction=64))
    schema = export_schema({"id": int}, {"v": VECTOR}, vector_indexes=[index])
    graph.export("points", Nodes("Point"), schema)
    (bound,), _ = graph.connector.bind(list(graph.exports.values()), ())
    state = graph.connector.setup_state(bound, schema)
    recorder = Recorder()
    Neo4jSetup().create_nodes(recorder, state, [])
    Neo4jSetup().create_nodes(recorder, {**state, "vector_indexes": []}, [state])
    assert recorder.texts[1] == (
        "CREATE VECTOR INDEX `coco_node_Point_v_vector` IF NOT EXISTS FOR (e:`Point`) ON (e.`v`) "
        "OPTIONS {indexConfig: {`vector.dimensions`: 2, `vector.similarity_function`: 'euclidean', "
        "`vector.hnsw.m`: 8, `vector.hnsw.ef_construction`: 64}}"
    )
    assert recorder.texts[-1] == "DROP INDEX `coco_node_Point_v_vector` IF EXISTS"


@pytest.mark.row("ERR-4 retryable set")
def test_a_connection_that_breaks_in_a_write_is_made_anew(neo4j: Backend) -> None:
    port = urlsplit(neo4j.connection.uri).port
    assert port is not None
    with cutting_proxy(port) as proxy:
        connection = Neo4jConnection(
            f"bolt://127.0.0.1:{proxy.port}", ARCADEDB_USER, ARCADEDB_PASSWORD, ARCADEDB_DATABASE
        )
        graph = tagged(Graph.on(Backend("n", Neo4j, Neo4jDeclaration, connection, neo4j.look)))
        graph.set_up()
        for round in range(1, 4):
            proxy.cut_after(600)
            graph.write({"tags": {(page, "t"): [float(round)] for page in range(round * 5)}})
        assert proxy.cuts >= 2
        found = graph.relationships("Page", "TAGGED", "Tag", "s.id", "r.weight")
        assert found == sorted([(page, 3.0) for page in range(15)], key=repr)
        graph.drop()


@pytest.mark.row("ERR-4 retryable set")
def test_writers_that_get_in_each_others_way_all_succeed(neo4j: Backend) -> None:
    first = tagged(Graph.on(neo4j)).set_up()
    # Each with a driver of its own, as in several processes.
    writers = [first, *(tagged(Graph.on(neo4j)).set_up() for _ in range(3))]
    failures: list[BaseException] = []

    def run(writer: Graph, pages: range) -> None:
        try:
            for round in range(8):
                writer.write({"tags": {(page, "shared"): [float(round)] for page in pages}})
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [
        threading.Thread(target=run, args=(writer, range(number * 5, number * 5 + 5)))
        for number, writer in enumerate(writers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = first.relationships("Page", "TAGGED", "Tag", "s.id", "r.weight")
    assert found == sorted([(page, 7.0) for page in range(20)], key=repr)
    assert first.nodes("Tag", "name") == [("shared",)]
    for writer in writers[1:]:
        writer.close()
    first.drop()


def test_errors_name_the_address_and_the_entry(
    bolt_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_module, "_RETRY_SECONDS", 0.0)
    nowhere = neo4j_module.Neo4jStore(Neo4jConnection("bolt://127.0.0.1:1", "u", "p"))
    with pytest.raises(Unavailable, match=r"No Neo4j database answers at bolt://127.0.0.1:1:"):
        nowhere.run("RETURN 1")
    nowhere.close()
    stranger = neo4j_module.Neo4jStore(Neo4jConnection(bolt_uri, ARCADEDB_USER, "wrong"))
    with pytest.raises(Unauthorized, match=r"refuses the user"):
        stranger.run("RETURN 1")
    stranger.close()
    reference = add_auth_entry("not neo4j", 5)
    graph = tagged(Graph(Backend("n", Neo4j, Neo4jDeclaration, 5, lambda _: []), reference))
    with pytest.raises(DefinitionError, match="The auth entry of a Neo4j target is a int"):
        graph.set_up()
