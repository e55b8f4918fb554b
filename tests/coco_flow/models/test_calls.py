"""How a model is called, and what becomes of what it returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coco_flow.errors import WrongRows
from coco_flow.models import (
    ConfigParam,
    DocumentFilters,
    ModelConfig,
    ModelContext,
    Overrides,
    Reference,
    execute_model_sync,
    listening,
    model,
)
from coco_flow.models.database import Database
from tests.model_parts import contents, fill, row_class

IDS = ["a", "b"]


@pytest.fixture
def documents(database: Database) -> Database:
    fill(database, "CREATE TABLE documents (id TEXT)", [{"id": one} for one in IDS])
    return database


def rows_of(function: Any, database: Database) -> tuple[dict[str, Any], list[str]]:
    """Declare a function as a model and run it; return the result and the ids that it wrote."""
    model("m.out", row_class("out", text=str))(function)
    result = execute_model_sync(function)
    return result, [row[0] for row in contents(database, "out", "document_id")]


def given(documents: Any) -> list[dict[str, Any]]:
    return [{"document_id": one} for one in documents["id"]]


def test_rows_may_be_returned(documents: Database) -> None:
    def out(documents: Any = Reference("documents")) -> Any:
        return given(documents)

    result, written = rows_of(out, documents)
    assert written == IDS
    assert result["rows_written"] == result["documents"] == 2
    assert result["table_name"] == "out"
    assert result["failed_documents"] == {}


def test_a_frame_may_be_returned(documents: Database) -> None:
    def out(documents: Any = Reference("documents")) -> pd.DataFrame:
        return documents.rename(columns={"id": "document_id"})

    assert rows_of(out, documents)[1] == IDS


def test_a_model_may_be_a_generator(documents: Database) -> None:
    def out(documents: Any = Reference("documents")) -> Iterator[Any]:
        yield from given(documents)

    assert rows_of(out, documents)[1] == IDS


def test_a_model_may_be_a_coroutine(documents: Database) -> None:
    async def out(documents: Any = Reference("documents")) -> Any:
        await asyncio.sleep(0)
        return given(documents)

    assert rows_of(out, documents)[1] == IDS


def test_a_coroutine_runs_where_a_loop_runs_already(documents: Database) -> None:
    async def out(documents: Any = Reference("documents")) -> Any:
        await asyncio.sleep(0)
        return given(documents)

    async def main() -> list[str]:
        return rows_of(out, documents)[1]

    assert asyncio.run(main()) == IDS


def test_a_model_may_be_an_asynchronous_generator(documents: Database) -> None:
    async def out(documents: Any = Reference("documents")) -> AsyncIterator[Any]:
        for row in given(documents):
            await asyncio.sleep(0)
            yield row

    assert rows_of(out, documents)[1] == IDS


def test_a_model_may_write_and_return_nothing(documents: Database) -> None:
    def out(writer: Any, documents: Any = Reference("documents")) -> None:
        for row in given(documents):
            writer.write(row)

    assert rows_of(out, documents)[1] == IDS


def test_a_model_that_writes_nothing_has_an_empty_table(documents: Database) -> None:
    def out(documents: Any = Reference("documents")) -> None: ...

    result, written = rows_of(out, documents)
    assert written == []
    assert result["rows_written"] == 0


def test_figures_that_are_returned_are_in_the_result(documents: Database) -> None:
    def out(writer: Any, documents: Any = Reference("documents")) -> Any:
        writer.write(given(documents))
        numbers = pd.Series([1, 2])
        return {
            "sum": numbers.sum(), "mean": np.float64("nan"), "when": pd.Timestamp("2024-01-01"),
            "rows_written": "not this",
        }  # fmt: skip

    result, _ = rows_of(out, documents)
    assert result["sum"] == 3
    assert type(result["sum"]) is int
    assert result["mean"] is None
    assert result["when"] == "2024-01-01T00:00:00"
    assert result["rows_written"] == 2


@pytest.mark.parametrize(
    "returned", ["text", 5, True, [5], object()], ids=lambda value: type(value).__name__
)
def test_what_is_no_rows_is_refused(documents: Database, returned: Any) -> None:
    def out(documents: Any = Reference("documents")) -> Any:
        return returned

    with pytest.raises(WrongRows):
        rows_of(out, documents)
    assert contents(documents, "out") == []


def test_an_error_of_the_model_comes_through_and_its_rows_go(documents: Database) -> None:
    def out(writer: Any, documents: Any = Reference("documents")) -> Any:
        writer.write(given(documents))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        rows_of(out, documents)
    assert contents(documents, "out") == []


def test_a_model_gets_what_its_parameters_name(documents: Database) -> None:
    class Settings(ModelConfig):
        size: int = ConfigParam(default=1)

    found: dict[str, Any] = {}

    @model(
        "m.out", row_class("out"), config_schema=Settings, sources={"input": "documents"},
    )  # fmt: skip
    def out(
        workflow_id: Any,
        ctx: Any,
        writer: Any,
        config: Any,
        sources: Any,
        other: int = 5,
        docs: Any = Reference("documents"),
    ) -> None:
        found.update(locals())

    ctx = ModelContext(DocumentFilters(ids="a"), workflow_id="wf", metadata={"by": "me"})
    execute_model_sync(out, ctx, overrides=Overrides({"m.out.size": "7"}))
    assert found["workflow_id"] == found["ctx"].workflow_id == "wf"
    assert found["ctx"].metadata == {"by": "me"}
    assert found["config"].size == 7
    assert list(found["sources"]) == ["input"]
    assert list(found["docs"]["id"]) == list(found["sources"]["input"]["id"]) == ["a"]
    assert found["other"] == 5


def test_a_model_may_take_all_as_keywords(documents: Database) -> None:
    found: dict[str, Any] = {}

    @model("m.out", row_class("out"), sources={"input": "documents"})
    def out(**given: Any) -> None:
        found.update(given)

    execute_model_sync(out)
    assert found.keys() == {"ctx", "writer", "config", "workflow_id", "sources"}
    assert found["config"] is None


def test_a_source_and_a_parameter_may_have_one_name(documents: Database) -> None:
    fill(documents, "CREATE TABLE notes (document_id TEXT, x TEXT)", [], "notes")
    calls: list[int] = []

    @model("m.out", row_class("out"), sources={"docs": "documents"})
    def out(sources: Any, docs: Any = Reference("notes")) -> None:
        calls.append(len(docs))

    delta = ModelContext(incremental_mode="delta")
    execute_model_sync(out, delta)
    execute_model_sync(out, delta)
    assert calls == [0]
    with documents.writing() as connection:
        connection.exec_driver_sql("INSERT INTO notes VALUES ('a', 'x')")
    execute_model_sync(out, delta)
    assert calls == [0, 1]


def test_progress_and_logs_are_events(documents: Database) -> None:
    events = []

    def out(ctx: ModelContext, documents: Any = Reference("documents")) -> None:
        ctx.log.warning("careful")
        ctx.progress(1, 2, "half")
        ctx.progress(2, 2)

    with listening(lambda run, event: events.append((event.kind, event.message, event.done))):
        rows_of(out, documents)
    assert ("log", "careful", None) in events
    assert ("progress", "", 2) in events


def test_telemetry_of_the_rows_is_summed_up(documents: Database) -> None:
    columns = {
        "llm_model": str, "llm_input_tokens": int, "llm_output_tokens": int,
        "llm_cost_usd": float, "llm_latency_ms": int,
    }  # fmt: skip
    out = row_class("out", **columns)

    @model("m.out", out, scope="table")
    def call(documents: Any = Reference("documents")) -> Any:
        figures = {"model": "m", "tokens_prompt": 5, "cost": 0.25, "execution_time": 1.5}
        for one in documents["id"]:
            yield out(document_id=one, dspy_telemetry=figures)
        yield out(document_id="c")

    assert execute_model_sync(call)["telemetry"] == {
        "llm_calls": 2, "llm_input_tokens": 10, "llm_cost_usd": 0.5, "llm_latency_ms": 3000,
    }  # fmt: skip


def test_rows_of_a_document_that_was_not_given_are_refused(documents: Database) -> None:
    """Delta mode would take them for rows of a document that is gone."""
    out = row_class("out", value=str)

    @model("m.out", out)
    def call(documents: Any = Reference("documents")) -> Any:
        return [out(document_id=f"{one}#0", value="x") for one in documents["id"]]

    with pytest.raises(WrongRows, match="wrote rows of document 'a#0'") as raised:
        execute_model_sync(call)
    assert 'scope="table"' in str(raised.value.hint)
