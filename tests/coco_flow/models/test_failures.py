"""Documents that fail: the others go on, and the next run in delta mode tries them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from coco_core.errors import Unavailable
from coco_flow.errors import RunCancelled
from coco_flow.models import (
    LLMTelemetryMixin,
    ModelContext,
    Reference,
    execute_model_sync,
    model,
)
from coco_flow.models.database import Database
from coco_flow.models.events import ModelEvents
from tests.model_parts import contents, fill, row_class

DELTA = ModelContext(incremental_mode="delta")


class Documents:
    """A documents table whose texts a test sets; a model fails for the text "bad"."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.calls: list[list[str]] = []
        fill(database, "CREATE TABLE documents (id TEXT PRIMARY KEY, text TEXT)")

    def set(self, **texts: str | None) -> None:
        with self.database.writing() as connection:
            for name, text in texts.items():
                connection.exec_driver_sql(f"DELETE FROM documents WHERE id = '{name}'")
                if text is not None:
                    values = f"('{name}', '{text}')"
                    connection.exec_driver_sql(f"INSERT INTO documents VALUES {values}")

    def rows(self) -> list[tuple[Any, ...]]:
        return contents(self.database, "out", "document_id", "text", "error")


@pytest.fixture
def documents(database: Database) -> Documents:
    return Documents(database)


def declare(
    documents: Documents, one: Callable[[ModelContext, str, str], Any], **options: Any
) -> Any:
    """Declare a model that calls `one` with context, id and text of each document."""

    @model("m.out", row_class("out", text=str), **options)
    def out(ctx: ModelContext, docs: Any = Reference("documents")) -> Any:
        documents.calls.append(sorted(docs["id"]))
        for name, text in sorted(zip(docs["id"], docs["text"], strict=True)):
            yield from one(ctx, name, text) or ()

    return out


def raise_in_document(ctx: ModelContext, name: str, text: str) -> Any:
    with ctx.document(name):
        if text == "bad":
            raise ValueError(f"cannot read {name}")
        return [{"document_id": name, "text": text}]


def report_failure(ctx: ModelContext, name: str, text: str) -> Any:
    if text == "bad":
        ctx.fail(name, f"ValueError: cannot read {name}")
        return None
    return [{"document_id": name, "text": text}]


def raise_all(ctx: ModelContext, name: str, text: str) -> Any:
    if text == "bad":
        raise ValueError(f"cannot read {name}")
    return [{"document_id": name, "text": text}]


WAYS = pytest.mark.parametrize(
    ("one", "options"),
    [(raise_in_document, {}), (report_failure, {}), (raise_all, {"batch_size": 3}),
     (raise_in_document, {"batch_size": 2})],
    ids=["document", "fail", "batch", "document in batch"],
)  # fmt: skip
REASON = "ValueError: cannot read "


@WAYS
@pytest.mark.parametrize("mode", ["full", "delta"])
def test_a_document_fails_alone(
    documents: Documents, one: Any, options: dict[str, Any], mode: Any
) -> None:
    out = declare(documents, one, **options)
    documents.set(a="1", b="bad", c="3", d="4")
    result = execute_model_sync(out, ModelContext(incremental_mode=mode))
    assert result["failed_documents"] == {"b": f"{REASON}b"}
    # It has a row for its error, as its id is the whole key.
    assert documents.rows() == [
        ("a", "1", None), ("b", None, f"{REASON}b"), ("c", "3", None), ("d", "4", None),
    ]  # fmt: skip
    documents.calls.clear()
    result = execute_model_sync(out, DELTA)
    assert {name for call in documents.calls for name in call} == {"b"}
    assert result["failed_documents"] == {"b": f"{REASON}b"}
    documents.set(b="2")
    documents.calls.clear()
    result = execute_model_sync(out, DELTA)
    assert documents.calls == [["b"]]
    assert result["failed_documents"] == {}
    assert documents.rows()[1] == ("b", "2", None)
    documents.calls.clear()
    execute_model_sync(out, DELTA)
    assert documents.calls == []


@WAYS
@pytest.mark.parametrize("mode", ["full", "delta"])
def test_a_document_that_fails_keeps_its_rows_with_the_error(
    documents: Documents, one: Any, options: dict[str, Any], mode: Any
) -> None:
    out = declare(documents, one, **options)
    documents.set(a="1", b="2", c="3")
    execute_model_sync(out)
    documents.set(a="10", b="bad")
    result = execute_model_sync(out, ModelContext(incremental_mode=mode))
    assert documents.rows() == [("a", "10", None), ("b", "2", f"{REASON}b"), ("c", "3", None)]
    assert result["deleted"] == 0
    # The former content again: its error goes.
    documents.set(b="2")
    execute_model_sync(out, DELTA)
    assert documents.rows() == [("a", "10", None), ("b", "2", None), ("c", "3", None)]
    # A document that fails and vanishes is gone.
    documents.set(b="bad")
    execute_model_sync(out, DELTA)
    documents.set(b=None)
    assert execute_model_sync(out, DELTA)["deleted"] == 1
    assert documents.rows() == [("a", "10", None), ("c", "3", None)]


def test_rows_that_were_written_before_the_failure_are_given_up(documents: Documents) -> None:
    @model("m.out", row_class("out", key={"document_id": str, "number": int}, text=str))
    def out(ctx: ModelContext, writer: Any, docs: Any = Reference("documents")) -> None:
        for name, text in zip(docs["id"], docs["text"], strict=True):
            with ctx.document(name):
                for number, letter in enumerate(text):
                    writer.write({"document_id": name, "number": number, "text": letter})
                    if letter == "!":
                        raise ValueError(text)

    documents.set(a="xyz", b="uv")
    execute_model_sync(out)
    documents.set(a="XY!Z", b="UV")
    result = execute_model_sync(out, DELTA)
    assert contents(documents.database, "out", "document_id", "number", "text", "error") == [
        ("a", 0, "x", "ValueError: XY!Z"), ("a", 1, "y", "ValueError: XY!Z"),
        ("a", 2, "z", "ValueError: XY!Z"), ("b", 0, "U", None), ("b", 1, "V", None),
    ]  # fmt: skip
    assert result["rows_written"] == result["updated"] == 2
    documents.set(a="A")
    execute_model_sync(out, DELTA)
    assert contents(documents.database, "out", "document_id", "text", "error") == [
        ("a", "A", None), ("b", "U", None), ("b", "V", None),
    ]  # fmt: skip


def test_an_error_in_a_row_is_a_failure_of_its_document(documents: Documents) -> None:
    def one(ctx: ModelContext, name: str, text: str) -> Any:
        return [
            {"document_id": name, "text": text, "error": "no answer" if text == "bad" else None}
        ]

    out = declare(documents, one)
    documents.set(a="1", b="bad")
    result = execute_model_sync(out)
    assert result["failed_documents"] == {"b": "no answer"}
    assert documents.rows() == [("a", "1", None), ("b", "bad", "no answer")]
    execute_model_sync(out, DELTA)
    assert documents.calls == [["a", "b"], ["b"]]
    documents.set(b="2")
    execute_model_sync(out, DELTA)
    assert documents.rows() == [("a", "1", None), ("b", "2", None)]
    execute_model_sync(out, DELTA)
    assert len(documents.calls) == 3


def test_what_raises_in_a_batch_is_halved_until_the_document_is_alone(documents: Documents) -> None:
    out = declare(documents, raise_all, batch_size=8)
    documents.set(**{f"d{number}": "bad" if number == 5 else str(number) for number in range(8)})
    result = execute_model_sync(out)
    names = [f"d{number}" for number in range(8)]
    assert documents.calls == [
        names, names[:4], names[4:], names[4:6], ["d4"], ["d5"], names[6:],
    ]  # fmt: skip
    assert result["failed_documents"] == {"d5": f"{REASON}d5"}
    assert result["rows_written"] == result["inserted"] == 7
    assert result["documents"] == 7


def test_batches_have_the_size_that_was_asked_for(documents: Documents) -> None:
    out = declare(documents, raise_all, batch_size=3)
    documents.set(**{f"d{number}": str(number) for number in range(8)})
    result = execute_model_sync(out)
    assert [len(call) for call in documents.calls] == [3, 3, 2]
    assert (result["inserted"], result["documents"]) == (8, 8)
    documents.calls.clear()
    documents.set(d1="new", d7=None)
    result = execute_model_sync(out, DELTA)
    assert documents.calls == [["d1"]]
    assert (result["updated"], result["deleted"], result["documents"]) == (1, 1, 1)
    documents.set(d2=None)
    documents.calls.clear()
    result = execute_model_sync(out)
    assert [len(call) for call in documents.calls] == [3, 3]
    assert (result["unchanged"], result["deleted"]) == (6, 1)


def test_an_error_outside_a_document_fails_the_model(documents: Documents) -> None:
    out = declare(documents, raise_all)
    documents.set(a="1", b="bad")
    with pytest.raises(ValueError, match="cannot read b"):
        execute_model_sync(out)
    assert documents.rows() == []
    documents.set(b="2")
    assert execute_model_sync(out, DELTA)["inserted"] == 2


@pytest.mark.parametrize("error", [Unavailable("the database is away"), RunCancelled("stop")])
def test_no_document_is_to_blame_for_a_lost_database_or_a_cancellation(
    documents: Documents, error: Exception
) -> None:
    def one(ctx: ModelContext, name: str, text: str) -> Any:
        raise error

    out = declare(documents, one, batch_size=2)
    documents.set(a="1", b="2", c="3")
    with pytest.raises(type(error)):
        execute_model_sync(out)
    assert documents.calls == [["a", "b"]]


def test_a_cancelled_run_ends_at_the_next_sign_of_life() -> None:
    events = ModelEvents("wf", "m.out")
    ctx = ModelContext(workflow_id="wf").with_events(events)
    ctx.progress(1)
    events.cancel()
    assert ctx.cancelled
    with pytest.raises(RunCancelled, match="The run wf was cancelled"), ctx.document("a"):
        ctx.progress(2)
    assert ctx.failures == {}


def test_the_mode_is_checked() -> None:
    from coco_flow.errors import DefinitionError

    with pytest.raises(
        DefinitionError, match="incremental_mode is 'part'; it may be full or delta"
    ):
        ModelContext(incremental_mode="part")  # type: ignore[arg-type]


def test_failures_of_a_table_without_a_column_for_errors_are_in_the_result(
    documents: Documents,
) -> None:
    from sqlmodel import Field, SQLModel

    class Plain(SQLModel, table=True):
        document_id: str = Field(primary_key=True)

    @model("m.plain", Plain)
    def plain(ctx: ModelContext, docs: Any = Reference("documents")) -> None:
        documents.calls.append(sorted(docs["id"]))
        ctx.fail("a", "reason")

    documents.set(a="1", b="2")
    assert execute_model_sync(plain)["failed_documents"] == {"a": "reason"}
    assert execute_model_sync(plain, DELTA)["failed_documents"] == {"a": "reason"}
    assert documents.calls == [["a", "b"], ["a"]]
    assert contents(documents.database, "plain") == []


def test_telemetry_of_documents_that_failed_counts(documents: Documents) -> None:
    """A call of a language model was paid for, whatever came of it."""
    out = row_class("out", **dict.fromkeys(["llm_model"], str), llm_input_tokens=int)
    assert LLMTelemetryMixin.model_fields.keys() >= {"llm_model", "llm_input_tokens"}

    @model("m.out", out)
    def call(ctx: ModelContext, docs: Any = Reference("documents")) -> Any:
        for name in docs["id"]:
            yield {
                "document_id": name, "llm_model": "m", "llm_input_tokens": 3, "error": "no answer",
            }  # fmt: skip

    documents.set(a="1")
    assert execute_model_sync(call)["telemetry"] == {"llm_calls": 1, "llm_input_tokens": 3}
