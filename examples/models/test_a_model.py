"""Tests of a model: frames in, recorded rows out, no database.

pytest examples/models/test_a_model.py
python examples/models/test_a_model.py         shows what a test sees
"""

# ruff: noqa: T201
from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pandas as pd
import pytest
from sqlmodel import Field

from coco_flow.errors import InvalidSetting, WrongRows
from coco_flow.models import (
    ConfigParam,
    ModelConfig,
    ModelContext,
    PipelineModelBase,
    Reference,
    model,
)
from coco_flow.testing import RecordingWriter, isolated_models, make_context, run_model


class WordRow(PipelineModelBase, table=True):
    """A word of a document."""

    __tablename__ = "tested_words"
    document_id: str = Field(primary_key=True)
    word: str = Field(primary_key=True)


class WordsConfig(ModelConfig):
    """Which words count."""

    least_chars: int = ConfigParam(1, ge=1, le=20)


@model("tested.words", WordRow, config_schema=WordsConfig)
def words(
    ctx: ModelContext,
    documents: Any = Reference("documents", load_content=True),
    writer: Any = None,
    config: Any = None,
) -> dict[str, Any]:
    """Cut documents into words."""
    rows = []
    for number, document in enumerate(documents.to_dict("records"), 1):
        with ctx.document(document["id"]):
            rows += [
                WordRow(document_id=document["id"], word=word)
                for word in document["content"].split()
                if len(word) >= config.least_chars
            ]
        ctx.progress(number, len(documents))
    done: dict[str, Any] = writer.write(rows)
    return done


DOCUMENTS = pd.DataFrame({"id": ["a", "b"], "content": ["one two", None]})


def test_words_are_written() -> None:
    """`run_model` gives the function what a run would give it."""
    done = run_model(words, {"documents": DOCUMENTS}, config={"least_chars": 3})
    assert [row["word"] for row in done.rows] == ["one", "two"]
    assert done.result["rows_written"] == 2
    assert done.progress == [(1, 2, ""), (2, 2, "")]


def test_a_document_without_content_fails_alone() -> None:
    """The other document's rows are written."""
    done = run_model(words, {"documents": DOCUMENTS})
    assert list(done.failures) == ["b"]


def test_settings_have_bounds() -> None:
    """What would be refused in a run is refused here."""
    with pytest.raises(InvalidSetting):
        run_model(words, {"documents": DOCUMENTS}, config={"least_chars": 0})


def test_a_row_that_does_not_fit_is_refused() -> None:
    """The recording writer checks columns as a run's writer does."""
    with pytest.raises(WrongRows, match="Column 'word' of table 'tested_words' takes text"):
        RecordingWriter(words).write([{"document_id": "a", "word": 5}])


def test_the_function_stays_a_function() -> None:
    """A model can be called with any writer."""
    writer = MagicMock()
    words(make_context(), DOCUMENTS.head(1), writer, WordsConfig(least_chars=1))
    assert len(writer.write.call_args.args[0]) == 2


@pytest.fixture
def own_models() -> Iterator[None]:
    """Let a test declare models and tables of names that others have too."""
    with isolated_models():
        yield


@pytest.mark.usefixtures("own_models")
def test_a_model_with_sources() -> None:
    """Sources are given by their keys."""

    class CountRow(PipelineModelBase, table=True):
        __tablename__ = "tested_words"
        words: int = Field(primary_key=True)

    @model("tested.words", CountRow, sources={"input": "documents"})
    def count(sources: Any) -> list[CountRow]:
        return [CountRow(words=len(sources["input"]))]

    assert run_model(count, {"input": DOCUMENTS}).rows[0]["words"] == 2


if __name__ == "__main__":
    recorded = run_model(words, {"documents": DOCUMENTS})
    print("result:", recorded.result)
    print("rows:", recorded.frame[["document_id", "word", "model_name"]].to_dict("records"))
    print("progress:", recorded.progress)
    print("failures:", recorded.failures)
