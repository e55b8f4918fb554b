"""What makes a document's rows be made again, and what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import LargeBinary
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from coco_flow.models import (
    DocumentFilters,
    ModelContext,
    PipelineModelBase,
    Reference,
    TableWriter,
    execute_model_sync,
    model,
)
from coco_flow.models.database import Database
from tests.model_parts import contents, fill, no_models, row_class

DELTA = ModelContext(incremental_mode="delta")


class Calls:
    """A model that copies documents, as the next version of a program would declare it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ids: list[list[str]] = []

    def run(
        self,
        reference: Reference | None = None,
        context: ModelContext = DELTA,
        use: Callable[[Any], Any] = lambda documents: documents,
        **options: Any,
    ) -> dict[str, Any]:
        """Declare the model, run it, and note which documents it was called with."""
        chosen = reference or Reference("documents")
        with no_models():

            def out(documents: Any = chosen) -> Any:
                frame = use(documents)
                self.ids.append(sorted(frame["id"]))
                return [{"document_id": one} for one in frame["id"]]

            model("m.out", row_class("out"), **options)(out)
            return execute_model_sync(out, context)

    def seen(self, *args: Any, **options: Any) -> list[str]:
        """Run the model; return the documents that it was called with."""
        before = len(self.ids)
        self.run(*args, **options)
        return [name for call in self.ids[before:] for name in call]

    def change(self, statement: str) -> None:
        with self.database.writing() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture
def calls(database: Database) -> Calls:
    rows = [{"id": one, "text": one, "size": 1, "updated_at": "then"} for one in "abc"]
    create = (
        "CREATE TABLE documents (id TEXT PRIMARY KEY, text TEXT, size INTEGER, updated_at TEXT)"
    )
    fill(database, create, rows)
    return Calls(database)


def test_nothing_is_done_when_nothing_changed(calls: Calls) -> None:
    assert calls.seen() == ["a", "b", "c"]
    result = calls.run()
    assert result["skipped"] is True
    assert (result["documents"], result["rows_written"], result["deleted"]) == (0, 0, 0)
    assert len(calls.ids) == 1
    # A full run does all again, and finds the rows as they were.
    result = calls.run(context=ModelContext())
    assert (result["documents"], result["unchanged"], result["updated"]) == (3, 3, 0)
    assert calls.seen() == []


def test_a_row_that_changed_is_done_again(calls: Calls) -> None:
    calls.run()
    calls.change("UPDATE documents SET text = 'x' WHERE id = 'b'")
    assert calls.seen() == ["b"]
    calls.change("UPDATE documents SET size = NULL WHERE id = 'c'")
    assert calls.seen() == ["c"]
    # This table's columns are all the user's own.
    calls.change("UPDATE documents SET updated_at = 'now' WHERE id = 'a'")
    assert calls.seen() == ["a"]
    calls.change("UPDATE documents SET text = text")
    assert calls.seen() == []


def test_only_columns_that_are_read_count(calls: Calls) -> None:
    few = Reference("documents", columns=["text"])
    calls.run(few)
    calls.change("UPDATE documents SET size = 5")
    assert calls.seen(few) == []
    assert calls.seen(Reference("documents", columns=["text", "size"])) == ["a", "b", "c"]


def test_documents_that_come_and_go(calls: Calls) -> None:
    calls.run()
    calls.change("DELETE FROM documents WHERE id IN ('a', 'b')")
    calls.change("INSERT INTO documents VALUES ('d', '', 0, '')")
    result = calls.run()
    assert calls.ids[-1] == ["d"]
    assert (result["deleted"], result["inserted"]) == (2, 1)
    assert contents(calls.database, "out", "document_id") == [("c",), ("d",)]
    calls.change("DELETE FROM documents WHERE id = 'd'")
    # There is nothing to call the model for, and a row to remove.
    result = calls.run()
    assert (result["deleted"], result.get("skipped")) == (1, True)
    calls.change("DELETE FROM documents")
    assert calls.run(context=ModelContext())["deleted"] == 1
    assert contents(calls.database, "out", "document_id") == []


def test_append_keeps_the_rows_of_documents_that_are_gone(calls: Calls) -> None:
    calls.run(write_strategy="append")
    calls.change("DELETE FROM documents WHERE id = 'a'")
    assert calls.run(write_strategy="append")["deleted"] == 0
    assert len(contents(calls.database, "out", "document_id")) == 3


def test_a_run_about_some_documents_leaves_the_others(calls: Calls) -> None:
    calls.run()
    calls.change("UPDATE documents SET text = 'x'")
    calls.change("DELETE FROM documents WHERE id = 'c'")
    some = ModelContext(DocumentFilters(ids="b,x"), "delta")
    result = calls.run(context=some)
    assert calls.ids[-1] == ["b"]
    assert result["deleted"] == 0
    result = calls.run(context=ModelContext(DocumentFilters(ids="c"), "delta"))
    assert (result["deleted"], result["documents"]) == (1, 0)
    assert calls.seen() == ["a"]
    # Whether a pattern would have matched a document that is gone is not known.
    calls.change("DELETE FROM documents WHERE id = 'a'")
    assert calls.run(context=ModelContext(DocumentFilters(limit=5), "delta"))["deleted"] == 0
    assert calls.run()["deleted"] == 1


def test_a_version_makes_all_be_done_again(calls: Calls) -> None:
    calls.run(version=1)
    assert calls.seen(version=1) == []
    assert calls.seen(version=2) == ["a", "b", "c"]
    # One that was is not the last one.
    assert calls.seen(version=1) == ["a", "b", "c"]


def test_another_strategy_makes_all_be_done_again(calls: Calls) -> None:
    calls.run()
    assert calls.seen(write_strategy="merge") == ["a", "b", "c"]


def test_another_filter_function_makes_all_be_done_again(calls: Calls) -> None:
    def run(given: Any) -> list[str]:
        return calls.seen(Reference("documents", given))

    assert run(lambda df, ctx: df[df["size"] < 5]) == ["a", "b", "c"]
    assert run(lambda df, ctx: df[df["size"] < 5]) == []
    assert run(lambda df, ctx: df[df["size"] < 6]) == ["a", "b", "c"]
    assert run(lambda df, ctx: df[df["text"] < "c"]) == ["a", "b"]


def test_code_that_changed_makes_all_be_done_again(database: Database, tmp_path: Any) -> None:
    import importlib.util

    fill(database, "CREATE TABLE documents (id TEXT)", [{"id": "a"}])

    def run(body: str) -> dict[str, Any]:
        path = tmp_path / f"program_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(
            "from coco_flow.models import Reference, model\n"
            "from tests.model_parts import row_class\n"
            "@model('m.out', row_class('out', text=str))\n"
            "def out(documents=Reference('documents')):\n"
            f"    {body}\n"
            "    return [{'document_id': 'a', 'text': text}]\n",
            "utf-8",
        )
        with no_models():
            # A program has one name, whatever file it is read from here.
            spec = importlib.util.spec_from_file_location("program_of_models", path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return execute_model_sync(module.out, DELTA)

    assert run("text = 'x'")["inserted"] == 1
    assert run("text = 'x'  # why")["skipped"]
    assert run("text = 'y'")["updated"] == 1


def test_an_input_that_is_read_twice_is_known(calls: Calls) -> None:
    def twice(documents: Any) -> Any:
        assert len(documents.df) == sum(len(part) for part in documents.batches())
        return documents.df

    def run(use: Any) -> list[str]:
        chosen = Reference("documents", batch_rows=2)
        with no_models():
            before = len(calls.ids)

            def out(documents: Reference = chosen) -> Any:
                frame = use(documents)
                calls.ids.append(sorted(frame["id"]))
                return [{"document_id": one} for one in frame["id"]]

            model("m.out", row_class("out"), version=1)(out)
            execute_model_sync(out, DELTA)
            return [name for call in calls.ids[before:] for name in call]

    assert run(twice) == ["a", "b", "c"]
    assert run(twice) == []


def test_an_input_that_is_not_read_to_the_end_is_read_again(calls: Calls) -> None:
    starts: list[int] = []

    @model("m.out", row_class("out"))
    def out(parts: Iterator[pd.DataFrame] = Reference("documents", batch_rows=1)) -> None:  # type: ignore[assignment]
        starts.append(len(next(iter(parts))))

    execute_model_sync(out, DELTA)
    execute_model_sync(out, DELTA)
    # What decides its rows is not known, so it is called each time.
    assert starts == [1, 1]


def test_bookkeeping_of_an_upstream_model_does_not_count(calls: Calls) -> None:
    called: list[list[str]] = []
    first = row_class("first", text=str)

    @model("m.first", first)
    def copy(documents: Any = Reference("documents")) -> Any:
        return [first(document_id=one.id, text=one.text) for one in documents.itertuples()]

    @model("m.second", row_class("second"))
    def second(given: Any = Reference("m.first")) -> Any:
        called.append(sorted(given["document_id"]))
        return given[["document_id"]]

    for mode in ("full", "delta"):
        execute_model_sync(copy, ModelContext(incremental_mode=mode))  # type: ignore[arg-type]
        execute_model_sync(second, DELTA)
    assert called == [["a", "b", "c"]]
    with calls.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE first SET workflow_id = 'other', updated_at = created_at"
        )
    execute_model_sync(second, DELTA)
    calls.change("UPDATE documents SET text = 'new' WHERE id = 'b'")
    execute_model_sync(copy, DELTA)
    execute_model_sync(second, DELTA)
    assert called == [["a", "b", "c"], ["b"]]


def test_a_model_about_all_documents_is_called_with_all(calls: Calls) -> None:
    called: list[int] = []

    class Total(PipelineModelBase, table=True):
        name: str = Field(primary_key=True)
        size: int

    @model("m.total", Total)
    def total(documents: Any = Reference("documents")) -> Any:
        called.append(len(documents))
        return Total(name="all", size=int(documents["size"].sum()))

    execute_model_sync(total, DELTA)
    assert execute_model_sync(total, DELTA)["skipped"]
    calls.change("UPDATE documents SET size = 5 WHERE id = 'a'")
    execute_model_sync(total, DELTA)
    calls.change("DELETE FROM documents WHERE id = 'b'")
    execute_model_sync(total, DELTA)
    assert called == [3, 3, 2]
    assert contents(calls.database, "total", "name", "size") == [("all", 6)]


def test_a_table_without_documents_counts_for_all(calls: Calls) -> None:
    fill(calls.database, "CREATE TABLE labels (label TEXT)", [{"label": "x"}], "labels")
    called: list[list[str]] = []

    @model("m.out", row_class("out"))
    def out(documents: Any = Reference("documents"), labels: Any = Reference("labels")) -> None:
        called.append(sorted(documents["id"]))
        assert len(labels) == len(called)

    execute_model_sync(out, DELTA)
    execute_model_sync(out, DELTA)
    calls.change("INSERT INTO labels VALUES ('y')")
    execute_model_sync(out, DELTA)
    assert called == [["a", "b", "c"], ["a", "b", "c"]]


def test_order_and_types_of_values(database: Database) -> None:
    """Rows in another order are the same; the text of a number is not the number."""
    create = "CREATE TABLE parts (document_id TEXT, value TEXT)"
    rows = [{"document_id": "a", "value": "1"}, {"document_id": "a", "value": "2"}]
    fill(database, create, rows, "parts")
    called: list[int] = []

    @model("m.out", row_class("out"))
    def out(parts: Any = Reference("parts")) -> None:
        called.append(len(parts))

    def set_rows(*values: str | None) -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM parts")
            for value in values:
                shown = "NULL" if value is None else f"'{value}'"
                connection.exec_driver_sql(f"INSERT INTO parts VALUES ('a', {shown})")

    execute_model_sync(out, DELTA)
    set_rows("2", "1")
    assert execute_model_sync(out, DELTA)["skipped"]
    for number, values in enumerate([("1", "1"), ("1", None), ("1", "None"), ("1",)], 2):
        set_rows(*values)
        execute_model_sync(out, DELTA)
        assert len(called) == number


class Array(TypeDecorator[Any]):
    """An array of NumPy, kept as bytes."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value.tobytes()

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else np.frombuffer(value)


def test_a_change_in_the_midst_of_a_long_array_is_seen(database: Database) -> None:
    class Embedded(SQLModel, table=True):
        document_id: str = Field(primary_key=True)
        vector: Any = Field(default=None, sa_type=Array, nullable=True)

    called: list[int] = []

    @model("m.out", row_class("out"))
    def out(given: Any = Reference("embedded")) -> None:
        called.append(len(given))

    vector = np.zeros(5000)
    for value in (0, 1, 1):
        vector[2500] = value
        TableWriter(write_strategy="merge").write(
            [Embedded(document_id="a", vector=vector), Embedded(document_id="b")]
        )
        execute_model_sync(out, DELTA)
    assert called == [2, 1]
