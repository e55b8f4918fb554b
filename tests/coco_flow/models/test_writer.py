"""What a write does to a table: strategies, counts, kinds of rows, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sqlalchemy import Column, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from coco_flow.errors import WrongRows
from coco_flow.models import ModelContext, Reference, TableWriter, execute_model_sync, model
from coco_flow.models.database import Database
from tests.coco_flow.models.written_rows import KEY, NAMES, ROWS, as_mappings, figures, stored
from tests.model_parts import contents, fill, row_class


@pytest.fixture
def parts(database: Database) -> Any:
    return row_class("parts", key=KEY, text=str, size=int)


FORMS: dict[str, Any] = {
    "mappings": as_mappings,
    "generator": lambda rows: iter(as_mappings(rows)),
    "pandas": lambda rows: pd.DataFrame(as_mappings(rows)),
    "polars": lambda rows: pl.DataFrame(as_mappings(rows)),
    "lazy": lambda rows: pl.LazyFrame(as_mappings(rows)),
    "frames": lambda rows: (pd.DataFrame(as_mappings([row])) for row in rows),
    "arrow": lambda rows: pa.Table.from_pylist(as_mappings(rows)),
    "record batch": lambda rows: pa.RecordBatch.from_pylist(as_mappings(rows)),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_in_every_form(database: Database, parts: Any, form: str) -> None:
    writer = TableWriter("wf", db_model=parts, write_strategy="replace")
    result = writer.write(FORMS[form](ROWS))
    assert result["table_name"] == "parts"
    assert figures(result) == (3, 3, 0, 0, 0)
    assert stored(database) == ROWS
    assert contents(database, "parts", "workflow_id", "model_name", "size", "error") == [
        ("wf", None, None, None)
    ] * 3  # fmt: skip
    again = [("a", 0, "x"), ("a", 2, "new"), ("b", 0, "changed")]
    assert figures(writer.write(FORMS[form](again))) == (3, 1, 1, 1, 1)
    assert stored(database) == again


def test_row_objects_and_single_rows(database: Database, parts: Any) -> None:
    writer = TableWriter()
    assert figures(writer.write([parts(document_id="a", number=0, text="x")])) == (1, 1, 0, 0, 0)
    writer.write(parts(document_id="a", number=1, text="y"))
    writer.write(parts(document_id=name, number=0, text="z") for name in "b")
    assert stored(database) == ROWS
    TableWriter(db_model=parts).write({"document_id": "c", "number": 0, "text": None})
    assert stored(database)[3:] == [("c", 0, None)]
    assert figures(TableWriter(db_model=parts).write([])) == (0, 0, 0, 0, 0)


def test_append_adds_rows_and_refuses_a_key_that_is_there(database: Database, parts: Any) -> None:
    writer = TableWriter(db_model=parts, write_strategy="append")
    writer.write(as_mappings(ROWS[:2]))
    with pytest.raises(WrongRows, match="Table 'parts' refuses the rows") as caught:
        writer.write(as_mappings(ROWS[::-1]))
    assert '"merge" or "replace"' in str(caught.value.hint)
    assert stored(database) == ROWS[:2]
    assert figures(writer.write(as_mappings(ROWS[2:]))) == (1, 1, 0, 0, 0)


def test_merge_replaces_rows_of_the_same_key(database: Database, parts: Any) -> None:
    writer = TableWriter(db_model=parts, write_strategy="merge")
    writer.write(as_mappings(ROWS))
    assert figures(writer.write(as_mappings([("a", 1, "Y"), ("c", 0, "w")]))) == (2, 1, 1, 0, 0)
    assert stored(database) == [ROWS[0], ("a", 1, "Y"), ROWS[2], ("c", 0, "w")]


def test_replace_replaces_the_rows_of_the_documents_that_are_written(
    database: Database, parts: Any
) -> None:
    writer = TableWriter(db_model=parts, write_strategy="replace")
    writer.write(as_mappings(ROWS))
    assert figures(writer.write(as_mappings([("a", 5, "v")]))) == (1, 1, 0, 2, 0)
    assert stored(database) == [("a", 5, "v"), ROWS[2]]


def test_replace_of_rows_that_belong_to_no_document_replaces_all(database: Database) -> None:
    words = row_class("words", key={"word": str}, count=int)
    writer = TableWriter(db_model=words, write_strategy="replace")
    writer.write([{"word": "a", "count": 1}, {"word": "b", "count": 2}])
    result = writer.write([{"word": "b", "count": 3}, {"word": "c", "count": None}])
    assert figures(result) == (2, 1, 1, 1, 0)
    assert contents(database, "words", "word", "count") == [("b", 3), ("c", None)]


def test_of_rows_of_one_key_the_last_is_kept(database: Database, parts: Any) -> None:
    rows = as_mappings([("a", 0, "1"), ("b", 0, "1"), ("a", 0, "2"), ("a", 0, "3")])
    for strategy in ("merge", "replace"):
        writer = TableWriter(db_model=parts, write_strategy=strategy)  # type: ignore[arg-type]
        assert writer.write(rows)["rows_written"] == 2
        assert stored(database) == [("a", 0, "3"), ("b", 0, "1")]


def test_an_unchanged_row_keeps_its_run_and_its_times(database: Database, parts: Any) -> None:
    TableWriter("one", db_model=parts).write(as_mappings(ROWS))
    before = contents(database, "parts", "document_id", "number", "created_at", "updated_at")
    writer = TableWriter("two", db_model=parts, write_strategy="merge")
    writer.write([parts(document_id="a", number=0, text="x"), *as_mappings([("a", 1, "new")])])
    assert contents(database, "parts", "number", "text", "workflow_id") == [
        (0, "x", "one"), (0, "z", "one"), (1, "new", "two"),
    ]  # fmt: skip
    after = contents(database, "parts", "document_id", "number", "created_at", "updated_at")
    assert [row[2] for row in after] == [row[2] for row in before]
    assert [new[3] > old[3] for new, old in zip(after, before, strict=True)] == [False, True, False]


def test_a_frame_without_a_column_means_the_columns_default(database: Database) -> None:
    class Defaults(SQLModel, table=True):
        document_id: str = Field(primary_key=True)
        count: int = 7
        tags: str | None = Field(default_factory=lambda: "none")
        text: str | None = None

    frame = pd.DataFrame({"document_id": ["a"]})
    TableWriter(db_model=Defaults).write(frame)
    assert contents(database, "defaults") == [("a", 7, "none", None)]


@pytest.mark.parametrize(
    "empty",
    [[], iter(()), pd.DataFrame(), pd.DataFrame(columns=[*NAMES]), pl.DataFrame(), pa.table({})],
    ids=["list", "iterator", "frame", "columns", "polars", "arrow"],
)
def test_nothing_is_written_of_an_empty_frame(database: Database, parts: Any, empty: Any) -> None:
    TableWriter(db_model=parts).write(as_mappings(ROWS))
    result = TableWriter(db_model=parts, write_strategy="replace").write(empty)
    assert figures(result) == (0, 0, 0, 0, 0)
    assert stored(database) == ROWS


def test_a_constraint_of_the_table_is_not_taken_for_a_repeated_key(database: Database) -> None:
    class Named(SQLModel, table=True):
        __table_args__ = (UniqueConstraint("name"),)

        document_id: str = Field(primary_key=True)
        name: str

    writer = TableWriter(write_strategy="merge")
    with pytest.raises(WrongRows, match="Table 'named' refuses the rows") as caught:
        writer.write([Named(document_id="a", name="x"), Named(document_id="b", name="x")])
    assert "constraints" in str(caught.value.hint)
    assert contents(database, "named") == []


def test_rows_may_be_known_by_other_columns_than_the_tables_key(database: Database) -> None:
    class Numbered(SQLModel, table=True):
        id: int | None = Field(default=None, primary_key=True)
        document_id: str
        name: str | None
        text: str

    def write(*rows: tuple[str, str | None, str]) -> tuple[int, ...]:
        writer = TableWriter(primary_key=["document_id", "name"], write_strategy="replace")
        return figures(writer.write([Numbered(document_id=a, name=b, text=c) for a, b, c in rows]))

    assert write(("a", "x", "1"), ("a", "y", "1"), ("a", "x", "2")) == (2, 2, 0, 0, 0)
    assert write(("a", "y", "3"), ("a", "z", "1")) == (2, 1, 1, 1, 0)
    assert contents(database, "numbered", "name", "text") == [("y", "3"), ("z", "1")]
    # Two rows without a name could not be told apart.
    with pytest.raises(WrongRows, match="Column 'name' of table 'numbered' may not be null"):
        write(("a", None, "1"))


def test_the_database_numbers_appended_rows(database: Database) -> None:
    class Numbered(SQLModel, table=True):
        id: int | None = Field(default=None, primary_key=True)
        text: str

    writer = TableWriter(write_strategy="append")
    writer.write([Numbered(text="a"), Numbered(text="b")])
    assert figures(writer.write([Numbered(text="c"), Numbered(id=10, text="d")])) == (2, 2, 0, 0, 0)
    numbers = dict(contents(database, "numbered", "text", "id"))
    assert (numbers["a"], numbers["b"], numbers["d"]) == (1, 2, 10)
    assert numbers["c"] not in (1, 2, 10)


def test_a_failure_in_the_midst_of_a_write_leaves_the_table(database: Database, parts: Any) -> None:
    TableWriter(db_model=parts).write(as_mappings(ROWS))

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(15_000):
            yield {"document_id": "a", "number": number, "text": "new"}
        raise ValueError("in the midst")

    with pytest.raises(ValueError, match="in the midst"):
        TableWriter(db_model=parts, write_strategy="replace").write(rows())
    assert stored(database) == ROWS


def test_a_plain_class_may_have_columns_named_as_the_bookkeeping(database: Database) -> None:
    class Products(SQLModel, table=True):
        document_id: str = Field(primary_key=True)
        model_name: str
        updated_at: str

    writer = TableWriter("wf", write_strategy="merge")
    writer.write([Products(document_id="a", model_name="T1", updated_at="then")])
    result = writer.write([Products(document_id="a", model_name="T2", updated_at="then")])
    assert figures(result) == (1, 0, 1, 0, 0)
    writer.write([Products(document_id="a", model_name="T2", updated_at="now")])
    assert contents(database, "products") == [("a", "T2", "now")]

    @model("m.products", Products)
    def products() -> Any:
        return [Products(document_id="b", model_name="T3", updated_at="now")]

    execute_model_sync(products)
    assert contents(database, "products", "document_id", "model_name") == [("b", "T3")]


def test_names_that_need_quotes(database: Database) -> None:
    """Reserved words, spaces, quotes, percent signs and letters of any language."""

    class Odd(SQLModel, table=True):
        __tablename__ = 'order "by" group'

        document_id: str = Field(primary_key=True)
        select: str | None = None
        spaced: str | None = Field(default=None, sa_column=Column("my column", String))
        quoted: int | None = Field(default=None, sa_column=Column('a "b" 100% :x', String))
        ünï: str | None = None  # noqa: PLC2401

    names = ["document_id", "select", "my column", 'a "b" 100% :x', "ünï"]
    objects = [Odd(document_id="a", select="1", spaced="2", quoted="3", ünï="“4”")]
    frame = pd.DataFrame([["b", "1", "2", "3", "“4”"]], columns=names)
    writer = TableWriter(db_model=Odd, write_strategy="merge")
    assert figures(writer.write(objects)) == (1, 1, 0, 0, 0)
    assert figures(writer.write(frame)) == (1, 1, 0, 0, 0)
    assert figures(writer.write(objects)) == (1, 0, 0, 0, 1)
    frame["my column"] = "new"
    assert figures(writer.write(frame)) == (1, 0, 1, 0, 0)
    assert contents(database, 'order "by" group', *names) == [
        ("a", "1", "2", "3", "“4”"), ("b", "1", "new", "3", "“4”"),
    ]  # fmt: skip

    @model("m.copy", row_class("user", text=str), sources={"odd": ('order "by" group', {})})
    def copy(sources: Any) -> Any:
        assert list(sources["odd"].columns) == names
        return [{"document_id": one, "text": None} for one in sources["odd"]["document_id"]]

    assert execute_model_sync(copy)["inserted"] == 2
    assert execute_model_sync(copy, ModelContext(incremental_mode="delta"))["skipped"]


def test_a_writer_in_a_run_shows_its_rows_when_the_model_has_ended(
    database: Database, parts: Any
) -> None:
    fill(database, "CREATE TABLE documents (id TEXT)", [{"id": "a"}, {"id": "b"}])
    TableWriter(db_model=parts).write(as_mappings([("a", 0, "old"), ("c", 0, "gone")]))
    results = []

    @model("m.parts", parts)
    def make(writer: Any, documents: Any = Reference("documents")) -> Any:
        results.append(writer.write(as_mappings([("a", 0, "x"), ("a", 1, "y")])))
        assert stored(database) == [("a", 0, "old"), ("c", 0, "gone")]
        results.append(writer.write({"document_id": "b", "number": 0, "text": "z"}))
        return results[-1]

    result = execute_model_sync(make, ModelContext(workflow_id="wf"))
    assert [figures(one) for one in results] == [(2, 1, 1, 0, 0), (1, 1, 0, 0, 0)]
    assert figures(result) == (3, 2, 1, 1, 0)
    assert stored(database) == ROWS
    assert contents(database, "parts", "workflow_id", "model_name") == [("wf", "m.parts")] * 3
