"""What FalkorDB has of its own: indexes to search in, constraints, and a connection that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import pytest

from coco_core.errors import Unavailable
from coco_flow.auth import add_auth_entry
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.index import (
    FtsIndexDef,
    HnswVectorIndexMethod,
    VectorIndexDef,
)
from coco_flow.index import (
    VectorSimilarityMetric as Metric,
)
from coco_flow.ports import Compatibility
from coco_flow.targets import falkordb as falkordb_module
from coco_flow.targets.falkordb import FalkorDB, FalkorDBConnection, FalkorDBDeclaration
from coco_flow.targets.graph import NodeFromFields, Nodes, Relationships, TargetFieldMapping
from coco_flow.types.annotations import Vector
from tests.coco_flow.graph_targets.graphs import Backend, Graph
from tests.coco_flow.targets.rows import export_schema
from tests.graph_servers import cutting_proxy

VECTOR = Vector[np.float32, Literal[2]]
INDEXES = (
    "CALL db.indexes() YIELD label, types, options, entitytype "
    "RETURN label, types, options, entitytype"
)


@pytest.fixture
def graph(falkordb: Backend) -> Iterator[Graph]:
    made = Graph.on(falkordb)
    yield made
    made.drop()


def vector(*numbers: float) -> Any:
    return np.array(numbers, dtype=np.float32)


def near(*numbers: float) -> str:
    # A vector that was replaced or deleted takes a place among the nearest for a while.
    return (
        f"CALL db.idx.vector.queryNodes('Point', 'v', 10, vecf32({list(numbers)})) "
        "YIELD node, score RETURN node.id ORDER BY score LIMIT 1"
    )


def test_a_vector_index_answers(graph: Graph) -> None:
    index = VectorIndexDef(
        "v", Metric.COSINE_SIMILARITY, HnswVectorIndexMethod(m=8, ef_construction=64)
    )
    schema = export_schema({"id": int}, {"v": VECTOR}, vector_indexes=[index])
    graph.export("points", Nodes("Point"), schema).set_up()
    graph.write({"points": {1: [vector(1, 0)], 2: [vector(0, 1)]}})
    assert graph.backend.look(near(0.9, 0.1)) == [[1]]
    assert graph.backend.look(near(0.1, 0.9)) == [[2]]
    graph.write({"points": {1: [vector(0, -1)]}}, {"points": [2]})
    assert graph.backend.look(near(0.1, 0.9)) == [[1]]
    ((_, types, options, _),) = graph.backend.look(INDEXES)
    assert types["v"] == ["VECTOR"]
    assert (options["v"]["M"], options["v"]["efConstruction"]) == (8, 64)


def test_a_changed_index_is_made_anew_and_a_dropped_one_is_gone(graph: Graph) -> None:
    for metric, name in ((Metric.COSINE_SIMILARITY, "cosine"), (Metric.L2_DISTANCE, "euclidean")):
        index = VectorIndexDef("v", metric)
        schema = export_schema({"id": int}, {"v": VECTOR}, vector_indexes=[index])
        graph.export("points", Nodes("Point"), schema).set_up()
        ((_, _, options, _),) = graph.backend.look(INDEXES)
        assert options["v"]["similarityFunction"] == name
    graph.export("points", Nodes("Point"), export_schema({"id": int}, {"v": VECTOR})).set_up()
    ((_, types, _, _),) = graph.backend.look(INDEXES)
    assert dict(types) == {"id": ["RANGE"]}
    graph.drop()
    assert graph.backend.look(INDEXES) == []
    assert graph.backend.look("CALL db.constraints() YIELD label RETURN label") == []
    graph.exports = {}


def test_a_full_text_index_answers(graph: Graph) -> None:
    schema = export_schema(
        {"id": int}, {"text": str}, fts_indexes=[FtsIndexDef("text", {"language": "english"})]
    )
    graph.export("pages", Nodes("Page"), schema).set_up()
    graph.write({"pages": {1: ["retrying payments"], 2: ["parsing files"]}})
    found = "CALL db.idx.fulltext.queryNodes('Page', 'payment') YIELD node RETURN node.id"
    assert graph.backend.look(found) == [[1]]


def test_keys_are_unique_and_declared_labels_have_indexes_too(graph: Graph) -> None:
    index = VectorIndexDef("v", Metric.COSINE_SIMILARITY)
    link = export_schema({"id": int}, {"a": int, "b": int, "bv": VECTOR})
    graph.declare("Point", "id", vector_indexes=[index])
    graph.export(
        "links",
        Relationships(
            "LINK",
            NodeFromFields("Point", [TargetFieldMapping("a", "id")]),
            NodeFromFields("Point", [TargetFieldMapping("b", "id"), TargetFieldMapping("bv", "v")]),
        ),
        link,
    ).set_up()
    graph.write({"links": {1: [1, 2, vector(0, 1)], 2: [2, 3, vector(1, 0)]}})
    assert graph.backend.look(near(0.1, 0.9)) == [[2]]
    constraints = "CALL db.constraints() YIELD label, properties, entitytype, status RETURN *"
    found = sorted(
        (row[1], row[2], row[0], row[3])
        for row in graph.backend.look(
            constraints.replace("*", "entitytype, label, properties, status")
        )
    )
    assert found == [
        ("LINK", ["id"], "RELATIONSHIP", "OPERATIONAL"),
        ("Point", ["id"], "NODE", "OPERATIONAL"),
    ]


def test_a_key_that_is_not_unique_already_is_refused(graph: Graph) -> None:
    graph.backend.look("CREATE (:Point {id: 1}), (:Point {id: 1})")
    graph.export("points", Nodes("Point"), export_schema({"id": int}, {"n": int}))
    with pytest.raises(FlowError, match=r"cannot make the key id of 'Point' unique"):
        graph.set_up()
    graph.backend.look("MATCH (n) DELETE n")
    graph.set_up()


def test_another_type_of_a_property_is_exported_again(graph: Graph) -> None:
    before = export_schema({"id": int}, {"n": int})
    graph.export("points", Nodes("Point"), before).set_up()
    ((_, old),) = graph.states.values()
    graph.write({"points": {1: [5]}})
    graph.export("points", Nodes("Point"), export_schema({"id": int}, {"n": str})).set_up()
    ((_, new),) = graph.states.values()
    assert graph.connector.compatibility(new, old) is Compatibility.PARTIALLY_COMPATIBLE


def test_a_number_that_cannot_be_held_is_an_error(graph: Graph) -> None:
    graph.export("points", Nodes("Point"), export_schema({"id": int}, {"n": float})).set_up()
    with pytest.raises(FlowError, match="cannot hold the number nan"):
        graph.write({"points": {1: [float("nan")]}})


@pytest.mark.row("ERR-4 retryable set")
def test_a_connection_that_breaks_in_a_write_is_made_anew(falkordb: Backend) -> None:
    target = urlsplit(falkordb.connection.uri)
    assert target.port is not None
    with cutting_proxy(target.port) as proxy:
        uri = f"falkor://127.0.0.1:{proxy.port}"
        through = Backend(
            "falkordb",
            FalkorDB,
            FalkorDBDeclaration,
            FalkorDBConnection(uri, falkordb.connection.graph),
            falkordb.look,
        )
        graph = Graph.on(through)
        graph.export("points", Nodes("Point"), export_schema({"id": int}, {"n": str})).set_up()
        for round in range(5):
            proxy.cut_after(400)
            graph.write({"points": {number: ["x" * 100] for number in range(round * 10)}})
        assert proxy.cuts >= 4
        assert len(graph.nodes("Point", "id")) == 40
        graph.drop()


def test_errors_name_the_address_and_the_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(falkordb_module, "_ATTEMPTS", 1)
    with pytest.raises(Unavailable, match=r"No FalkorDB server answers at falkor://127.0.0.1:1:"):
        falkordb_module.FalkorDBStore(FalkorDBConnection("falkor://127.0.0.1:1"))
    reference = add_auth_entry("not falkordb", "text")
    graph = Graph(Backend("f", FalkorDB, FalkorDBDeclaration, "text", lambda _: []), reference)
    graph.export("points", Nodes("Point"), export_schema({"id": int}, {"n": int}))
    with pytest.raises(DefinitionError, match="The auth entry of a FalkorDB target is a str"):
        graph.set_up()
