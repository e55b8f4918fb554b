"""Rows of PostgreSQL tables and views against a real server."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from coco_core.errors import Unavailable
from coco_flow.auth import TransientAuthEntryReference, add_transient_auth_entry
from coco_flow.errors import DefinitionError, RowFailed
from coco_flow.ports import ReadRow, SourceConnector
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.sources import Postgres
from tests.coco_flow.sources.listing import contents, listed, opened, read
from tests.postgres_server import running_postgres

DATABASE = "flow_sources"
UTC = datetime.UTC


@pytest.fixture(scope="module")
def url() -> str:
    return running_postgres().create_database(DATABASE)


@pytest.fixture(scope="module")
def database(url: str) -> TransientAuthEntryReference[DatabaseConnectionSpec]:
    return add_transient_auth_entry(DatabaseConnectionSpec(url, min_connections=1))


@pytest.fixture
def connection(url: str) -> Iterator[Any]:
    with psycopg.connect(url, autocommit=True) as opened_connection:
        yield opened_connection


@pytest.fixture
def products(connection: Any) -> Iterator[str]:
    connection.execute(
        """
        CREATE TABLE products (
            description text, category text, price double precision, amount integer, name text,
            modified timestamp NOT NULL DEFAULT '2026-01-01', PRIMARY KEY (category, name)
        );
        INSERT INTO products (category, name, description, price, amount) VALUES
            ('audio', 'phones', 'They hum.', 9.5, 3), ('audio', 'horn', NULL, 20, 1),
            ('light', 'lamp', 'It shines.', 1.25, 7)
        """
    )
    yield "products"
    connection.execute("DROP TABLE products CASCADE")


def kinds(source: SourceConnector) -> list[str]:
    return [str(field) for field in (*source.schema.key, *source.schema.value)]


@pytest.mark.row("SR-11 SQL source")
def test_a_table_with_a_composite_key(database: Any, products: str) -> None:
    source = opened(Postgres(table_name=products, database=database))
    # The key in the order of the primary key, then the other columns in the table's.
    assert kinds(source) == [
        *("category: Str", "name: Str"),
        *("description: Str?", "price: Float64?", "amount: Int64?", "modified: LocalDateTime"),
    ]
    day = datetime.datetime(2026, 1, 1)  # noqa: DTZ001 - the column has no zone
    assert contents(source) == {
        ("audio", "phones"): ["They hum.", 9.5, 3, day],
        ("audio", "horn"): [None, 20.0, 1, day],
        ("light", "lamp"): ["It shines.", 1.25, 7, day],
    }
    assert source.change_capture is None
    assert source.watch() is None


@pytest.mark.row("SR-11 SQL source")
def test_an_update_changes_the_token_of_its_row_only(
    database: Any, products: str, connection: Any
) -> None:
    source = opened(Postgres(table_name=products, database=database))
    before = listed(source)
    assert listed(source) == before
    connection.execute("UPDATE products SET price = 10 WHERE name = 'horn'")
    after = listed(source)
    changed = [key for key, row in after.items() if row.token != before[key].token]
    assert changed == [("audio", "horn")]
    (entry,) = read(source, ("audio", "horn"))
    assert isinstance(entry, ReadRow)
    assert entry.token == after["audio", "horn"].token
    connection.execute("DELETE FROM products WHERE name = 'horn'")
    assert read(source, ("audio", "horn"), ("light", "lamp"))[0] == ReadRow(None)
    assert set(listed(source)) == {("audio", "phones"), ("light", "lamp")}


def test_columns_rows_and_order_can_be_chosen(
    database: Any, products: str, connection: Any
) -> None:
    source = opened(
        Postgres(
            table_name=products,
            database=database,
            included_columns=["price", "description"],
            ordinal_column="modified",
            filter="amount > 1 AND category NOT LIKE 'x%' OR price > 100",
        )
    )
    assert kinds(source)[2:] == ["description: Str?", "price: Float64?"]
    assert contents(source) == {
        ("audio", "phones"): ["They hum.", 9.5],
        ("light", "lamp"): ["It shines.", 1.25],
    }
    # What the filter leaves out is gone, also when it is asked for by key.
    assert read(source, ("audio", "horn")) == [ReadRow(None)]
    moment = int(datetime.datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
    assert {row.ordinal for row in listed(source).values()} == {moment}
    (entry,) = read(source, ("light", "lamp"))
    assert isinstance(entry, ReadRow)
    assert entry.ordinal == moment
    connection.execute("UPDATE products SET modified = 'infinity' WHERE name = 'lamp'")
    assert listed(source)["light", "lamp"].ordinal is None


def test_every_type_arrives_as_its_engine_value(database: Any, connection: Any) -> None:
    connection.execute(
        """
        CREATE EXTENSION IF NOT EXISTS vector;
        CREATE TYPE mood AS ENUM ('sad', 'glad');
        CREATE DOMAIN short AS varchar(5); CREATE DOMAIN shorter AS short NOT NULL;
        CREATE TABLE kinds (
            id bigserial PRIMARY KEY, by bytea, s varchar(10), c char(3), b boolean, i2 smallint,
            f4 real, f8 double precision, n numeric(9, 3), u uuid, d date, t time, dt timestamptz,
            ldt timestamp, td interval, r int8range, r4 int4range, j jsonb, js json,
            v vector(2), h halfvec(2), ai integer[], af real[], at text[], an numeric[],
            m mood, ip inet, dom shorter
        );
        INSERT INTO kinds VALUES (
            7, '\\x00ff', 'text', 'ab', true, -5, 0.5, 1e300, 12.345,
            '12345678-1234-5678-1234-567812345678', '2026-02-03', '04:05:06.7',
            '2026-02-03 04:05:06+02', '2026-02-03 04:05:06', '1 day 2 seconds', '[3,9)', '[3,9]',
            '{"a": [1, null]}', '"x"', '[1,2]', '[0.5,4]', '{1,2}', '{1.5}', '{a,b}',
            '{1.25}', 'glad', '10.0.0.1', 'abc'
        )
        """
    )
    connection.execute("INSERT INTO kinds (id, dom) VALUES (8, 'x')")
    source = opened(Postgres(table_name="kinds", database=database))
    assert [kind.partition(": ")[2] for kind in kinds(source)] == [
        *("Int64", "Bytes?", "Str?", "Str?", "Bool?", "Int64?", "Float32?", "Float64?"),
        *("Float64?", "Uuid?", "Date?", "Time?", "OffsetDateTime?", "LocalDateTime?"),
        *("TimeDelta?", "Range?", "Range?", "Json?", "Json?", "Vector[Float32, 2]?"),
        *("Vector[Float32, 2]?", "Vector[Int64]?", "Vector[Float32]?", "Vector[Str]?"),
        *("Vector[Float64]?", "Str?", "Str?", "Str"),
    ]
    found = contents(source)
    assert found[8] == [None] * 26 + ["x"]
    row = found[7]
    arrays = {place: row[place] for place in (18, 19, 20, 21, 23)}
    for place, (values, dtype) in {
        18: ([1, 2], "float32"),
        19: ([0.5, 4], "float32"),
        20: ([1, 2], "int64"),
        21: ([1.5], "float32"),
        23: ([1.25], "float64"),
    }.items():
        assert (arrays[place].tolist(), arrays[place].dtype) == (values, np.dtype(dtype))
        row[place] = None
    assert row == [
        *(b"\x00\xff", "text", "ab ", True, -5, 0.5, 1e300, 12.345),
        uuid.UUID("12345678-1234-5678-1234-567812345678"),
        datetime.date(2026, 2, 3),
        datetime.time(4, 5, 6, 700_000),
        datetime.datetime(2026, 2, 3, 2, 5, 6, tzinfo=UTC),
        datetime.datetime(2026, 2, 3, 4, 5, 6),  # noqa: DTZ001
        datetime.timedelta(days=1, seconds=2),
        *((3, 9), (3, 10), {"a": [1, None]}, "x"),
        *(None, None, None, None, ["a", "b"], None, "glad", "10.0.0.1/32", "abc"),
    ]
    assert row[11].tzinfo is UTC
    connection.execute("DROP TABLE kinds; DROP DOMAIN shorter, short; DROP TYPE mood")


def test_a_value_without_a_counterpart_fails_its_row_only(database: Any, connection: Any) -> None:
    connection.execute(
        """
        CREATE TABLE odd (id int PRIMARY KEY, r int8range, t timestamp, a int[]);
        INSERT INTO odd (id, r) SELECT n, '[1,2)' FROM generate_series(1, 7) n;
        UPDATE odd SET r = '[1,)' WHERE id = 2;
        UPDATE odd SET r = 'empty' WHERE id = 3;
        UPDATE odd SET t = 'infinity' WHERE id = 4;
        UPDATE odd SET a = '{{1},{2}}' WHERE id = 5;
        UPDATE odd SET a = '{1,NULL}' WHERE id = 6
        """
    )
    source = opened(Postgres(table_name="odd", database=database))
    entries = read(source, *sorted(listed(source)))
    assert [type(entry) for entry in entries] == [ReadRow, *[RowFailed] * 5, ReadRow]
    assert entries[0] == ReadRow([(1, 2), None, None], entries[0].token)  # type: ignore[union-attr]
    reasons = ["has no start or no end", "has no start", "timestamp", "one dimension", "is NULL"]
    for number, (entry, reason) in enumerate(zip(entries[1:6], reasons, strict=True), start=2):
        assert f"The row ({number},)" in str(entry)
        assert reason in str(entry)
    connection.execute("DROP TABLE odd")


def test_keys_of_every_basic_type(database: Any, connection: Any) -> None:
    connection.execute(
        """
        CREATE TABLE keyed (
            r int8range, u uuid, d date, dt timestamptz, n numeric, b bytea, ok bool, c char(4),
            v text, PRIMARY KEY (r, u, d, dt, n, b, ok, c)
        );
        INSERT INTO keyed VALUES ('[1,4)', '12345678-1234-5678-1234-567812345678', '2026-01-02',
            '2026-01-02 03:04:05.6+07', 1.5, '\\x0102', false, 'x', 'found')
        """
    )
    source = opened(Postgres(table_name="keyed", database=database))
    (key,) = listed(source)
    assert key[0] == (1, 4)
    assert contents(source) == {key: "found"}
    connection.execute("DROP TABLE keyed")


def test_a_view_is_read_by_a_digest_of_each_row(
    database: Any, products: str, connection: Any
) -> None:
    connection.execute("CREATE VIEW cheap AS SELECT name, price FROM products WHERE price < 10")
    with pytest.raises(DefinitionError, match=r"primary_key_columns=\["):
        opened(Postgres(table_name="cheap", database=database))
    source = opened(Postgres(table_name="cheap", database=database, primary_key_columns=["name"]))
    assert contents(source) == {"phones": 9.5, "lamp": 1.25}
    before = listed(source)
    connection.execute("UPDATE products SET amount = 99; UPDATE products SET price = 2 "
                       "WHERE name = 'lamp'")  # fmt: skip
    after = listed(source)
    assert [key for key in after if after[key] != before[key]] == ["lamp"]


def test_a_partitioned_table_is_one_table(database: Any, connection: Any) -> None:
    connection.execute(
        """
        CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10);
        CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (10) TO (20);
        INSERT INTO parts VALUES (1, 'a'), (11, 'b')
        """
    )
    source = opened(Postgres(table_name="parts", database=database))
    assert contents(source) == {1: "a", 11: "b"}
    before = listed(source)
    connection.execute("UPDATE parts SET v = 'c' WHERE id = 11")
    assert [key for key, row in listed(source).items() if row != before[key]] == [11]
    connection.execute("DROP TABLE parts")


def test_names_that_need_quotes_and_a_schema(database: Any, connection: Any) -> None:
    connection.execute(
        """
        CREATE SCHEMA "My Schema";
        CREATE TABLE "My Schema"."Odd ""Name" ("Id" int PRIMARY KEY, "select" text, "a%s" text);
        INSERT INTO "My Schema"."Odd ""Name" VALUES (1, 'x', 'y');
        CREATE TABLE "MixedCase" ("Id" int PRIMARY KEY)
        """
    )
    source = opened(Postgres(table_name='"My Schema"."Odd ""Name"', database=database))
    assert contents(source) == {1: ["x", "y"]}
    assert listed(opened(Postgres(table_name="MixedCase", database=database))) == {}
    connection.execute('DROP SCHEMA "My Schema" CASCADE; DROP TABLE "MixedCase"')


def test_a_listing_does_not_keep_a_transaction_open(
    database: Any, products: str, connection: Any
) -> None:
    connection.execute(
        "INSERT INTO products (category, name) SELECT 'x', n::text FROM generate_series(1, 2000) n"
    )
    source = opened(Postgres(table_name=products, database=database))
    batches = iter(source.list_rows())  # type: ignore[arg-type]
    keys = {row.key for row in next(batches)}
    states = connection.execute(
        "SELECT state FROM pg_stat_activity WHERE application_name = 'coco-flow'"
    ).fetchall()
    assert ("idle",) in states
    assert ("idle in transaction",) not in states
    # The listing is of one moment all the same.
    connection.execute("DELETE FROM products")
    keys.update(row.key for batch in batches for row in batch)
    assert len(keys) == 2003


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table_name": "missing"}, "no table or view 'missing'"),
        ({"included_columns": ["nmae"]}, "no column 'nmae'.* 'name'"),
        ({"ordinal_column": "nope"}, "no column 'nope'"),
        ({"ordinal_column": "description"}, "neither a whole number nor a time"),
        ({"primary_key_columns": ["nope"]}, "no column 'nope'"),
    ],
)
def test_what_cannot_be_is_said_when_the_flow_is_defined(
    database: Any, products: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        opened(Postgres(**{"table_name": products, "database": database, **options}))


def test_json_cannot_be_a_key(database: Any, connection: Any) -> None:
    connection.execute("CREATE TABLE by_json (j jsonb PRIMARY KEY)")
    with pytest.raises(DefinitionError, match="'j' of 'by_json' is of type Json"):
        opened(Postgres(table_name="by_json", database=database))
    connection.execute("DROP TABLE by_json")


def test_a_database_that_is_not_there(products: str) -> None:
    nowhere = DatabaseConnectionSpec("postgresql://someone:secret@127.0.0.1:1/none")
    spec = Postgres(table_name=products, database=add_transient_auth_entry(nowhere))
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        opened(spec)
    assert "secret" not in str(caught.value)


def test_without_a_database_the_flows_own_is_meant(products: str) -> None:
    with pytest.raises(DefinitionError, match="add_transient_auth_entry"):
        opened(Postgres(table_name=products))


def test_content_options_are_the_columns(database: Any, products: str) -> None:
    def options(**given: Any) -> object:
        spec = Postgres(table_name=products, database=database, **given)
        return opened(spec).content_options

    assert options() == options(filter="price > 1")
    assert options() != options(included_columns=["price"])
