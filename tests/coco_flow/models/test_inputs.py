"""What models read: sources and references in all forms, filters, contents of files, frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlmodel import Field

from coco_flow.errors import DefinitionError
from coco_flow.models import (
    DocumentFilters,
    ModelContext,
    PipelineModelBase,
    Reference,
    execute_model_sync,
    model,
)
from coco_flow.models.database import Database
from tests.coco_flow.models.inputs import CREATE, ROWS, ids, run, seen
from tests.model_parts import fill


@pytest.fixture
def documents(database: Database) -> Database:
    fill(database, CREATE, ROWS)
    return database


@pytest.mark.parametrize(
    "source",
    [
        "documents",
        ("documents", {}),
        ("documents", lambda filters: {}),
        Reference("documents"),
        ("documents", {"filter": lambda df, ctx: df}),
    ],
    ids=["name", "options", "function", "reference", "frames"],
)
def test_a_source_is_a_frame_of_the_table(documents: Database, source: Any) -> None:
    frame = seen(source)
    assert list(frame.columns) == ["id", "status", "size", "path"]
    assert ids(frame) == ["a", "b", "c"]
    assert frame.df is frame


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"status": "new"}, ["a"]),
        ({"status": ["new", "old"]}, ["a", "b"]),
        ({"status": ["new", None]}, ["a", "c"]),
        ({"status": None}, ["c"]),
        ({"status": []}, []),
        ({"size": "2"}, ["b"]),
        ({"size": "two"}, []),
        ({"size": [1, "2", "x"]}, ["a", "b"]),
        ({"status": "new", "size": 2}, []),
        ({"status": lambda ctx: ctx.metadata["status"]}, ["b"]),
        ({"status": lambda ctx: None}, ["a", "b", "c"]),
        (lambda filters: {"size": filters.limit}, ["a"]),
        (lambda filters: {"status": filters.source}, ["a", "b", "c"]),
        (lambda filters: {"status": lambda ctx: ctx.metadata["status"]}, ["b"]),
        (lambda filters: None, ["a", "b", "c"]),
        (lambda df, ctx: df[df["status"] == ctx.metadata["status"]], ["b"]),
    ],
)
def test_filters(documents: Database, given: Any, expected: list[str]) -> None:
    ctx = ModelContext(DocumentFilters(limit=1, resolved=True), metadata={"status": "old"})
    frame = seen(Reference("documents", given), ctx)
    assert ids(frame) == expected
    if frame is not None:
        assert list(frame.columns) == ["id", "status", "size", "path"]
        assert frame.df is frame


def test_a_filter_by_name_is_the_column_with_the_documents_id(database: Database) -> None:
    fill(database, "CREATE TABLE pages (doc TEXT, id TEXT)", [{"doc": "a", "id": "1"}], "pages")
    fill(database, "CREATE TABLE notes (document_id TEXT)", [{"document_id": "a"}], "notes")
    none = ModelContext(DocumentFilters(ids="b"))
    for reference in (Reference("pages", "doc"), Reference("pages", document_column="doc")):
        assert len(seen(reference)) == 1
        assert seen(reference, none) is None
    # Its `id` is that of a page, not of a document.
    assert len(seen("pages", none)) == 1
    assert seen("notes", none) is None


def test_columns_are_those_that_are_asked_for(documents: Database) -> None:
    frame = seen(("documents", {"columns": ["size", "status"]}))
    # The document's id is there as well: digests and failures need it.
    assert list(frame.columns) == ["id", "size", "status"]


def test_a_column_that_is_not_there_is_refused_before_the_run(documents: Database) -> None:
    for reference in (
        Reference("documents", columns=["title"]),
        Reference("documents", {"title": 1}),
        Reference("documents", "title"),
        Reference("documents", document_column="title"),
        Reference("documents", load_content={"path_column": "title"}),
    ):
        with pytest.raises(DefinitionError) as caught:
            seen(reference)
        assert caught.value.message.startswith("Model 'test.rows_")
        assert ", input 'given': Reference(" in caught.value.message
        assert "'title'" in caught.value.message or "no column with a path" in caught.value.message
        assert "it has id, status, size, path" in caught.value.message


def test_contents_of_files_are_loaded(
    documents: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.md").write_bytes("äb\r\n“c”".encode())
    (tmp_path / "b.md").write_bytes(b"caf\xe9")
    source = ("documents", {"load_content": {"root": str(tmp_path)}})
    result: dict[str, Any] = {}

    def look(ctx: Any, sources: Any) -> None:
        frame = sources["given"]
        result["contents"] = dict(zip(frame["id"], frame["content"], strict=True))

    result |= run(look, sources={"given": source})
    # Text that is no UTF-8 is read with marks in the place of what is not known.
    assert result["contents"] == {"a": "äb\r\n“c”", "b": "caf\N{REPLACEMENT CHARACTER}"}
    assert list(result["failed_documents"]) == ["c"]
    assert "cannot be read" in result["failed_documents"]["c"]
    assert "c.md" in result["failed_documents"]["c"]
    monkeypatch.setenv("COCO_FLOW_MODELS_ROOT", str(tmp_path))
    assert ids(seen(("documents", {"load_content": True}))) == ["a", "b"]


def test_a_path_column_may_be_named(database: Database, tmp_path: Path) -> None:
    rows = [
        {"doc": "a", "file": str(tmp_path / "a.md"), "content_path": "wrong"},
        {"doc": "b", "file": f"file://{tmp_path / 'a.md'}", "content_path": "wrong"},
        {"doc": "c", "file": None, "content_path": "wrong"},
        {"doc": "d", "file": str(tmp_path), "content_path": "wrong"},
    ]
    fill(database, "CREATE TABLE pages (doc TEXT, file TEXT, content_path TEXT)", rows, "pages")
    (tmp_path / "a.md").write_text("text", "utf-8")
    options = {"path_column": "file", "document_id_column": "doc"}
    frames = []

    def look(pages: Any = Reference("pages", load_content=options)) -> None:
        frames.append(pages)

    result = run(look)
    assert list(frames[0]["content"]) == ["text", "text"]
    assert result["failed_documents"].keys() == {"c", "d"}
    assert result["failed_documents"]["c"] == "its content cannot be read: it has no path"
    with pytest.raises(DefinitionError, match=r"leaves out the column 'content_path'"):
        seen(Reference("pages", load_content=True, columns=["doc"]))


def test_content_in_the_table_is_taken_before_a_files(database: Database, tmp_path: Path) -> None:
    fill(
        database,
        "CREATE TABLE documents (id TEXT PRIMARY KEY, content TEXT, path TEXT)",
        [{"id": "a", "content": "inline", "path": None}, {"id": "b", "content": None, "path": "b"}],
    )
    (tmp_path / "b").write_text("of the file", "utf-8")
    options = {"load_content": {"root": str(tmp_path)}}
    for columns in (None, ["content", "path"], ["path", "content", "id"]):
        frame = seen(("documents", {**options, "columns": columns}))
        assert dict(zip(frame["id"], frame["content"], strict=True)) == {
            "a": "inline", "b": "of the file",
        }  # fmt: skip


def test_content_may_be_among_the_columns(documents: Database, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.md").write_text(name.upper(), "utf-8")
    source = {"load_content": {"root": str(tmp_path)}, "columns": ["content", "path", "size"]}
    frame = seen(("documents", source))
    assert list(frame.columns) == ["id", "path", "size", "content"]
    assert sorted(frame["content"]) == ["A", "B", "C"]


def test_a_reference_is_loaded_when_it_is_used(documents: Database) -> None:
    found: dict[str, Any] = {}

    def look(
        documents: Reference = Reference("documents", batch_rows=2),
        nothing: Reference = Reference("documents", {"status": "none"}),
    ) -> None:
        found["df"] = documents.df
        found["batches"] = [len(one) for one in documents.batches()]
        found["polars"] = [type(one) for one in documents.batches("polars")]
        found["query"] = str(documents.query)
        found["class"] = documents.model_class
        found["none"] = list(nothing.batches())

    run(look)
    assert ids(found["df"]) == ["a", "b", "c"]
    assert found["batches"] == [2, 1]
    assert found["polars"] == [pl.DataFrame] * 2
    assert found["query"].startswith("SELECT documents.id")
    assert found["class"] is None
    assert found["none"] == []
    with pytest.raises(DefinitionError, match="has no data here"):
        _ = Reference("documents").df


def test_a_reference_knows_the_row_class_of_a_model(documents: Database) -> None:
    class First(PipelineModelBase, table=True):
        document_id: str = Field(primary_key=True)

    @model("test.first", First)
    def first(documents: Any = Reference("documents")) -> Any:
        return [First(document_id=one) for one in documents["id"]]

    execute_model_sync(first)
    found = []

    def look(
        by_name: Reference = Reference("test.first"),
        by_table: Reference = Reference("first"),
    ) -> None:
        found.extend([by_name.model_class, by_table.model_class])
        found.append(sorted(by_name.df["document_id"]))

    run(look)
    assert found == [First, First, ["a", "b", "c"]]
