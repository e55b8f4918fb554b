"""Flows that take a model's table as their source."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import NaiveDatetime
from sqlalchemy import text
from sqlmodel import JSON, Field

import coco_flow
from coco_flow import DataScope, Flow, FlowBuilder, sources
from coco_flow.errors import DefinitionError, ExtraMissing
from coco_flow.models import ModelContext, ModelRegistry, Reference, execute_model_sync, model
from coco_flow.models.database import Database
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.sources.registry import open_source
from tests.flow_parts import MemoryTarget, table_of
from tests.model_parts import fill, row_class
from tests.waiting import until

MOMENT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def documents(database: Database, state: None) -> Iterator[Database]:
    rows = [{"id": name, "body": f"text of {name}"} for name in ("a", "b", "c")]
    fill(database, "CREATE TABLE documents (id TEXT PRIMARY KEY, body TEXT)", rows)
    yield database


def change(database: Database, statement: str) -> None:
    with database.writing() as connection:
        connection.execute(text(statement))


def lengths() -> Any:
    """Declare a model of the documents' lengths."""
    out = row_class(body=(str, Field()), size=(int, Field()))

    @model("test.lengths", out)
    def measure(writer: Any, documents: Any = Reference("documents")) -> None:
        writer.write(
            [
                {"document_id": row["id"], "body": row["body"], "size": len(row["body"])}
                for row in documents.to_dict("records")
            ]
        )

    return measure


def flow_over(given: sources.ModelTable, *fields: str, **options: Any) -> Flow:
    """Open a flow that exports fields of a source into memory."""

    def define(builder: FlowBuilder, scope: DataScope) -> None:
        scope["rows"] = builder.add_source(given, **options)
        out = scope.add_collector()
        with scope["rows"].row() as row:
            out.collect(**{name: row[name] for name in ("document_id", *fields)})
        out.export("out", MemoryTarget(name="out"), primary_key_fields=["document_id"])

    flow = coco_flow.open_flow("Over", define)
    flow.setup()
    return flow


def test_a_flow_follows_the_runs_of_a_model(documents: Database) -> None:
    measure = lengths()
    execute_model_sync(measure)
    flow = flow_over(sources.ModelTable(model="test.lengths"), "size")
    assert flow.update().total("num_insertions") == 3
    assert table_of("out").rows == {("a",): (9,), ("b",): (9,), ("c",): (9,)}
    change(documents, "UPDATE documents SET body = 'longer text' WHERE id = 'b'")
    change(documents, "DELETE FROM documents WHERE id = 'c'")
    change(documents, "INSERT INTO documents VALUES ('d', 'new')")
    execute_model_sync(measure, ModelContext(incremental_mode="delta"))
    info = flow.update()
    counts = [info.total(f"num_{kind}") for kind in ("insertions", "updates", "deletions")]
    assert counts == [1, 1, 1]
    assert table_of("out").rows == {("a",): (9,), ("b",): (11,), ("d",): (3,)}


def test_a_full_run_without_a_change_changes_no_row_of_a_flow(documents: Database) -> None:
    measure = lengths()
    execute_model_sync(measure)
    flow = flow_over(sources.ModelTable(model="test.lengths"), "size")
    flow.update()
    execute_model_sync(measure)
    info = flow.update()
    assert info.total("num_no_change") == 3
    assert info.total("num_updates") == info.total("num_reprocesses") == 0


def test_the_fields_are_the_key_and_all_but_bookkeeping(documents: Database) -> None:
    execute_model_sync(lengths())
    schema = open_source(sources.ModelTable(model="test.lengths")).schema
    assert [field.name for field in schema.key] == ["document_id"]
    assert {field.name for field in schema.value} == {"body", "size", "error"}
    chosen = sources.ModelTable(model="test.lengths", columns=["size", "updated_at"])
    value = open_source(chosen).schema.value
    assert {field.name for field in value} == {"size", "updated_at"}


def test_values_have_the_types_of_the_row_class(documents: Database) -> None:
    given: dict[str, Any] = {
        "identity": uuid.UUID(int=7), "moment": MOMENT, "local": MOMENT.replace(tzinfo=None),
        "day": date(2026, 1, 2), "flag": True, "share": 0.5, "tags": {"a": [1, None]},
    }  # fmt: skip
    out = row_class(
        identity=uuid.UUID, moment=datetime, local=NaiveDatetime, day=date, flag=bool, share=float,
        tags=(Any, Field(sa_type=JSON)),
    )  # fmt: skip

    @model("test.typed", out)
    def write(writer: Any) -> None:
        writer.write([{"document_id": "a", **given}])

    execute_model_sync(write)
    source = open_source(sources.ModelTable(model="test.typed", columns=list(given)))
    kinds = {field.name: str(field.value_type.type) for field in source.schema.value}
    assert kinds == {
        "identity": "Uuid", "moment": "OffsetDateTime", "local": "LocalDateTime", "day": "Date",
        "flag": "Bool", "share": "Float64", "tags": "Json",
    }  # fmt: skip
    ((entry,),) = [list(source.read([("a",)]))]
    names = [field.name for field in source.schema.value]
    assert dict(zip(names, entry.value, strict=True)) == given


def test_a_flow_need_not_know_the_models_code(documents: Database) -> None:
    execute_model_sync(lengths())
    ModelRegistry.clear()
    flow = flow_over(sources.ModelTable(model="test.lengths"), "size")
    flow.update()
    assert table_of("out").rows[("a",)] == (9,)


def test_the_database_may_be_named(documents: Database) -> None:
    execute_model_sync(lengths())
    url = documents.url
    entry = coco_flow.add_transient_auth_entry(DatabaseConnectionSpec(url=url))
    for given in (url, entry):
        source = open_source(sources.ModelTable(model="test.lengths", database=given))
        assert sum(len(batch) for batch in source.list_rows()) == 3


def test_a_password_is_not_shown_with_the_spec() -> None:
    spec = sources.ModelTable(model="m.x", database="postgresql://me:secret@host/models")
    assert "secret" not in repr(spec)


def test_rows_are_chosen_by_a_condition(documents: Database) -> None:
    execute_model_sync(lengths())
    spec = sources.ModelTable(model="test.lengths", filter="document_id <> 'b'")
    flow_over(spec, "size").update()
    assert sorted(table_of("out").rows) == [("a",), ("c",)]


def test_a_failed_document_keeps_its_row_and_one_that_never_succeeded_has_none(
    documents: Database,
) -> None:
    failing: set[str] = {"c"}
    out = row_class(size=int)

    @model("test.fallible", out)
    def measure(ctx: ModelContext, writer: Any, documents: Any = Reference("documents")) -> None:
        for row in documents.to_dict("records"):
            with ctx.document(row["id"]):
                if row["id"] in failing:
                    raise ValueError("no")
                writer.write([{"document_id": row["id"], "size": len(row["body"])}])

    assert set(execute_model_sync(measure)["failed_documents"]) == {"c"}
    flow = flow_over(sources.ModelTable(model="test.fallible"), "size", "error")
    flow.update()
    assert table_of("out").rows == {("a",): (9, None), ("b",): (9, None)}
    failing.add("a")
    execute_model_sync(measure)
    flow.update()
    assert table_of("out").rows == {("a",): (9, "ValueError: no"), ("b",): (9, None)}
    failing.clear()
    execute_model_sync(measure)
    flow.update()
    assert table_of("out").rows == {("a",): (9, None), ("b",): (9, None), ("c",): (9, None)}


@pytest.mark.parametrize("options", [{"watch": True}, {"watch": False}])
def test_a_live_flow_follows_a_run(documents: Database, options: Mapping[str, bool]) -> None:
    measure = lengths()
    execute_model_sync(measure)
    watches = options["watch"]
    interval = {} if watches else {"refresh_interval": timedelta(seconds=0.1)}
    spec = sources.ModelTable(model="test.lengths", watch_changes=watches)
    flow = flow_over(spec, "size", **interval)
    with coco_flow.FlowLiveUpdater(flow) as updater:
        updater.next_status_updates()
        change(documents, "UPDATE documents SET body = 'x' WHERE id = 'a'")
        change(documents, "DELETE FROM documents WHERE id = 'b'")
        execute_model_sync(measure)
        wanted = {("a",): (1,), ("c",): (9,)}
        until(lambda: table_of("out").rows == wanted)
        updater.abort()


def test_a_model_that_did_not_run_is_named(documents: Database) -> None:
    lengths()
    with pytest.raises(DefinitionError, match="is not in") as caught:
        open_source(sources.ModelTable(model="test.lengths"))
    assert "coco-flow models run" in str(caught.value.hint)
    with pytest.raises(DefinitionError, match="no model of that name has run"):
        open_source(sources.ModelTable(model="test.lenghts"))
    with pytest.raises(DefinitionError, match="'lenghts'"):
        open_source(sources.ModelTable(model="lenghts"))


def test_a_column_that_is_not_there_is_named(documents: Database) -> None:
    execute_model_sync(lengths())
    with pytest.raises(DefinitionError, match="has no column 'sizes'"):
        open_source(sources.ModelTable(model="test.lengths", columns=["sizes"]))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coco_flow.models.database", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'coco-flow\[models\]'"):
        open_source(sources.ModelTable(model="test.lengths"))


APP = """
import coco_flow
from coco_flow import sources, targets

@coco_flow.flow_def(name="Lengths")
def lengths(builder, scope):
    scope["rows"] = builder.add_source(sources.ModelTable(model="test.lengths"))
    out = scope.add_collector()
    with scope["rows"].row() as row:
        out.collect(id=row["document_id"], size=row["size"])
    out.export("out", targets.Files(directory="out"), primary_key_fields=["id"])
"""


def test_the_command_line_updates_such_a_flow(documents: Database, tmp_path: Path) -> None:
    execute_model_sync(lengths())
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    environment = {**os.environ, "COCO_FLOW_MODELS_DATABASE": documents.url}
    done = subprocess.run(
        [sys.executable, "-m", "coco_flow.cli", "update", "--setup", "app.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 added" in done.stdout + done.stderr
    assert len([path for path in (tmp_path / "out").iterdir() if path.suffix == ".json"]) == 3
