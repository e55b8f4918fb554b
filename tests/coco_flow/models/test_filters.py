"""Which documents a run is about: each filter, all of them, and ids that are no text."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from coco_flow.errors import DefinitionError
from coco_flow.models import (
    DocumentFilters,
    ModelContext,
    Reference,
    TableWriter,
    execute_model_sync,
    model,
)
from coco_flow.models.database import Database
from tests.model_parts import contents, fill, row_class

CREATE = """
    CREATE TABLE documents (
        id TEXT PRIMARY KEY, status TEXT, source TEXT, cluster_id INTEGER, content_type TEXT,
        path TEXT, source_url TEXT
    )
"""
ROWS: list[dict[str, Any]] = [
    {"id": "a", "status": "new", "source": "wiki", "cluster_id": 1, "content_type": "text/plain",
     "path": "docs/a.md", "source_url": None},
    {"id": "b", "status": "old", "source": "wiki", "cluster_id": 2, "content_type": "text/html",
     "path": "docs/B.MD", "source_url": "https://example.org/b"},
    {"id": "c", "status": "new", "source": "mail", "cluster_id": None, "content_type": None,
     "path": None, "source_url": "docs/100%_[c].md"},
    {"id": "d e,f", "status": None, "source": None, "cluster_id": 1, "content_type": "text/html",
     "path": "src/d?.py", "source_url": None},
]  # fmt: skip


@pytest.fixture
def documents(database: Database) -> Database:
    fill(database, CREATE, ROWS)
    return database


def found(database: Database, **filters: Any) -> list[str] | None:
    table = database.table("documents")
    with database.reading() as connection:
        return DocumentFilters(**filters).resolve(connection, table).document_ids


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"with_status": "new"}, ["a", "c"]),
        ({"with_status": "new, old"}, ["a", "b", "c"]),
        ({"with_status": ["new", "old"]}, ["a", "b", "c"]),
        ({"with_status": "none"}, []),
        ({"source": "wiki"}, ["a", "b"]),
        ({"in_cluster": "1"}, ["a", "d e,f"]),
        ({"in_cluster": "x"}, []),
        ({"with_content_type": "text/html"}, ["b", "d e,f"]),
        ({"include_pattern": "docs/*.md"}, ["a", "c"]),
        ({"include_pattern": "*.MD"}, ["b"]),
        ({"include_pattern": "*100%_[[]c].md"}, []),
        ({"include_pattern": "*100%_[c].md"}, ["c"]),
        ({"include_pattern": "*100__*"}, []),
        ({"include_pattern": "docs/?.md"}, ["a"]),
        ({"include_pattern": "https://*"}, ["b"]),
        ({"include_pattern": "\\*"}, []),
        ({"exclude_pattern": "docs/*"}, ["d e,f"]),
        ({"include_pattern": "*", "exclude_pattern": "*.md"}, ["b", "d e,f"]),
        ({"limit": 2}, ["a", "b"]),
        ({"limit": 0}, []),
        ({"limit": 1, "with_status": "new", "source": "mail"}, ["c"]),
        ({"ids": "c, a", "limit": 5}, ["a", "c"]),
        ({"ids": ["d e,f", "x"], "limit": 5}, ["d e,f"]),
        ({"ids": "a", "with_status": "old"}, []),
    ],
    ids=str,
)
def test_each_filter(documents: Database, filters: dict[str, Any], expected: list[str]) -> None:
    assert found(documents, **filters) == expected


def test_ids_alone_need_no_table() -> None:
    assert not DocumentFilters().needs_table
    assert DocumentFilters().document_ids is None
    assert DocumentFilters(ids=" a ,b,, a").document_ids == ["a", "b"]
    assert DocumentFilters(ids=[" a", "b"]).document_ids == [" a", "b"]
    assert DocumentFilters(ids="").document_ids == []
    assert not DocumentFilters(ids="a").needs_table
    assert DocumentFilters(limit=1).needs_table


def test_an_iterator_of_ids_can_be_used_more_than_once() -> None:
    filters = DocumentFilters(ids=(str(one) for one in range(2)), source=iter(["x"]))
    assert filters.document_ids == filters.document_ids == ["0", "1"]
    assert filters.as_dict() == {"ids": ["0", "1"], "source": ["x"]}
    assert DocumentFilters(**filters.as_dict()) == filters


def test_filters_that_cannot_be_used_are_refused(database: Database) -> None:
    with pytest.raises(DefinitionError, match="limit is -1"):
        DocumentFilters(limit=-1)
    with pytest.raises(DefinitionError, match="ids is 5"):
        DocumentFilters(ids=5)  # type: ignore[arg-type]
    fill(database, "CREATE TABLE documents (id TEXT PRIMARY KEY, title TEXT)", [{"id": "a"}])
    for name, words in {
        "with_status": "needs a column 'status' or 'ingestion_status'",
        "in_cluster": "needs a column 'cluster'",
        "include_pattern": "needs a column 'path'",
    }.items():
        with pytest.raises(DefinitionError, match=words) as caught:
            found(database, **{name: "x"})
        assert "it has id, title" in caught.value.message
    with database.reading() as connection, pytest.raises(DefinitionError, match="documents table"):
        DocumentFilters(limit=1).resolve(connection, None)


def test_filters_are_resolved_once(documents: Database) -> None:
    seen: list[Any] = []

    @model("test.out", row_class("out"), ["document_id"])
    def out(ctx: ModelContext, writer: Any, docs: Any = Reference("documents")) -> None:
        seen.append((ctx.filters.resolved, ctx.document_ids, sorted(docs["id"])))
        writer.write({"document_id": one} for one in docs["id"])

    filters = DocumentFilters(with_status="new")
    result = execute_model_sync(out, ModelContext(filters))
    assert seen == [(True, ["a", "c"], ["a", "c"])]
    assert result["documents"] == 2
    # The run's own filters do not change.
    assert filters.needs_table
    with documents.reading() as connection:
        resolved = filters.resolve(connection, documents.table("documents"))
        assert resolved.resolve(connection, None) is resolved


def test_a_filter_without_a_documents_table_is_refused(database: Database) -> None:
    model("test.out", row_class("out"))(lambda writer: None)
    with pytest.raises(DefinitionError, match="needs the documents table, which is not there"):
        execute_model_sync("test.out", ModelContext(DocumentFilters(limit=1)))


def test_very_many_ids(database: Database) -> None:
    ids = [f"{number:06}" for number in range(40_000)]
    rows = [{"id": one, "status": "new"} for one in ids[:35_000]]
    fill(database, "CREATE TABLE documents (id TEXT PRIMARY KEY, status TEXT)", rows)
    assert found(database, ids=ids, with_status="new") == ids[:35_000]
    assert found(database, ids=ids[::-1], limit=3) == ids[:3]

    @model("test.out", row_class("out"))
    def out(docs: Any = Reference("documents", columns=["id"])) -> Any:
        return docs.rename(columns={"id": "document_id"})

    result = execute_model_sync(out, ModelContext(DocumentFilters(ids=ids)))
    assert result["inserted"] == result["documents"] == 35_000
    with database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM documents WHERE id < '030000'")
    result = execute_model_sync(out, ModelContext(DocumentFilters(ids=ids)))
    assert (result["deleted"], result["unchanged"]) == (30_000, 5_000)
    assert len(contents(database, "out", "document_id")) == 5_000


@pytest.mark.parametrize("kind", [int, uuid.UUID])
def test_ids_that_are_no_text(database: Database, kind: Any) -> None:
    """Numbers and UUIDs: selected by their text, replaced, removed, failed, tried again."""

    documents = row_class("documents", key={"id": kind}, title=str)
    part = row_class("part", key={"document_id": kind, "number": int}, title=str)
    known = [kind(int=one) if kind is uuid.UUID else one for one in range(1, 5)]
    called: list[list[Any]] = []

    @model("test.parts", part)
    def parts(ctx: ModelContext, given: Any = Reference("documents")) -> Any:
        called.append(sorted(given["id"]))
        for document in given.to_dict("records"):
            with ctx.document(document["id"]):
                if document["title"] == "bad":
                    raise ValueError("no title")
                for number in range(len(document["title"])):
                    yield part(document_id=document["id"], number=number, title=document["title"])

    def write(*titles: str) -> None:
        rows = [documents(id=one, title=title) for one, title in zip(known, titles, strict=False)]
        TableWriter(write_strategy="replace").write(rows)

    def rows() -> list[Any]:
        return contents(database, "part", "title", "number", "error")

    delta = ModelContext(incremental_mode="delta")
    write("x", "yy", "zz")
    execute_model_sync(parts)
    assert rows() == [("x", 0, None), ("yy", 0, None), ("yy", 1, None), ("zz", 0, None),
                      ("zz", 1, None)]  # fmt: skip
    assert execute_model_sync(parts, delta)["skipped"]
    write("x", "w")
    result = execute_model_sync(parts, delta)
    assert called == [known[:3], [known[1]]]
    assert (result["deleted"], result["inserted"], result["updated"]) == (3, 0, 1)
    assert rows() == [("w", 0, None), ("x", 0, None)]
    one = ModelContext(DocumentFilters(ids=[str(known[0]), "no id"]))
    assert execute_model_sync(parts, one)["documents"] == 1
    assert called[-1] == [known[0]]
    write("x", "bad")
    result = execute_model_sync(parts, delta)
    assert result["failed_documents"] == {str(known[1]): "ValueError: no title"}
    assert rows() == [("w", 0, "ValueError: no title"), ("x", 0, None)]
    write("x", "v")
    execute_model_sync(parts, delta)
    assert rows() == [("v", 0, None), ("x", 0, None)]
