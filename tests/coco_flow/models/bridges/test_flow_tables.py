"""Models that read what flows export: in the models' database, and in others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import coco_flow
from coco_flow import DataScope, Flow, FlowBuilder, functions, op, targets
from coco_flow.errors import DefinitionError
from coco_flow.models import (
    DocumentFilters,
    ModelContext,
    PipelineConfig,
    Reference,
    build_graph,
    execute_model_sync,
    model,
)
from coco_flow.models.database import Database
from coco_flow.models.flow_tables import flow_export
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.types import Vector
from tests.flow_parts import MemorySource, MemoryTarget, rows_of
from tests.model_parts import contents, row_class
from tests.postgres_server import running_postgres

CHUNKS = flow_export("Docs", "chunks")
TEXTS = {"a.md": "# A\n\none two", "b.md": "# B\n\nthree"}


@op.function(behavior_version=1)
def measured(text: str) -> Vector[np.float32, Literal[2]]:
    return np.array([len(text), 1], dtype=np.float32)


def exported(target: Any, name: str = "Docs") -> Flow:
    """Update a flow that splits texts and exports the parts with a vector of each."""

    def define(builder: FlowBuilder, scope: DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["parts"] = doc["content"].transform(
                functions.SplitRecursively(), language="markdown", chunk_size=10
            )
            with doc["parts"].row() as part:
                part["vector"] = part["text"].transform(measured)
                out.collect(
                    filename=doc["filename"], location=part["location"], text=part["text"],
                    vector=part["vector"],
                )  # fmt: skip
        out.export("chunks", target, primary_key_fields=["filename", "location"])

    flow = coco_flow.open_flow(name, define)
    flow.setup()
    flow.update()
    return flow


@pytest.fixture
def texts(state: None) -> Iterator[None]:
    for name, text in TEXTS.items():
        rows_of("docs")[name] = text
    yield


def target_in(database: Database, **options: Any) -> Any:
    """Return a target that is a table of the models' database."""
    if database.is_sqlite:
        path = str(database.engine.url.database)
        return targets.SQLite(path=path, table_name=options.get("table_name"))
    spec = DatabaseConnectionSpec(url=database.url)
    reference = coco_flow.add_auth_entry(f"models {database.url}", spec)
    return targets.Postgres(database=reference, **options)


def counting(given: Reference, **options: Any) -> Any:
    """Declare a model that counts the rows of each file."""
    out = row_class(parts=int)

    @model("test.counts", out, **options)
    def counts(writer: Any, chunks: Any = given) -> None:
        grouped = chunks.groupby("filename").size()
        writer.write([{"document_id": name, "parts": int(n)} for name, n in grouped.items()])

    return counts


def test_a_model_reads_a_table_of_its_database_that_a_flow_wrote(
    database: Database, texts: None
) -> None:
    flow = exported(target_in(database))
    table = coco_flow.get_target_default_name(flow, "chunks")
    name = table if database.is_sqlite else table.lower()
    counts = counting(Reference(name, document_column="filename"))
    result = execute_model_sync(counts)
    assert result["rows_written"] == 2
    assert contents(database, counts.model.table.name, "document_id", "parts") == [
        ("a.md", 2), ("b.md", 1),
    ]  # fmt: skip


def test_a_model_reads_an_export_by_the_names_of_flow_and_export(
    database: Database, texts: None, tmp_path: Path
) -> None:
    flow = exported(targets.SQLite(path=str(tmp_path / "elsewhere" / "rows.db")))
    counts = counting(Reference(flow_export(flow, "chunks"), document_column="filename"))
    assert execute_model_sync(counts)["rows_written"] == 2


def test_an_export_that_grew_is_read_again_and_only_its_new_documents(
    database: Database, texts: None
) -> None:
    flow = exported(target_in(database))
    counts = counting(Reference(CHUNKS, document_column="filename"))
    assert execute_model_sync(counts)["documents"] == 2
    rows_of("docs")["c.md"] = "new"
    del rows_of("docs")["a.md"]
    flow.update()
    result = execute_model_sync(counts, ModelContext(incremental_mode="delta"))
    assert (result["documents"], result["inserted"], result["deleted"]) == (1, 1, 1)


def test_the_runs_filters_apply_to_an_export(database: Database, texts: None) -> None:
    exported(target_in(database))
    counts = counting(Reference(CHUNKS, document_column="filename"))
    ctx = ModelContext(DocumentFilters(ids="b.md"))
    assert execute_model_sync(counts, ctx)["documents"] == 1


def test_vectors_of_postgres_are_numbers(own_models: None, texts: None) -> None:
    url = running_postgres().create_database("bridge_vectors")
    reference = coco_flow.add_auth_entry("bridge_vectors", DatabaseConnectionSpec(url=url))
    exported(targets.Postgres(database=reference, schema="made", table_name="chunks"))
    frames = []

    @model("test.vectors", row_class())
    def vectors(chunks: pd.DataFrame = Reference(CHUNKS)) -> None:
        frames.append(chunks)

    execute_model_sync(vectors, database=url)
    (frame,) = frames
    assert set(frame.columns) == {"filename", "location", "text", "vector"}
    assert np.stack(frame["vector"]).tolist() == [[len(text), 1] for text in frame["text"]]


def test_a_source_may_be_an_export(database: Database, texts: None) -> None:
    exported(target_in(database))
    frames = []

    @model("test.seen", row_class(), sources={"chunks": CHUNKS})
    def look(sources: Any) -> None:
        frames.append(sources["chunks"])

    execute_model_sync(look)
    assert len(frames[0]) == 3


def test_a_table_of_another_database_is_read_by_its_url(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE events (document_id TEXT, size INTEGER)")
        connection.execute("INSERT INTO events VALUES ('a', 1), ('a', 2)")
    connection.close()
    # The model writes a table of the same name, in its own database.
    out = row_class("events", size=int)

    @model("test.events", out)
    def events(
        writer: Any,
        given: pd.DataFrame = Reference("events", database=f"sqlite:///{path}"),
    ) -> None:
        sums = given.groupby("document_id")["size"].sum().reset_index()
        writer.write(sums)

    assert build_graph(["test.events"]).needs == {"test.events": ()}
    assert execute_model_sync(events)["rows_written"] == 1
    assert contents(database, "events", "document_id", "size") == [("a", 3)]


def test_a_graph_names_the_export(own_models: None) -> None:
    counts = counting(Reference(CHUNKS, document_column="filename"))
    PipelineConfig("test", [counts])
    assert build_graph(["test.counts"]).tables == {"test.counts": ("flow:Docs/chunks",)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Reference(flow_export("Doc", "chunks")), "The flow 'Doc' is not set up"),
        (Reference(flow_export("Docs", "rows")), "has no export 'rows' that is set up"),
        (Reference(flow_export("Other", "chunks")), "goes to MemoryTarget, which models cannot"),
        (Reference("events", database="sqlite:///none.db"), "There is no database file 'none.db'"),
    ],
)
def test_what_is_not_there_is_named_before_anything_runs(
    database: Database, texts: None, given: Reference, message: str
) -> None:
    exported(target_in(database))
    exported(MemoryTarget(name="other"), "Other")
    counts = counting(given)
    with pytest.raises(DefinitionError, match=message) as caught:
        execute_model_sync(counts)
    assert "Model 'test.counts', input 'chunks'" in str(caught.value)
    assert caught.value.hint


def test_a_table_that_is_gone_is_named(database: Database, texts: None, tmp_path: Path) -> None:
    path = tmp_path / "rows.db"
    exported(targets.SQLite(path=str(path), table_name="chunks"))
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE chunks")
    connection.close()
    counts = counting(Reference(CHUNKS, document_column="filename"))
    with pytest.raises(DefinitionError, match="There is no table 'chunks' in sqlite"):
        execute_model_sync(counts)


def test_reading_an_export_makes_no_state(own_models: None, tmp_path: Path) -> None:
    coco_flow.init(coco_flow.Settings(database=DatabaseConnectionSpec(url=str(tmp_path / "s.db"))))
    counts = counting(Reference(CHUNKS))
    with pytest.raises(DefinitionError, match="is not set up"):
        execute_model_sync(counts, database=f"sqlite:///{tmp_path / 'models.db'}")
    assert not (tmp_path / "s.db").exists()
    coco_flow.stop()
