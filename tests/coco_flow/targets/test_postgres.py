"""The Postgres target against a real PostgreSQL with pgvector."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import psycopg
import pytest

from coco_flow.auth import AuthEntryReference, add_auth_entry
from coco_flow.errors import DefinitionError, FlowConflict, FlowError
from coco_flow.index import (
    FtsIndexDef,
    HnswVectorIndexMethod,
    IvfFlatVectorIndexMethod,
    VectorIndexDef,
)
from coco_flow.index import (
    VectorSimilarityMetric as Metric,
)
from coco_flow.ports import Compatibility, SetupChange, TargetBatch
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.targets import Postgres, PostgresColumnOptions, PostgresSqlCommand
from coco_flow.targets import postgres as postgres_module
from coco_flow.targets.json_value import json_encoder
from coco_flow.types.annotations import Json, Range, Vector
from tests.coco_flow.targets.rows import (
    ALL_TYPES,
    Embedding,
    Part,
    Target,
    apply_to_oracle,
    export_schema,
    field,
    random_batches,
    write_from_threads,
)
from tests.postgres_server import running_postgres

DATABASE = "flow_targets"
VECTORS = {"right": (1.0, 0.0, 0.0), "long": (3.0, 3.0, 0.0), "up": (0.0, 1.0, 0.0)}


@pytest.fixture(scope="module")
def url() -> str:
    return running_postgres().create_database(DATABASE)


@pytest.fixture(scope="module")
def database(url: str) -> AuthEntryReference[DatabaseConnectionSpec]:
    return add_auth_entry(DATABASE, DatabaseConnectionSpec(url, min_connections=1))


@pytest.fixture
def connection(url: str) -> Iterator[Any]:
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


def columns(connection: Any, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [table],
        ).fetchall()
    )


def indexes(connection: Any, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table]
        ).fetchall()
    )


def as_stored(name: str, value: Any) -> Any:
    """What reading a column of `ALL_TYPES` must give for an engine value."""
    if value is None:
        return None
    if name == "single":
        return np.float32(value)
    if name == "embedding":
        return [np.float32(each) for each in value]
    if name == "place":
        return psycopg.types.range.Range(*value)
    if name in ("loose", "part", "parts", "keyed", "mixed"):
        encoder = json_encoder(field(name, ALL_TYPES[name]).value_type.type)
        assert encoder is not None
        return encoder(value)
    return value


def as_read(name: str, value: Any) -> Any:
    if value is not None and name == "embedding":
        return [np.float32(each) for each in value.strip("[]").split(",")]
    return np.float32(value) if value is not None and name == "single" else value


def as_key(part: Any) -> Any:
    return part if isinstance(part, int | str) else (part.lower, part.upper)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("key", [{"n": int}, {"filename": str, "location": Range}])
def test_random_batches_written_twice_equal_a_dict(
    database: Any, connection: Any, key: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    target = Target(Postgres(database, f"oracle_{len(key)}_{seed}"), export_schema(key, ALL_TYPES))
    target.set_up()
    keys: list[Any] = [(i,) for i in range(40)]
    if len(key) == 2:
        keys = [(f"f{i % 7}", (i, i + 2)) for i in range(40)]
    oracle: dict[Any, Any] = {}
    for upserts, deletes in random_batches(rng, keys, list(ALL_TYPES), 12):
        target.write(upserts, deletes)
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
    rows = connection.execute(f"SELECT * FROM oracle_{len(key)}_{seed}").fetchall()
    found = {
        tuple(as_key(part) for part in row[: len(key)]): [
            as_read(name, value) for name, value in zip(ALL_TYPES, row[len(key) :], strict=True)
        ]
        for row in rows
    }
    assert found == {
        key: [as_stored(name, value) for name, value in zip(ALL_TYPES, row, strict=True)]
        for key, row in oracle.items()
    }
    target.drop()


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


@pytest.mark.row("VP-4 NUL removal")
def test_nul_is_removed_from_text_and_json(database: Any, connection: Any) -> None:
    schema = export_schema({"name": str}, {"text": str, "extra": Json, "part": Part})
    target = Target(Postgres(database, "nul"), schema)
    target.set_up()
    value = {"a\0": "b\0c", "d": "\\u0000", "e": float("nan")}
    target.write([(("k\0",), ["a\0b", value, ["x\0", 1]])])
    target.write(deletes=[("absent\0",)])
    assert connection.execute("SELECT * FROM nul").fetchall() == [
        ("k", "ab", {"a": "bc", "d": "\\u0000", "e": None}, {"name": "x", "size": 1})
    ]
    target.write(deletes=[("k\0",)])
    assert connection.execute("SELECT * FROM nul").fetchall() == []


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


def test_column_options_are_checked(database: Any) -> None:
    schema = export_schema({"n": int}, {"text": str})
    for name, message in (("other", "not exported: other"), ("text", "is for vectors")):
        spec = Postgres(database, "t", column_options={name: PostgresColumnOptions("vector")})
        with pytest.raises(DefinitionError, match=message):
            Target(spec, schema).set_up()


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


@pytest.mark.row("VP-5 SQL command")
@pytest.mark.row("ST-4 attachment lifecycle")
def test_an_attachment_runs_once_and_its_saved_tear_down_at_removal(
    database: Any, connection: Any
) -> None:
    connection.execute("CREATE TABLE journal (entry text)")

    def command(entry: str) -> PostgresSqlCommand:
        return PostgresSqlCommand(
            name="index",
            setup_sql=f"INSERT INTO journal VALUES ('up {entry}'); "
            "CREATE INDEX IF NOT EXISTS noted_text ON noted (text)",
            teardown_sql=f"INSERT INTO journal VALUES ('down {entry}'); "
            "DROP INDEX IF EXISTS noted_text",
        )

    def journal() -> list[str]:
        return [row[0] for row in connection.execute("SELECT entry FROM journal").fetchall()]

    def schema(*attachments: PostgresSqlCommand) -> Any:
        return export_schema({"n": int}, {"text": str}, attachments=attachments)

    target = Target(Postgres(database, "noted"), schema(command("1")))
    target.set_up()
    target.set_up()
    assert journal() == ["up 1"]
    assert "noted_text" in indexes(connection, "noted")
    assert target.set_up(schema=schema(command("2"))) is Compatibility.COMPATIBLE
    assert journal() == ["up 1", "up 2"]
    target.set_up(schema=schema())
    assert journal() == ["up 1", "up 2", "down 2"]
    assert "noted_text" not in indexes(connection, "noted")
    target.set_up(schema=schema(command("3")))
    target.drop()
    assert journal() == ["up 1", "up 2", "down 2", "up 3", "down 3"]


def test_a_table_made_anew_gets_its_attachments_again(database: Any, connection: Any) -> None:
    command = PostgresSqlCommand(
        "view", "CREATE OR REPLACE VIEW seen AS SELECT * FROM base", "DROP VIEW IF EXISTS seen"
    )
    target = Target(
        Postgres(database, "base"), export_schema({"n": int}, {"a": str}, attachments=[command])
    )
    target.set_up()
    changed = export_schema({"m": str}, {"a": str}, attachments=[command])
    assert target.set_up(schema=changed) is Compatibility.NOT_COMPATIBLE
    assert set(columns(connection, "seen")) == {"m", "a"}
    connection.execute("DROP TABLE base CASCADE")
    target.set_up()
    assert set(columns(connection, "seen")) == {"m", "a"}


def test_a_failing_attachment_says_which_target(database: Any) -> None:
    command = PostgresSqlCommand("bad", "SELECT * FROM nowhere")
    schema = export_schema({"n": int}, {}, attachments=[command])
    with pytest.raises(FlowError, match=r"Postgres table failing .*nowhere"):
        Target(Postgres(database, "failing"), schema).set_up()


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


@pytest.mark.row("CT-4 not compatible")
def test_a_changed_key_makes_the_table_anew(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "rekeyed"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    target.write([((1,), ["x"])])
    schema = export_schema({"n": str}, {"a": str})
    assert target.set_up(schema=schema) is Compatibility.NOT_COMPATIBLE
    assert connection.execute("SELECT * FROM rekeyed").fetchall() == []
    target.write([(("1",), ["x"])])


def test_changed_options_of_an_index_make_it_anew(database: Any, connection: Any) -> None:
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
    possible: list[tuple[Any, ...]] = [(None,), (None, new), (old,), (old, new), (old, new, None)]
    for before in (None, old, new):
        for previous in possible:
            connector.apply_setup([SetupChange(key, (None, old, new), None)])
            if before is not None:
                connector.apply_setup([SetupChange(key, (), before)])
            if before is not None and before not in previous:
                continue
            for _ in range(2):
                connector.apply_setup([SetupChange(key, previous, new)])
                assert columns(connection, "again") == {
                    "n": "bigint",
                    "a": "bigint",
                    "embedding": "vector(3)",
                }
                assert "again__embedding__vector_l2_ops" in indexes(connection, "again")
    for _ in range(2):
        connector.apply_setup([SetupChange(key, (new,), None)])
    assert columns(connection, "again") == {}


def test_a_strangers_table_is_adopted_only_if_it_fits(database: Any, connection: Any) -> None:
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


def test_a_table_without_value_columns_takes_rows_twice(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "bare"), export_schema({"day": datetime.date}, {}))
    target.set_up()
    row = ((datetime.date(1999, 2, 3),), [])
    target.write([row, row])
    target.write([row])
    assert connection.execute("SELECT * FROM bare").fetchall() == [row[0]]


def test_batches_of_one_database_are_one_transaction(database: Any, connection: Any) -> None:
    schema = export_schema({"n": int}, {"embedding": Embedding})
    one, two = (Target(Postgres(database, name), schema) for name in ("one", "two"))
    for target in (one, two):
        target.set_up()
    good, bad = [((1,), [np.zeros(3)])], [((1,), [np.zeros(4)])]
    with one.opened() as first, two.opened() as second:
        connector = one.connector
        assert connector.group(first) == connector.group(second)
        with pytest.raises(FlowError, match="expected 3 dimensions"):
            connector.write([TargetBatch(first, good, []), TargetBatch(second, bad, [])])
        assert connection.execute("SELECT * FROM one").fetchall() == []
        connector.write([TargetBatch(first, good, []), TargetBatch(second, good, [])])
    assert connection.execute("SELECT n FROM one JOIN two USING (n)").fetchall() == [(1,)]


def test_a_batch_is_cut_by_its_bytes(
    database: Any, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "_STATEMENT_BYTES", 1000)
    target = Target(Postgres(database, "bulky"), export_schema({"n": int}, {"text": str}))
    target.set_up()
    rows = [((i,), ["x" * (400 if i % 5 else 1500)]) for i in range(50)]
    target.write(rows)
    assert connection.execute("SELECT count(*), sum(length(text)) FROM bulky").fetchone() == (
        50,
        sum(len(row[0]) for _, row in rows),
    )
    target.write(deletes=[key for key, _ in rows])
    assert connection.execute("SELECT count(*) FROM bulky").fetchone() == (0,)


def test_writing_goes_on_after_the_server_ended_the_connections(
    database: Any, connection: Any
) -> None:
    target = Target(Postgres(database, "resumed"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND usename = current_user AND datname = current_database()"
    )
    with target.opened() as handle:
        for i in range(3):
            target.connector.write([TargetBatch(handle, [((i,), ["x"])], [])])
            connection.execute(kill)
    assert connection.execute("SELECT count(*) FROM resumed").fetchone() == (3,)


def test_a_value_of_another_type_names_its_field(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "strict"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    for key, value in ((2**70, "x"), (1, 5)):
        with pytest.raises(FlowError, match=r"field '[na]' does not fit its column of type"):
            target.write([((key,), [value])])
    assert connection.execute("SELECT * FROM strict").fetchall() == []


def test_threads_write_at_once(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "threads"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    expected = write_from_threads(target)
    assert dict(connection.execute("SELECT n, a FROM threads").fetchall()) == expected
