"""Targets as the sink of a model: what gets there, when, and what a failure leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import lancedb
import numpy as np
import pytest
from sqlalchemy import text

from coco_flow import op, targets
from coco_flow.errors import DefinitionError, FlowError, ModelFailed, RunCancelled
from coco_flow.index import FtsIndexDef
from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    Reference,
    execute_model_sync,
    model,
    not_null,
    run_pipeline_sync,
    shutdown,
)
from coco_flow.models.database import Database, database_of
from coco_flow.models.events import ModelEvents
from coco_flow.models.sinks import Sink, drop_sink, export_to_sink
from coco_flow.types import Vector
from tests.coco_flow.models.bridges.killed_sink import MOMENTS
from tests.flow_parts import MemoryTarget, table_of
from tests.model_parts import fill, row_class

ROOT = Path(__file__).parents[4]
TEXTS = {"a": "one two", "b": "three", "c": "four five six"}


@pytest.fixture
def documents(database: Database, state: None) -> Iterator[Database]:
    rows = [{"id": name, "body": body} for name, body in TEXTS.items()]
    fill(database, "CREATE TABLE documents (id TEXT PRIMARY KEY, body TEXT)", rows)
    yield database
    shutdown()


def change(database: Database, *statements: str) -> None:
    with database.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))


def upper(sink: Any, **options: Any) -> Any:
    """Declare a model of the documents' texts in capitals, and their numbers of words."""
    out = row_class(text=str, words=int)

    @model("test.upper", out, sink=sink, **options)
    def capitals(writer: Any, documents: Any = Reference("documents")) -> None:
        writer.write(
            [
                {"document_id": one["id"], "text": one["body"].upper(),
                 "words": len(one["body"].split())}
                for one in documents.to_dict("records")
            ]
        )  # fmt: skip

    return capitals


def figures(result: dict[str, Any]) -> dict[str, int]:
    names = ("inserted", "updated", "deleted", "unchanged")
    return {name: result["sink"][name] for name in names if result["sink"][name]}


def edit(database: Database) -> None:
    change(
        database,
        "UPDATE documents SET body = 'changed' WHERE id = 'b'",
        "DELETE FROM documents WHERE id = 'c'",
        "INSERT INTO documents VALUES ('d', 'new')",
    )


DELTA = ModelContext(incremental_mode="delta")


def test_the_rows_of_each_run_get_to_the_target(documents: Database, tmp_path: Path) -> None:
    path = tmp_path / "sink.db"
    capitals = upper(targets.SQLite(path=str(path), table_name="upper"))
    result = execute_model_sync(capitals)
    assert figures(result) == {"inserted": 3}
    assert result["sink"]["target"] == f"SQLite table upper in {path}"
    edit(documents)
    assert figures(execute_model_sync(capitals, DELTA)) == {
        "inserted": 1, "updated": 1, "deleted": 1, "unchanged": 1,
    }  # fmt: skip
    with sqlite3.connect(path) as connection:
        rows = sorted(connection.execute("SELECT document_id, text, words FROM upper"))
    connection.close()
    assert rows == [("a", "ONE TWO", 2), ("b", "CHANGED", 1), ("d", "NEW", 1)]


def test_only_rows_that_changed_are_written(documents: Database) -> None:
    capitals = upper(MemoryTarget(name="out"))
    execute_model_sync(capitals)
    table_of("out").reset_counts()
    execute_model_sync(capitals)
    execute_model_sync(capitals, DELTA)
    assert (table_of("out").upserts, table_of("out").deletes) == (0, 0)
    edit(documents)
    execute_model_sync(capitals, DELTA)
    assert (table_of("out").upserts, table_of("out").deletes) == (2, 1)


def test_a_pipeline_exports_once_its_batches_have_ended(documents: Database) -> None:
    capitals = upper(MemoryTarget(name="out"), batch_size=1)
    ended = run_pipeline_sync(PipelineConfig("test", [capitals]))
    assert ended["status"] == "success", ended["errors"]
    assert figures(ended["results"]["test.upper"]) == {"inserted": 3}
    assert len(table_of("out").rows) == 3


def test_lancedb_gets_vectors_that_are_computed(documents: Database, tmp_path: Path) -> None:
    @op.function(behavior_version=1)
    def letters(given: str) -> Vector[np.float32, Literal[2]]:
        return np.array([len(given), given.count("O")], dtype=np.float32)

    sink = Sink(
        targets.LanceDB(db_uri=str(tmp_path / "lance"), table_name="upper"),
        fields={"id": "document_id", "text": "text"},
        compute=lambda row: {"vector": row["text"].transform(letters)},
        fts_indexes=[FtsIndexDef("text")],
    )
    capitals = upper(sink)
    execute_model_sync(capitals)
    edit(documents)
    execute_model_sync(capitals, DELTA)
    table = lancedb.connect(tmp_path / "lance").open_table("upper")
    found = {row["id"]: row["vector"] for row in table.to_arrow().to_pylist()}
    assert found == {"a": [7, 2], "b": [7, 0], "d": [3, 0]}
    hits = table.search("changed", query_type="fts").to_list()
    assert [hit["id"] for hit in hits] == ["b"]


def test_files_are_written_changed_and_removed(documents: Database, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    target = targets.Files(directory=str(folder), content_field="text", suffix=".txt")
    capitals = upper(Sink(target, fields=["text"]))
    execute_model_sync(capitals)
    edit(documents)
    execute_model_sync(capitals, DELTA)
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}
    assert found == {"a.txt": "ONE TWO", "b.txt": "CHANGED", "d.txt": "NEW"}


def test_what_a_failing_target_missed_the_next_run_exports(documents: Database) -> None:
    capitals = upper(MemoryTarget(name="out"))
    table_of("out").fails = FlowError("The target is away.")
    with pytest.raises(ModelFailed, match=r"3 rows of 'test.upper' did not get .* away"):
        execute_model_sync(capitals)
    table_of("out").fails = None
    result = execute_model_sync(capitals, DELTA)
    assert result["skipped"], "no document changed, so that the model is not called"
    assert sorted(table_of("out").rows) == [("a",), ("b",), ("c",)]


def test_a_run_whose_export_failed_is_failed_and_says_why(documents: Database) -> None:
    capitals = upper(MemoryTarget(name="out"))
    table_of("out").fails = FlowError("The target is away.")
    ended = run_pipeline_sync(PipelineConfig("test", [capitals]))
    assert ended["status"] == "failed"
    assert "did not get to its sink" in ended["errors"]["test.upper"]


def test_a_target_that_was_emptied_by_a_table_without_rows(documents: Database) -> None:
    capitals = upper(MemoryTarget(name="out"))
    execute_model_sync(capitals)
    change(documents, "DELETE FROM documents")
    assert figures(execute_model_sync(capitals)) == {"deleted": 3}
    assert table_of("out").rows == {}


def test_rows_that_fail_a_test_are_not_exported(documents: Database) -> None:
    capitals = upper(MemoryTarget(name="out"), tests=[not_null("text")])
    execute_model_sync(capitals)
    change(documents, "INSERT INTO documents VALUES ('d', 'new')")
    result = execute_model_sync(upper(MemoryTarget(name="out"), tests=[not_null("error")]))
    assert "not_null" in result["test_error"]
    assert "sink" not in result
    assert len(table_of("out").rows) == 3


def test_a_filter_chooses_rows(documents: Database) -> None:
    execute_model_sync(upper(Sink(MemoryTarget(name="out"), filter="words > 1")))
    assert sorted(table_of("out").rows) == [("a",), ("c",)]


def test_another_target_replaces_the_one_before(documents: Database, tmp_path: Path) -> None:
    execute_model_sync(upper(MemoryTarget(name="first")))
    path = tmp_path / "sink.db"
    execute_model_sync(upper(targets.SQLite(path=str(path), table_name="upper")))
    assert table_of("first").rows == {}
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM upper").fetchone() == (3,)
    connection.close()


def test_a_sink_is_dropped_with_what_it_made(documents: Database) -> None:
    capitals = upper(MemoryTarget(name="out"))
    execute_model_sync(capitals)
    drop_sink("test.upper", database=documents.url)
    assert table_of("out").rows == {}
    assert figures(execute_model_sync(capitals)) == {"inserted": 3}


def test_a_model_with_any_name_may_have_a_sink(documents: Database) -> None:
    name = f"module-1.{'long_' * 15}name"
    out = row_class(size=int)

    @model(name, out, sink=MemoryTarget(name="out"))
    def sizes(writer: Any) -> None:
        writer.write([{"document_id": "a", "size": 1}])

    assert figures(execute_model_sync(sizes)) == {"inserted": 1}


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        ("LanceDB", "its sink is 'LanceDB'"),
        (Sink(MemoryTarget(name="o"), fields=["size"]), "has the column 'size'"),
        (Sink(MemoryTarget(name="o"), fields={"t": "text"}), "leaves out 'document_id'"),
        (Sink(MemoryTarget(name="o"), key_fields=["number"]), "sink: .*'number'"),
        (Sink(targets.CocoLocal(project="p"), fields=["words"]), "sink: CocoLocal needs a field"),
    ],
)
def test_a_sink_that_does_not_fit_is_refused_before_anything_runs(
    documents: Database, sink: Any, message: str
) -> None:
    calls: list[str] = []
    out = row_class(text=str, words=int)

    @model("test.called", out, sink=sink)
    def called(writer: Any) -> None:
        calls.append("called")

    with pytest.raises(DefinitionError, match=message) as caught:
        execute_model_sync(called)
    assert str(caught.value).startswith("Model 'test.called'")
    assert not calls


def test_cancelling_a_run_ends_the_export(documents: Database) -> None:
    @op.function(behavior_version=1)
    async def forever(given: str) -> str:
        events.cancel()
        await asyncio.Event().wait()
        return given

    def compute(row: Any) -> Any:
        return {"text": row["text"].transform(forever)}

    capitals = upper(None)
    execute_model_sync(capitals)
    waiting = replace(capitals.model, sink=Sink(MemoryTarget(name="out"), compute=compute))
    events = ModelEvents("run", "test.upper")
    with pytest.raises(RunCancelled, match="The run run was cancelled"):
        export_to_sink(waiting, documents, "run", events)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_export_is_made_up_for(tmp_path: Path, moment: str) -> None:
    url = f"sqlite:///{tmp_path / 'models.db'}"
    database = database_of(url)
    rows = [{"id": name, "body": body} for name, body in TEXTS.items()]
    fill(database, "CREATE TABLE documents (id TEXT PRIMARY KEY, body TEXT)", rows)

    def run(name: str, mode: str) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "tests.coco_flow.models.bridges.killed_sink", url, name, mode],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode

    def there() -> dict[str, str]:
        files = (tmp_path / "out").glob("*")
        return {path.name: path.read_text(encoding="utf-8") for path in files}

    assert run("first", "full") == 0
    assert there() == {name: body.upper() for name, body in TEXTS.items()}
    edit(database)
    (tmp_path / "moment").write_text(moment, encoding="utf-8")
    assert run("second", "delta") == -signal.SIGKILL
    calls = (tmp_path / "calls").read_text(encoding="utf-8")
    # The run goes on under its id, or a new one takes its place: both mend the sink.
    assert run("second" if moment != "writing" else "third", "delta") == 0
    assert there() == {"a": "ONE TWO", "b": "CHANGED", "d": "NEW"}
    assert (tmp_path / "calls").read_text(encoding="utf-8") == calls
    database.close()
