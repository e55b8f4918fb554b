"""Vector and full-text indexes of the Postgres target, on a real PostgreSQL with pgvector."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from coco_flow.errors import DefinitionError
from coco_flow.index import (
    FtsIndexDef,
    HnswVectorIndexMethod,
    IvfFlatVectorIndexMethod,
    VectorIndexDef,
)
from coco_flow.index import VectorSimilarityMetric as Metric
from coco_flow.ports import Compatibility
from coco_flow.targets import Postgres, PostgresColumnOptions
from coco_flow.types.annotations import Vector
from tests.coco_flow.targets.postgres.tables import columns, indexes
from tests.coco_flow.targets.rows import Embedding, Target, export_schema

VECTORS = {"right": (1.0, 0.0, 0.0), "long": (3.0, 3.0, 0.0), "up": (0.0, 1.0, 0.0)}


@pytest.mark.row("VP-4 halfvec")
def test_half_precision_is_stored_and_searched(database: Any, connection: Any) -> None:
    spec = Postgres(
        database, "halves", column_options={"embedding": PostgresColumnOptions("halfvec")}
    )
    index = VectorIndexDef("embedding", Metric.COSINE_SIMILARITY)
    target = Target(
        spec, export_schema({"n": str}, {"embedding": Embedding}, vector_indexes=[index])
    )
    target.set_up()
    target.write([((name,), [np.array(vector)]) for name, vector in VECTORS.items()])
    assert columns(connection, "halves")["embedding"] == "halfvec(3)"
    assert (
        "halfvec_cosine_ops"
        in indexes(connection, "halves")["halves__embedding__halfvec_cosine_ops"]
    )
    rows = connection.execute("SELECT n FROM halves ORDER BY embedding <=> '[1,0.1,0]'").fetchall()
    assert [row[0] for row in rows] == ["right", "long", "up"]


@pytest.mark.row("VP-1 metrics")
@pytest.mark.row("ST-3 index at setup")
@pytest.mark.parametrize(
    ("metric", "operator", "order"),
    [
        (Metric.COSINE_SIMILARITY, "<=>", ["right", "long", "up"]),
        (Metric.L2_DISTANCE, "<->", ["right", "up", "long"]),
        (Metric.INNER_PRODUCT, "<#>", ["long", "right", "up"]),
    ],
)
def test_hits_come_in_the_order_of_the_metric(
    database: Any, connection: Any, metric: Metric, operator: str, order: list[str]
) -> None:
    name = f"metric_{metric.name.lower()}"
    schema = export_schema(
        {"name": str},
        {"embedding": Embedding},
        vector_indexes=[VectorIndexDef("embedding", metric)],
    )
    target = Target(Postgres(database, name), schema)
    target.set_up()
    assert len(indexes(connection, name)) == 2
    target.write([((key,), [np.array(vector)]) for key, vector in VECTORS.items()])
    with connection.transaction():
        # With three rows the planner would rather look at all of them.
        connection.execute("SET LOCAL enable_seqscan = off")
        query = f"SELECT name FROM {name} ORDER BY embedding {operator} '[1,0.1,0]'"
        plan = connection.execute(f"EXPLAIN {query}").fetchall()
        assert "Index Scan" in str(plan)
        assert [row[0] for row in connection.execute(query).fetchall()] == order


@pytest.mark.row("VP-2 HNSW options")
def test_the_options_of_hnsw_reach_the_index(database: Any, connection: Any) -> None:
    definitions = {}
    for name, method in {
        "hnsw_none": None,
        "hnsw_default": HnswVectorIndexMethod(),
        "hnsw_m": HnswVectorIndexMethod(m=8),
        "hnsw_both": HnswVectorIndexMethod(m=8, ef_construction=80),
    }.items():
        index = VectorIndexDef("embedding", Metric.L2_DISTANCE, method)
        schema = export_schema({"n": int}, {"embedding": Embedding}, vector_indexes=[index])
        Target(Postgres(database, name), schema).set_up()
        [definitions[name]] = [
            text for text in indexes(connection, name).values() if "USING hnsw" in text
        ]
    assert "WITH" not in definitions["hnsw_none"] + definitions["hnsw_default"]
    assert "WITH (m='8')" in definitions["hnsw_m"]
    assert "WITH (m='8', ef_construction='80')" in definitions["hnsw_both"]


@pytest.mark.row("VP-3 IVFFlat")
def test_ivfflat_is_made_with_its_lists(database: Any, connection: Any) -> None:
    index = VectorIndexDef("embedding", Metric.L2_DISTANCE, IvfFlatVectorIndexMethod(lists=7))
    schema = export_schema({"n": int}, {"embedding": Embedding}, vector_indexes=[index])
    Target(Postgres(database, "ivf"), schema).set_up()
    [definition] = [d for d in indexes(connection, "ivf").values() if "ivfflat" in d]
    assert "WITH (lists='7')" in definition


def test_an_index_that_cannot_be_is_refused_when_the_flow_is_defined(database: Any) -> None:
    for annotation, message in (
        (str, "no vector of numbers"),
        (Vector[float], "no vector of numbers"),
        (Vector[np.float32, Literal[3000]], "at most 2000"),
    ):
        index = VectorIndexDef("embedding", Metric.L2_DISTANCE)
        schema = export_schema({"n": int}, {"embedding": annotation}, vector_indexes=[index])
        with pytest.raises(DefinitionError, match=message):
            Target(Postgres(database, "t"), schema).set_up()
    for index, message in (
        (FtsIndexDef("missing"), "not exported"),
        (FtsIndexDef("n"), "no text"),
        (FtsIndexDef("text", {"stemming": True}), "does not know: stemming"),
    ):
        schema = export_schema({"n": int}, {"text": str}, fts_indexes=[index])
        with pytest.raises(DefinitionError, match=message):
            Target(Postgres(database, "t"), schema).set_up()


def test_full_text_is_searched_by_an_index(database: Any, connection: Any) -> None:
    schema = export_schema(
        {"n": int}, {"text": str}, fts_indexes=[FtsIndexDef("text", {"language": "english"})]
    )
    target = Target(Postgres(database, "searched"), schema)
    target.set_up()
    target.write([((1,), ["cats running"]), ((2,), ["a dog"]), ((3,), [None])])
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        query = (
            "SELECT n FROM searched WHERE to_tsvector('english'::regconfig, text) @@ "
            "to_tsquery('english', 'run')"
        )
        assert "searched__text__fts" in str(connection.execute(f"EXPLAIN {query}").fetchall())
        assert connection.execute(query).fetchall() == [(1,)]


def test_a_vector_becomes_a_half_vector_in_place(database: Any, connection: Any) -> None:
    index = VectorIndexDef("embedding", Metric.COSINE_SIMILARITY)
    schema = export_schema({"n": int}, {"embedding": Embedding}, vector_indexes=[index])
    target = Target(Postgres(database, "halved"), schema)
    target.set_up()
    target.write([((1,), [np.array([1.0, 2.0, 3.0])])])
    options = {"embedding": PostgresColumnOptions("halfvec")}
    target.set_up(Postgres(database, "halved", column_options=options))
    assert connection.execute("SELECT embedding::text FROM halved").fetchone() == ("[1,2,3]",)
    assert set(indexes(connection, "halved")) == {
        "halved_pkey",
        "halved__embedding__halfvec_cosine_ops",
    }


def test_changed_options_of_an_index_recreate_it(database: Any, connection: Any) -> None:
    def schema(*definitions: VectorIndexDef) -> Any:
        return export_schema({"n": int}, {"embedding": Embedding}, vector_indexes=definitions)

    def defined(m: int) -> VectorIndexDef:
        return VectorIndexDef("embedding", Metric.L2_DISTANCE, HnswVectorIndexMethod(m=m))

    target = Target(Postgres(database, "reindexed"), schema(defined(8)))
    target.set_up()
    assert target.set_up(schema=schema(defined(9))) is Compatibility.COMPATIBLE
    assert "m='9'" in str(indexes(connection, "reindexed"))
    target.set_up(schema=schema())
    assert set(indexes(connection, "reindexed")) == {"reindexed_pkey"}
