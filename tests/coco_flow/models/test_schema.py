"""Tables that are not yet there, or that differ from the row class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger
from sqlmodel import JSON, Field

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError
from coco_flow.models import ModelContext, Reference, TableWriter, execute_model_sync, model
from coco_flow.models.database import Database, database_of
from tests.model_parts import contents, fill, no_models, open_database, row_class

BOOKKEEPING = {"workflow_id", "created_at", "updated_at", "model_name", "error"}


def write(*rows: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """Write rows with a row class of these columns, as a new version of the program would."""
    with no_models():
        writer = TableWriter(db_model=row_class("out", **columns), write_strategy="merge")
        return writer.write(list(rows))


def test_a_new_column_is_added(database: Database) -> None:
    write({"document_id": "a"})
    result = write(
        {"document_id": "b", "title": "x", "size": 1, "data": {"a": 1}},
        title=str, size=int, data=(dict[str, Any] | None, Field(default=None, sa_type=JSON)),
    )  # fmt: skip
    assert (result["inserted"], result["deleted"]) == (1, 0)
    assert contents(database, "out", "document_id", "title", "size") == [
        ("a", None, None), ("b", "x", 1),
    ]  # fmt: skip


def test_a_new_required_column_gives_the_rows_that_are_there_its_default(
    database: Database,
) -> None:
    write({"document_id": "a"})
    columns: dict[str, Any] = {
        "count": (int, 7), "share": (float, 0.5), "is_new": (bool, True),
        "text": (str, "it's 5%:x"),
        "large": (int, Field(default=2**40, sa_type=BigInteger)),
    }  # fmt: skip
    write({"document_id": "b", "count": 1}, **columns)
    assert contents(database, "out", "document_id", *columns) == [
        ("a", 7, 0.5, True, "it's 5%:x", 2**40), ("b", 1, 0.5, True, "it's 5%:x", 2**40),
    ]  # fmt: skip


def test_a_new_required_column_without_a_default_is_refused(database: Database) -> None:
    write({"document_id": "a"})
    with pytest.raises(DefinitionError) as caught:
        write({"document_id": "b", "title": "x"}, title=(str, ...))
    assert "Table 'out' in " in caught.value.message
    assert "lacks the column 'title', which may not be null" in caught.value.message
    assert "default" in str(caught.value.hint)
    assert contents(database, "out", "document_id") == [("a",)]


def test_a_column_that_the_row_class_no_longer_has_stays(database: Database) -> None:
    write({"document_id": "a", "title": "x"}, title=str)
    write({"document_id": "a"}, {"document_id": "b"})
    assert contents(database, "out", "document_id", "title") == [("a", "x"), ("b", None)]


def test_a_required_column_that_the_row_class_no_longer_has_is_refused(database: Database) -> None:
    write({"document_id": "a", "title": "x"}, title=(str, ...))
    with pytest.raises(DefinitionError) as caught:
        write({"document_id": "b"})
    assert "has the column 'title', which may not be null" in caught.value.message
    assert contents(database, "out", "document_id", "title") == [("a", "x")]


def test_a_column_of_another_type_is_refused(database: Database) -> None:
    write({"document_id": "a", "size": 1}, size=int)
    for kind, value in ((str, "many"), (bool, True), (bytes, b"")):
        with pytest.raises(DefinitionError) as caught:
            write({"document_id": "b", "size": value}, size=kind)
        assert "has the column 'size' of type INTEGER, and the row class" in caught.value.message
    write({"document_id": "b", "size": 1.0}, size=float)
    assert contents(database, "out", "document_id", "size") == [("a", 1), ("b", 1)]


def test_a_new_column_makes_delta_process_all_again(database: Database) -> None:
    fill(database, "CREATE TABLE documents (id TEXT)", [{"id": "a"}, {"id": "b"}])
    delta = ModelContext(incremental_mode="delta")

    def run(**columns: Any) -> dict[str, Any]:
        with no_models():

            @model("m.out", row_class("out", **columns))
            def out(documents: Any = Reference("documents")) -> Any:
                return [{"document_id": one} for one in documents["id"]]

            return execute_model_sync(out, delta)

    assert run()["documents"] == 2
    assert run()["documents"] == 0
    assert run(title=str)["documents"] == 2
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE out")
    # Its rows are gone, so what is recorded of them does not count.
    result = run(title=str)
    assert (result["documents"], result["inserted"]) == (2, 2)


def test_a_model_may_have_its_table_in_a_schema(tmp_path: Path, own_models: None) -> None:
    with open_database("postgres", tmp_path) as database:
        fill(database, "CREATE TABLE documents (id TEXT)", [{"id": "a"}])
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE SCHEMA other")

        def run(**columns: Any) -> list[dict[str, Any]]:
            with no_models():
                kept = row_class("out", schema="other", **columns)

                @model("m.out", kept)
                def out(documents: Any = Reference("documents")) -> Any:
                    return [{"document_id": one} for one in documents["id"]]

                @model("m.next", row_class("next", schema="other"))
                def following(given: Any = Reference("m.out")) -> Any:
                    return given[["document_id"]]

                delta = ModelContext(incremental_mode="delta")
                return [execute_model_sync(one, delta) for one in (out, following)]

        assert [one["inserted"] for one in run()] == [1, 1]
        assert [one["skipped"] for one in run()] == [True, True]
        assert run(title=str)[0]["updated"] == 0
        assert not database.has_table("out")


def test_the_engines_tables_are_not_among_those_of_the_user(database: Database) -> None:
    fill(database, "CREATE TABLE documents (id TEXT)")
    model("m.out", row_class("out"))(lambda writer: None)
    execute_model_sync("m.out")
    assert database.table_names() == ["documents", "out"]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(DefinitionError, match="is a database in memory"):
        database_of(url)


def test_urls_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"'mysql://u:\*\*\*@h/d' is no database|no database"):
        database_of("mysql://u:secret@h/d")
    missing = database_of(f"sqlite:///{tmp_path / 'none' / 'x.db'}")
    with pytest.raises(Unavailable, match="unable to open database file"):
        missing.table_names()
    (tmp_path / "text.db").write_text("no database " * 100, "utf-8")
    broken = database_of(f"sqlite:///{tmp_path / 'text.db'}")
    with pytest.raises(Unavailable, match="not a database"):
        broken.table_names()
    lost = database_of("postgresql://coco:secret@127.0.0.1:1/none")
    with pytest.raises(Unavailable) as caught:
        lost.table_names()
    assert "secret" not in str(caught.value)
