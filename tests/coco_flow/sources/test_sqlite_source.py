"""Rows of SQLite tables and views."""

from __future__ import annotations

import datetime
import logging
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coco_flow.errors import DefinitionError, FlowError, RowFailed
from coco_flow.ports import ReadRow, SourceConnector
from coco_flow.sources import Sqlite
from tests.coco_flow.sources.listing import contents, listed, next_change, opened, read, run


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "data #1?.db")


@pytest.fixture
def connection(path: str) -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(path, isolation_level=None)
    made.executescript(
        """
        CREATE TABLE products (
            note TEXT, name VARCHAR(20) NOT NULL, kind TEXT NOT NULL, price REAL, amount INTEGER,
            PRIMARY KEY (kind, name)
        );
        INSERT INTO products VALUES
            ('hums', 'phones', 'audio', 9.5, 3), (NULL, 'horn', 'audio', 20, 1),
            ('shines', 'lamp', 'light', 1.25, 7);
        """
    )
    yield made
    made.close()


def kinds(source: SourceConnector) -> list[str]:
    return [str(field) for field in (*source.schema.key, *source.schema.value)]


@pytest.mark.row("SR-11 SQL source")
def test_a_table_with_a_composite_key(path: str, connection: sqlite3.Connection) -> None:
    source = opened(Sqlite(path=path, table_name="products"))
    assert kinds(source) == [
        *("kind: Str", "name: Str"),
        *("note: Str?", "price: Float64?", "amount: Int64?"),
    ]
    assert contents(source) == {
        ("audio", "phones"): ["hums", 9.5, 3],
        ("audio", "horn"): [None, 20.0, 1],
        ("light", "lamp"): ["shines", 1.25, 7],
    }


@pytest.mark.row("SR-11 SQL source")
@pytest.mark.row("SR-4 read options")
def test_an_update_changes_its_row_only_and_values_come_with_the_listing(
    path: str, connection: sqlite3.Connection
) -> None:
    source = opened(Sqlite(path=path, table_name="products"))
    before = listed(source)
    assert all(row.value is not None for row in before.values())
    assert listed(source) == before
    connection.execute("UPDATE products SET price = 10 WHERE name = 'horn'")
    after = listed(source)
    assert [key for key, row in after.items() if row.token != before[key].token] == [
        ("audio", "horn")
    ]
    (entry,) = read(source, ("audio", "horn"))
    assert entry == ReadRow([None, 10.0, 1], after["audio", "horn"].token)
    connection.execute("DELETE FROM products WHERE name = 'horn'")
    assert read(source, ("audio", "horn")) == [ReadRow(None)]


def test_columns_rows_and_order_can_be_chosen(path: str, connection: sqlite3.Connection) -> None:
    source = opened(
        Sqlite(
            path=path,
            table_name="products",
            included_columns=["price"],
            ordinal_column="amount",
            filter="amount > 1 OR price > 100",
        )
    )
    assert kinds(source)[2:] == ["price: Float64?"]
    assert contents(source) == {("audio", "phones"): 9.5, ("light", "lamp"): 1.25}
    assert {key[1]: row.ordinal for key, row in listed(source).items()} == {"phones": 3, "lamp": 7}
    assert read(source, ("audio", "horn")) == [ReadRow(None)]
    connection.execute("ALTER TABLE products ADD COLUMN at TIMESTAMP")
    connection.execute("UPDATE products SET at = '2026-01-01 00:00:01.5'")
    by_time = opened(Sqlite(path=path, table_name="products", ordinal_column="at"))
    moment = datetime.datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=datetime.UTC)
    assert {row.ordinal for row in listed(by_time).values()} == {moment.timestamp() * 1e6}


def test_every_declared_type_arrives_as_its_engine_value(
    path: str, connection: sqlite3.Connection
) -> None:
    connection.executescript(
        """
        CREATE TABLE kinds (
            id INTEGER PRIMARY KEY, b BOOLEAN, x BLOB, n NUMERIC(9, 2), f FLOAT, d DATE, t TIME,
            dt DATETIME, z TIMESTAMP, e TIMESTAMP, j JSON, u UUID, v UUID, any, other STRANGE,
            twice INTEGER GENERATED ALWAYS AS (id * 2)
        );
        INSERT INTO kinds VALUES (7, 1, x'00ff', 12.5, 3, '2026-02-03', '04:05:06',
            '2026-02-03 04:05:06', '2026-02-03T04:05:06+02:00', 86400, '{"a": [1, null]}',
            '12345678-1234-5678-1234-567812345678', x'12345678123456781234567812345678', 'any',
            'text'), (8, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL);
        """
    )
    source = opened(Sqlite(path=path, table_name="kinds"))
    assert [kind.partition(": ")[2] for kind in kinds(source)] == [
        *("Int64", "Bool?", "Bytes?", "Float64?", "Float64?", "Date?", "Time?"),
        *("LocalDateTime?", "LocalDateTime?", "LocalDateTime?", "Json?", "Uuid?", "Uuid?"),
        *("Json?", "Str?", "Int64?"),
    ]
    found = contents(source)
    same = uuid.UUID("12345678-1234-5678-1234-567812345678")
    assert found[7] == [
        *(True, b"\x00\xff", 12.5, 3.0, datetime.date(2026, 2, 3), datetime.time(4, 5, 6)),
        datetime.datetime(2026, 2, 3, 4, 5, 6),  # noqa: DTZ001
        datetime.datetime(2026, 2, 3, 2, 5, 6),  # noqa: DTZ001
        datetime.datetime(1970, 1, 2),  # noqa: DTZ001
        *({"a": [1, None]}, same, same, "any", "text", 14),
    ]
    assert found[8] == [None] * 14 + [16]


def test_a_value_of_another_type_fails_its_row_only(
    path: str, connection: sqlite3.Connection
) -> None:
    connection.executescript(
        """
        CREATE TABLE odd (id INTEGER PRIMARY KEY, n INTEGER, d DATE, j JSON);
        INSERT INTO odd (id, n) VALUES (1, 'three'), (2, 2);
        INSERT INTO odd (id, d) VALUES (3, 'soon'); INSERT INTO odd (id, j) VALUES (4, '{');
        """
    )
    source = opened(Sqlite(path=path, table_name="odd"))
    rows = listed(source)
    assert [key for key, row in rows.items() if row.value is None] == [1, 3, 4]
    entries = read(source, *rows)
    assert [type(entry) for entry in entries] == [RowFailed, ReadRow, RowFailed, RowFailed]
    assert "The row (1,) of 'odd' cannot be read: 'n': 'three' is stored as str" in str(entries[0])


def test_a_table_without_a_key_has_its_rowid(path: str, connection: sqlite3.Connection) -> None:
    connection.executescript(
        "CREATE TABLE loose (v TEXT); INSERT INTO loose VALUES ('a'), ('b');"
        "CREATE VIEW seen AS SELECT v, rowid AS number FROM loose;"
    )
    source = opened(Sqlite(path=path, table_name="loose"))
    assert kinds(source) == ["rowid: Int64", "v: Str?"]
    assert contents(source) == {1: "a", 2: "b"}
    assert [entry.value for entry in read(source, 2)] == [["b"]]  # type: ignore[union-attr]
    with pytest.raises(DefinitionError, match="is a view"):
        opened(Sqlite(path=path, table_name="seen"))
    view = opened(Sqlite(path=path, table_name="seen", primary_key_columns=["v"]))
    assert contents(view) == {"a": 1, "b": 2}


def test_a_listing_goes_on_while_others_write(path: str, connection: sqlite3.Connection) -> None:
    connection.executescript(
        "CREATE TABLE many (a TEXT, b INTEGER, v TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        "INSERT INTO many SELECT char(97 + i % 3), i, 'v' FROM n"
    )
    source = opened(Sqlite(path=path, table_name="many"))
    batches = iter(source.list_rows())  # type: ignore[arg-type]
    seen = {row.key for row in next(batches)}
    connection.execute("UPDATE many SET v = 'w'")
    seen |= {row.key for batch in batches for row in batch}
    assert len(seen) == 2000


def test_rows_without_a_key_are_left_out_with_a_warning(
    path: str, connection: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    connection.executescript(
        "CREATE TABLE nulls (k TEXT PRIMARY KEY, v TEXT);"
        "INSERT INTO nulls VALUES (NULL, 'a'), (NULL, 'b'), ('k', 'c')"
    )
    with caplog.at_level(logging.WARNING):
        assert contents(opened(Sqlite(path=path, table_name="nulls"))) == {"k": "c"}
    assert "skipped 2 rows of 'nulls'" in caplog.text


def test_a_key_of_another_type_stops_the_listing(path: str, connection: sqlite3.Connection) -> None:
    connection.executescript(
        "CREATE TABLE mixed (k PRIMARY KEY, v TEXT); INSERT INTO mixed VALUES ('a', ''), (1, '')"
    )
    with pytest.raises(FlowError, match="1 is stored as int"):
        listed(opened(Sqlite(path=path, table_name="mixed")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table_name": "missing"}, "no table or view 'missing'"),
        ({"included_columns": ["nope"]}, "no column 'nope'.*'price'"),
        ({"ordinal_column": "note"}, "neither a whole number nor a time"),
        ({"primary_key_columns": ["nope"]}, "no column 'nope'"),
    ],
)
def test_what_cannot_be_is_said_when_the_flow_is_defined(
    path: str, connection: sqlite3.Connection, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        opened(Sqlite(**{"path": path, "table_name": "products", **options}))


def test_a_missing_file_and_a_wrong_filter_are_named(
    path: str, connection: sqlite3.Connection
) -> None:
    with pytest.raises(FlowError, match="There is no file"):
        opened(Sqlite(path=path + "x", table_name="products"))
    assert not Path(path + "x").exists()
    with pytest.raises(FlowError, match="nonsense"):
        listed(opened(Sqlite(path=path, table_name="products", filter="nonsense = 1")))


@pytest.mark.row("SR-3 push change capture")
def test_a_commit_calls_for_a_listing(path: str, connection: sqlite3.Connection) -> None:
    source = opened(Sqlite(path=path, table_name="products", watch_changes=True))
    assert source.change_capture == "commits of the SQLite file"
    watch = source.watch()
    assert watch is not None
    connection.execute("UPDATE products SET price = 0")
    assert run(lambda: next_change(watch)) is None
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("UPDATE products SET price = 1")
    assert run(lambda: next_change(watch)) is None
    # Another file takes the name, as after a restore.
    Path(path).rename(path + ".old")
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE products (k INTEGER PRIMARY KEY)")
    assert run(lambda: next_change(watch)) is None
    source.close()
    other.close()


def test_watching_is_an_option(path: str, connection: sqlite3.Connection) -> None:
    source = opened(Sqlite(path=path, table_name="products"))
    assert source.change_capture is None
    assert source.watch() is None
