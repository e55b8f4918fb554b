"""Reading tables outside of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from coco_flow.errors import DefinitionError
from coco_flow.models import DocumentFilters, Reference, TableReader, execute_model_sync, model
from coco_flow.models.database import Database
from tests.model_parts import fill, row_class

ROWS: list[dict[str, Any]] = [
    {"id": "a", "status": "new", "size": 1, "path": "a.md"},
    {"id": "b", "status": "old", "size": 2, "path": "b.md"},
    {"id": "c", "status": None, "size": 3, "path": "c.md"},
]


@pytest.fixture
def reader(database: Database) -> TableReader:
    create = "CREATE TABLE documents (id TEXT PRIMARY KEY, status TEXT, size INTEGER, path TEXT)"
    fill(database, create, ROWS)
    fill(database, "CREATE TABLE words (word TEXT)", [{"word": "x"}, {"word": "y"}], "words")
    return TableReader()


def test_all_rows(reader: TableReader) -> None:
    frame = reader.load("documents")
    assert type(frame) is pd.DataFrame
    assert frame.sort_values("id").to_dict("records") == ROWS


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"status": "new"}, ["a"]),
        ({"status": ["new", "old"]}, ["a", "b"]),
        ({"status": None}, ["c"]),
        ({"status": ["new", None]}, ["a", "c"]),
        ({"size": (1, 2), "status": "old"}, ["b"]),
        ({"size": "3"}, ["c"]),
        ({"size": "x"}, []),
        ({}, ["a", "b", "c"]),
    ],
    ids=str,
)
def test_conditions(reader: TableReader, where: Any, expected: list[str]) -> None:
    assert sorted(reader.load("documents", where=where)["id"]) == expected
    assert sum(len(part) for part in reader.batches("documents", 1, where)) == len(expected)


def test_columns_and_limit(reader: TableReader) -> None:
    frame = reader.load("documents", columns=["size", "status"], limit=2)
    assert list(frame.columns) == ["size", "status"]
    assert len(frame) == 2
    assert len(reader.load("documents", limit=0)) == 0
    assert len(reader.load("documents", limit=9)) == 3
    assert reader.load("words", columns=["word"])["word"].tolist() == ["x", "y"]


def test_forms(reader: TableReader) -> None:
    polars = reader.load("documents", form="polars")
    assert isinstance(polars, pl.DataFrame)
    assert polars.schema["size"] == pl.Int64
    arrow = reader.load("documents", where={"id": "none"}, form="arrow")
    assert isinstance(arrow, pa.Table)
    assert arrow.schema.field("size").type == pa.int64()


def test_contents_of_files(reader: TableReader, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.md").write_text(name.upper(), "utf-8")
    options = {"root": str(tmp_path)}
    frame = reader.load("documents", load_content=options, where={"status": ["new", "old"]})
    assert dict(zip(frame["id"], frame["content"], strict=True)) == {"a": "A", "b": "B"}
    frame = reader.load("documents", ["path"], {"id": "a"}, load_content=options)
    assert frame.to_dict("records") == [{"path": "a.md", "content": "A"}]
    frame = reader.load("documents", ["content", "path"], {"id": "a"}, load_content=options)
    assert frame.to_dict("records") == [{"path": "a.md", "content": "A"}]


def test_filters_apply_to_tables_with_documents(reader: TableReader) -> None:
    some = TableReader(DocumentFilters(ids="a,c"))
    assert sorted(some.load("documents")["id"]) == ["a", "c"]
    assert some.load("documents", columns=["size"])["size"].sum() == 4
    assert len(some.load("words")) == 2
    assert some.count("documents") == 3


def test_batches(reader: TableReader) -> None:
    parts = list(reader.batches("documents", size=2))
    assert [len(part) for part in parts] == [2, 1]
    assert sorted(pd.concat(parts)["id"]) == ["a", "b", "c"]
    assert list(reader.batches("documents", where={"id": "x"})) == []


def test_statements(reader: TableReader) -> None:
    frame = reader.query("SELECT id, size * :factor AS n FROM documents WHERE size > :least "
                         "ORDER BY id", {"factor": 10, "least": 1})  # fmt: skip
    assert frame.to_dict("records") == [{"id": "b", "n": 20}, {"id": "c", "n": 30}]
    empty = reader.query("SELECT id FROM documents WHERE size > 5")
    assert list(empty.columns) == ["id"]
    assert len(empty) == 0


@pytest.mark.parametrize(
    "statement",
    ["SELEC 1", "SELECT nothing FROM documents", "SELECT :missing", "DELETE FROM documents"],
)
def test_a_statement_that_is_wrong_is_refused(reader: TableReader, statement: str) -> None:
    with pytest.raises(DefinitionError, match="The statement '") as caught:
        reader.query(statement)
    assert caught.value.hint
    assert reader.count("documents") == 3


def test_tables_and_columns(reader: TableReader) -> None:
    @model("m.out", row_class("out"))
    def out(documents: Any = Reference("documents")) -> Any:
        return [{"document_id": one} for one in documents["id"]]

    assert not reader.table_exists("m.out")
    execute_model_sync(out)
    assert reader.table_exists("m.out")
    assert reader.table_exists("out")
    assert not reader.table_exists("nothing")
    assert reader.count("m.out") == reader.count("out") == 3
    assert reader.get_columns("documents") == ["id", "status", "size", "path"]
    assert sorted(reader.load("m.out")["document_id"]) == ["a", "b", "c"]


def test_what_is_not_there_is_refused(reader: TableReader) -> None:
    for read in (
        lambda: reader.load("nothing"),
        lambda: reader.count("nothing"),
        lambda: reader.get_columns("nothing"),
        lambda: reader.batches("nothing"),
    ):
        with pytest.raises(DefinitionError, match="There is no table 'nothing'") as caught:
            read()
        assert caught.value.hint == "Tables there: documents, words."
    for read in (
        lambda: reader.load("documents", columns=["id", "title"]),
        lambda: reader.load("documents", where={"title": 1}),
        lambda: reader.batches("documents", where={"title": 1}),
    ):
        with pytest.raises(DefinitionError, match="'title', and table 'documents' has none"):
            read()
