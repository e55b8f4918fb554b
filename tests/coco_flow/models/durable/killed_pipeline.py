"""A pipeline that ends its own process at a chosen statement of its databases."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, event
from sqlmodel import Field, SQLModel

from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    model,
    run_pipeline_sync,
    shutdown,
)

__all__ = ["PIPELINE", "fill", "run"]

CALLS = "CALLS_OF_MODELS"


class Document(SQLModel, table=True):
    __tablename__ = "killed_documents"
    id: str = Field(primary_key=True)
    text: str


class Word(PipelineModelBase, table=True):
    __tablename__ = "words"
    document_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    word: str


class Visit(PipelineModelBase, table=True):
    __tablename__ = "visits"
    id: int | None = Field(default=None, primary_key=True)
    document_id: str
    words: int


class Length(PipelineModelBase, table=True):
    __tablename__ = "lengths"
    document_id: str = Field(primary_key=True)
    letters: int


class Total(PipelineModelBase, table=True):
    __tablename__ = "totals"
    word: str = Field(primary_key=True)
    count: int


def _note(name: str) -> None:
    """Write down that a model is called; on disk, so that a kill does not undo it."""
    with Path(os.environ[CALLS]).open("a", encoding="utf-8") as calls:
        calls.write(f"{name}\n")


@model("text.words", Word)
def words(documents=Reference("killed_documents", "id"), writer=None):
    _note("text.words")
    return writer.write(
        [
            Word(document_id=row["id"], position=number, word=word)
            for row in documents.to_dict("records")
            for number, word in enumerate(row["text"].split())
        ]
    )


@model("text.visits", Visit, write_strategy="append")
def visits(words=Reference("text.words"), writer=None):
    _note("text.visits")
    counted = words.groupby("document_id").size()
    return writer.write([{"document_id": one, "words": int(n)} for one, n in counted.items()])


@model("text.lengths", Length, write_strategy="merge", batch_size=3)
def lengths(words=Reference("text.words"), writer=None):
    _note(f"text.lengths {words['document_id'].min()}")
    sums = words.assign(letters=words["word"].str.len()).groupby("document_id")["letters"].sum()
    return writer.write([{"document_id": one, "letters": int(n)} for one, n in sums.items()])


@model("text.totals", Total)
def totals(words=Reference("text.words"), writer=None):
    _note("text.totals")
    counted = words["word"].value_counts().rename_axis("word").reset_index(name="count")
    return writer.write(pd.DataFrame(counted))


PIPELINE = PipelineConfig("text", [words, visits, lengths, totals])


def fill(url: str, texts: dict[str, str]) -> None:
    """Make the table that the pipeline reads have these documents."""
    from coco_flow.models import Database

    database = Database(url)
    with database.writing() as connection:
        Document.__table__.create(connection, checkfirst=True)
        connection.execute(Document.__table__.delete())
        connection.execute(
            Document.__table__.insert(), [{"id": key, "text": text} for key, text in texts.items()]
        )
    database.close()


def run(
    url: str, calls: Path, name: str, mode: str, end_at: int | None, steps: Any, answer: Any = None
) -> None:
    """Run the pipeline; with `end_at`, kill this process at that statement."""
    os.environ[CALLS] = str(calls)

    def count(*_: Any) -> None:
        steps.value += 1
        if steps.value == end_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    result = run_pipeline_sync(
        PIPELINE, ModelContext(workflow_id=name, incremental_mode=mode), database=url
    )
    if answer is not None:
        answer.put(result)
    shutdown()
    # Threads of the engine may be at work; what they do no longer counts.
    os._exit(0 if result["status"] == "success" else 3)
