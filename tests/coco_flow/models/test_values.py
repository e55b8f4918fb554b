"""Values of every type: what a column takes, how it is kept and read, and what is refused."""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pgvector.sqlalchemy import Vector
from sqlalchemy import ARRAY, BigInteger, Column, DateTime, SmallInteger, String
from sqlalchemy.dialects.postgresql import INET
from sqlmodel import JSON, Field, SQLModel

from coco_flow.errors import WrongRows
from coco_flow.models import TableReader, TableWriter
from coco_flow.models.database import Database
from tests.model_parts import KINDS, open_database
from tests.postgres_server import running_postgres


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.fixture
def values(database: Database) -> Any:
    class Values(SQLModel, table=True):
        document_id: str = Field(primary_key=True)
        text: str | None = None
        short: str | None = Field(default=None, max_length=3)
        whole: int | None = None
        small: int | None = Field(default=None, sa_type=SmallInteger)
        large: int | None = Field(default=None, sa_type=BigInteger)
        number: float | None = None
        exact: Decimal | None = Field(default=None, max_digits=12, decimal_places=3)
        truth: bool | None = None
        day: date | None = None
        clock: time | None = None
        lasting: timedelta | None = None
        at: datetime | None = None
        zoned: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # type: ignore[call-overload]
        plain: datetime | None = Field(default=None, sa_type=DateTime)
        raw: bytes | None = None
        uid: uuid.UUID | None = None
        data: Any = Field(default=None, sa_column=Column(JSON))
        color: Color | None = None

    return Values


BERLIN = timezone(timedelta(hours=2))
NOON = datetime(2024, 7, 1, 12, tzinfo=BERLIN)
NAIVE = NOON.replace(tzinfo=None)
ID = uuid.UUID(int=9)

TAKEN: list[tuple[str, Any, Any]] = [
    ("text", "äöü “x” 'y' \\ \t\r\n", "äöü “x” 'y' \\ \t\r\n"),
    ("text", "", ""),
    ("text", "\\N", "\\N"),
    ("text", np.str_("x"), "x"),
    ("text", ID, str(ID)),
    ("text", Path("a/b"), "a/b"),
    ("text", Color.RED, "red"),
    ("short", "abc", "abc"),
    ("whole", True, 1),
    ("whole", 2.0, 2),
    ("whole", np.int64(3), 3),
    ("whole", np.float64(4), 4),
    ("whole", Decimal(5), 5),
    ("whole", -(2**31), -(2**31)),
    ("small", 2**15 - 1, 2**15 - 1),
    ("large", 2**63 - 1, 2**63 - 1),
    ("large", -(2**63), -(2**63)),
    ("number", 1, 1.0),
    ("number", 2**60, float(2**60)),
    ("number", Decimal("0.5"), 0.5),
    ("number", np.float32(0.5), 0.5),
    ("number", float("inf"), float("inf")),
    ("number", float("nan"), None),
    ("exact", Decimal("1.500"), Decimal("1.500")),
    ("exact", 0.1, Decimal("0.100")),
    ("exact", 3, Decimal("3.000")),
    ("truth", np.bool_(False), False),
    ("day", date(2024, 2, 29), date(2024, 2, 29)),
    ("clock", time(1, 2, 3), time(1, 2, 3)),
    ("lasting", timedelta(days=1, seconds=5), timedelta(days=1, seconds=5)),
    ("at", NOON, datetime(2024, 7, 1, 10, tzinfo=UTC)),
    ("at", NAIVE, NAIVE.replace(tzinfo=UTC)),
    ("at", pd.Timestamp("2024-07-01T12:00:00.123456789"),
     datetime(2024, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)),
    ("at", np.datetime64("2024-07-01T12:00:00", "ns"), datetime(2024, 7, 1, 12, tzinfo=UTC)),
    ("at", pd.NaT, None),
    ("at", datetime(9999, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
    ("plain", NOON, NAIVE.replace(hour=10)),
    ("plain", NAIVE, NAIVE),
    ("raw", b"\x00\xff\\x", b"\x00\xff\\x"),
    ("raw", b"", b""),
    ("uid", ID, ID),
    ("uid", str(ID), ID),
    ("data", {"a": [1, None, {"ü": True}]}, {"a": [1, None, {"ü": True}]}),
    ("data", [], []),
    ("data", "text", "text"),
    ("data", {"a": float("nan"), "b": np.array([1, 2]), "c": NOON},
     {"a": None, "b": [1, 2], "c": "2024-07-01T12:00:00+02:00"}),
    ("data", np.array([0.5]), [0.5]),
    ("data", pd.NA, None),
    ("color", Color.BLUE, Color.BLUE),
    ("color", "BLUE", Color.BLUE),
    ("color", "blue", Color.BLUE),
    ("text", pd.NA, None),
    ("whole", np.nan, None),
    ("truth", pd.NA, None),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "kept"), TAKEN, ids=str)
def test_values_are_kept_as_they_are(
    database: Database, values: Any, column: str, value: Any, kept: Any
) -> None:
    writer = TableWriter(db_model=values, write_strategy="merge")
    writer.write([{"document_id": "a", column: value}])
    # What is written again is found to be the same.
    assert writer.write([{"document_id": "a", column: value}])["unchanged"] == 1
    with database.reading() as connection:
        (found,) = connection.execute(values.__table__.select()).mappings()
    assert found[column] == kept
    assert type(found[column]) is type(kept)


def test_a_time_with_a_zone_is_kept_in_utc(database: Database, values: Any) -> None:
    TableWriter(db_model=values).write([{"document_id": "a", "zoned": NOON}])
    with database.reading() as connection:
        (found,) = connection.execute(values.__table__.select()).mappings()
    kept = found["zoned"]
    # SQLite keeps no zone: its times are in UTC.
    assert kept.replace(tzinfo=kept.tzinfo or UTC) == NOON


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("text", 5, "takes text, not 5 (int)"),
        ("text", b"x", "takes text, not b'x' (bytes)"),
        ("text", "\ud800", "cannot hold the text"),
        ("short", "abcd", "takes at most 3 characters, not the 4 of the text"),
        ("whole", 1.5, "takes integers, not 1.5 (float)"),
        ("whole", float("inf"), "takes integers, not inf (float)"),
        ("whole", "1", "takes integers, not '1' (str)"),
        ("whole", 2**63, "takes integers up to"),
        ("large", 2**63, "takes integers up to 9223372036854775807"),
        ("large", 10**100, "takes integers up to"),
        ("number", "1", "takes numbers, not '1' (str)"),
        ("number", 10**400, "cannot hold 1000000000"),
        ("exact", "1", "takes numbers, not '1' (str)"),
        ("truth", 1, "takes truth values, not 1 (int)"),
        ("day", NOON, "takes dates, not"),
        ("day", "2024-01-01", "takes dates, not '2024-01-01' (str)"),
        ("at", date(2024, 1, 1), "takes times (datetime), not"),
        ("at", "2024-01-01", "takes times (datetime), not"),
        ("raw", "x", "takes bytes, not 'x' (str)"),
        ("uid", "x", "badly formed"),
        ("uid", 5, "takes UUIDs, not 5 (int)"),
        ("color", "green", "takes one of RED, BLUE, not 'green'"),
        ("text", np.array(["a", "b"]), "takes text, not array"),
    ],
    ids=str,
)  # fmt: skip
def test_values_of_another_type_are_refused(
    database: Database, values: Any, column: str, value: Any, words: str
) -> None:
    with pytest.raises(WrongRows) as caught:
        TableWriter(db_model=values).write(
            [{"document_id": "a"}, {"document_id": "b", column: value}]
        )
    message = caught.value.message
    assert message.startswith(f"Column {column!r} of table 'values' ")
    assert words in message
    assert message.endswith("; row 1 (document_id='b').")


def test_postgres_has_smaller_integers_and_no_nul(tmp_path: Path, own_models: None) -> None:
    with open_database("postgres", tmp_path):

        class Small(SQLModel, table=True):
            document_id: str = Field(primary_key=True)
            whole: int | None = None
            small: int | None = Field(default=None, sa_type=SmallInteger)

        for row, words in (
            ({"whole": 2**31}, "takes integers up to 2147483647, not 2147483648"),
            ({"small": -(2**15) - 1}, "takes integers up to 32767"),
            ({"document_id": "\0"}, "takes no text with a NUL character"),
        ):
            with pytest.raises(WrongRows, match=words):
                TableWriter(db_model=Small).write([{"document_id": "a", **row}])


def test_a_frame_of_numbers_with_gaps_goes_into_columns_of_integers(
    database: Database, values: Any
) -> None:
    frame = pd.DataFrame({
        "document_id": ["a", "b"],
        "whole": [1, None],
        "large": pd.array([2**60 + 1, None], dtype="Int64"),
        "truth": pd.array([True, None], dtype="boolean"),
        "text": pd.array(["x", None], dtype="string"),
        "at": pd.to_datetime(["2024-01-01", None]),
        "day": [date(2024, 1, 1), None],
        "data": [{"a": 1}, None],
        "number": pd.Series([0.5, np.nan]),
    })  # fmt: skip
    TableWriter(db_model=values).write(frame)
    read = TableReader().load("values", columns=[*frame.columns]).sort_values("document_id")
    first, second = read.to_dict("records")
    assert first == {
        "document_id": "a", "whole": 1, "large": 2**60 + 1, "truth": True, "text": "x",
        "at": pd.Timestamp("2024-01-01", tz="UTC"), "day": date(2024, 1, 1), "data": {"a": 1},
        "number": 0.5,
    }  # fmt: skip
    assert [name for name, value in second.items() if not pd.isna(value)] == ["document_id"]
    # What was read can be written.
    assert TableWriter(db_model=values, write_strategy="merge").write(read)["unchanged"] == 2


def test_vectors_and_arrays_of_postgres(tmp_path: Path, own_models: None) -> None:
    server = running_postgres()
    url = server.create_database("models_vectors", template="coco_template")
    from coco_flow.models.database import database_of

    class Vectors(SQLModel, table=True):
        document_id: str = Field(primary_key=True)
        embedding: Any = Field(default=None, sa_column=Column(Vector(3)))
        tags: Any = Field(default=None, sa_column=Column(ARRAY(String)))
        address: Any = Field(default=None, sa_column=Column(INET))

    database = database_of(url)
    writer = TableWriter(write_strategy="merge", database=database)
    rows = [
        Vectors(document_id="a", embedding=np.array([1.0, 2.5, 3.0]), tags=["x", 'ü,"{']),
        Vectors(document_id="b", embedding=[0, 0, 1], tags=[]),
        Vectors(document_id="c"),
    ]
    assert writer.write(rows)["inserted"] == 3
    assert writer.write(rows)["unchanged"] == 3
    rows[1].embedding = [0, 0, 2]
    assert writer.write(rows)["updated"] == 1
    frame = TableReader(database=database).load("vectors").sort_values("document_id")
    assert [None if one is None else list(one) for one in frame["embedding"]] == [
        [1.0, 2.5, 3.0], [0, 0, 2], None,
    ]  # fmt: skip
    assert list(frame["tags"]) == [["x", 'ü,"{'], [], None]
    with pytest.raises(WrongRows, match=r"'vectors' .*expected 3 dimensions"):
        writer.write([Vectors(document_id="d", embedding=[1.0])])
    with pytest.raises(WrongRows, match="'embedding' of table 'vectors' cannot hold 'x'"):
        writer.write([Vectors(document_id="d", embedding="x")])
    with pytest.raises(WrongRows, match="Table 'vectors' refuses the rows: invalid input syntax"):
        writer.write([Vectors(document_id="d", address="x")])
    database.close()


@pytest.mark.parametrize("kind", KINDS)
def test_json_is_compared_by_its_content(kind: str, tmp_path: Path, own_models: None) -> None:
    with open_database(kind, tmp_path):

        class Data(SQLModel, table=True):
            document_id: str = Field(primary_key=True)
            data: Any = Field(sa_column=Column(JSON))

        writer = TableWriter(write_strategy="merge")
        writer.write([Data(document_id="a", data={"x": 1, "y": [1]})])
        assert writer.write([Data(document_id="a", data={"x": 1, "y": [1]})])["unchanged"] == 1
        assert writer.write([Data(document_id="a", data={"x": 1, "y": [2]})])["updated"] == 1
        assert writer.write([Data(document_id="a", data=None)])["updated"] == 1
