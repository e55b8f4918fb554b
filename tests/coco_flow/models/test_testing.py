"""`coco_flow.testing`: models called with frames, rows recorded, no database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from coco_flow.errors import DefinitionError, InvalidSetting, WrongRows
from coco_flow.models import (
    ConfigParam,
    ModelConfig,
    ModelRegistry,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    TableReader,
    TableWriter,
    execute_model_sync,
    model,
    pipelines,
)
from coco_flow.testing import RecordingWriter, isolated_models, make_context, run_model

DOCUMENTS = pd.DataFrame({"id": ["a", "b"], "content": ["one two", "three"]})


@pytest.fixture(autouse=True)
def _isolated() -> Iterator[None]:
    with isolated_models():
        yield


def words_model(**options: Any) -> Any:
    """Declare the model that most tests are about."""

    class WordRow(PipelineModelBase, table=True):
        __tablename__ = "words"
        document_id: str = Field(primary_key=True)
        word: str = Field(primary_key=True)
        length: int = 0
        tags: list[str] = Field(default_factory=list, sa_column=Column(JSON))

    class WordsConfig(ModelConfig):
        least: int = ConfigParam(default=1, ge=1, le=10)

    @model("text.words", WordRow, config_schema=WordsConfig, **options)
    def words(
        ctx: Any,
        documents: Any = Reference("documents", load_content=True),
        writer: Any = None,
        config: Any = None,
    ) -> dict[str, Any]:
        rows = []
        for number, document in enumerate(documents.to_dict("records"), 1):
            with ctx.document(document["id"]):
                if not document["content"]:
                    raise ValueError("it is empty")
                rows += [
                    WordRow(document_id=document["id"], word=word, length=len(word), tags=[word])
                    for word in document["content"].split()
                    if len(word) >= config.least
                ]
            ctx.progress(number, len(documents), document["id"])
        ctx.log.info(f"{len(rows)} words")
        done: dict[str, Any] = {"longest": max(row.length for row in rows), **writer.write(rows)}
        return done

    return words


def test_a_model_runs_on_frames_and_its_rows_are_recorded() -> None:
    done = run_model(words_model(), {"documents": DOCUMENTS})
    assert [(row["document_id"], row["word"], row["tags"]) for row in done.rows] == [
        ("a", "one", ["one"]),
        ("a", "two", ["two"]),
        ("b", "three", ["three"]),
    ]
    assert done.rows[0]["workflow_id"] == "test-run"
    assert done.rows[0]["model_name"] == "text.words"
    assert isinstance(done.rows[0]["created_at"], datetime)
    assert done.result == {
        "longest": 5,
        "rows_written": 3,
        "inserted": 3,
        "updated": 0,
        "deleted": 0,
        "unchanged": 0,
        "table_name": "words",
    }
    assert done.progress == [(1, 2, "a"), (2, 2, "b")]
    assert done.logs == [("info", "3 words")]
    assert done.failures == {}
    assert list(done.frame["length"]) == [3, 3, 5]


def test_the_figures_are_those_of_a_run_on_an_empty_table(tmp_path: Path) -> None:
    words = words_model()
    url = f"sqlite:///{tmp_path / 'a.db'}"

    class DocumentRow(SQLModel, table=True):
        __tablename__ = "documents"
        id: str = Field(primary_key=True)
        content: str
        path: str = ""

    TableWriter(db_model=DocumentRow, database=url).write(DOCUMENTS)
    real = execute_model_sync(words, database=url)
    recorded = run_model(words, {"documents": DOCUMENTS})
    assert recorded.result == {name: real[name] for name in recorded.result}
    stored = TableReader(database=url).load("words").to_dict("records")
    ignored = {"created_at", "updated_at", "workflow_id"}
    assert [_without(row, ignored) for row in recorded.rows] == [
        _without(row, ignored) for row in stored
    ]


def _without(row: dict[Any, Any], names: set[str]) -> dict[Any, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_a_document_that_fails_is_recorded() -> None:
    empty = [{"id": "a", "content": ""}, {"id": "b", "content": "x"}]
    done = run_model(words_model(), {"documents": empty})
    assert done.failures == {"a": "ValueError: it is empty"}
    assert done.logs[0] == ("warning", "document a failed: ValueError: it is empty")
    assert len(done.rows) == 1


def test_frames_have_the_types_that_a_run_gives() -> None:
    row = _PlainRow()
    seen: list[Any] = []

    @model("text.typed", row)
    def typed(frame: Any = Reference("other")) -> list[Any]:
        seen.extend(frame.to_dict("records"))
        return []

    frame = pd.DataFrame({"text": ["a", None], "number": [1, 2], "gaps": [1, None]}, index=[5, 6])
    run_model(typed, {"frame": frame})
    assert [row["text"] for row in seen] == ["a", None]
    assert [row["number"] for row in seen] == [1, 2]
    assert seen[0]["gaps"] == 1.0


def test_an_error_of_the_function_comes_through() -> None:
    with pytest.raises(KeyError, match="id"):
        run_model(words_model(), {"documents": pd.DataFrame({"other": [1]})})


@pytest.mark.parametrize("model_of", [lambda one: "text.words", lambda one: one.model])
def test_a_model_is_given_by_name_or_declaration(model_of: Any) -> None:
    assert len(run_model(model_of(words_model()), {"documents": DOCUMENTS}).rows) == 3


def test_settings_have_their_bounds_and_ignore_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COCO_FLOW_MODEL__TEXT_WORDS__LEAST", "9")
    words = words_model()
    assert len(run_model(words, {"documents": DOCUMENTS}).rows) == 3
    assert len(run_model(words, {"documents": DOCUMENTS}, config={"least": 4}).rows) == 1
    given = words.model.config_schema(least=4)
    assert len(run_model(words, {"documents": DOCUMENTS}, config=given).rows) == 1
    with pytest.raises(InvalidSetting, match=r"text\.words\.least = 11 \(given to run_model\)"):
        run_model(words, {"documents": DOCUMENTS}, config={"least": 11})
    with pytest.raises(InvalidSetting, match="has no setting 'lest'"):
        run_model(words, {"documents": DOCUMENTS}, config={"lest": 1})


def test_a_model_without_settings_takes_none() -> None:
    @model("text.plain", _PlainRow())
    def plain(writer: Any) -> Any:
        return writer.write([])

    with pytest.raises(InvalidSetting, match="declares no config_schema"):
        run_model(plain, config={"a": 1})


def _PlainRow() -> Any:  # noqa: N802 - makes a class
    class PlainRow(PipelineModelBase, table=True):
        __tablename__ = "plain"
        number: int = Field(primary_key=True)

    return PlainRow


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({}, "needs a frame for its input 'documents'. Its inputs: documents."),
        ({"documents": DOCUMENTS, "docs": DOCUMENTS}, "has no input 'docs'."),
        ({"documents": "a.csv"}, "'a.csv' is no frame."),
    ],
)
def test_inputs_that_do_not_fit_are_named(frames: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        run_model(words_model(), frames)
    assert message in str(caught.value)


def test_something_else_is_no_model() -> None:
    with pytest.raises(DefinitionError, match="is no model"):
        run_model(len)


def test_the_context_has_filters_and_metadata() -> None:
    row = _PlainRow()
    seen: list[Any] = []

    @model("text.seeing", row)
    def seeing(ctx: Any, workflow_id: str) -> list[Any]:
        seen.append((ctx.document_ids, ctx.incremental_mode, ctx.metadata["k"], workflow_id))
        return [row(number=1)]

    context = make_context(
        ids="a,b", incremental_mode="delta", workflow_id="wf-1", metadata={"k": 2}
    )
    done = run_model(seeing, context=context)
    assert seen == [(["a", "b"], "delta", 2, "wf-1")]
    assert done.rows[0]["workflow_id"] == "wf-1"


@pytest.mark.parametrize("form", ["pandas", "polars", "arrow", "mappings", "rows"])
@pytest.mark.parametrize("asked", ["pd.DataFrame", "pl.DataFrame", "pa.Table"])
def test_every_form_of_frame_is_given_as_the_model_asks(form: str, asked: str) -> None:
    row = _PlainRow()
    classes = {"pd.DataFrame": pd.DataFrame, "pl.DataFrame": pl.DataFrame, "pa.Table": pa.Table}

    def numbers(frame: Any = Reference("other"), writer: Any = None) -> Any:
        assert isinstance(frame, classes[asked])
        values = frame["number"].to_pylist() if asked == "pa.Table" else list(frame["number"])
        return writer.write([{"number": value} for value in values])

    numbers.__annotations__["frame"] = asked
    frames = {
        "pandas": pd.DataFrame({"number": [1, 2]}),
        "polars": pl.DataFrame({"number": [1, 2]}),
        "arrow": pa.table({"number": [1, 2]}),
        "mappings": [{"number": 1}, {"number": 2}],
        "rows": [row(number=1), row(number=2)],
    }
    declared = model("text.numbers", row)(numbers)
    done = run_model(declared, {"frame": frames[form]})
    assert [one["number"] for one in done.rows] == [1, 2]


def test_batches_and_lazy_references_are_given() -> None:
    row = _PlainRow()

    @model("text.batched", row)
    def batched(
        ctx: Any,
        parts: Iterator[pd.DataFrame] = Reference("other", batch_rows=2),  # type: ignore[assignment]
        lazy: Reference = Reference("other"),
        writer: Any = None,
    ) -> Any:
        sizes = [len(part) for part in parts]
        ctx.log(f"{sizes} {len(lazy.df)} {lazy.model_class}")
        with pytest.raises(DefinitionError, match="needs a database"):
            _ = lazy.query
        return writer.write([])

    frame = pd.DataFrame({"number": [1, 2, 3]})
    done = run_model(batched, {"parts": frame, "lazy": frame})
    assert done.logs == [("info", "[2, 1] 3 None")]


def test_a_frame_has_itself_as_df() -> None:
    row = _PlainRow()

    @model("text.framed", row)
    def framed(other: Any = Reference("other")) -> Any:
        return other.df[["number"]]

    done = run_model(framed, {"other": pd.DataFrame({"number": [7]})})
    assert done.rows[0]["number"] == 7


def test_a_coroutine_is_run_and_returned_rows_are_written() -> None:
    row = _PlainRow()

    @model("text.later", row)
    async def later() -> list[Any]:
        return [row(number=1)]

    assert run_model(later).result["rows_written"] == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"document_id": "a", "word": 1}], "Column 'word' of table 'words' takes text, not 1"),
        ([{"document_id": "a", "word": None}], "Column 'word' of table 'words' may not be null"),
        ([{"document_id": "a", "word": "x", "wrod": 1}], "has no column 'wrod'"),
        (pd.DataFrame({"document_id": ["a"], "word": ["x"], "length": ["long"]}), "'length'"),
        ("text", "'text' is no rows for table 'words'"),
        (5, "5 is no rows"),
        ([5], "Row 0 is int"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows: Any, message: str) -> None:
    writer = RecordingWriter(words_model())
    with pytest.raises(WrongRows) as caught:
        writer.write(rows)
    assert message in str(caught.value)
    assert writer.rows == []


def test_rows_of_another_model_are_refused() -> None:
    other = _PlainRow()
    with pytest.raises(WrongRows, match="This writer writes table 'words'; a row of PlainRow"):
        RecordingWriter(words_model()).write([other(number=1)])


def test_of_rows_of_one_key_the_last_counts() -> None:
    writer = RecordingWriter(words_model())
    writer.write({"document_id": "a", "word": "x", "length": 1})
    counts = writer.write([{"document_id": "a", "word": "x", "length": 2}])
    assert counts["rows_written"] == 1
    assert [row["length"] for row in writer.rows] == [2]


def test_rows_of_one_key_cannot_both_be_appended() -> None:
    words = words_model(write_strategy="append")
    twice = pd.DataFrame({"id": ["a"], "content": ["x x"]})
    with pytest.raises(WrongRows, match="two have the key 'a', 'x'"):
        run_model(words, {"documents": twice})


def test_a_model_is_a_function_that_takes_a_mock_and_sources() -> None:
    @model("text.copied", _PlainRow(), sources={"input": "numbers"})
    def copied(sources: Any, writer: Any, ctx: Any = None, **kwargs: Any) -> Any:
        frame = sources["input"]
        return writer.write(frame.to_dict("records"))

    writer = MagicMock()
    writer.write.return_value = {"rows_written": 2}
    frame = pd.DataFrame({"number": [1, 2]})
    assert copied(sources={"input": frame}, writer=writer) == {"rows_written": 2}
    assert writer.write.call_args.args[0] == [{"number": 1}, {"number": 2}]
    recording = RecordingWriter(copied)
    copied(sources={"input": frame}, writer=recording, ctx=make_context())
    assert [row["number"] for row in recording.rows] == [1, 2]
    assert run_model(copied, {"input": frame}).result["rows_written"] == 2


def test_a_context_without_a_run_takes_progress_and_messages() -> None:
    words = words_model()
    writer = RecordingWriter(words)
    config = words.model.config_schema()
    done = words(ctx=make_context(), documents=DOCUMENTS, writer=writer, config=config)
    assert done["rows_written"] == 3


def test_isolated_models_put_back_what_was_there() -> None:
    outer = words_model()
    PipelineConfig("outer", [outer])
    table = outer.model.table
    with isolated_models():
        assert ModelRegistry.names() == []
        assert pipelines() == {}
        inner = words_model()
        assert inner.model.table is not table
        assert len(run_model(inner, {"documents": DOCUMENTS}).rows) == 3
        PipelineConfig("inner", [inner])
    assert ModelRegistry.get("text.words") is outer.model
    assert list(pipelines()) == ["outer"]
    assert SQLModel.metadata.tables["words"] is table
    assert len(run_model(outer, {"documents": DOCUMENTS}).rows) == 3


def test_an_error_puts_back_what_was_there_too() -> None:
    words_model()
    with pytest.raises(RuntimeError), isolated_models():
        raise RuntimeError
    assert ModelRegistry.names() == ["text.words"]


def test_names_are_exported() -> None:
    import coco_flow.models.testing as models_testing
    import coco_flow.testing as testing

    assert sorted(testing.__all__) == sorted(models_testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)
