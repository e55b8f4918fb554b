"""Set-up of the Postgres target's tables: names, columns, changes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coco_flow.errors import DefinitionError, FlowConflict
from coco_flow.index import VectorIndexDef
from coco_flow.index import VectorSimilarityMetric as Metric
from coco_flow.ports import Compatibility
from coco_flow.targets import Postgres, PostgresColumnOptions
from tests.coco_flow.targets.postgres.tables import DATABASE, columns, indexes
from tests.coco_flow.targets.rows import (
    ALL_TYPES,
    Embedding,
    Target,
    export_schema,
    interrupted_set_ups,
)


@pytest.mark.row("VP-4 table naming")
def test_the_default_table_is_named_after_flow_and_target(database: Any) -> None:
    connector = Target(Postgres(database), export_schema({"n": int}, {})).connector
    key = connector.persistent_key(Postgres(database), "doc_embeddings", "DemoFlow", "")
    assert key == {"database": DATABASE, "schema": None, "table_name": "demoflow__doc_embeddings"}
    spaced = connector.persistent_key(Postgres(database), "docs", "Demo", "Staging")
    assert spaced["table_name"] == "staging__demo__docs"


@pytest.mark.row("VP-4 schema without table")
def test_a_schema_needs_a_table_name(database: Any) -> None:
    with pytest.raises(DefinitionError, match="needs a table_name"):
        Target(Postgres(database, schema="other"), export_schema({"n": int}, {}))


@pytest.mark.parametrize("spec", [Postgres(table_name="a; b"), Postgres(None, "t", 'a"b')])
def test_names_that_are_no_identifiers_are_refused(spec: Postgres) -> None:
    with pytest.raises(DefinitionError, match="is not a name"):
        Target(spec, export_schema({"n": int}, {}))


def test_a_schema_is_created(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "Docs", "Side"), export_schema({"n": int}, {"text": str}))
    target.set_up()
    target.write([((1,), ["x"])])
    assert connection.execute('SELECT * FROM "Side".docs').fetchall() == [(1, "x")]
    target.drop()
    assert columns(connection, '"Side".docs') == {}


@pytest.mark.row("VP-4 vector column")
def test_each_type_has_its_column(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "typed"), export_schema({"n": int}, ALL_TYPES))
    target.set_up()
    assert columns(connection, "typed") == {
        "n": "bigint",
        "text": "text",
        "number": "bigint",
        "single": "real",
        "double": "double precision",
        "flag": "boolean",
        "raw": "bytea",
        "id": "uuid",
        "day": "date",
        "clock": "time without time zone",
        "local": "timestamp without time zone",
        "moment": "timestamp with time zone",
        "span": "interval",
        "place": "int8range",
        "extra": "jsonb",
        "embedding": "vector(3)",
        "loose": "jsonb",
        "part": "jsonb",
        "parts": "jsonb",
        "keyed": "jsonb",
        "mixed": "jsonb",
    }


def test_column_options_are_checked(database: Any) -> None:
    schema = export_schema({"n": int}, {"text": str})
    for name, message in (("other", "not exported: other"), ("text", "is for vectors")):
        spec = Postgres(database, "t", column_options={name: PostgresColumnOptions("vector")})
        with pytest.raises(DefinitionError, match=message):
            Target(spec, schema).set_up()


def test_a_column_is_added_and_removed_without_loss(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "grown"), export_schema({"n": int}, {"a": str, "b": str}))
    target.set_up()
    target.write([((1,), ["x", "y"])])
    wider = export_schema({"n": int}, {"a": str, "b": str, "c": float})
    assert target.set_up(schema=wider) is Compatibility.COMPATIBLE
    assert connection.execute("SELECT n, a, b, c FROM grown").fetchall() == [(1, "x", "y", None)]
    narrower = export_schema({"n": int}, {"c": float, "a": str})
    assert target.set_up(schema=narrower) is Compatibility.COMPATIBLE
    assert connection.execute("SELECT * FROM grown").fetchall() == [(1, "x", None)]
    target.write([((2,), [0.5, "z"])])
    assert connection.execute("SELECT n, a, c FROM grown WHERE n = 2").fetchall() == [(2, "z", 0.5)]


def test_a_changed_type_loses_that_column_only(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "retyped"), export_schema({"n": int}, {"a": str, "b": int}))
    target.set_up()
    target.write([((1,), ["x", 7])])
    schema = export_schema({"n": int}, {"a": int, "b": float})
    assert target.set_up(schema=schema) is Compatibility.PARTIALLY_COMPATIBLE
    assert columns(connection, "retyped") == {"n": "bigint", "a": "bigint", "b": "double precision"}
    assert connection.execute("SELECT n, a, b FROM retyped").fetchall() == [(1, None, 7.0)]


@pytest.mark.row("CT-4 not compatible")
def test_a_changed_key_recreates_the_table(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "rekeyed"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    target.write([((1,), ["x"])])
    schema = export_schema({"n": str}, {"a": str})
    assert target.set_up(schema=schema) is Compatibility.NOT_COMPATIBLE
    assert connection.execute("SELECT * FROM rekeyed").fetchall() == []
    target.write([(("1",), ["x"])])


@pytest.mark.row("CT-5 idempotent setup")
def test_set_up_can_be_repeated_from_any_point(database: Any, connection: Any) -> None:
    first = Target(Postgres(database, "again"), export_schema({"n": int}, {"a": str}))
    index = VectorIndexDef("embedding", Metric.L2_DISTANCE)
    second = Target(
        Postgres(database, "again"),
        export_schema({"n": int}, {"a": int, "embedding": Embedding}, vector_indexes=[index]),
    )
    connector, key = first.connector, first.key
    old = connector.setup_state(first.spec, first.schema)
    new = connector.setup_state(second.spec, second.schema)
    for _ in interrupted_set_ups(connector, key, old, new):
        assert columns(connection, "again") == {
            "n": "bigint",
            "a": "bigint",
            "embedding": "vector(3)",
        }
        assert "again__embedding__vector_l2_ops" in indexes(connection, "again")
    assert columns(connection, "again") == {}


def test_an_existing_table_is_adopted_only_if_it_fits(database: Any, connection: Any) -> None:
    connection.execute("CREATE TABLE strange (n bigint PRIMARY KEY, a text, other text)")
    connection.execute("INSERT INTO strange VALUES (5, 'x', 'y')")
    schema = export_schema({"n": int}, {"a": str, "b": str})
    Target(Postgres(database, "strange"), schema).set_up()
    assert connection.execute("SELECT n, a, b, other FROM strange").fetchall() == [
        (5, "x", None, "y")
    ]
    for changed in (export_schema({"n": int}, {"a": int}), export_schema({"n": str}, {"a": str})):
        with pytest.raises(FlowConflict, match="has not made"):
            Target(Postgres(database, "strange"), changed).set_up()
    assert connection.execute("SELECT count(*) FROM strange").fetchone() == (1,)


@pytest.mark.row("CT-6 describe")
def test_describe_names_table_and_database_but_no_secret(database: Any, url: str) -> None:
    target = Target(Postgres(database, "t", "s"), export_schema({"n": int}, {}))
    assert target.connector.describe(target.key) == f"Postgres table s.t (database {DATABASE})"
    stored = (target.key, target.connector.setup_state(target.spec, target.schema))
    assert url.rpartition("@")[0] not in str(stored)
    assert json.loads(json.dumps(stored[1])) == stored[1]
